// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, NETWORK } from '../../../lib/api/kinds.ts'
import type { Network } from '../../../lib/api/types.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { hasOtherSegment } from './kind.ts'
import { reconcileNetwork } from './reconcile.ts'
import { wokenBySegment } from './segment.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export function networkController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Network> {
  /** Whether the Network is waiting to give up port security until the last Port of another namespace has gone. */
  const isHeldSecure = (key: string) => {
    const { spec, status } = deps.caches.networks.findByKey(key) ?? {}
    return spec?.portSecurityEnabled === false && status?.portSecurityEnabled === true
  }
  return {
    name: 'network',
    kind: NETWORK,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.ports, (port) => [networkKeyOf(port)].filter(isHeldSecure)),
      {
        ...watchOf(informers.networks, (network) => wokenBySegment(network, deps.caches)),
        when: (old, network) => hasOtherSegment(old as Network, network as Network),
      },
      watchSpecOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* deps.caches.networks.keys()
      }),
    ],
    reconcile: (network, run) => reconcileNetwork(network, deps, run),
    errorState: 'ERROR',
    forget: (_key, { metadata }) => deps.segmentPromises.withdraw(metadata.uid),
  }
}
