// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'

/** In the Subnet of its address. Pure. */
export function insideOf({ status }: LoadBalancer): string[] {
  const proxies = (status?.proxies ?? []).map(({ ipAddress }) => ipAddress)
  return [status?.vipAddress, status?.proxyAddress, ...proxies].flatMap((address) => address ?? [])
}

/** All of them, with those outside. Pure. */
export function answeringOf(balancer: LoadBalancer): string[] {
  return [...new Set([...insideOf(balancer), ...(balancer.status?.externalAddresses ?? [])])]
}
