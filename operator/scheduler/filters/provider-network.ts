// SPDX-License-Identifier: Apache-2.0
import type { InterfaceRequest } from './request.ts'
import type { ClassFilter } from './filter.ts'

export const providerNetworkFilter: ClassFilter<InterfaceRequest> = {
  name: 'ProviderNetworkFilter',
  by: 'class',
  turnedBy: [],
  refuse({ physicalNetworks = [] }, request) {
    const missing = request.physicalNetworks?.find((name) => !physicalNetworks.includes(name))
    return missing === undefined ? undefined : `is not connected to physical network ${missing}`
  },
}
