// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { meanOf, parseBusyMs, parseProcessCpuMs, since } from './cpu.ts'

describe('CPU by part', () => {
  test('reads a process whose name has blanks and parentheses', () => {
    const stat = '12 (a) b (c) S 1 12 12 0 -1 4194560 100 200 3 4 250 75 1 2 20 0 1 0 300 1000 50'
    expect(parseProcessCpuMs(stat)).toBe(3250)
  })

  test('reads the busy time of all cores, without what waits and what was stolen', () => {
    expect(parseBusyMs('cpu  1 2 4 1000 2000 8 16 4000 0 0\ncpu0 9 9 9 9 9 9 9 9 0 0\n')).toBe(310)
  })

  test('a part that came in between counts whole; means are over all runs', () => {
    const run = since(new Map([['operator', 100]]), new Map([...[['operator', 130] as const], ['agents', 20]]))
    expect([...run]).toEqual([
      ['operator', 30],
      ['agents', 20],
    ])
    expect(meanOf([run, new Map([['operator', 10]])]).get('operator')).toBe(20)
    expect(meanOf([run, new Map([['operator', 10]])]).get('agents')).toBe(10)
  })
})
