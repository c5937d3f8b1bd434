// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, SUBNET } from '../../../lib/api/kinds.ts'
import type { Subnet } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { portIndexes, subnetIndexes } from '../common/indexes.ts'
import { reconcileSubnet } from './reconcile.ts'

export function subnetController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Subnet> {
  const { subnets } = deps.caches
  const ofNetwork = (key: ObjectKey) => subnets.listBy('network', key).map(keyOfObject)
  return {
    name: 'subnet',
    kind: SUBNET,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.networks, (network) => ofNetwork(keyOfObject(network))),
      // An older one that overlapped may have gone.
      watchOf(informers.subnets, (subnet) => subnetIndexes.network(subnet).flatMap(ofNetwork)),
      // The last Port with one of its addresses may have gone, when nothing claims them any more.
      watchOf(informers.ports, (port) => {
        const siblings = portIndexes.network(port).flatMap((key) => subnets.listBy('network', key))
        return siblings.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(keyOfObject)
      }),
      watchOf(informers.ipClaims, ({ spec }) => {
        const subnet = subnets.findByUid(spec.subnetRef.uid)
        return subnet?.metadata.deletionTimestamp === undefined ? [] : [keyOfObject(subnet)]
      }),
      watchOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* subnets.keys()
      }),
    ],
    reconcile: guarded(deps, (subnet, run) => reconcileSubnet(subnet, deps, run), 'ERROR'),
    forget: (_key, subnet) => deps.addresses.forgetSubnet(subnet.metadata.uid),
  }
}
