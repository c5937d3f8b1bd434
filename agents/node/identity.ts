// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { Logger } from '../../lib/log.ts'
import { CertifiedKey } from './certified-key.ts'

/** The node's identity towards OVN's southbound database and the operator's servers (docs/decisions/0003). Not readable by hypervisors. */
export class NodeIdentity extends CertifiedKey {
  constructor(stateDir: string, node: string, log: Logger) {
    super({
      dir: join(stateDir, 'pki'),
      names: { key: 'node.key', certificate: 'node.crt', authority: 'ca.crt' },
      commonName: node,
      purpose: 'identity',
      rekeys: true,
      log,
    })
  }
}
