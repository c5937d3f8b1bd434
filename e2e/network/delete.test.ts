// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, NETWORK, PORT, SUBNET } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import {
  describe as describeObject,
  waitForCondition,
  waitForGone,
  waitForObject,
  waitForReady,
} from '../harness/wait.ts'
import type { Instance, Subnet } from '../../lib/api/types.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('networks')
  await project.createNetwork('net', '10.40.0.0/24')
}, 120_000)
afterAll(() => project.destroy(), 120_000)

test('a second subnet that overlaps says so on its status, and does no harm to the first', async () => {
  const { client } = project.test
  await project.create(SUBNET, draft.subnet(project.at('overlap'), 'net', '10.40.0.128/25'))
  const message = await waitForCondition(client, SUBNET, project.at('overlap'), {
    type: 'Ready',
    status: 'False',
    reason: 'CIDROverlap',
  })
  expect(message).toMatch(/10\.40\.0\.0\/24/)
  await project.remove(SUBNET, 'overlap')
  await waitForReady<Subnet>(client, SUBNET, project.at('net'))
}, 90_000)

test('an address outside of the subnet and a taken MAC are said with their field', async () => {
  const { client } = project.test
  const macAddress = 'fa:16:3e:00:00:01'
  await project.create(PORT, draft.port(project.at('first'), 'net', { macAddress }))
  await waitForObject(client, PORT, project.at('first'), (p) => describeObject(p).includes('Ready'), {
    what: 'a status',
  })
  await project.create(PORT, draft.port(project.at('twin'), 'net', { macAddress }))
  expect(
    await waitForCondition(client, PORT, project.at('twin'), { type: 'Ready', status: 'False', reason: 'MACInUse' }),
  ).toMatch(/macAddress/)
  const outside = { fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress: '10.41.0.9' }] }
  await project.create(PORT, draft.port(project.at('outside'), 'net', outside))
  expect(await waitForCondition(client, PORT, project.at('outside'), { type: 'Stalled' })).toMatch(/ipAddress/)
  for (const name of ['first', 'twin', 'outside']) await project.remove(PORT, name)
}, 120_000)

test('a network in use stays Terminating, says by which ports, and accepts no new ones', async () => {
  const { client } = project.test
  await project.createInstance('user', { runState: 'Stopped', networks: [{ networkRef: { name: 'net' } }] })
  const user = await project.waitActive('user')
  await client.remove(NETWORK, project.at('net'))
  const message = new RegExp(user.status?.addresses?.[0]?.port ?? 'no port')
  await waitForCondition(client, NETWORK, project.at('net'), { type: 'Reconciling', reason: 'InUse', message })

  await project.createInstance('late', { networks: [{ networkRef: { name: 'net' } }] })
  await waitForObject<Instance>(
    client,
    INSTANCE,
    project.at('late'),
    (i) => /net/.test(describeObject(i)) && /delet/i.test(describeObject(i)),
    {
      what: 'refused, since the network is being deleted',
    },
  )
  await project.remove(INSTANCE, 'late')
  await project.remove(INSTANCE, 'user')
  await client.remove(SUBNET, project.at('net'))
  await waitForGone(client, NETWORK, project.at('net'))
}, 120_000)
