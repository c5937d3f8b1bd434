// SPDX-License-Identifier: Apache-2.0
// A Port that is bound on a node of one's choice, with an interface and nobody behind it: for OVN that node has a machine then.
import { PLUGGED_ON_ANNOTATION, PORT } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import type { TestCloud } from './cloud.ts'
import * as draft from './objects.ts'
import { waitForReady } from './wait.ts'

/** The end takes the interface away; the Port is the caller's. */
export async function plugOn(
  { client, cloud }: TestCloud,
  node: string,
  at: { namespace: string; name: string },
  network: string,
): Promise<AsyncDisposable> {
  const port = draft.port(at, network, { portSecurityEnabled: false })
  const annotations = { [PLUGGED_ON_ANNOTATION]: node }
  await client.create(PORT, { ...port, metadata: { ...port.metadata, annotations } })
  const { metadata } = await waitForReady<Port>(client, PORT, at)
  const device = `plug-${metadata.uid.slice(0, 8)}`
  const run = (...argv: string[]) => cloud.exec(node, ['ovs-vsctl', '--timeout=10', ...argv])
  const interfaceId = `external_ids:iface-id=${metadata.uid}`
  await run('add-port', 'br-int', device, '--', 'set', 'Interface', device, 'type=internal', interfaceId)
  return {
    [Symbol.asyncDispose]: async () => {
      await run('--if-exists', 'del-port', 'br-int', device)
    },
  }
}
