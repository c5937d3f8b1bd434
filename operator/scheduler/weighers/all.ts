// SPDX-License-Identifier: Apache-2.0
import { aggregateMetadataWeigher } from './aggregate-metadata.ts'
import { buildFailureWeigher } from './build-failure.ts'
import { cpuWeigher } from './cpu.ts'
import { diskWeigher } from './disk.ts'
import { imageLocalityWeigher } from './image-locality.ts'
import { ioOpsWeigher } from './io-ops.ts'
import { numInstancesWeigher } from './num-instances.ts'
import { pciWeigher } from './pci.ts'
import { ramWeigher } from './ram.ts'
import { serverGroupSoftAffinityWeigher } from './server-group-soft-affinity.ts'
import { serverGroupSoftAntiAffinityWeigher } from './server-group-soft-anti-affinity.ts'
import type { Weigher } from './weigher.ts'

/** As Nova's defaults: positive multipliers spread machines over the nodes with the most room. */
export const DEFAULT_WEIGHERS: readonly Weigher[] = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  ioOpsWeigher,
  buildFailureWeigher,
  serverGroupSoftAffinityWeigher,
  serverGroupSoftAntiAffinityWeigher,
  imageLocalityWeigher,
]

/** Of every profile, too: they weigh where an Instance asks for it, by its ServerGroup. A profile that wants none of it gives them multiplier 0. */
export const ASKED_WEIGHERS: readonly Weigher[] = [serverGroupSoftAffinityWeigher, serverGroupSoftAntiAffinityWeigher]

/** All that a profile may name. */
export const ALL_WEIGHERS: readonly Weigher[] = [
  ...DEFAULT_WEIGHERS,
  ...[aggregateMetadataWeigher, numInstancesWeigher, pciWeigher],
]
