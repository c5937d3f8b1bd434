// SPDX-License-Identifier: Apache-2.0
// Which filters there are, and which count when. The first that refuses a node is the one that explanations name.
import type { InterfaceRequest } from './request.ts'
import { aggregateImagePropertiesIsolationFilter } from './aggregate-image-properties-isolation.ts'
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs.ts'
import { aggregateMultiTenancyIsolationFilter } from './aggregate-multi-tenancy-isolation.ts'
import { aggregateTypeAffinityFilter } from './aggregate-type-affinity.ts'
import { availabilityZoneFilter } from './availability-zone.ts'
import { bandwidthFilter } from './bandwidth.ts'
import { computeCapabilitiesFilter } from './compute-capabilities.ts'
import { computeFilter } from './compute.ts'
import { coreFilter } from './core.ts'
import { diskFilter } from './disk.ts'
import { dpdkFilter } from './dpdk.ts'
import type { Filter } from './filter.ts'
import { pciPassthroughFilter } from './pci-passthrough.ts'
import { providerNetworkFilter } from './provider-network.ts'
import { ramFilter } from './ram.ts'
import { retryFilter } from './retry.ts'
import { serverGroupAffinityFilter } from './server-group-affinity.ts'
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity.ts'

/** Those that a machine must also pass to get one more interface where it is. */
export const INTERFACE_FILTERS: readonly Filter<InterfaceRequest>[] = [dpdkFilter, providerNetworkFilter]

/** Those that a machine must always pass again to be resized in place. */
export const CAPABILITY_FILTERS: readonly Filter[] = [
  computeCapabilitiesFilter,
  aggregateInstanceExtraSpecsFilter,
  aggregateTypeAffinityFilter,
]

/** Those that it must pass to grow. */
export const ROOM_FILTERS: readonly Filter[] = [
  ramFilter,
  coreFilter,
  diskFilter,
  bandwidthFilter,
  pciPassthroughFilter,
]

export const FILTERS: readonly Filter[] = [
  computeFilter,
  retryFilter,
  availabilityZoneFilter,
  aggregateMultiTenancyIsolationFilter,
  aggregateImagePropertiesIsolationFilter,
  ...CAPABILITY_FILTERS,
  ...INTERFACE_FILTERS,
  ...ROOM_FILTERS,
  serverGroupAffinityFilter,
  serverGroupAntiAffinityFilter,
]
