// SPDX-License-Identifier: Apache-2.0
import { expect, jest, test } from '@jest/globals'
import type { ComputeNode } from '../../lib/api/types.ts'
import { guestOverheadMiB } from '../../lib/node-room.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'

test('a node whose machines come, change or go shows a while later what is left', async () => {
  const c = await QuietCloud.furnished()
  const freeOn = (name: string) => (c.operator.get('computeNodes', { name }) as ComputeNode).status?.free
  const settle = async (): Promise<number> => {
    const calls = c.operator.later.splice(0)
    for (const call of calls) call()
    await c.operator.rest()
    return calls.length
  }
  c.vm('vm')
  await c.operator.rest()
  const node = c.nodeOf('vm')
  const before = freeOn(node)!
  expect(before).toEqual({ vcpus: 16, memoryMiB: 4608, diskGiB: 50 })
  // Not at once: a burst would be one write for each machine.
  expect(await settle()).toBe(1)
  const size = { vcpus: 1, memoryMiB: 256 }
  // Guests are emulated there.
  const memoryMiB = before.memoryMiB! - size.memoryMiB - guestOverheadMiB(size, true)
  expect(freeOn(node)).toEqual({ vcpus: before.vcpus! - 1, memoryMiB, diskGiB: before.diskGiB! - 1 })
  // What claims nothing else wakes nothing.
  c.set('instances', 'vm', { metadata: { a: 'b' } })
  await c.operator.rest()
  expect(c.operator.later).toEqual([])
  c.operator.remove('instances', ns('vm'))
  await c.operator.rest()
  expect(await settle()).toBe(1)
  expect(freeOn(node)).toEqual(before)
})

test('a node that comes, is lost, is found again or goes is one step, however many nodes there are', async () => {
  const c = await QuietCloud.furnished()
  const { bus, caches } = c.operator.world.deps
  const list = jest.spyOn(caches.computeNodes, 'list')
  const [expects, forgets] = [jest.spyOn(bus.heartbeats, 'expect'), jest.spyOn(bus.heartbeats, 'forget')]
  const at = { name: 'c9' }
  const lost = (since?: string) => c.set('computeNodes', 'c9', { lost: since === undefined ? undefined : { since } })
  c.operator.create('computeNodes', at, {})
  lost('2026-01-01T00:00:00Z')
  lost()
  c.operator.remove('computeNodes', at)
  expect(expects.mock.calls.map(([nodes]) => [...nodes])).toEqual([['c9'], ['c9']])
  expect(forgets.mock.calls).toEqual([['c9'], ['c9']])
  expect(list).not.toHaveBeenCalled()
})

test('the next leader expects every node but those that are lost, each as the one before knew it', async () => {
  const c = await QuietCloud.furnished()
  c.changeLeader('kept')
  const { clock, bus } = c.operator.world
  const { heartbeats } = bus
  clock.ms += 1_000
  heartbeats.tick()
  expect(heartbeats.health()).toMatchObject({ expected: 3 })
  expect(['c1', 'c2', 's1', 'c9'].map((node) => heartbeats.pulse(node))).toEqual(['up', 'up', 'up', 'unknown'])
})
