// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady } from '../harness/wait.ts'

const NODE = 'compute-1'

let project: Project
beforeAll(async () => {
  project = await Project.create('away')
}, 120_000)
afterAll(async () => {
  await project.test.cloud.startDaemon(NODE, 'agent')
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

test('an agent that was away catches up with what was changed, deleted and made meanwhile', async () => {
  const { client, cloud } = project.test
  const zone = { availabilityZone: 'zone-a' }
  for (const name of ['stop', 'delete', 'keep']) await project.createInstance(name, zone)
  const [, , keep] = await Promise.all(['stop', 'delete', 'keep'].map((name) => project.waitActive(name)))
  const boot = (await project.waitForMark('keep', 'boot'))[0]?.rest

  await cloud.stopDaemon(NODE, 'agent')
  await waitForCondition(client, COMPUTE_NODE, { name: NODE }, { type: 'Ready', status: 'False' }, 90_000)
  await project.patch(INSTANCE, 'stop', { spec: { runState: 'Stopped' } })
  await client.remove(INSTANCE, project.at('delete'))
  await project.createInstance('new', zone)
  const wayOut = { type: 'Reconciling', reason: 'NodeSilent', message: /spec\.lost/ }
  expect(await waitForCondition(client, INSTANCE, project.at('delete'), wayOut)).toContain(NODE)
  await waitForCondition(client, INSTANCE, project.at('new'), { type: 'Scheduled', status: 'False' })
  // What runs, runs on without its agent.
  const domains = await cloud.exec(NODE, ['virsh', 'list', '--uuid'])
  expect(domains.stdout).toContain(keep?.metadata.uid)

  await cloud.startDaemon(NODE, 'agent')
  await waitForObject<Instance>(client, INSTANCE, project.at('stop'), (i) => i?.status?.state === 'SHUTOFF', {
    what: 'SHUTOFF',
    timeoutMs: 120_000,
  })
  await waitForGone(client, INSTANCE, project.at('delete'))
  await project.waitActive('new')
  await waitForReady(client, COMPUTE_NODE, { name: NODE })
  expect((await project.waitForMark('keep', 'boot'))[0]?.rest).toBe(boot)
  const after = await project.waitActive('keep')
  expect(after.status?.startedAt).toBe(keep?.status?.startedAt)
}, 300_000)
