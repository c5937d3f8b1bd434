// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, SUBNET } from '../../../lib/api/kinds.ts'
import type { Subnet } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileSubnet } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export function subnetController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Subnet> {
  const { subnets } = deps.caches
  const ofNetwork = (key: ObjectKey) => subnets.listBy('network', key).map(keyOfObject)
  return {
    name: 'subnet',
    kind: SUBNET,
    finalizer: FINALIZER,
    watches: [
      // An older Subnet that overlapped may have gone.
      watchOf(informers.subnets, (subnet) => ofNetwork(networkKeyOf(subnet))),
      // The last Port with an address of a Subnet being deleted may have gone, without any claim left to tell.
      watchOf(informers.ports, (port) => {
        const siblings = subnets.listBy('network', networkKeyOf(port))
        return siblings.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(keyOfObject)
      }),
      watchOf(informers.ipClaims, ({ spec }) => {
        const subnet = subnets.findByUid(spec.subnetRef.uid)
        return subnet?.metadata.deletionTimestamp === undefined ? [] : [keyOfObject(subnet)]
      }),
      // A Router announces the Subnets that it joins itself; when it leaves one, the Subnet is announced again.
      watchOf(informers.routers, ({ status }) =>
        (status?.interfaces ?? []).flatMap(({ subnetUID }) => subnets.findByUid(subnetUID) ?? []).map(keyOfObject),
      ),
      watchSpecOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* subnets.keys()
      }),
    ],
    // The row of its network now exists and can be referred to.
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
