// SPDX-License-Identifier: Apache-2.0
// Rules of an administrator's own: machines of a Flavor are placed by them, wait while they are broken, and go on when they are mended.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE, SCHEDULER_PROFILE } from '../../lib/api/kinds.ts'
import type { SchedulerProfile } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

const NODE = 'compute-2'
let project: Project
let profile: { name: string }
let flavor: string
beforeAll(async () => {
  project = await Project.create('profile')
  profile = { name: `${project.namespace}-own` }
  const extraSpecs = { 'nephele:scheduler_profile': profile.name }
  flavor = (await project.createClusterWide(FLAVOR, 'own', { vcpus: 1, memoryMiB: 128, extraSpecs })).metadata.name
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const create = (name: string, spec: object = {}) =>
  project.createInstance(name, { runState: 'Stopped', flavorRef: { name: flavor }, ...spec })
const waitsFor = (name: string, reason: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), { type: 'Scheduled', status: 'False', reason })
const change = (spec: object) => project.test.client.mergePatch(SCHEDULER_PROFILE, profile, { spec })
const only = (expression: string) => ({ customFilters: [{ name: 'Own', expression }] })

test('a machine waits for the profile that its Flavor names, and is placed by it', async () => {
  const { client } = project.test
  await create('one')
  await waitsFor('one', 'SchedulerProfileNotFound')
  await project.createClusterWide(SCHEDULER_PROFILE, 'own', only(`node.name == '${NODE}' && node.freeMemoryMiB > 0`))
  const { status } = await waitForReady<SchedulerProfile>(client, SCHEDULER_PROFILE, profile)
  expect(status?.state).toBe('ACTIVE')
  expect((await project.waitActive('one')).status?.node).toBe(NODE)
}, 120_000)

test('one that is broken says where, and places nobody until it is mended', async () => {
  const { client } = project.test
  await change(only('node.name =='))
  const broken = { type: 'Stalled', reason: 'InvalidProfile' }
  expect(await waitForCondition(client, SCHEDULER_PROFILE, profile, broken)).toContain(
    'spec.customFilters[0].expression',
  )
  await create('two')
  await waitsFor('two', 'ProfileStalled')
  await change(only('node.name.matches("(a+)+")'))
  await waitsFor('two', 'ProfileStalled')
  await change(only('false'))
  expect(await waitsFor('two', 'NoValidHost')).toContain('is refused by false')
  await change({ customFilters: null, weighers: [{ name: 'RAMWeigher', multiplier: '-1' }] })
  await project.waitActive('two')
  // Others are placed by the default all the while.
  await create('other', { flavorRef: { name: 'small' }, schedulerHints: { differentHost: ['one'] } })
  expect((await project.waitActive('other')).status?.node).not.toBe(NODE)
}, 120_000)

test('what the schema can see is refused at once; a profile goes when it is deleted', async () => {
  const { client } = project.test
  await expect(change({ filters: ['NoSuchFilter'] })).rejects.toThrow('NoSuchFilter')
  await expect(change({ weighers: [{ name: 'RAMWeigher', multiplier: 'much' }] })).rejects.toThrow('multiplier')
  await client.remove(SCHEDULER_PROFILE, profile)
  await waitForGone(client, SCHEDULER_PROFILE, profile)
}, 60_000)
