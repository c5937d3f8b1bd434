// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { VPN_KEY_LABEL } from '../../lib/api/kinds.ts'
import type { VPNConnection } from '../../lib/api/types.ts'
import type { SealedVpnCertificate, VpnCertificate } from '../../lib/contract/vpn.ts'
import { keyOfRef, type ObjectKey } from '../../lib/kube/object.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { recipientOf, seal, type SealedText } from '../../lib/pki/sealed.ts'
import { Listeners } from '../bus/listeners.ts'
import type { Memory } from '../certificates/judge.ts'
import { found, type Found } from '../kind/found.ts'
import { isDueAgain } from '../secrets/look-again.ts'
import { readSecret, type SecretAccess } from '../secrets/read-secret.ts'
import { judgeVpnCertificate, type OwnNames } from './certificate.ts'
import { lacking } from './lacking.ts'

/** Fewer can be found by who hears the two sides agree, and tries all at leisure. */
const LEAST_CHARACTERS = 16
const MOST_CHARACTERS = 128

/** What a node was told by an operator before this one, which can read none of it. */
export interface GivenKey {
  node: string
  sealedKey: SealedText
  /** What its certificate is called in the document, and is. */
  certificate?: SealedVpnCertificate & { id: string }
}

/** What both sides prove themselves by: a key that both know, or certificates. */
export type VPNKey =
  | { preSharedKey: string; certificate?: never; given?: never }
  | { certificate: VpnCertificate; preSharedKey?: never; given?: never }
  | { given: GivenKey; preSharedKey?: never; certificate?: never }

/** Our certificate and what leads to the peer's authority; undefined: it is a key that both know. */
export function chainOf({ certificate, given }: VPNKey): { chain: string[] } | undefined {
  return certificate ?? given?.certificate
}

/** A node's key for what it alone may read. */
export interface SealedNode {
  node: string
  sealingKey: string
}

export interface FoundKey {
  /** The one that counts: what is wrong with the Secret now takes down no tunnel. */
  key?: VPNKey
  lacks?: Outcome
}

interface Known extends FoundKey {
  from: string
  readAt: number
  /** The same certificates cost nothing again. */
  memory: Memory<VpnCertificate>
}

/** What a key is for, and how it is read. */
interface KeyPlace extends SecretAccess {
  /** Of the VPNService. */
  node: string
  externalIP: string
}

/** What was sealed for another node is of no use. */
function isFor(key: VPNKey | undefined, node: string): boolean {
  return key?.given === undefined || key.given.node === node
}

interface Named {
  field: 'spec.preSharedKeySecretRef' | 'spec.certificateSecretRef'
  name: string
  /** In the Secret's data; absent: those of kubernetes.io/tls. */
  key?: string
}

/** Keys of VPNs, read one by one from the Secrets that VPNConnections name, again each minute, and kept in memory alone. */
export class VPNKeyStore {
  readonly #byConnection = new Map<string, Known>()
  /** By UID of the VPNService and by use. */
  readonly #sealed = new Map<string, Map<string, { text: string; node: string; sealed: SealedText }>>()
  readonly #changed = new Listeners<ObjectKey>()
  readonly #ownNamespace: string
  readonly #now: () => number

  /** @param ownNamespace the namespace of the operator's ServiceAccount, for messages */
  constructor(ownNamespace: string, now: () => number = () => performance.now()) {
    this.#ownNamespace = ownNamespace
    this.#now = now
  }

  /** Called with the key of the VPNService whose connection has another pre-shared key now. */
  onChange(listener: (service: ObjectKey) => void): () => void {
    return this.#changed.add(listener)
  }

  /**
   * Seals these texts, by use, for the node of a VPNService. Once: sealing again would give other texts, and the node a change that is none.
   * @param texts all that its document has
   */
  seal(
    serviceUid: string,
    { node, sealingKey }: SealedNode,
    texts: ReadonlyMap<string, string>,
  ): Map<string, SealedText> {
    const before = this.#sealed.get(serviceUid)
    const now = new Map<string, { text: string; node: string; sealed: SealedText }>()
    for (const [use, text] of texts) {
      const had = before?.get(use)
      const isSame = had?.text === text && had.node === node && recipientOf(had.sealed) === sealingKey
      const sealed = isSame ? had.sealed : seal(text, sealingKey, { node, kind: 'vpn', uid: serviceUid, use })
      now.set(use, { text, node, sealed })
    }
    this.#sealed.set(serviceUid, now)
    return new Map([...now].map(([use, { sealed }]) => [use, sealed]))
  }

