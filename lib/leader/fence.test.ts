// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { StaleWriterError } from '../errors.ts'
import { heldFence, type Fence } from './fence.ts'

const signal = new AbortController().signal

describe('a fence that something holds', () => {
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
