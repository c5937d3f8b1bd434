// SPDX-License-Identifier: Apache-2.0
// Machines that are kept apart, and machines that stay together: where they go, who waits, and what holds the group.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE, SERVER_GROUP } from '../../lib/api/kinds.ts'
import type { ComputeNode, ServerGroup } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let nodes: string[]
beforeAll(async () => {
  project = await Project.create('groups')
  const all = await project.test.client.list<ComputeNode>(COMPUTE_NODE)
  nodes = all.filter(({ status }) => status?.roles?.includes('compute')).map(({ metadata }) => metadata.name)
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const createGroup = (name: string, spec: object) =>
  project.create(SERVER_GROUP, draft.serverGroup(project.at(name), spec))
const createMember = (name: string, group: string) =>
  project.createInstance(name, { runState: 'Stopped', serverGroupRef: { name: group } })
const nodeOf = async (name: string) => (await project.waitActive(name)).status?.node
const groupStatus = async (name: string) =>
  (await project.test.client.get<ServerGroup>(SERVER_GROUP, project.at(name))).status
const isRefused = (name: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), {
    type: 'Scheduled',
    status: 'False',
    reason: 'NoValidHost',
  })

test('apart: each node gets one, the next waits until one goes, or until more are allowed', async () => {
  const { client } = project.test
  await createGroup('apart', {})
  const names = nodes.map((_, i) => `apart-${i}`)
  await Promise.all(names.map((name) => createMember(name, 'apart')))
  const placed = await Promise.all(names.map(nodeOf))
  expect([...placed].sort()).toEqual([...nodes].sort())
  await createMember('next', 'apart')
  expect(await isRefused('next')).toContain(`of ServerGroup ${project.namespace}/apart, which allows 1 on a node`)
  await waitUntilTrue('the group shows its members', async () =>
    (await groupStatus('apart'))?.memberCount === nodes.length + 1 ? true : undefined,
  )
  await project.remove(INSTANCE, 'apart-0')
  expect(await nodeOf('next')).toBe(placed[0])
  await createMember('last', 'apart')
  await isRefused('last')
  await client.mergePatch(SERVER_GROUP, project.at('apart'), { spec: { maxServersPerHost: 2 } })
  expect(nodes).toContain(await nodeOf('last'))
}, 180_000)

test('together: the others follow the first', async () => {
  await createGroup('together', { policy: 'affinity' })
  for (const name of ['first', 'second', 'third']) await createMember(name, 'together')
  const placed = await Promise.all(['first', 'second', 'third'].map(nodeOf))
  expect(new Set(placed).size).toBe(1)
}, 120_000)

test('a group stays until its members are gone, and takes no more', async () => {
  const { client } = project.test
  await client.remove(SERVER_GROUP, project.at('together'))
  const want = { type: 'Reconciling', reason: 'InUse' }
  expect(await waitForCondition(client, SERVER_GROUP, project.at('together'), want)).toContain('/first')
  await createMember('late', 'together')
  await waitForCondition(client, INSTANCE, project.at('late'), { type: 'Reconciling', reason: 'ServerGroupDeleting' })
  for (const name of ['late', 'first', 'second', 'third']) await project.remove(INSTANCE, name)
  await waitForGone(client, SERVER_GROUP, project.at('together'))
}, 120_000)
