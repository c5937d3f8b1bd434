// SPDX-License-Identifier: Apache-2.0
// Which servers a resolver asks, for whom, and what is said of them. Pure.
import type { ResolverState } from '../../lib/contract/inventory.ts'
import type { NamedUpstreams, ServedNetwork } from './served-networks.ts'
import type { UpstreamState } from './upstream-health.ts'

type OfProviderNetwork = NonNullable<NamedUpstreams['ofProviderNetworks']>[number]

export interface AskedServers {
  from: ResolverState['from']
  upstreams: readonly string[]
  ofProviderNetworks: readonly OfProviderNetwork[]
}

/** Of ProviderNetworks those that a network with guests here is on: the servers of others may not be for this node at all. */
export function askedServers(
  ofAll: Omit<AskedServers, 'ofProviderNetworks'>,
  ofProviderNetworks: readonly OfProviderNetwork[],
  served: ReadonlyMap<string, ServedNetwork>,
): AskedServers {
  const here = new Set([...served.values()].map(({ providerNetwork }) => providerNetwork))
  return { ...ofAll, ofProviderNetworks: ofProviderNetworks.filter((one) => here.has(one.providerNetwork)) }
}

/** Each once. */
export function addressesOf({ upstreams, ofProviderNetworks }: AskedServers): string[] {
  return [...new Set([...upstreams, ...ofProviderNetworks.flatMap((one) => one.upstreams)])]
}

/** @param states of all its addresses */
export function toResolverState(asked: AskedServers, states: readonly UpstreamState[]): ResolverState {
  const statesOf = (addresses: readonly string[]) =>
    addresses.flatMap((address) => states.find((state) => state.address === address) ?? [])
  const ofProviderNetworks = asked.ofProviderNetworks.map(({ providerNetwork, upstreams }) => ({
    providerNetwork,
    upstreams: statesOf(upstreams),
  }))
  return {
    from: asked.from,
    upstreams: statesOf(asked.upstreams),
    ...(ofProviderNetworks.length === 0 ? {} : { ofProviderNetworks }),
  }
}
