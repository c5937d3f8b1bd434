// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { LoginBudget } from './login-budget.ts'

test('so many at once, then one after each while; what rests is full again and no fuller', () => {
  let ms = 0
  const budget = new LoginBudget({ burst: 3, everyMs: 1_000, holders: 10 }, () => ms)
  const takes = (count: number) => Array.from({ length: count }, () => Number(budget.take('a'))).join('')
  expect(takes(5)).toBe('11100')
  expect(budget.take('b')).toBe(true)
  ms = 999
  expect(takes(1)).toBe('0')
  ms = 1_000
  expect(takes(2)).toBe('10')
  ms = 3_500
  expect(takes(3)).toBe('110')
  ms = 1e6
  expect(takes(5)).toBe('11100')
})

test('holders are remembered up to a bound, who came last for longest', () => {
  const budget = new LoginBudget({ burst: 1, everyMs: 1e9, holders: 2 }, () => 0)
  for (const holder of ['a', 'b', 'a', 'c']) budget.take(holder)
  expect(['c', 'a', 'b'].map((holder) => budget.take(holder))).toEqual([false, false, true])
})
