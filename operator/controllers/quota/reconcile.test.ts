// SPDX-License-Identifier: Apache-2.0
// What a Quota promises to those who read it.
import { expect, test } from '@jest/globals'
import type { Quota } from '../../../lib/api/types.ts'
import { done } from '../../../lib/outcome.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { quotaReadiness, reconcileQuota } from './reconcile.ts'

const quota = () => stored<Quota>('main', { hard: { cores: 4 } })
const limits = (amount: number) => new Map([['cores', { amount, by: 'Quota ns/main' }]])

function reconciled(used: number, amount = 4) {
  const { deps } = memoryWorld()
  deps.quotas.limit('ns', limits(amount))
  deps.quotas.store('ns', 'a', { cores: used, ports: 1 })
  const it = quota()
  const outcome = reconcileQuota(it, deps)
  return { deps, it, readiness: quotaReadiness(it, { kind: 'outcome', outcome }) }
}

test('it says what there is and what there may be', () => {
  const { it, readiness } = reconciled(3)
  expect(it.status).toEqual({ state: 'ACTIVE', hard: { cores: 4 }, used: { cores: 3, ports: 1 } })
  expect(readiness).toMatchObject({ ready: true, reconciling: false })
  expect(readiness.reason).not.toBe('OverQuota')
})

test('what was promised is told apart, and no longer when it is stored', () => {
  const { it, deps } = reconciled(3)
  deps.quotas.claim('ns', { uid: 'b', kind: 'instance', key: 'ns/b' }, { cores: 1 })
  reconcileQuota(it, deps)
  expect(it.status).toMatchObject({ used: { cores: 3 }, reserved: { cores: 1 } })
  deps.quotas.store('ns', 'b', { cores: 1 })
  expect(reconcileQuota(it, deps)).toBe(done)
  expect(it.status).toEqual({ state: 'ACTIVE', hard: { cores: 4 }, used: { cores: 4, ports: 1 } })
})

test('one that is below what there is is Ready, and says so', () => {
  expect(reconciled(4).readiness.reason).not.toBe('OverQuota')
  expect(reconciled(5).readiness).toMatchObject({
    ready: true,
    reason: 'OverQuota',
    message: expect.stringContaining('5 cores of 4'),
  })
})

test('of members it shows those of the ServerGroup that has most', () => {
  const { it, deps } = reconciled(1)
  deps.quotas.store('ns', 'b', { 'serverGroupMembers.web': 2 })
  deps.quotas.store('ns', 'c', { 'serverGroupMembers.db': 3 })
  reconcileQuota(it, deps)
  expect(it.status?.used).toEqual({ cores: 1, ports: 1, serverGroupMembers: 3 })
})
