// SPDX-License-Identifier: Apache-2.0
// Node certificates (docs/decisions/0003): what a node asks for in its inventory, signed for the name that its key on the bus proves.
import type { Inventory, NodeSpec } from '../../lib/contract/documents.ts'
import { ensureSigned, type Authority, type Subject } from '../../lib/pki/authority.ts'
import type { DesiredPublisher } from './bus.ts'

/** The longest that a lost node can still reach the southbound database: nothing revokes a certificate there (decision 17). */
export const NODE_CERTIFICATE_DAYS = 3

export interface NodeCertificatesOptions {
  authority: Authority
  /** The authority's certificate, PEM. */
  authorityPem: string
  desired: Pick<DesiredPublisher, 'read'>
  /** Default: NODE_CERTIFICATE_DAYS. */
  days?: number
}

export interface NodeToCertify {
  node: string
  /** Of the ComputeNode: the node's document is `<node>.node.<uid>`. */
  uid: string
  inventory: Pick<Inventory, 'certificateRequest'>
}

export type NodeCertificate = Pick<NodeSpec, 'certificate' | 'certificateAuthority'>

export class NodeCertificates {
  readonly #options: NodeCertificatesOptions
  readonly #issued = new Map<string, string>()

  constructor(options: NodeCertificatesOptions) {
    this.#options = options
  }

  /**
   * The certificate that belongs into the node's document; empty while the node has asked for none. The one that was issued before, from
   * memory or from the document on the bus, stays until the node asks with another key or it is due for renewal, so that asking again
   * changes nothing. Must be given the inventory from the bus, whose key proves the node.
   * @throws TerminalError `CertificateRequestInvalid`
   */
  async ensure({ node, uid, inventory }: NodeToCertify, now: Date): Promise<NodeCertificate> {
    const request = inventory.certificateRequest
    if (request === undefined) return {}
    const { authority, authorityPem, days = NODE_CERTIFICATE_DAYS } = this.#options
    // Never a name that the node chose, and a client certificate only: nobody can pass for a server with it.
    const subject: Subject = { commonName: node, names: [node] }
    const have = this.#issued.get(node) ?? (await this.#published(node, uid))
    const certificate = await ensureSigned(request, have, subject, { authority, days, now, usage: 'client' })
    this.#issued.set(node, certificate)
    return { certificate, certificateAuthority: authorityPem }
  }

  async #published(node: string, uid: string): Promise<string | undefined> {
    const document = await this.#options.desired.read(node, 'node', uid)
    return document?.kind === 'node' && !document.tombstone ? document.spec.certificate : undefined
  }
}
