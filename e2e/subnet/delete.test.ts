// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SUBNET } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('subnet-del', { withImage: false, net: '10.47.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a subnet in use stays, says by which Ports, gives out no more addresses, and goes with the last of them', async () => {
  const { client } = project.test
  for (const name of ['a', 'b']) {
    await project.create(PORT, draft.port(project.at(name), 'net'))
    await waitForReady<Port>(client, PORT, project.at(name))
  }
  await client.remove(SUBNET, project.at('net'))
  const inUse = await waitForCondition(client, SUBNET, project.at('net'), { type: 'Reconciling', reason: 'InUse' })
  expect(inUse).toMatch(/Ports .*\/a, .*\/b: delete these first/)
  await project.create(PORT, draft.port(project.at('late'), 'net'))
  const late = await waitForCondition(client, PORT, project.at('late'), { type: 'Ready', status: 'False' })
  expect(late).toMatch(/Subnet net/)
  await waitForReady<Port>(client, PORT, project.at('a'))
  for (const name of ['a', 'b', 'late']) await project.remove(PORT, name)
  await waitForGone(client, SUBNET, project.at('net'))
  const [, subnet = '-'] = project.uids
  expect((await project.findLeftovers()).filter((line) => line.includes(subnet))).toEqual([])
}, 60_000)
