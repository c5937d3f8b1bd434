// SPDX-License-Identifier: Apache-2.0
// The leader dies at each of its writes, before it is sent and after it took effect; the next one must reach the same end.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as kinds from '../lib/api/kinds.ts'
import type { ComputeNode, Image, Instance, IPClaim, Network, Port } from '../lib/api/types.ts'
import { isConditionTrue } from '../lib/conditions.ts'
import type { KubeObject } from '../lib/kube/object.ts'
import { crashingClient, type CrashPoint } from './testing/crashing-client.ts'
import { TestCloud, type RunningOperator } from './testing/test-cloud.ts'

const NS = 'team'
const at = (name: string) => ({ namespace: NS, name })
const isReady = (object: KubeObject | undefined) =>
  isConditionTrue((object?.status as Instance['status'])?.conditions, 'Ready')
const isGone = (object: KubeObject | undefined) => object === undefined

let cloud: TestCloud

beforeAll(async () => {
  cloud = await TestCloud.start()
  const operator = await cloud.startOperator()
  await cloud.create(kinds.NAMESPACE, { metadata: { name: NS } })
  await cloud.addNode('net', { 'nephele.dev/image': 'true' })
  await cloud.addNode('c1', { 'nephele.dev/compute': 'fake' })
  await cloud.addNode('c2', { 'nephele.dev/compute': 'fake' })
  for (const name of cloud.nodes.keys()) await cloud.until<ComputeNode>(kinds.COMPUTE_NODE, { name }, isReady)
  await cloud.create(kinds.FLAVOR, { metadata: { name: 'small' }, spec: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 } })
  await cloud.create(kinds.IMAGE, {
    metadata: at('guest'),
    spec: { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' },
  })
  await cloud.create(kinds.NETWORK, { metadata: at('lan'), spec: {} })
  await cloud.create(kinds.SUBNET, {
    metadata: at('lan-v4'),
    spec: { networkRef: { name: 'lan' }, cidr: '10.9.0.0/24' },
  })
  await cloud.until<Image>(kinds.IMAGE, at('guest'), isReady)
  await cloud.until<Network>(kinds.NETWORK, at('lan'), isReady)
  // The namespace's default group and the Cloud are there before anything is counted.
  await createMachine('warm')
  await cloud.until(kinds.INSTANCE, at('warm'), isReady)
  await removeMachine('warm')
  await operator.stop()
}, 120_000)

afterAll(() => cloud.stop(), 60_000)

const createMachine = (name: string) =>
  cloud.create<Instance>(kinds.INSTANCE, {
    metadata: at(name),
    spec: { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks: [{ networkRef: { name: 'lan' } }] },
  })

async function removeMachine(name: string): Promise<void> {
  await cloud.client.remove(kinds.INSTANCE, at(name))
  await cloud.until(kinds.INSTANCE, at(name), isGone)
}

/** One leader that dies at the point (if it gets there), while `work` is under way; then one that lives. */
async function withCrash(point: CrashPoint, work: () => Promise<unknown>, end: () => Promise<unknown>): Promise<void> {
  const crash = Promise.withResolvers<undefined>()
  const first = await cloud.startOperator((client, kill) =>
    crashingClient(client, point, () => {
      kill()
      crash.resolve(undefined)
    }),
  )
  await work()
  await Promise.race([crash.promise, end().catch(() => undefined)])
  await first.kill()
  const second: RunningOperator = await cloud.startOperator()
  await end()
  await second.stop()
}

const POINTS: CrashPoint[] = [1, 2, 3, 4, 5, 6, 7].flatMap((write) => [
  { write, when: 'before' as const },
  { write, when: 'after' as const },
])

describe('the leader dies at a write', () => {
  test.each(POINTS)(
    'while a machine is made: $when write $write',
    async (point) => {
      const name = `m${point.write}${point.when}`
      await withCrash(
        point,
        () => createMachine(name),
        () => cloud.until(kinds.INSTANCE, at(name), isReady),
      )
      const { ports, claims } = await holdings()
      expect(ports.length).toBe(1)
      expect(claims.flatMap((c) => c.spec.claims.map((e) => e.address))).toEqual([
        ports[0]?.spec.fixedIPs?.[0]?.ipAddress,
      ])
      expect(running()).toBe(1)
      const operator = await cloud.startOperator()
      await removeMachine(name)
      await expectNothing()
      await operator.stop()
    },
    60_000,
  )

  test.each(POINTS.slice(0, 10))(
    'while a machine is removed: $when write $write',
    async (point) => {
      const name = `d${point.write}${point.when}`
      const operator = await cloud.startOperator()
      await createMachine(name)
      await cloud.until(kinds.INSTANCE, at(name), isReady)
      await operator.stop()
      await withCrash(
        point,
        () => cloud.client.remove(kinds.INSTANCE, at(name)),
        () => cloud.until(kinds.INSTANCE, at(name), isGone),
      )
      await expectNothing()
    },
    60_000,
  )
})

async function holdings(): Promise<{ ports: Port[]; claims: IPClaim[] }> {
  const [ports, claims] = await Promise.all([
    cloud.client.list<Port>(kinds.PORT, { namespace: NS }),
    cloud.client.list<IPClaim>(kinds.IP_CLAIM, { namespace: NS }),
  ])
  return { ports, claims }
}

function running(): number {
  return [...cloud.nodes.values()].reduce((sum, node) => sum + node.instances.size, 0)
}

async function expectNothing(): Promise<void> {
  const { ports, claims } = await holdings()
  expect({ ports: ports.length, claims: claims.length, machines: running(), rows: cloud.rows.ports.size }).toEqual({
    ports: 0,
    claims: 0,
    machines: 0,
    rows: 0,
  })
  expect([...cloud.nodes.values()].every((node) => node.isEmpty)).toBe(true)
}
