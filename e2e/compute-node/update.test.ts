// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, FLAVOR, INSTANCE, NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

const NAME = 'compute-2'
const ZONE = 'zone-b'
const node = { name: NAME }

let project: Project
beforeAll(async () => {
  project = await Project.create('compute-node')
}, 60_000)
afterAll(async () => {
  const { client } = project.test
  await client.mergePatch(NODE, node, { metadata: { labels: { 'nephele.dev/image': null } } })
  await client.mergePatch(COMPUTE_NODE, node, { spec: { unschedulable: false, unschedulableReason: null } })
  await project.destroy()
  for (const name of ['half', 'giant']) await client.remove(FLAVOR, { name: `${project.namespace}-${name}` })
}, 120_000)

const waitForRoles = (what: string, accept: (roles: readonly string[]) => boolean) =>
  waitForObject<ComputeNode>(
    project.test.client,
    COMPUTE_NODE,
    node,
    (n) => accept(n?.status?.roles ?? []) && n?.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True',
    { what },
  )

/** Off, so that nothing boots: it is placed all the same. */
const createOff = (name: string, spec: object = {}) =>
  project.createInstance(name, { runState: 'Stopped', availabilityZone: ZONE, ...spec })

const waitUnplaced = (name: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), {
    type: 'Scheduled',
    status: 'False',
    reason: 'NoValidHost',
  })

test('labels of the Node choose the roles, and taking one away takes the role away', async () => {
  const { client } = project.test
  await client.mergePatch(NODE, node, { metadata: { labels: { 'nephele.dev/image': 'true' } } })
  await waitForRoles('the role image', (roles) => roles.includes('image') && roles.includes('compute'))
  await client.mergePatch(NODE, node, { metadata: { labels: { 'nephele.dev/image': null } } })
  await waitForRoles('no role image', (roles) => !roles.includes('image') && roles.includes('compute'))
}, 120_000)

test('a closed node takes no new machines, says why, and takes those that waited when it is opened', async () => {
  const { client } = project.test
  const closed = { unschedulable: true, unschedulableReason: 'new memory' }
  await client.mergePatch(COMPUTE_NODE, node, { spec: closed })
  await waitForReady<ComputeNode>(client, COMPUTE_NODE, node)
  await createOff('waits')
  const message = await waitUnplaced('waits')
  expect(message).toMatch(/^all 3 nodes were refused: /)
  expect(message).toContain('AvailabilityZoneFilter 1 (compute-1 is in zone zone-a)')
  expect(message).toContain('ComputeFilter 2 (compute-2 is closed: new memory)')
  const { status } = await project.get('waits')
  expect(status?.scheduling).toMatchObject({ total: 3, evaluated: 3 })
  const filters = status?.scheduling?.filters ?? []
  expect(filters.map((f) => [f.name, f.refused]).sort()).toEqual([
    ['AvailabilityZoneFilter', 1],
    ['ComputeFilter', 2],
  ])
  expect(filters.map((f) => f.example).join(' ')).toContain('compute-2 is closed: new memory')

  await client.mergePatch(COMPUTE_NODE, node, { spec: { unschedulable: false, unschedulableReason: null } })
  const placed = await project.waitActive('waits')
  expect(placed.status).toMatchObject({ node: NAME, state: 'SHUTOFF' })
  await project.remove(INSTANCE, 'waits')
}, 120_000)

test('a machine that fits nowhere says by how much, and is placed when another one makes room', async () => {
  const { client } = project.test
  const memoryMiB = (await client.get<ComputeNode>(COMPUTE_NODE, node)).status?.inventory?.memoryMiB ?? 0
  const half = Math.floor(memoryMiB * 0.6)
  const [large, giant] = [`${project.namespace}-half`, `${project.namespace}-giant`]
  await client.create(FLAVOR, draft.flavor(large, { memoryMiB: half }))
  await client.create(FLAVOR, draft.flavor(giant, { memoryMiB: memoryMiB * 2 }))
  await createOff('giant', { flavorRef: { name: giant } })
  expect(await waitUnplaced('giant')).toMatch(
    new RegExp(
      `RamFilter 1 \\(${NAME} has \\d+ of \\d+ MiB of memory free, \\d+ wanted with QEMU's own; spec\\.reserved keeps 1024 for the host\\)`,
    ),
  )

  await createOff('first', { flavorRef: { name: large } })
  await project.waitActive('first')
  await createOff('second', { flavorRef: { name: large } })
  expect(await waitUnplaced('second')).toMatch(/RamFilter 1 \(compute-2 has \d+ of/)
  await project.remove(INSTANCE, 'first')
  const second = await waitForObject<Instance>(
    client,
    INSTANCE,
    project.at('second'),
    (i) => i?.status?.node === NAME && i.status.state === 'SHUTOFF',
    { what: 'placed once there is room' },
  )
  expect(second?.status?.flavor).toMatchObject({ memoryMiB: half })
  // Room for one changes nothing for the other.
  expect((await project.get('giant')).status?.node).toBeUndefined()
}, 120_000)
