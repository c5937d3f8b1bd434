// SPDX-License-Identifier: Apache-2.0
// What a FloatingIP promises.
import { expect, test } from '@jest/globals'
import type { FloatingIP } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileFloatingIP } from './reconcile.ts'

const floatingIP = (more: object = {}) => stored<FloatingIP>('x', { networkRef: { name: 'public' } }, more)

test('it goes when nothing holds it up', () => {
  const going = floatingIP({ deleted: true })
  expect(reconcileFloatingIP(going, memoryWorld().deps)).toEqual({ kind: 'released' })
  expect(going.status).toEqual({ state: 'DELETING' })
})

test('what it promises is done', () => {
  const made = floatingIP()
  reconcileFloatingIP(made, memoryWorld().deps)
  expect(
    `${made.status?.state}: write in operator/controllers/floating-ip/reconcile.test.ts what is there by now`,
  ).toBe('done')
})
