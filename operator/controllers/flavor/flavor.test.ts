// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Flavor, Instance } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileFlavor } from './reconcile.ts'

const flavor = (deleted: boolean) => stored<Flavor>('small', { vcpus: 1, memoryMiB: 64 }, { namespace: '', deleted })
const machine = (name: string, flavorName: string, placed: boolean) =>
  stored<Instance>(
    name,
    { flavorRef: { name: flavorName }, imageRef: { name: 'i' } },
    { status: placed ? { node: 'c1', flavor: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 } } : {} },
  )

test.each([
  ['create', false, [], { kind: 'done' }, 'ACTIVE'],
  ['delete: nobody uses it', true, [], { kind: 'released' }, 'DELETING'],
  ['delete: placed machines keep their size', true, [machine('a', 'small', true)], { kind: 'released' }, 'DELETING'],
  ['delete: machines of another', true, [machine('a', 'large', false)], { kind: 'released' }, 'DELETING'],
  [
    'delete: machines to be placed are named',
    true,
    [machine('a', 'small', true), machine('b', 'small', false)],
    { kind: 'wait', reason: 'InUse', message: expect.stringMatching(/Instance ns\/b$/) },
    'DELETING',
  ],
])('%s', (_, deleted, machines, outcome, state) => {
  const w = memoryWorld()
  for (const m of machines) w.put('instances', m)
  const f = flavor(deleted)
  expect(reconcileFlavor(f, w.deps)).toMatchObject(outcome)
  expect(f.status?.state).toBe(state)
})
