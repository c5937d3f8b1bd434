// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, SUBNET } from '../../../lib/api/kinds.ts'
import type { Subnet } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { keyOf } from '../../kind/references.ts'
import { reconcileSubnet } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'

export function subnetController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Subnet> {
  const { subnets } = deps.caches
  const ofNetwork = (key: ObjectKey) => subnets.listBy('network', key).map(keyOfObject)
  return {
    name: 'subnet',
    kind: SUBNET,
    finalizer: FINALIZER,
    watches: [
      // An older one that overlapped may have gone.
      watchOf(informers.subnets, ({ spec, metadata }) => ofNetwork(keyOf(spec.networkRef, metadata.namespace))),
      // The last Port with one of its addresses may have gone, when nothing claims them any more.
      watchOf(informers.ports, (port) => {
        const siblings = subnets.listBy('network', keyOf(port.spec.networkRef, port.metadata.namespace))
        return siblings.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(keyOfObject)
      }),
      watchOf(informers.ipClaims, ({ spec }) => {
        const subnet = subnets.findByUid(spec.subnetRef.uid)
        return subnet?.metadata.deletionTimestamp === undefined ? [] : [keyOfObject(subnet)]
      }),
      // What a Router joins it announces itself; what it leaves is announced again.
      watchOf(informers.routers, ({ status }) =>
        (status?.interfaces ?? []).flatMap(({ subnetUID }) => subnets.findByUid(subnetUID) ?? []).map(keyOfObject),
      ),
      watchSpecOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* subnets.keys()
      }),
    ],
    // A row of its network can be written to now.
    sources: [
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          const network = kind === 'Network' ? deps.caches.networks.findByUid(uid) : undefined
          for (const key of network ? ofNetwork(keyOfObject(network)) : []) enqueue(key)
        }),
    ],
    reconcile: (subnet, run) => reconcileSubnet(subnet, deps, run),
    errorState: 'ERROR',
    forget: (_key, subnet) => deps.addresses.forgetSubnet(subnet.metadata.uid),
  }
}
