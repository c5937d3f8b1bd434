// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { physicalNetworkOf } from '../provider-network/kind.ts'

/** The physical network that a Network is, or will be once it has a segment; undefined: none, or its ProviderNetwork is not there. */
export function findPhysicalNetwork(
  { spec, status }: Network,
  { providerNetworks }: Pick<Caches, 'providerNetworks'>,
): string | undefined {
  if (status?.physicalNetwork !== undefined || !spec.provider) return status?.physicalNetwork
  const providerNetwork = providerNetworks.find(undefined, spec.provider.providerNetworkRef.name)
  return providerNetwork && physicalNetworkOf(providerNetwork)
}
