// SPDX-License-Identifier: Apache-2.0
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { waitFor } from '../../../lib/outcome.ts'
import type { ExtraSpecs } from '../../scheduler/filters/extra-specs.ts'
import type { Policy } from '../../scheduler/policy.ts'
import { BUILT_IN, DEFAULT_PROFILE } from '../../scheduler/profiles/built-in.ts'
import { compileProfile, type Compiled } from '../../scheduler/profiles/compile-profile.ts'
import type { Caches } from '../../kind/row.ts'

const EXTRA_SPEC = 'nephele:scheduler_profile'

/** By the object, which is another one after each change. */
const known = new WeakMap<SchedulerProfile, Compiled>()

export function compiled(profile: SchedulerProfile): Compiled {
  const before = known.get(profile)
  if (before) return before
  const made = compileProfile(profile.spec)
  known.set(profile, made)
  return made
}

/**
 * How machines of a Flavor are placed. One that is broken places nobody, rather than by other rules than an administrator wrote: they may be what
 * keeps projects apart.
 */
export function policyFor(
  extraSpecs: ExtraSpecs,
  { schedulerProfiles }: Pick<Caches, 'schedulerProfiles'>,
): { ok: true; policy: Policy } | { ok: false; outcome: Extract<Outcome, { kind: 'wait' }> } {
  const name = extraSpecs[EXTRA_SPEC] ?? DEFAULT_PROFILE
  const profile = schedulerProfiles.find(undefined, name)
  if (profile && profile.metadata.deletionTimestamp === undefined) {
    const result = compiled(profile)
    if (result.ok) return result
    return refuse('ProfileStalled', `SchedulerProfile ${name} is broken: ${result.field}: ${result.why}`)
  }
  const policy = BUILT_IN.get(name)
  if (policy) return { ok: true, policy }
  const message = `SchedulerProfile ${name}, which the extra spec ${EXTRA_SPEC} of the Flavor names, does not exist`
  return refuse('SchedulerProfileNotFound', `${message}: an administrator can create it`)
}

function refuse(reason: string, message: string): ReturnType<typeof policyFor> {
  return { ok: false, outcome: waitFor(reason, message) as Extract<Outcome, { kind: 'wait' }> }
}
