// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, ROUTER } from '../../../lib/api/kinds.ts'
import type { Network, Router } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../port/kind.ts'
import { leg, subnet as subnetOfRouter } from './kind.ts'
import { reconcileRouter } from './reconcile.ts'

export function routerController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Router> {
  const { networks, routers, subnets } = deps.caches
  const onSubnet = (key: ObjectKey) => routers.listBy('subnet', key).map(keyOfObject)
  const onNetwork = (network: Network) =>
    subnets.listBy('network', keyOfObject(network)).flatMap((subnet) => onSubnet(keyOfObject(subnet)))
  return {
    name: 'router',
    kind: ROUTER,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.networks, onNetwork),
      // One that had a subnet which this one names may have gone.
      watchOf(informers.routers, (router) =>
        [...targetKeysOf(subnetOfRouter, router), ...targetKeysOf(leg, router)].flatMap(onSubnet),
      ),
      // One at a gateway address may have gone.
      watchOf(informers.ports, (port) => {
        const joined = subnets.listBy('network', networkKeyOf(port))
        const addresses = new Set(port.status?.fixedIPs?.map(({ ipAddress }) => ipAddress))
        const held = joined.filter(({ status }) => status?.gatewayIP !== undefined && addresses.has(status.gatewayIP))
        return held.flatMap((subnet) => onSubnet(keyOfObject(subnet)))
      }),
      // It announces name servers.
      watchSpecOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* routers.keys()
      }),
    ],
    // A row of a network can be written to now.
    sources: [
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          const network = kind === 'Network' ? networks.findByUid(uid) : undefined
          for (const key of network ? onNetwork(network) : []) enqueue(key)
        }),
    ],
    reconcile: (router, run) => reconcileRouter(router, deps, run),
    errorState: 'ERROR',
  }
}
