// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('router-del', { withImage: false, net: '10.76.0.0/24' })
  await project.createNetwork('other', 'fd00:76::/64')
  const interfaces = ['net', 'other'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
}, 60_000)
afterAll(async () => {
  // All that is left in it at once.
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 60_000)

test('a Subnet that it joins stays until it is taken out, and says by which Router; its Network says by which Subnet', async () => {
  const { client } = project.test
  await client.remove(NETWORK, project.at('net'))
  await client.remove(SUBNET, project.at('net'))
  const inUse = { type: 'Reconciling', reason: 'InUse' }
  expect(await waitForCondition(client, SUBNET, project.at('net'), inUse)).toMatch(/Router .*\/r/)
  expect(await waitForCondition(client, NETWORK, project.at('net'), inUse)).toMatch(/Subnet .*\/net/)
  await waitForReady(client, ROUTER, project.at('r'))
  await project.patch(ROUTER, 'r', { spec: { interfaces: [{ subnetRef: { name: 'other' } }] } })
  await waitForGone(client, SUBNET, project.at('net'))
  await waitForGone(client, NETWORK, project.at('net'))
}, 60_000)

test('deletionProtection keeps it until it is false', async () => {
  const { client } = project.test
  await project.patch(ROUTER, 'r', { spec: { deletionProtection: true } })
  await expect(client.remove(ROUTER, project.at('r'))).rejects.toThrow('deletionProtection')
  await project.patch(ROUTER, 'r', { spec: { deletionProtection: false } })
}, 60_000)
