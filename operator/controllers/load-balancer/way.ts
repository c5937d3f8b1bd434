// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer, Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { isOlder } from '../../kind/is-older.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { refuseOnExternal } from '../common/sdn-controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** The Router that answers for the address, and what it joins. Others' networks are none of a balancer's: it would take addresses of theirs. */
export interface BalancerWay {
  router: Router
  /** Those behind the Router, by UID. */
  subnets: ReadonlyMap<string, Subnet>
  networkUids: readonly string[]
}

/** OVN has no other way to answer for an address on its own network than a router. Pure. */
export function findWay(
  { status }: LoadBalancer,
  subnet: Subnet,
  { caches }: Pick<OperatorDeps, 'caches'>,
): Found<BalancerWay> {
  const network = caches.networks.findByKey(networkKeyOf(subnet))
  const refused = network && refuseOnExternal(network, 'spec.vip.subnetRef', 'make a LoadBalancer at another Subnet')
  if (refused) return { ok: false, outcome: refused }
  const joined = caches.routers.listBy('legUID', subnet.metadata.uid)
  const present = joined.find(({ metadata }) => metadata.uid === status?.routerUID)
  const open = joined.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const router = present ?? open.find((one) => !open.some((other) => isOlder(other, one)))
  if (!router) {
    const message = `no Router joins Subnet ${keyOfObject(subnet)} by its gateway address, and so nobody answers for the address: name the Subnet in spec.interfaces of a Router (by subnetRef, since answers go by the gateway)`
    return missing('SubnetNotRouted', message)
  }
  const legs = (router.status?.interfaces ?? []).flatMap(({ subnetUID }) => caches.subnets.findByUid(subnetUID) ?? [])
  const own = legs.filter((leg) => leg.metadata.namespace === subnet.metadata.namespace)
  const networks = own.flatMap((leg) => caches.networks.findByKey(networkKeyOf(leg)) ?? [])
  return found({
    router,
    subnets: new Map(legs.map((leg) => [leg.metadata.uid, leg])),
    networkUids: [...new Set(networks.map(({ metadata }) => metadata.uid))],
  })
}
