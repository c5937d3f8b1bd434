// SPDX-License-Identifier: Apache-2.0
// Profiles that are there without a SchedulerProfile of their name.
import { DEFAULT_FILTERS } from '../filters/all.ts'
import { DEFAULT_POLICY, policyOf, type Policy } from '../policy.ts'
import { cpuWeigher } from '../weighers/cpu.ts'

export const DEFAULT_PROFILE = 'default'

export const BUILT_IN: ReadonlyMap<string, Policy> = new Map([
  [DEFAULT_PROFILE, DEFAULT_POLICY],
  // Nova's old drivers: any node that passes, by the machine's UID, and the node with the most cores left.
  ['chance', policyOf(DEFAULT_FILTERS, [])],
  ['simple', policyOf(DEFAULT_FILTERS, [cpuWeigher])],
])
