// SPDX-License-Identifier: Apache-2.0
// The keys by which this node opens and serves volumes (docs/decisions/0016): separate from its identity, since hypervisors read the first
// one and hold it for as long as their guests run.
import { join } from 'node:path'
import type { Inventory, NodeSpec } from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'
import { CertifiedKey } from './certified-key.ts'
import type { NbdFiles } from './role.ts'

export class NbdIdentity {
  readonly files: NbdFiles
  readonly #client: CertifiedKey
  readonly #server: CertifiedKey

  constructor(stateDir: string, node: string, log: Logger) {
    const keyOf = (end: 'client' | 'server', rekeys: boolean) =>
      new CertifiedKey({
        dir: join(stateDir, 'pki', 'nbd', end),
        // The file names that QEMU expects (its docs/system/tls.rst).
        names: { key: `${end}-key.pem`, certificate: `${end}-cert.pem`, authority: 'ca-cert.pem' },
        commonName: node,
        purpose: `NBD ${end}`,
        rekeys,
        log,
      })
    // Volumes authorize this key, and running guests hold it: it stays for as long as the node keeps its disk.
    this.#client = keyOf('client', false)
    this.#server = keyOf('server', true)
    this.files = { client: this.#client.files, server: this.#server.files }
  }

  async requests(now: Date): Promise<NonNullable<Inventory['nbdRequests']>> {
    return { client: await this.#client.request(now), server: await this.#server.request(now) }
  }

  /** May run twice. */
  async accept(certificates: NodeSpec['nbd'], now: Date): Promise<void> {
    await this.#client.accept(certificates?.client, certificates?.authority, now)
    await this.#server.accept(certificates?.server, certificates?.authority, now)
  }
}
