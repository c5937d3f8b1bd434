// SPDX-License-Identifier: Apache-2.0
// A node leaves the cloud and joins it again.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE, NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

const name = 'compute-2'
const HYPERVISOR = 'nephele.dev/compute'

let project: Project
beforeAll(async () => {
  project = await Project.create('node-del')
  await project.createInstance('box', { availabilityZone: 'zone-b', runState: 'Stopped' })
  await project.waitActive('box')
}, 60_000)
afterAll(async () => {
  await label('libvirt')
  await waitForReady<ComputeNode>(project.test.client, COMPUTE_NODE, { name })
  await project.destroy()
}, 90_000)

const label = (value: string | null) =>
  project.test.client.mergePatch(NODE, { name }, { metadata: { labels: { [HYPERVISOR]: value } } })
const inUse = () =>
  waitForCondition(project.test.client, COMPUTE_NODE, { name }, { type: 'Reconciling', reason: 'InUse' })

test('deleted, it waits for its machines and then for its roles to go, says so, and takes nothing new', async () => {
  const { client } = project.test
  await client.remove(COMPUTE_NODE, { name })
  expect(await inUse()).toContain(`Instance ${project.namespace}/box`)
  await project.createInstance('late', { availabilityZone: 'zone-b', runState: 'Stopped' })
  await waitForCondition(client, INSTANCE, project.at('late'), { type: 'Scheduled', status: 'False' })
  await project.remove(INSTANCE, 'box')
  const want = { type: 'Reconciling', message: /remove its nephele\.dev\/ labels first/ }
  await waitForCondition(client, COMPUTE_NODE, { name }, want)
  await label(null)
  await waitForGone(client, COMPUTE_NODE, { name })
}, 90_000)

test('with its label again it is a node of the cloud again, which takes those that waited', async () => {
  await label('libvirt')
  await waitForReady<ComputeNode>(project.test.client, COMPUTE_NODE, { name })
  expect((await project.waitActive('late')).status).toMatchObject({ node: name, state: 'SHUTOFF' })
}, 90_000)
