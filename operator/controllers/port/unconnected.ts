// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Caches } from '../../kind/row.ts'
import { isConnected } from '../common/connected.ts'

/** Why no packet passes between the Network and its ports on the node; undefined: they pass, or nothing is known of the node yet. */
export function whyUnconnected(
  network: Network,
  node: string,
  { computeNodes }: Pick<Caches, 'computeNodes'>,
): Outcome | undefined {
  const physical = network.status?.physicalNetwork
  const computeNode = computeNodes.find(undefined, node)
  if (physical === undefined || computeNode?.status?.inventory === undefined) return undefined
  if (isConnected(computeNode, physical)) return undefined
  const message = `node ${node} is not connected to physical network ${physical} of Network ${keyOfObject(network)}, so that no packet passes: an administrator looks at status.troubles of the ProviderNetwork`
  return waitFor('NodeNotConnected', message)
}
