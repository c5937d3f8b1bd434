// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { KubeObject } from '../kube/object.ts'
import { firstLookPriority } from './first-look.ts'

const object = (metadata: object, status?: object) =>
  ({ metadata: { name: 'a', uid: 'u', resourceVersion: '1', ...metadata }, status }) as KubeObject

test.each([
  ['never seen', object({ generation: 1 }), true, true],
  ['as it was seen', object({ generation: 2 }, { observedGeneration: 2 }), true, false],
  ['changed since', object({ generation: 3 }, { observedGeneration: 2 }), true, true],
  ['deleted since', object({ generation: 2, deletionTimestamp: 't' }, { observedGeneration: 2 }), true, true],
  ['of a kind without status', object({ generation: 1 }), false, false],
  ['deleted, of a kind without status', object({ generation: 1, deletionTimestamp: 't' }), false, true],
])('%s', (_, o, hasStatus, isFirst) => {
  expect(firstLookPriority(o, hasStatus) === 0).toBe(isFirst)
})
