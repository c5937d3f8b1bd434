// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { Router } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady } from '../harness/wait.ts'

let project: Project
const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })
beforeAll(async () => {
  project = await Project.create('router-bad', { withImage: false, net: '10.74.0.0/24' })
  await project.createNetwork('wide', '10.74.0.0/16')
  await project.create(ROUTER, draft.router(project.at('r'), legs('net')))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test.each([
  ['a Subnet twice', legs('net', 'net'), 'write each Subnet and each Port once in interfaces'],
  [
    'a next hop of the other family',
    { routes: [{ destination: '10.0.0.0/8', nextHop: 'fd00::1' }] },
    'write a nextHop of the same family as the destination',
  ],
])('%s is refused at once', async (_, spec, message) => {
  await expect(project.create(ROUTER, draft.router(project.at('bad'), spec))).rejects.toThrow(message)
})

test('a range that overlaps, and a next hop that is in none, are said by name, and the rest goes on', async () => {
  const { client } = project.test
  const spec = { ...legs('net', 'wide'), routes: [{ destination: '0.0.0.0/0', nextHop: '192.0.2.1' }] }
  await project.patch(ROUTER, 'r', { spec })
  const want = { type: 'Ready', status: 'False', reason: 'CIDROverlap' }
  const message = await waitForCondition(client, ROUTER, project.at('r'), want)
  expect(message).toMatch(/Subnet wide .*10\.74\.0\.0\/16.* overlaps Subnet net .*10\.74\.0\.0\/24/)
  expect(message).toMatch(/spec\.routes\[0\]\.nextHop 192\.0\.2\.1 is in no Subnet/)
  await project.patch(ROUTER, 'r', { spec: { ...legs('net'), routes: [] } })
  const { status } = await waitForReady<Router>(client, ROUTER, project.at('r'))
  expect(status?.interfaces).toHaveLength(1)
}, 60_000)

test('a Subnet that another Router has is not taken, and is joined once that one is gone', async () => {
  const { client } = project.test
  await project.create(ROUTER, draft.router(project.at('second'), legs('net')))
  const want = { type: 'Ready', status: 'False', reason: 'SubnetInUse' }
  expect(await waitForCondition(client, ROUTER, project.at('second'), want)).toMatch(/joined by Router .*\/r already/)
  await project.remove(ROUTER, 'r')
  await waitForReady(client, ROUTER, project.at('second'))
}, 60_000)

test('a Subnet without a gateway address cannot be joined', async () => {
  const { client } = project.test
  await project.createNetwork('alone', '10.75.0.0/24', { subnet: { disableGateway: true } })
  await waitForObject(client, SUBNET, project.at('alone'), (subnet) => subnet !== undefined, { what: 'there' })
  await project.create(ROUTER, draft.router(project.at('third'), legs('alone')))
  const want = { type: 'Ready', status: 'False', reason: 'SubnetWithoutGateway' }
  expect(await waitForCondition(client, ROUTER, project.at('third'), want)).toContain('without disableGateway')
}, 60_000)
