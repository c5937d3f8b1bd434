// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Caches } from '../../kind/row.ts'
import { insideOf } from './own-addresses.ts'
import type { BalancerWay } from './way.ts'

/**
 * What is said of a member whose address is that of this balancer, or of another one that its proxies reach: behind the same Router, or outside and of the
 * same namespace. Elsewhere the same address is somebody else's. Pure.
 */
export function refuseBalancer(
  balancer: LoadBalancer,
  { address, field }: { address: string; field: string },
  { subnets }: Pick<BalancerWay, 'subnets'>,
  { loadBalancers }: Pick<Caches, 'loadBalancers'>,
): { reason: string; message: string } | undefined {
  const { uid, namespace } = balancer.metadata
  const isThere = (one: LoadBalancer) =>
    (subnets.has(one.status?.subnetUID ?? '') && insideOf(one).includes(address)) ||
    (one.metadata.namespace === namespace && (one.status?.externalAddresses ?? []).includes(address))
  const others = loadBalancers.listBy('answersAt', address).filter(({ metadata }) => metadata.uid !== uid)
  const one = [balancer, ...others].find(isThere)
  if (!one) return undefined
  const whose =
    one === balancer
      ? 'this LoadBalancer itself'
      : one.metadata.namespace === namespace
        ? `LoadBalancer ${keyOfObject(one)}`
        : 'a LoadBalancer of another namespace'
  const message = `${field}.ipAddress ${address} is where ${whose} answers, and requests would go round in circles: name its members instead`
  return { reason: 'MemberIsBalancer', message }
}
