// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE } from '../../lib/api/kinds.ts'
import { connectAsOperator } from '../harness/bus-recorder.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitUntilTrue } from '../harness/wait.ts'
import { createLogger } from '../../lib/log.ts'
import { JetStreamBus } from '../../operator/bus/jetstream-bus.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('wiped')
  await project.createNetwork('net', '10.80.0.0/24')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('NATS that lost everything deletes nothing and changes nothing, and the cloud goes on', async () => {
  const { client, cloud } = project.test
  const networks = [{ networkRef: { name: 'net' } }]
  await project.createInstance('steady', { networks })
  await project.createInstance('leaving', { networks })
  const before = await project.waitActive('steady')
  await project.waitActive('leaving')
  const boot = await project.waitForMark('steady', 'login')
  await project.rememberPorts()

  // One that is being deleted and one that is being built, whose documents go down with it.
  await client.remove(INSTANCE, project.at('leaving'))
  await project.createInstance('coming', { networks })
  const pid = cloud.findProcess('nats')?.pid
  await cloud.wipeNats()
  expect(cloud.findProcess('nats')?.pid).not.toBe(pid)
  await waitForGone(client, INSTANCE, project.at('leaving'))
  await project.waitActive('coming')

  // Made again from the resources alone: what the node of the steady machine was told, and what it said.
  const { uid } = before.metadata
  const nc = await connectAsOperator(project.test, 'e2e-wiped')
  const bus = new JetStreamBus({ nc, writer: () => undefined, log: createLogger('e2e', 'silent') })
  try {
    await bus.ready(AbortSignal.timeout(10_000))
    const node = before.status?.node ?? ''
    await waitUntilTrue('the document again', () => bus.desired.find(node, 'instance', uid))
    await waitUntilTrue('the report of the node again', () => bus.observed.find('instance', uid, node))
  } finally {
    await bus.close()
    await nc.close()
  }
  const after = await project.get('steady')
  expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion)
  const now = await project.waitForMark('steady', 'login')
  expect(now[0]?.rest).toBe(boot[0]?.rest)
}, 240_000)
