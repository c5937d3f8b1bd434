// SPDX-License-Identifier: Apache-2.0
import { cpuWeigher } from './cpu.ts'
import { diskWeigher } from './disk.ts'
import { ramWeigher } from './ram.ts'
import { serverGroupSoftAffinityWeigher } from './server-group-soft-affinity.ts'
import { serverGroupSoftAntiAffinityWeigher } from './server-group-soft-anti-affinity.ts'
import type { Weigher } from './weigher.ts'

/** As Nova's defaults: positive multipliers spread machines over the nodes with the most room. */
export const WEIGHERS: readonly Weigher[] = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  serverGroupSoftAffinityWeigher,
  serverGroupSoftAntiAffinityWeigher,
]
