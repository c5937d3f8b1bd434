// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatCpuList, parseCpuList } from './cpu-list.ts'

test.each<[string, number[]]>([
  ['0-3,8,10-11\n', [0, 1, 2, 3, 8, 10, 11]],
  ['7', [7]],
  ['3,1-2,2', [1, 2, 3]],
  ['', []],
  ['5-3', []],
  ['-1,x,2-', []],
  ['8190-99999999', [8190, 8191]],
])('cpu list %j', (text, cpus) => expect(parseCpuList(text)).toEqual(cpus))

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(300)), (cpus) => {
      expect(parseCpuList(formatCpuList(cpus))).toEqual(cpus.toSorted((a, b) => a - b))
    }),
  )
  expect(formatCpuList([4, 3, 0, 1, 3])).toBe('0-1,3-4')
})
