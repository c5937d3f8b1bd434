// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Volume } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { done } from '../../../lib/outcome.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { guarded } from './definition.ts'
import { headerOf } from '../../placed/document-header.ts'

const volume = (state?: 'available') =>
  stored<Volume>('data', { sizeGiB: 1 }, state ? { status: { state, node: 's1' } } : {})

describe('around every reconcile', () => {
  test('nothing happens while the store may have gone back, and nothing is said of it on the object', async () => {
    const w = memoryWorld()
    w.deps.regression.backendRefused('OVN is claimed by a newer term')
    let runs = 0
    const run = guarded<Volume>(w.deps, async () => (runs++, done), 'error')
    const v = volume('available')
    await expect(run(v, w.run)).rejects.toThrow('the store may have gone back in time')
    expect([runs, v.status?.state]).toEqual([0, 'available'])
    w.deps.regression.backendRefused(undefined)
    expect(await run(v, w.run)).toBe(done)
    expect(runs).toBe(1)
  })
  test.each([
    ['terminal', new TerminalError('Refused', 'm'), 'error' as const, 'error'],
    ['terminal, of a kind without a word for it', new TerminalError('Refused', 'm'), undefined, 'available'],
    ['not terminal', new Error('m'), 'error' as const, 'available'],
  ])('a failure that is %s', async (_, error, word, state) => {
    const w = memoryWorld()
    const run = guarded<Volume>(w.deps, () => Promise.reject(error), word)
    const v = volume('available')
    await expect(run(v, w.run)).rejects.toBe(error)
    expect(v.status).toEqual({ state, node: 's1' })
  })
})

test('the head of a document has a namespace only where its kind has one', () => {
  const writer = { incarnation: 2, term: 3 }
  const { metadata, spec } = volume()
  const versions = { incarnation: 2, term: 3, epoch: 4, generation: 1 }
  const head = { v: 1, uid: 'uid-data', node: 's1', name: 'data', versions }
  expect(headerOf({ metadata, spec }, 's1', 4, writer)).toStrictEqual({ ...head, namespace: 'ns' })
  const { name, uid, resourceVersion } = metadata
  expect(headerOf({ metadata: { name, uid, resourceVersion } }, 's1', 4, writer)).toStrictEqual({
    ...head,
    versions: { ...versions, generation: 0 },
  })
})
