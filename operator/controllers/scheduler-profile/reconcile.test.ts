// SPDX-License-Identifier: Apache-2.0
// What a SchedulerProfile promises: it says whether it can be used, and machines are placed by it, or wait.
import { describe, expect, test } from '@jest/globals'
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { BUILT_IN } from '../../scheduler/profiles/built-in.ts'
import { ASKED_WEIGHERS } from '../../scheduler/weighers/all.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { policyFor } from './policy-for.ts'
import { reconcileSchedulerProfile } from './reconcile.ts'

const profile = (name: string, spec: SchedulerProfile['spec'], more: object = {}) =>
  stored<SchedulerProfile>(name, spec, { namespace: '', ...more })
const BROKEN = { customFilters: [{ name: 'Own', expression: 'node.name ==' }] }
const by = (name: string) => ({ 'nephele:scheduler_profile': name })

test('one that can be used is ACTIVE; one that is broken is stalled and says where; both go at once', () => {
  const { deps } = memoryWorld()
  const made = profile('default', { filters: [] })
  expect(reconcileSchedulerProfile(made, deps)).toEqual({ kind: 'done' })
  expect(made.status).toEqual({ state: 'ACTIVE' })
  const message = expect.stringMatching(/^spec\.customFilters\[0\]\.expression: .*wait until/)
  expect(() => reconcileSchedulerProfile(profile('x', BROKEN), deps)).toThrow(
    expect.objectContaining({ reason: 'InvalidProfile', message }),
  )
  const going = profile('x', BROKEN, { deleted: true })
  expect(reconcileSchedulerProfile(going, deps)).toEqual({ kind: 'released' })
  expect(going.status).toEqual({ state: 'DELETING' })
})

describe('by which a machine is placed', () => {
  const world = (...profiles: SchedulerProfile[]) => {
    const w = memoryWorld()
    for (const one of profiles) w.put('schedulerProfiles', one)
    return w.deps.caches
  }
  test('default, until another of that name is there', () => {
    expect(policyFor({}, world())).toEqual({ ok: true, policy: BUILT_IN.get('default') })
    const own = policyFor({}, world(profile('default', { filters: [], weighers: [] })))
    expect(own).toMatchObject({ ok: true, policy: { weighers: ASKED_WEIGHERS } })
  })
  test('the one that the Flavor names', () => {
    expect(policyFor(by('chance'), world())).toEqual({ ok: true, policy: BUILT_IN.get('chance') })
    const own = policyFor(by('own'), world(profile('own', { weighers: [{ name: 'CPUWeigher' }] })))
    expect(own).toMatchObject({ ok: true, policy: { weighers: [{ name: 'CPUWeigher' }, ...ASKED_WEIGHERS] } })
  })
  test('none that does not exist, goes, or is broken', () => {
    expect(policyFor(by('own'), world())).toMatchObject({ outcome: { reason: 'SchedulerProfileNotFound' } })
    const going = world(profile('own', {}, { deleted: true }))
    expect(policyFor(by('own'), going)).toMatchObject({ outcome: { reason: 'SchedulerProfileNotFound' } })
    const broken = policyFor({}, world(profile('default', BROKEN)))
    expect(broken).toMatchObject({
      ok: false,
      outcome: { reason: 'ProfileStalled', message: expect.stringContaining('customFilters[0]') },
    })
  })
})
