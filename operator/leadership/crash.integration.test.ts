// SPDX-License-Identifier: Apache-2.0
// The leader dies at each of its writes, before it is sent and after it took effect; the next one must reach the same end.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as kinds from '../../lib/api/kinds.ts'
import type { IPClaim, Port } from '../../lib/api/types.ts'
import {
  applyProject,
  at,
  createMachine,
  ensureNodes,
  isGone,
  isReady,
  PROJECT,
  removeAndWait,
  untilFurnished,
  untilReady,
} from '../testing/furnish.ts'
import { crashingClient, type CrashPoint } from '../testing/crashing-client.ts'
import { TestCloud, type RunningOperator } from '../testing/test-cloud.ts'

let cloud: TestCloud

beforeAll(async () => {
  cloud = await TestCloud.start()
  const operator = await cloud.startOperator()
  await ensureNodes(cloud)
  await applyProject(cloud)
  await untilFurnished(cloud)
  // The namespace's default group and the Cloud are there before anything is counted.
  await createMachine(cloud, 'warm')
  await untilReady(cloud, 'warm')
  await removeAndWait(cloud, kinds.INSTANCE, 'warm')
  await operator.stop()
}, 120_000)

afterAll(() => cloud.stop(), 60_000)

/** Fewer writes are neither a machine made nor one removed: at the first of these the leader has to die. */
const LEAST_WRITES = 3

/** One leader that dies at the point (if it gets there), while `work` is under way; then one that lives. */
async function withCrash(point: CrashPoint, work: () => Promise<unknown>, end: () => Promise<unknown>): Promise<void> {
  const crash = Promise.withResolvers<undefined>()
  let isDead = false
  const first = await cloud.startOperator((client, kill) =>
    crashingClient(client, point, () => {
      kill()
      isDead = true
      crash.resolve(undefined)
    }),
  )
  await work()
  await Promise.race([crash.promise, end().catch(() => undefined)])
  await first.kill()
  // One that lived to the end shows nothing: it had fewer writes to make than the point counts.
  if (point.write <= LEAST_WRITES) expect(isDead).toBe(true)
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
        () => createMachine(cloud, name),
        () => cloud.until(kinds.INSTANCE, at(name), isReady),
      )
      const { ports, claims } = await holdings()
      expect(ports.length).toBe(1)
      expect(claims.flatMap((c) => c.spec.claims.map((e) => e.address))).toEqual([
        ports[0]?.spec.fixedIPs?.[0]?.ipAddress,
      ])
      expect(running()).toBe(1)
      const operator = await cloud.startOperator()
      await removeAndWait(cloud, kinds.INSTANCE, name)
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
      await createMachine(cloud, name)
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
    cloud.client.list<Port>(kinds.PORT, { namespace: PROJECT }),
    cloud.client.list<IPClaim>(kinds.IP_CLAIM, { namespace: PROJECT }),
  ])
  return { ports, claims }
}

function running(): number {
  return [...cloud.nodes.values()].reduce((sum, node) => sum + node.instances.size, 0)
}

async function expectNothing(): Promise<void> {
  const { ports, claims } = await holdings()
  expect({ ports: ports.length, claims: claims.length, machines: running(), rows: cloud.rows.of('Port').size }).toEqual(
    {
      ports: 0,
      claims: 0,
      machines: 0,
      rows: 0,
    },
  )
  expect([...cloud.nodes.values()].every((node) => node.isEmpty)).toBe(true)
}
