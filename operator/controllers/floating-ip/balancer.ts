// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, LoadBalancer, Network, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import type { Caches } from '../../kind/row.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { loadBalancer as balancerOfFloatingIP } from './kind.ts'

/** The LoadBalancer that it leads to, and the Router by which it is reached from the Network. Pure. */
export function resolveBalancer(
  floatingIP: FloatingIP,
  network: Network,
  caches: Pick<Caches, 'loadBalancers' | 'routers'>,
): Found<{ balancer: LoadBalancer; router: Router }> {
  const balancer = resolveOnly(balancerOfFloatingIP, floatingIP, caches)
  if (!balancer.ok) return balancer
  const { vipAddress, routerUID } = balancer.object.status ?? {}
  const key = keyOfObject(balancer.object)
  if (vipAddress === undefined || routerUID === undefined)
    return missing('LoadBalancerNotReady', `waiting for LoadBalancer ${key}: see its conditions`)
  if (familyOf(vipAddress) === 'IPv6') {
    const message = `LoadBalancer ${key} has an IPv6 address, ${vipAddress}, which is reached from outside without a FloatingIP: name one with an IPv4 address`
    return missing('IPFamilyMismatch', message)
  }
  const router = caches.routers.findByUid(routerUID)
  if (router?.status?.externalGateway?.networkUID !== network.metadata.uid) {
    const name = router ? keyOfObject(router) : 'the Router'
    const message = `Router ${name} of LoadBalancer ${key} does not lead to Network ${keyOfObject(network)}: name the Network in its spec.externalGateway`
    return missing('NotRouted', message)
  }
  return found({ balancer: balancer.object, router })
}

/** Whether the LoadBalancer is to answer at its address. */
export function leadsToBalancer(floatingIP: FloatingIP, balancer: LoadBalancer): boolean {
  const { loadBalancerUID, routerUID } = floatingIP.status ?? {}
  const isConnected = loadBalancerUID === balancer.metadata.uid && routerUID !== undefined
  return isConnected && isWanted(floatingIP, balancer)
}

function isWanted({ spec, metadata }: FloatingIP, balancer: LoadBalancer): boolean {
  return metadata.deletionTimestamp === undefined && spec.loadBalancerRef?.name === balancer.metadata.name
}

/** The LoadBalancer that still answers at its address, or is about to. One that is gone does not. */
export function findAnswering(
  { status }: FloatingIP,
  { loadBalancers }: Pick<Caches, 'loadBalancers'>,
): LoadBalancer | undefined {
  const { ipAddress, loadBalancerUID } = status ?? {}
  const balancer = loadBalancerUID === undefined ? undefined : loadBalancers.findByUid(loadBalancerUID)
  const answers = ipAddress !== undefined && balancer?.status?.externalAddresses?.includes(ipAddress)
  return answers ? balancer : undefined
}

/** Its address is for nobody else while the LoadBalancer that it led to answers there. */
export function waitForBalancer(floatingIP: FloatingIP, caches: Pick<Caches, 'loadBalancers'>): Outcome | undefined {
  const balancer = findAnswering(floatingIP, caches)
  if (!balancer || isWanted(floatingIP, balancer)) return undefined
  const key = keyOfObject(balancer)
  return waitFor('Releasing', `waiting for LoadBalancer ${key} to leave the address: see its conditions`)
}
