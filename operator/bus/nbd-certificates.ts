// SPDX-License-Identifier: Apache-2.0
// Certificates for volumes over NBD (docs/decisions/0016), apart from the nodes' identities: signed by an authority of their own, since
// a running hypervisor keeps what it was started with for as long as its guest runs.
import type { Inventory, NodeSpec } from '../../lib/contract/documents.ts'
import { isAnsweredBy, signRequest, type Authority, type Signature, type Subject } from '../../lib/pki/authority.ts'
import { keyIdOf } from '../../lib/pki/key-id.ts'
import type { DesiredPublisher } from './bus.ts'

export const NBD_SERVER_DAYS = 730

export interface NbdCertificatesOptions {
  authority: Authority
  /** The authority's certificate, PEM. */
  authorityPem: string
  desired: Pick<DesiredPublisher, 'read'>
  /** Of servers' certificates; they are renewed under running guests. Default: NBD_SERVER_DAYS. */
  serverDays?: number
}

export interface NodeToServe {
  node: string
  /** Of the ComputeNode. */
  uid: string
  inventory: Pick<Inventory, 'nbdRequests'>
}

export type NbdCertificate = NonNullable<NodeSpec['nbd']>

/**
 * What a hypervisor shows a volume's server. It lasts as long as the authority: nothing can hand a running hypervisor another one, and
 * what ends its worth is the volume's list of holders, which names this very key. Pure.
 */
export function holderSubject(node: string, request: string): Subject {
  return { commonName: node, unit: keyIdOf(request), names: [] }
}

export class NbdCertificates {
  readonly #options: NbdCertificatesOptions
  readonly #issued = new Map<string, NbdCertificate>()

  constructor(options: NbdCertificatesOptions) {
    this.#options = options
  }

  /**
   * Both certificates of the node; undefined while it has asked for none. What was issued before stays until the node asks with another
   * key or it is due for renewal.
   * @throws TerminalError `CertificateRequestInvalid`
   */
  async ensure({ node, uid, inventory }: NodeToServe, now: Date): Promise<NbdCertificate | undefined> {
    const requests = inventory.nbdRequests
    if (!requests) return undefined
    const { authorityPem, serverDays = NBD_SERVER_DAYS } = this.#options
    const have = this.#issued.get(node) ?? (await this.#published(node, uid))
    const client = holderSubject(node, requests.client)
    const server: Subject = { commonName: node, names: [node] }
    const certificates: NbdCertificate = {
      client: await this.#sign(requests.client, have?.client, client, { days: Infinity, usage: 'client', now }),
      server: await this.#sign(requests.server, have?.server, server, { days: serverDays, usage: 'server', now }),
      authority: authorityPem,
    }
    this.#issued.set(node, certificates)
    return certificates
  }

  async #sign(request: string, have: string | undefined, subject: Subject, signature: Signature): Promise<string> {
    const { authority } = this.#options
    if (have !== undefined && (await isAnsweredBy(request, have, subject, { authority, now: signature.now })))
      return have
    return signRequest(request, subject, { authority, ...signature })
  }

  async #published(node: string, uid: string): Promise<NbdCertificate | undefined> {
    const document = await this.#options.desired.read(node, 'node', uid)
    return document?.kind === 'node' && !document.tombstone ? document.spec.nbd : undefined
  }
}
