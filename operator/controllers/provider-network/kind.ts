// SPDX-License-Identifier: Apache-2.0
import type { ProviderNetwork } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'

/** The name by which nodes know it. */
export function physicalNetworkOf({ spec, metadata }: ProviderNetwork): string {
  return spec.physicalNetwork ?? metadata.name
}

export const providerNetworkKind: KindRow<ProviderNetwork> = {
  indexes: { physicalNetwork: (providerNetwork) => [physicalNetworkOf(providerNetwork)] },
}
