// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer, Router } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { RoutedSubnet } from '../../network/logical-kinds.ts'

/** With the addresses of LoadBalancers that the Router answers for, each on the Subnet that it is of. Pure. */
export function withBalancers(
  router: Router,
  interfaces: readonly RoutedSubnet[],
  { loadBalancers }: Pick<Caches, 'loadBalancers'>,
): RoutedSubnet[] {
  const served = loadBalancers.listBy('routerUID', router.metadata.uid).filter(isStaying)
  return interfaces.map((leg) => {
    const alsoAnswers = served.flatMap(({ status }) =>
      status?.subnetUID === leg.uid && status.vipAddress !== undefined ? [status.vipAddress] : [],
    )
    return alsoAnswers.length === 0 ? leg : { ...leg, alsoAnswers: alsoAnswers.sort() }
  })
}

function isStaying({ metadata }: LoadBalancer): boolean {
  return metadata.deletionTimestamp === undefined
}

/** What of a LoadBalancer its Router answers by. */
export function answeredOf({ metadata, status }: LoadBalancer): unknown {
  return [metadata.deletionTimestamp, status?.routerUID, status?.subnetUID, status?.vipAddress]
}