  forgetService(serviceUid: string): void {
    this.#sealed.delete(serviceUid)
  }

  forget(connectionUid: string): void {
    this.#byConnection.delete(connectionUid)
  }

  /**
   * @param given the key that the node has, for an operator that has just begun
   */
  async find(
    connection: VPNConnection,
    { node, externalIP, client, signal }: KeyPlace,
    given: () => Promise<VPNKey | undefined>,
  ): Promise<FoundKey> {
    const { uid, namespace } = connection.metadata
    // Who edits the connection has the Secret read again at once.
    const from = JSON.stringify([namedBy(connection), connection.metadata.generation ?? 0, externalIP, node])
    const known = this.#byConnection.get(uid)
    if (known?.from === from && !isDueAgain(known.readAt, this.#now())) return known
    const memory = known?.memory ?? {}
    const read = await this.#read(connection, { externalIP, memory }, { client, signal })
    const kept = read.ok ? read.object : ((isFor(known?.key, node) ? known?.key : undefined) ?? (await given()))
    const now: FoundKey = { ...(kept === undefined ? {} : { key: kept }), ...(read.ok ? {} : { lacks: read.outcome }) }
    this.#byConnection.set(uid, { ...now, from, readAt: this.#now(), memory })
    if (known && !isDeepStrictEqual(known.key, kept))
      this.#changed.emit(keyOfRef({ namespace, name: connection.spec.vpnServiceRef.name }))
    return now
  }

  async #read(
    connection: VPNConnection,
    { externalIP, memory }: { externalIP: string; memory: Memory<VpnCertificate> },
    access: SecretAccess,
  ): Promise<Found<VPNKey>> {
    const { namespace = '' } = connection.metadata
    const { field, name, key } = namedBy(connection)
    const what = `Secret ${namespace}/${name} in ${field}`
    const read = await readSecret({ namespace, name }, what, this.#ownNamespace, access)
    if (!read.ok) return lacking(read.reason, read.message)
    const { secret } = read
    if (secret.metadata.labels?.[VPN_KEY_LABEL] !== 'true')
      return lacking(
        'SecretNotVPNKey',
        `${what} is not marked as a key of a VPN: run kubectl label secret -n ${namespace} ${name} ${VPN_KEY_LABEL}=true`,
      )
    for (const wanted of key === undefined ? TLS_KEYS : [key])
      if (secret.data?.[wanted] === undefined)
        return lacking('SecretNotFound', `${what} has no key ${wanted}: write it`)
    if (key === undefined) {
      const names: OwnNames = { localID: connection.spec.localID, externalIP }
      const certificate = judgeVpnCertificate(secret.data, names, { what, now: new Date(), memory })
      return certificate.ok ? found({ certificate: certificate.object }) : certificate
    }
    return judgeKey(Buffer.from(secret.data?.[key] ?? '', 'base64').toString('latin1'), `${what}, key ${key},`)
  }
}

const TLS_KEYS = ['tls.crt', 'tls.key', 'ca.crt']

/** The schema has one of the two. */
function namedBy({ spec }: VPNConnection): Named {
  const { certificateSecretRef, preSharedKeySecretRef } = spec
  if (certificateSecretRef) return { field: 'spec.certificateSecretRef', name: certificateSecretRef.name }
  const { name = '', key = 'psk' } = preSharedKeySecretRef ?? {}
  return { field: 'spec.preSharedKeySecretRef', name, key }
}

/** What is said of a key tells nothing of it but its length. Pure. */
export function judgeKey(text: string, what: string): Found<VPNKey> {
  if (!/^[!-~]*$/.test(text))
    return lacking(
      'PreSharedKeyInvalid',
      `${what} has characters that are no printable ASCII, such as a space or a line break at its end: write it by kubectl create secret --from-literal`,
    )
  if (text.length < LEAST_CHARACTERS || text.length > MOST_CHARACTERS)
    return lacking(
      'PreSharedKeyInvalid',
      `${what} has ${text.length} characters: write ${LEAST_CHARACTERS} to ${MOST_CHARACTERS} random ones on both sides (openssl rand -hex 32)`,
    )
  return found({ preSharedKey: text })
}
