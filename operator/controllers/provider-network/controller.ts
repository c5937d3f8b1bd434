// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, PROVIDER_NETWORK } from '../../../lib/api/kinds.ts'
import type { ComputeNode, KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { Bus } from '../../bus/bus.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileProviderNetwork } from './reconcile.ts'

export function providerNetworkController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<ProviderNetwork> {
  const all = () => deps.caches.providerNetworks.keys()
  return {
    name: 'provider-network',
    kind: PROVIDER_NETWORK,
    finalizer: FINALIZER,
    watches: [
      // What another one says of the same nodes.
      watchSpecOf(informers.providerNetworks, all),
      {
        ...watchOf(informers.nodes, all),
        when: (old, node) => differs(old as KubeNode, node as KubeNode, ({ metadata }) => metadata.labels),
      },
      {
        ...watchOf(informers.computeNodes, all),
        when: (old, node) => differs(old as ComputeNode, node as ComputeNode, read),
      },
    ],
    sources: [(waker) => onConnections(deps.bus, () => waker.enqueueAll())],
    reconcile: async (providerNetwork) => reconcileProviderNetwork(providerNetwork, deps),
    errorState: 'ERROR',
  }
}

/** Inventories change often, and what they say of physical networks rarely. */
function onConnections({ inventory }: Pick<Bus, 'inventory'>, changed: () => void): () => void {
  const known = new Map<string, string>()
  return inventory.onChange((node) => {
    const now = JSON.stringify(inventory.find(node)?.physicalNetworks ?? null)
    if (known.get(node) === now) return
    known.set(node, now)
    changed()
  })
}

/** What is read of a ComputeNode. */
function read({ spec, status }: ComputeNode): unknown {
  return [spec.lost, status?.roles, status?.inventory?.physicalNetworks]
}

function differs<T>(old: T, now: T, part: (object: T) => unknown): boolean {
  return !isDeepStrictEqual(part(old), part(now))
}
