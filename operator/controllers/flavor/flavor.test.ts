// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Flavor } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileFlavor } from './reconcile.ts'

test.each([
  [false, 'done', 'ACTIVE'],
  [true, 'released', 'DELETING'],
])('deleted: %s: %s', (deleted, kind, state) => {
  const flavor = stored<Flavor>('small', { vcpus: 1, memoryMiB: 64 }, { namespace: '', deleted })
  expect(reconcileFlavor(flavor, memoryWorld().deps)).toEqual({ kind })
  expect(flavor.status?.state).toBe(state)
})
