// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConnected } from '../common/connected.ts'
import { physicalNetworkOf } from './kind.ts'
import { foldByCause, sayCauses, type OneNode } from './causes.ts'
import { findMapping, listInForce, mappingsOf } from './mappings.ts'

type ProviderNetworkDeps = Pick<OperatorDeps, 'caches' | 'bus'>

const MOST_SHOWN = 16

export function reconcileProviderNetwork(providerNetwork: ProviderNetwork, deps: ProviderNetworkDeps): Outcome {
  const status = (providerNetwork.status ??= {})
  const isGoing = providerNetwork.metadata.deletionTimestamp !== undefined
  if (isGoing) status.state = 'DELETING'
  const users = isGoing ? waitForHolders('providerNetworks', providerNetwork, deps.caches) : undefined
  if (isGoing && !users) return released
  const nodes = listNodes(providerNetwork, deps)
  const troubles = foldByCause(nodes)
  status.nodeCount = nodes.length
  status.connectedCount = nodes.filter((node) => node.isConnected).length
  if (troubles.length > 0) status.troubles = troubles.slice(0, MOST_SHOWN)
  else delete status.troubles
  if (users) return users
  const lack = lackOf(providerNetwork, nodes)
  status.state = lack ? (status.state ?? 'BUILD') : 'ACTIVE'
  return lack ?? done
}

/** The nodes that it is about, by name. */
function listNodes(providerNetwork: ProviderNetwork, { caches, bus }: ProviderNetworkDeps): OneNode[] {
  const inForce = listInForce(caches)
  const name = physicalNetworkOf(providerNetwork)
  return caches.computeNodes
    .list()
    .filter(isExpected)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((computeNode): OneNode | [] => {
      const node = computeNode.metadata.name
      const kubeNode = caches.nodes.find(undefined, node)
      if (!kubeNode || !findMapping(providerNetwork, kubeNode)) return []
      const conflict = mappingsOf(kubeNode, inForce).conflicts.get(providerNetwork.metadata.uid)
      const connected = isConnected(computeNode, name)
      const said = bus.inventory.find(node)?.physicalNetworks?.find((one) => one.name === name)
      const message =
        conflict ?? (connected ? said?.warning : (said?.error ?? 'its agent has not said yet that it is connected'))
      return {
        isConnected: connected,
        hasConflict: conflict !== undefined,
        ...(message === undefined ? {} : { trouble: { node, message } }),
      }
    })
}

/** Nodes that have a switch, by their roles, and are not given up. */
function isExpected({ spec, status }: ComputeNode): boolean {
  return spec.lost === undefined && (status?.roles?.includes('network') ?? false)
}

function lackOf({ spec, metadata }: ProviderNetwork, nodes: readonly OneNode[]): Outcome | undefined {
  if (nodes.length === 0) {
    const what =
      (spec.nodes ?? []).length === 0
        ? 'spec.nodes is empty: write which nodes are connected, and by what'
        : 'spec.nodes matches no node that runs machines or is a gateway: label nodes, or change a nodeSelector'
    return waitFor('NoNodes', what)
  }
  const inConflict = nodes.filter(({ hasConflict }) => hasConflict)
  if (inConflict.length > 0) {
    const what = `what an older ProviderNetwork says counts, and not spec.nodes of ${metadata.name}: ${sayCauses(inConflict)}; change one of the two`
    return waitFor('MappingConflict', what)
  }
  const left = nodes.filter((node) => !node.isConnected)
  if (left.length === 0) return undefined
  return waitFor('NodesNotConnected', `${left.length} of ${nodes.length} nodes not connected: ${sayCauses(left)}`)
}
