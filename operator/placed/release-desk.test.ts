// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode } from '../../lib/api/types.ts'
import { stored } from '../testing/memory-deps.ts'
import { isReleaseOnRecord } from './release-desk.ts'

const recorded = { kind: 'instance' as const, uid: 'u', name: 'vm', epoch: 3 }
const node = stored<ComputeNode>('c1', {}, { status: { releases: [recorded] } })

test.each<[string, object, boolean]>([
  ['that very one', {}, true],
  ['one of an earlier placement', { epoch: 2 }, true],
  ['one of a later placement', { epoch: 4 }, false],
  ['another object’s', { uid: 'other' }, false],
  ['another kind’s', { kind: 'port' }, false],
])('on record: %s', (_, more, is) => {
  expect(isReleaseOnRecord(node, { ...recorded, ...more })).toBe(is)
})

test('a node that is not there, or has none, keeps none', () => {
  expect(isReleaseOnRecord(undefined, recorded)).toBe(false)
  expect(isReleaseOnRecord(stored<ComputeNode>('c1', {}), recorded)).toBe(false)
})
