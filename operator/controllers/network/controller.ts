// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, NETWORK } from '../../../lib/api/kinds.ts'
import type { Network } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { portIndexes, subnetIndexes } from '../common/indexes.ts'
import { reconcileNetwork } from './reconcile.ts'

export function networkController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Network> {
  const isDeleting = (key: string) => deps.caches.networks.findByKey(key)?.metadata.deletionTimestamp !== undefined
  /** It gives up port security as soon as the last Port of another namespace has gone. */
  const isHeldSecure = (key: string) => {
    const { spec, status } = deps.caches.networks.findByKey(key) ?? {}
    return spec?.portSecurityEnabled === false && status?.portSecurityEnabled === true
  }
  return {
    name: 'network',
    kind: NETWORK,
    finalizer: FINALIZER,
    watches: [
      // Ports and subnets matter to a network only while it waits for them to go.
      watchOf(informers.ports, (port) =>
        portIndexes.network(port).filter((key) => isDeleting(key) || isHeldSecure(key)),
      ),
      watchOf(informers.subnets, (subnet) => subnetIndexes.network(subnet).filter(isDeleting)),
      watchOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* deps.caches.networks.keys()
      }),
    ],
    reconcile: guarded(deps, (network, run) => reconcileNetwork(network, deps, run), 'ERROR'),
  }
}
