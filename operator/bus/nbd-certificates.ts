// SPDX-License-Identifier: Apache-2.0
// Certificates for volumes over NBD (docs/decisions/0016), apart from the nodes' identities: signed by an authority of their own, since
// a running hypervisor keeps what it was started with for as long as its guest runs.
import type { Inventory, NodeSpec } from '../../lib/contract/documents.ts'
import { ensureSigned, type Authority, type Subject } from '../../lib/pki/authority.ts'
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
function holderSubject(node: string, request: string): Subject {
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
    const { authority, authorityPem, serverDays = NBD_SERVER_DAYS } = this.#options
    const have = this.#issued.get(node) ?? (await this.#published(node, uid))
    const client = holderSubject(node, requests.client)
    const server: Subject = { commonName: node, names: [node] }
    const certificates: NbdCertificate = {
      client: await ensureSigned(requests.client, have?.client, client, {
        authority,
        days: Infinity,
        usage: 'client',
        now,
      }),
      server: await ensureSigned(requests.server, have?.server, server, {
        authority,
        days: serverDays,
        usage: 'server',
        now,
      }),
      authority: authorityPem,
    }
    this.#issued.set(node, certificates)
    return certificates
  }

  async #published(node: string, uid: string): Promise<NbdCertificate | undefined> {
    const document = await this.#options.desired.read(node, 'node', uid)
    return document?.kind === 'node' && !document.tombstone ? document.spec.nbd : undefined
  }
}
