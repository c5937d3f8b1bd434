// SPDX-License-Identifier: Apache-2.0
// What a ProviderNetwork promises.
import { expect, test } from '@jest/globals'
import type { ProviderNetwork } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileProviderNetwork } from './reconcile.ts'

const providerNetwork = (more: object = {}) =>
  stored<ProviderNetwork>('x', { type: 'flat' }, { namespace: '', ...more })

test('it goes when nothing holds it up', () => {
  const going = providerNetwork({ deleted: true })
  expect(reconcileProviderNetwork(going, memoryWorld().deps)).toEqual({ kind: 'released' })
  expect(going.status).toEqual({ state: 'DELETING' })
})

test('what it promises is done', () => {
  const made = providerNetwork()
  reconcileProviderNetwork(made, memoryWorld().deps)
  expect(
    `${made.status?.state}: write in operator/controllers/provider-network/reconcile.test.ts what is there by now`,
  ).toBe('done')
})
