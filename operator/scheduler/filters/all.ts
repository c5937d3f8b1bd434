// SPDX-License-Identifier: Apache-2.0
// Which filters there are, and which count when. The first that refuses a node is the one that explanations name.
import { aggregateCoreFilter } from './aggregate-core.ts'
import { aggregateDiskFilter } from './aggregate-disk.ts'
import { aggregateImagePropertiesIsolationFilter } from './aggregate-image-properties-isolation.ts'
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs.ts'
import { aggregateIoOpsFilter } from './aggregate-io-ops.ts'
import { aggregateMultiTenancyIsolationFilter } from './aggregate-multi-tenancy-isolation.ts'
import { aggregateNumInstancesFilter } from './aggregate-num-instances.ts'
import { aggregateRamFilter } from './aggregate-ram.ts'
import { aggregateTypeAffinityFilter } from './aggregate-type-affinity.ts'
import { availabilityZoneFilter } from './availability-zone.ts'
import { bandwidthFilter } from './bandwidth.ts'
import { computeCapabilitiesFilter } from './compute-capabilities.ts'
import { computeFilter } from './compute.ts'
import { coreFilter } from './core.ts'
import { differentHostFilter } from './different-host.ts'
import { diskFilter } from './disk.ts'
import { dpdkFilter } from './dpdk.ts'
import type { Filter } from './filter.ts'
import { imagePropertiesFilter } from './image-properties.ts'
import { ioOpsFilter } from './io-ops.ts'
import { isolatedHostsFilter } from './isolated-hosts.ts'
import { jsonFilter } from './json.ts'
import { numInstancesFilter } from './num-instances.ts'
import { numaTopologyFilter } from './numa-topology.ts'
import { pciPassthroughFilter } from './pci-passthrough.ts'
import { providerNetworkFilter } from './provider-network.ts'
import { ramFilter } from './ram.ts'
import type { InterfaceRequest } from './request.ts'
import { requestedNodeFilter } from './requested-node.ts'
import { retryFilter } from './retry.ts'
import { sameHostFilter } from './same-host.ts'
import { serverGroupAffinityFilter } from './server-group-affinity.ts'
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity.ts'
import { simpleCidrAffinityFilter } from './simple-cidr-affinity.ts'

/** Those that a machine must also pass to get one more interface where it is. */
export const INTERFACE_FILTERS: readonly Filter<InterfaceRequest>[] = [dpdkFilter, providerNetworkFilter]

/** Those that a machine must always pass again to be resized in place, where its profile has them. */
export const CAPABILITY_FILTERS: readonly Filter[] = [
  imagePropertiesFilter,
  computeCapabilitiesFilter,
  aggregateInstanceExtraSpecsFilter,
  aggregateTypeAffinityFilter,
]

/** Those that look at the image: a machine has to pass them to be made from another one where it is. Nova's of a rebuild. */
export const IMAGE_FILTERS: readonly Filter[] = [
  ...[computeCapabilitiesFilter, imagePropertiesFilter],
  ...[aggregateImagePropertiesIsolationFilter, isolatedHostsFilter],
]

/** Those that it must pass to grow. */
export const ROOM_FILTERS: readonly Filter[] = [
  ...[ramFilter, coreFilter, diskFilter],
  ...[aggregateRamFilter, aggregateCoreFilter, aggregateDiskFilter],
  ...[bandwidthFilter, pciPassthroughFilter],
]

/** Of every profile: without them a machine would not run. In this order, before and behind those that it names. */
export const FIRST_FILTERS: readonly Filter[] = [computeFilter, retryFilter, requestedNodeFilter]
export const LAST_FILTERS: readonly Filter[] = [
  ...INTERFACE_FILTERS,
  ...[bandwidthFilter, pciPassthroughFilter, numaTopologyFilter],
]

/**
 * Of every profile, too, behind those that it names where it does not name them: what an Instance asks for by itself is held, or the machine
 * waits. Those that look at each node by itself come last.
 */
export const ASKED_FILTERS: readonly Filter[] = [
  availabilityZoneFilter,
  ...[sameHostFilter, differentHostFilter],
  ...[serverGroupAffinityFilter, serverGroupAntiAffinityFilter],
  ...[simpleCidrAffinityFilter, jsonFilter],
]

/** Of the profile `default`. Those of aggregates refuse only where metadata, or a Flavor, asks for it. */
export const DEFAULT_FILTERS: readonly Filter[] = [
  availabilityZoneFilter,
  aggregateMultiTenancyIsolationFilter,
  aggregateImagePropertiesIsolationFilter,
  ...CAPABILITY_FILTERS,
  ...[ramFilter, coreFilter, diskFilter],
  ...ASKED_FILTERS.slice(1),
]

/** All that a profile may name. */
export const ALL_FILTERS: readonly Filter[] = [
  ...DEFAULT_FILTERS,
  ...[aggregateRamFilter, aggregateCoreFilter, aggregateDiskFilter],
  ...[ioOpsFilter, aggregateIoOpsFilter, numInstancesFilter, aggregateNumInstancesFilter],
  isolatedHostsFilter,
]
