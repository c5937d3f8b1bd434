// SPDX-License-Identifier: Apache-2.0
// Asked where machines would go, the cloud says where they then go, and why not where they do not; it keeps nothing for the question.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE, PLACEMENT_PREVIEW, QUOTA, SERVER_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, PlacementPreview } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let flavor: string
beforeAll(async () => {
  project = await Project.create('preview')
  flavor = (await project.createClusterWide(FLAVOR, 'tiny', { vcpus: 1, memoryMiB: 128 })).metadata.name
  await project.create(SERVER_GROUP, draft.serverGroup(project.at('apart')))
}, 60_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)

const machine = (more: object = {}) => ({ flavorRef: { name: flavor }, imageRef: { name: 'guest' }, ...more })
const apart = { serverGroupRef: { name: 'apart' } }
let number = 0
const create = async (spec: object) => {
  const at = project.at(`where-${++number}`)
  await project.create(PLACEMENT_PREVIEW, draft.placementPreview(at, spec))
  return at
}
const ask = async (spec: object) => {
  const preview = await waitForReady<PlacementPreview>(project.test.client, PLACEMENT_PREVIEW, await create(spec))
  const { status = {} } = preview
  return { ...status, said: findCondition(status.conditions, 'Ready')?.message ?? '' }
}

test('of three that are to be apart two fit, and go where it said', async () => {
  const answer = await ask({ template: machine(apart), count: 3, detailed: true })
  expect(answer).toMatchObject({ state: 'Succeeded', fits: 2 })
  expect(answer.said).toMatch(
    /^2 of 3 fit: 1 on .*, 1 on .*; all \d+ nodes were refused: .*ServerGroupAntiAffinityFilter 2/,
  )
  const refusing = answer.nodes?.filter(({ instances }) => instances === 1)
  expect(refusing?.map(({ refusedBy }) => refusedBy?.[0]?.name)).toEqual([
    'ServerGroupAntiAffinityFilter',
    'ServerGroupAntiAffinityFilter',
  ])
  for (const name of ['one', 'two']) await project.createInstance(name, { ...machine(apart), runState: 'Stopped' })
  const nodes = await Promise.all(['one', 'two'].map(async (name) => (await project.waitActive(name)).status?.node))
  expect(nodes.sort()).toEqual(answer.placements?.map(({ node }) => node).sort())
}, 120_000)

test('a machine that waits for room says the same as its preview, which says of each node all that it lacks', async () => {
  const wanted = machine({ ...apart, flavorRef: { name: 'small' } })
  await project.createInstance('three', { ...wanted, runState: 'Stopped' })
  const waits = { type: 'Scheduled', status: 'False', reason: 'NoValidHost' } as const
  const why = await waitForCondition(project.test.client, INSTANCE, project.at('three'), waits)
  const answer = await ask({ instanceRef: { name: 'three' } })
  expect(answer).toMatchObject({ fits: 0, placements: [] })
  expect(answer.said).toBe(`it does not fit; ${why}`)
  const { status } = await project.test.client.get<Instance>(INSTANCE, project.at('three'))
  expect(answer.scheduling).toEqual(status?.scheduling)
  expect(answer.nodes).toBeUndefined()
}, 60_000)

test('a node says what each weigher makes of it, and how the one that is asked about differs', async () => {
  const answer = await ask({ template: machine({ availabilityZone: 'zone-b' }), detailed: true })
  const [best, ...others] = answer.nodes ?? []
  expect(best).toMatchObject({ name: answer.placements?.[0]?.node, score: answer.scheduling?.score, instances: 1 })
  expect(best?.weights?.map(({ name }) => name)).toContain('RAMWeigher')
  expect(others.every(({ refusedBy = [] }) => refusedBy.length > 0)).toBe(true)
}, 30_000)

test('a node that is drained says where its machines would go', async () => {
  const { status } = await project.test.client.get<Instance>(INSTANCE, project.at('one'))
  const answer = await ask({ drainNode: status?.node, limit: 100 })
  const one = answer.machines?.find(({ namespace, name }) => namespace === project.namespace && name === 'one')
  expect(one).toMatchObject({ evacuable: false })
  // The other of its group is on the only other node.
  expect(one?.message).toContain('is the one that is drained')
  expect(one?.message).toContain('ServerGroupAntiAffinityFilter')
}, 30_000)

test('it ends at the Quota', async () => {
  await project.create(QUOTA, draft.quota(project.at('main'), { hard: { instances: 5 } }))
  await waitForReady(project.test.client, QUOTA, project.at('main'))
  const answer = await ask({ template: machine(), count: 9 })
  expect(answer.fits).toBe(2)
  expect(answer.overQuota).toContain(`Quota ${project.namespace}/main allows 5 instances: 5 are taken`)
  expect(await ask({ template: machine(), count: 4, ignoreQuota: true })).toMatchObject({ fits: 4 })
}, 30_000)

test('it waits for what it names, is answered, and goes by itself', async () => {
  const { client } = project.test
  const late = `${flavor}-late`
  const at = await create({ template: machine({ flavorRef: { name: late } }), ttlSecondsAfterFinished: 1 })
  const waits = { type: 'Ready', status: 'False', reason: 'FlavorNotFound' } as const
  expect(await waitForCondition(client, PLACEMENT_PREVIEW, at, waits)).toContain(`Flavor ${late} in spec.flavorRef`)
  await project.createClusterWide(FLAVOR, 'tiny-late', { vcpus: 1, memoryMiB: 128 })
  await waitForGone(client, PLACEMENT_PREVIEW, at)
}, 60_000)
