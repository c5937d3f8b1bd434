// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { StaleWriterError } from '../../lib/errors.ts'
import type { Fence } from '../../lib/leader/fence.ts'
import { heldFence, heldNetwork } from './hold.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'

const signal = new AbortController().signal

describe('a fence', () => {
  const fence = (isLost: boolean): Fence => ({
    term: 3,
    signal,
    remainingMs: () => (isLost ? 0 : 5000),
    assertLeader() {
      if (isLost) throw new StaleWriterError('lost')
    },
  })
  test.each([
    [false, false, true],
    [true, false, false],
    [false, true, false],
  ])('lost %s, held %s: lets pass %s', (isLost, isHeld, passes) => {
    const held = heldFence(fence(isLost), () => isHeld)
    expect(held).toMatchObject({ term: 3, signal })
    if (passes) held.assertLeader()
    else expect(() => held.assertLeader()).toThrow(StaleWriterError)
  })
})

test('a network backend is read while it is held, and not written', async () => {
  const network = new MemoryNetwork()
  await network.claimTerm(1, 1)
  let isHeld = true
  const held = heldNetwork(network, () => isHeld)
  const want = { kind: 'Network', uid: 'n', namespace: 'ns', name: 'n', generation: 1, mtu: 1442 } as const
  await expect(held.ensure(want, signal)).rejects.toThrow(StaleWriterError)
  await expect(held.remove('Network', 'n', signal)).rejects.toThrow(StaleWriterError)
  expect(await held.listOwned(signal)).toEqual([])
  isHeld = false
  await held.ensure(want, signal)
  expect(await held.listOwned(signal)).toHaveLength(1)
})
