// SPDX-License-Identifier: Apache-2.0
import type { VPNService } from '../../../lib/api/types.ts'
import type { VpnDocument } from '../../../lib/contract/documents.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'

/**
 * Takes connections that are being deleted out of what the service's node was told, and changes nothing else of it: whatever the service lacks, their
 * tunnels end. @throws TransientError `BusUnavailable`
 */
export async function withdrawDeleted(
  service: VPNService,
  { bus, caches, writer }: Pick<OperatorDeps, 'bus' | 'caches' | 'writer'>,
): Promise<void> {
  const { uid } = service.metadata
  const { node } = service.status ?? {}
  const all = caches.vpnConnections.listBy('vpnService', keyOfObject(service))
  const going = new Set(all.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [] : [metadata.uid])))
  if (node === undefined || going.size === 0 || bus.desired.find(node, 'vpn', uid)?.tombstone !== false) return
  const document = await bus.desired.read(node, 'vpn', uid)
  if (document?.kind !== 'vpn' || document.tombstone) return
  const spec = without(document.spec, going)
  if (spec.connections.length === document.spec.connections.length) return
  await bus.desired.publish({ ...document, versions: { ...document.versions, ...writer() }, spec })
}

function without({ certificates = {}, ...rest }: VpnDocument['spec'], going: ReadonlySet<string>): VpnDocument['spec'] {
  const connections = rest.connections.filter(({ uid }) => !going.has(uid))
  const used = Object.entries(certificates).filter(([id]) => connections.some(({ certificate }) => certificate === id))
  return { ...rest, connections, ...(used.length === 0 ? {} : { certificates: Object.fromEntries(used) }) }
}
