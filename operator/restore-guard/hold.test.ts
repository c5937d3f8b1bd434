// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { StaleWriterError } from '../../lib/errors.ts'
import { heldNetwork } from './hold.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'

const signal = new AbortController().signal

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
