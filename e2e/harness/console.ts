// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs'
import type { Instance } from '../../lib/api/types.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'
import { pathIn } from '../../local/node/node.ts'

/** All that a machine's serial console printed on its node; empty before it is placed. */
export function consoleText(cloud: Cloud, instance: Instance): string {
  const node = instance.status?.node
  if (node === undefined) return ''
  const file = pathIn(cloud.node(node), `/var/lib/nephele/console/${instance.metadata.uid}.log`)
  return existsSync(file) ? readFileSync(file, 'latin1') : ''
}
