// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PORT, SUBNET } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('subnet', { withImage: false })
  await project.createNetwork('net', '10.65.0.0/24')
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test.each([
  ['host bits', '10.65.1.1/24', {}, /no host bits set/],
  ['no prefix', '10.65.1.0', {}, /CIDR/],
  ['loopback', '127.0.0.0/8', {}, /cannot be used/],
  ['a prefix that holds no machine', '10.65.1.0/31', {}, /prefix length/],
  ['a gateway outside', '10.65.1.0/24', { gatewayIP: '10.65.2.1' }, /gatewayIP inside of cidr/],
  ['a pool outside', '10.65.1.0/24', { allocationPools: [{ start: '10.65.2.1', end: '10.65.2.9' }] }, /inside of cidr/],
])('%s is refused at once', async (_, cidr, spec, message) => {
  await expect(project.create(SUBNET, draft.subnet(project.at('bad'), 'net', cidr, spec))).rejects.toThrow(message)
})

test('its range cannot change', async () => {
  const patch = { spec: { cidr: '10.66.0.0/24' } }
  await expect(project.patch(SUBNET, 'net', patch)).rejects.toThrow('cidr cannot change: make a new Subnet')
})

test('one whose addresses are all given out says so to the next Port, which goes on when one is free', async () => {
  const { client } = project.test
  const pool = { allocationPools: [{ start: '10.68.0.10', end: '10.68.0.11' }] }
  await project.create(SUBNET, draft.subnet(project.at('small'), 'tight', '10.68.0.0/28', pool))
  await project.create(NETWORK, draft.network(project.at('tight')))
  await waitForReady(client, SUBNET, project.at('small'))
  for (const name of ['a', 'b']) {
    await project.create(PORT, draft.port(project.at(name), 'tight'))
    await waitForReady(client, PORT, project.at(name), 20_000)
  }
  await project.create(PORT, draft.port(project.at('c'), 'tight'))
  const message = await waitForCondition(client, PORT, project.at('c'), { type: 'Ready', status: 'False' })
  expect(message).toMatch(/small/)
  await project.remove(PORT, 'a')
  await waitForReady(client, PORT, project.at('c'))
}, 90_000)
