// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { leadsToBalancer } from '../floating-ip/balancer.ts'

/** Its status can show twice as many: those that it leaves as well. */
const MOST_EXTERNAL = 256

/** Addresses outside that lead to it: it answers there as well. */
export function listFloating(balancer: LoadBalancer, { caches }: Pick<OperatorDeps, 'caches'>): string[] {
  const led = caches.floatingIPs.listBy('loadBalancerUID', balancer.metadata.uid)
  const leading = led.filter((one) => leadsToBalancer(one, balancer))
  return leading
    .flatMap(({ status }) => status?.ipAddress ?? [])
    .sort()
    .slice(0, MOST_EXTERNAL)
}

/** It says where it answers before it does: whoever gives the address to another waits until it does no longer. @returns whether there are new ones */
export function recordExternal({ status = {} }: LoadBalancer, external: readonly string[]): boolean {
  const recorded = status.externalAddresses ?? []
  const added = external.filter((address) => !recorded.includes(address))
  setExternal(status, [...recorded, ...added])
  return added.length > 0
}

export function setExternal(status: NonNullable<LoadBalancer['status']>, external: readonly string[]): void {
  if (external.length > 0) status.externalAddresses = [...external]
  else delete status.externalAddresses
}
