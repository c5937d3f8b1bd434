// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { StoragePool, VolumeType } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileVolumeType } from './reconcile.ts'

test.each([
  ['create', ['files'], { kind: 'done' }, 'ACTIVE'],
  [
    'dependency: the pool is missing and named',
    ['other'],
    { kind: 'wait', reason: 'StoragePoolNotFound', message: expect.stringContaining('StoragePool files') },
    'ERROR',
  ],
])('%s', (_, pools, outcome, state) => {
  const w = memoryWorld()
  for (const name of pools) w.put('storagePools', stored<StoragePool>(name, { driver: 'file' }, { namespace: '' }))
  const type = stored<VolumeType>('standard', { storagePoolRef: { name: 'files' } }, { namespace: '' })
  expect(reconcileVolumeType(type, w.deps)).toMatchObject(outcome)
  expect(type.status?.state).toBe(state)
})
