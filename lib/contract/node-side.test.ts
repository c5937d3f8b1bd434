// SPDX-License-Identifier: Apache-2.0
// What operator and agent each compute for themselves must come out the same for ever: rows and interfaces of running clouds have it.
import { expect, test } from '@jest/globals'
import { firstOf, text } from './bounds.ts'
import { z } from 'zod'
import { METADATA_ADDRESS, announcerMac, announcerName, metadataMac, metadataPortName } from './metadata-port.ts'
import { NBD_PORTS, isNbdPort } from './nbd-ports.ts'

test('the metadata port of a network, and the one that announces a subnet', () => {
  const uid = 'aaaaaaaa-0000-4000-8000-000000000001'
  expect(METADATA_ADDRESS).toBe('169.254.169.254')
  expect(metadataPortName(uid)).toBe(`metadata-${uid}`)
  expect(announcerName(uid)).toBe(`announcer-${uid}`)
  expect(metadataMac(uid)).toBe('2e:f8:ec:07:e3:44')
  expect(announcerMac(uid)).toBe('2e:6a:c4:43:36:bb')
})

test.each([
  [10899, false],
  [10900, true],
  [12899, true],
  [12900, false],
  [10900.5, false],
  [NaN, false],
])('a volume is served at port %d: %s', (port, expected) => {
  expect(isNbdPort(port)).toBe(expected)
  expect(NBD_PORTS).toEqual({ first: 10900, last: 12899 })
})

test('what is too long is cut to the limit, and what fits is left as it is', () => {
  expect(['', 'abc', 'abcd', 'abcdef'].map((said) => text(3).parse(said))).toEqual(['', 'abc', 'abc', 'abc'])
  const list = firstOf(z.int(), 2)
  expect([[], [1, 2], [1, 2, 3]].map((said) => list.parse(said))).toEqual([[], [1, 2], [1, 2]])
  expect(list.safeParse([1, 2, 'x']).success).toBe(false)
})
