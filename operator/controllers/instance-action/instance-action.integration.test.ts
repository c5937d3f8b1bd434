// SPDX-License-Identifier: Apache-2.0
// What is done to a machine, on a real etcd, kube-apiserver and NATS: who listens hears its start and its end once each, whichever operator
// leads; and a silent node holds up nothing for long. What nodes do is fake.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import * as kinds from '../../../lib/api/kinds.ts'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { notificationsOf } from '../../../lib/contract/subjects.ts'
import { until } from '../../../lib/time/until.ts'
import {
  applyProject,
  at,
  createMachine,
  ensureNodes,
  PROJECT,
  untilFurnished,
  untilReady,
} from '../../testing/furnish.ts'
import { TestCloud, type RunningOperator } from '../../testing/test-cloud.ts'

let cloud: TestCloud
let operator: RunningOperator
let machine: Instance
/** Notifications about actions, in order. */
const heard: { eventType: string; name: string; uid: string; payload: { action?: { name: string } } }[] = []

beforeAll(async () => {
  cloud = await TestCloud.start(0)
  operator = await cloud.startOperator()
  await ensureNodes(cloud)
  await applyProject(cloud)
  await untilFurnished(cloud)
  await createMachine(cloud, 'vm')
  machine = await untilReady(cloud, 'vm')
  const subscriber = await cloud.connectSubscriber()
  const callback = (error: Error | null, message: { string: () => string }) => {
    if (error) throw error
    heard.push(JSON.parse(message.string()) as (typeof heard)[number])
  }
  subscriber.subscribe(notificationsOf(PROJECT), { callback })
  await subscriber.flush()
}, 120_000)
afterAll(() => cloud?.stop(), 60_000)

const make = (name: string, more: object = {}) =>
  cloud.create<InstanceAction>(kinds.INSTANCE_ACTION, {
    metadata: at(name),
    spec: { instanceRef: { name: 'vm' }, type: 'Reset', ...more },
  })
const inState = (name: string, state: string, timeoutMs?: number) =>
  cloud.until<InstanceAction>(kinds.INSTANCE_ACTION, at(name), (a) => a?.status?.state === state, timeoutMs)
const heardOf = (name: string) => heard.filter(({ payload }) => payload.action?.name === name)
async function typesOf(name: string, count: number): Promise<string[]> {
  await until(() => heardOf(name).length >= count, `${count} notifications`, 10_000)
  return heardOf(name).map(({ eventType }) => eventType)
}
const nodeOfMachine = () => cloud.nodes.get(machine.status?.node ?? '')!

test('its start and its end are heard once each, about the machine', async () => {
  const action = await make('once', { requestedBy: 'admin' })
  await inState('once', 'Succeeded')
  expect(await typesOf('once', 2)).toEqual(['instance.reset.start', 'instance.reset.end'])
  const { name, uid, payload } = heardOf('once')[1]!
  expect([name, uid]).toEqual(['vm', machine.metadata.uid])
  expect(payload).toMatchObject({
    node: machine.status?.node,
    action: { name: 'once', uid: action.metadata.uid, type: 'Reset', requestedBy: 'admin' },
  })
  expect(nodeOfMachine().acted).toEqual([action.metadata.uid])
}, 60_000)

test('while a node is silent: its action ends in time, the next one is done, and not the first', async () => {
  const node = nodeOfMachine()
  const before = node.acted.length
  await cloud.stopAgent(node.name)
  await make('unheard', { activeDeadlineSeconds: 10 })
  await inState('unheard', 'Running')
  const ended = await inState('unheard', 'Failed', 30_000)
  expect(findCondition(ended?.status?.conditions, 'Ready')?.reason).toBe('OutcomeUnknown')
  expect(await typesOf('unheard', 2)).toEqual(['instance.reset.start', 'instance.reset.error'])
  const next = await make('next')
  await cloud.startAgent(node.name)
  await inState('next', 'Succeeded', 60_000)
  expect(node.acted.slice(before)).toEqual([next.metadata.uid])
}, 120_000)

test('another operator leads meanwhile: no start is heard twice, and an end at most once', async () => {
  const node = nodeOfMachine()
  await cloud.stopAgent(node.name)
  const action = await make('handed-over')
  await inState('handed-over', 'Running')
  expect(await typesOf('handed-over', 1)).toEqual(['instance.reset.start'])
  await operator.kill()
  operator = await cloud.startOperator()
  await cloud.startAgent(node.name)
  await inState('handed-over', 'Succeeded', 60_000)
  expect(await typesOf('handed-over', 2)).toEqual(['instance.reset.start', 'instance.reset.end'])
  expect(node.acted.at(-1)).toBe(action.metadata.uid)
}, 120_000)
