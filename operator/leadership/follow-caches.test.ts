// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
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
