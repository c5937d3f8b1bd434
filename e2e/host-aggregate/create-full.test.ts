// SPDX-License-Identifier: Apache-2.0
// Nodes with something in common: machines find them by what their Flavor asks for and by their zone, and others are kept out.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, FLAVOR, HOST_AGGREGATE, INSTANCE } from '../../lib/api/kinds.ts'
import type { ComputeNode, HostAggregate } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-2'
let project: Project
let aggregate: { name: string }
let flavor: string
beforeAll(async () => {
  project = await Project.create('aggregate')
  flavor = (
    await project.createClusterWide(FLAVOR, 'ssd', {
      vcpus: 1,
      memoryMiB: 128,
      extraSpecs: { e2e_ssd: '<or> yes <or> true' },
    })
  ).metadata.name
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const nodeStatus = async () => (await project.test.client.get<ComputeNode>(COMPUTE_NODE, { name: NODE })).status
const create = (name: string, spec: object) => project.createInstance(name, { runState: 'Stopped', ...spec })
const isRefused = (name: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), {
    type: 'Scheduled',
    status: 'False',
    reason: 'NoValidHost',
  })

test('a machine waits for a node that has what its Flavor asks for, and goes there', async () => {
  const { client } = project.test
  await create('fast', { flavorRef: { name: flavor } })
  expect(await isRefused('fast')).toContain('is in no HostAggregate with e2e_ssd in its metadata')
  const { metadata } = await project.createClusterWide<HostAggregate>(HOST_AGGREGATE, 'fast', {
    nodeSelector: { 'kubernetes.io/hostname': NODE },
    metadata: { e2e_ssd: 'no, true' },
  })
  aggregate = { name: metadata.name }
  const { status } = await waitForReady<HostAggregate>(client, HOST_AGGREGATE, aggregate)
  expect(status).toMatchObject({ state: 'ACTIVE', nodeCount: 1, nodes: [NODE] })
  expect((await project.waitActive('fast')).status?.node).toBe(NODE)
  expect((await nodeStatus())?.aggregates).toContain(aggregate.name)
}, 120_000)

test('its zone takes the place of the label’s, and its projects keep others out', async () => {
  const { client } = project.test
  const zone = `e2e-${project.namespace}`
  await create('zoned', { availabilityZone: zone })
  await isRefused('zoned')
  await client.mergePatch(HOST_AGGREGATE, aggregate, { spec: { availabilityZone: zone } })
  expect((await project.waitActive('zoned')).status?.node).toBe(NODE)
  expect((await nodeStatus())?.zone).toBe(zone)
  // The zone shows that the node has taken over the rest, too.
  const closed = `${zone}-closed`
  const spec = { metadata: { filter_tenant_id: 'others' }, availabilityZone: closed }
  await client.mergePatch(HOST_AGGREGATE, aggregate, { spec })
  await waitUntilTrue('the node is closed to others', async () => (await nodeStatus())?.zone === closed || undefined)
  await create('kept-out', { availabilityZone: closed })
  expect(await isRefused('kept-out')).toContain('is for other projects')
  await project.remove(INSTANCE, 'kept-out')
}, 120_000)

test('without it the node is as before; what runs there stays', async () => {
  const { client } = project.test
  await client.remove(HOST_AGGREGATE, aggregate)
  await waitForGone(client, HOST_AGGREGATE, aggregate)
  await waitUntilTrue('the node is out of it', async () => {
    const names = (await nodeStatus())?.aggregates ?? []
    return names.includes(aggregate.name) ? undefined : true
  })
  expect((await project.get('fast')).status).toMatchObject({ node: NODE, state: 'SHUTOFF' })
}, 60_000)
