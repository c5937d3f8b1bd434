// SPDX-License-Identifier: Apache-2.0
// What may be set aside for machines of a node's way to physical networks, as ProviderNetworks say.
import type { KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import type { Bandwidth, Kbps } from '../../scheduler/nodes/bandwidth.ts'
import { physicalNetworkOf } from './kind.ts'
import { findEntry, mappingsOf } from './mappings.ts'

/** Of several ProviderNetworks of one physical network the oldest that says it counts. Pure. @param inForce the oldest first */
export function bandwidthOfNode(node: KubeNode, inForce: readonly ProviderNetwork[]): Bandwidth {
  const { conflicts } = mappingsOf(node, inForce)
  const found = new Map<string, Kbps>()
  for (const one of inForce) {
    const { bandwidth } = findEntry(one, node) ?? {}
    const name = physicalNetworkOf(one)
    if (!bandwidth || conflicts.has(one.metadata.uid) || found.has(name)) continue
    const { egressKbps = 0, ingressKbps = 0 } = bandwidth
    found.set(name, { egressKbps, ingressKbps })
  }
  return Object.fromEntries(found)
}
