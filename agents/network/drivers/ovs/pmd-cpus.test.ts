// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parsePmdMask } from './pmd-cpus.ts'

test.each<[string | undefined, number[] | undefined]>([
  ['0x2', [1]],
  ['c', [2, 3]],
  ['0XC0000000000000001', [0, 66, 67]],
  ['0', undefined],
  ['', undefined],
  [undefined, undefined],
  ['0x', undefined],
  ['2,3', undefined],
  ['f'.repeat(2049), undefined],
])('mask %j', (mask, cpus) => expect(parsePmdMask(mask)).toEqual(cpus))
