// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { findCondition, isConditionTrue, setCondition, setReadiness, type Condition } from './conditions.ts'

const t0 = new Date('2026-01-01T00:00:00.123Z')
const t1 = new Date('2026-01-01T00:01:00Z')
const ready = (status: 'True' | 'False', reason = 'Because') => ({ type: 'Ready', status, reason, message: 'text' })

describe('setCondition', () => {
  test('moves the transition time only when the status flips', () => {
    const first = setCondition(undefined, ready('False'), 1, t0)
    const same = setCondition(first, ready('False', 'Other'), 2, t1)
    const flipped = setCondition(same, ready('True'), 2, t1)
    expect([first, same, flipped].map((c) => c[0]?.lastTransitionTime)).toEqual([
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:01:00Z',
    ])
    expect(same[0]).toMatchObject({ reason: 'Other', observedGeneration: 2 })
  })

  test('keeps the order and the other conditions', () => {
    const list = ['A', 'B', 'C'].map((type): Condition => ({ ...ready('True'), type, lastTransitionTime: 'x' }))
    expect(setCondition(list, { ...ready('False'), type: 'B' }, 1, t0).map((c) => c.type)).toEqual(['A', 'B', 'C'])
    expect(list[1]?.status).toBe('True')
  })

  test('cuts a message that would not fit', () => {
    const [condition] = setCondition(undefined, { ...ready('True'), message: 'x'.repeat(5000) }, 1, t0)
    expect(condition?.message).toHaveLength(1024)
  })
})

describe('setReadiness', () => {
  test('shows Reconciling and Stalled only while they are true', () => {
    const base = { reason: 'R', message: 'm' }
    const busy = setReadiness(undefined, { ...base, ready: false, reconciling: true, stalled: false }, 1, t0)
    expect(busy.map((c) => `${c.type}=${c.status}`)).toEqual(['Ready=False', 'Reconciling=True'])
    const stuck = setReadiness(busy, { ...base, ready: false, reconciling: false, stalled: true }, 1, t0)
    expect(stuck.map((c) => `${c.type}=${c.status}`)).toEqual(['Ready=False', 'Stalled=True'])
    const fine = setReadiness(stuck, { ...base, ready: true, reconciling: false, stalled: false }, 1, t0)
    expect(fine.map((c) => `${c.type}=${c.status}`)).toEqual(['Ready=True'])
    expect(isConditionTrue(fine, 'Ready')).toBe(true)
    expect(findCondition(fine, 'Stalled')).toBeUndefined()
  })
})
