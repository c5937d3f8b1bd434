// SPDX-License-Identifier: Apache-2.0
// What is known of the certificates of LoadBalancers: read one by one from the Secrets that these name, again each minute, and kept in memory alone.
import type { SealedText } from '../../lib/pki/sealed.ts'
import type { Memory } from '../certificates/judge.ts'
import { isDueAgain } from '../secrets/look-again.ts'
import { readTlsSecret, type ReadCertificate, type SecretReading } from './read-tls-secret.ts'
import type { TlsCertificate } from './server-certificate.ts'

/** A certificate that listeners show. */
export interface CertificateInUse {
  /** Name of its Secret. */
  secret: string
  chain: string
  /** Undefined: an operator of before read it, and the nodes have it. */
  key?: string
  /** By node: its key, as that node was given it. */
  sealed: Map<string, SealedText>
}

/** Of one LoadBalancer, by name of the listener: in the order in which they are named. */
export type ListenerCertificates = ReadonlyMap<string, readonly CertificateInUse[]>

interface KnownSecret {
  /** The generation of the LoadBalancer: who edits it has its Secrets read again at once. */
  generation: number | undefined
  readAt: number
  read: ReadCertificate
  /** The same content costs nothing again. */
  memory: Memory<TlsCertificate>
}

export class CertificateStore {
  readonly #ownNamespace: string
  readonly #now: () => number
  /** By UID of a LoadBalancer, and by name of the Secret. */
  readonly #secrets = new Map<string, Map<string, KnownSecret>>()
  readonly #inUse = new Map<string, ListenerCertificates>()

  /** @param ownNamespace the namespace of the operator's ServiceAccount, for messages */
  constructor(ownNamespace: string, now: () => number = () => performance.now()) {
    this.#ownNamespace = ownNamespace
    this.#now = now
  }

  async read(
    { uid, namespace = '', generation }: { uid: string; namespace?: string; generation?: number },
    secret: string,
    field: string,
    reading: Omit<SecretReading, 'ownNamespace' | 'memory'>,
  ): Promise<ReadCertificate> {
    const known = this.#secrets.get(uid) ?? new Map<string, KnownSecret>()
    this.#secrets.set(uid, known)
    const before = known.get(secret)
    if (before?.generation === generation && before && !isDueAgain(before.readAt, this.#now())) return before.read
    const memory = before?.memory ?? {}
    const more = { ownNamespace: this.#ownNamespace, memory }
    const read = await readTlsSecret(namespace, secret, field, { ...reading, ...more })
    known.set(secret, { generation, readAt: this.#now(), read, memory })
    return read
  }

  /** What its listeners show; undefined: this operator has not decided it yet. */
  inUse(uid: string): ListenerCertificates | undefined {
    return this.#inUse.get(uid)
  }

  /** @param named the Secrets that it names: of others nothing is kept but what is in use */
  use(uid: string, certificates: ListenerCertificates, named: ReadonlySet<string>): void {
    this.#inUse.set(uid, certificates)
    const known = this.#secrets.get(uid)
    for (const secret of [...(known?.keys() ?? [])]) if (!named.has(secret)) known?.delete(secret)
  }

  forget(uid: string): void {
    this.#secrets.delete(uid)
    this.#inUse.delete(uid)
  }
}
