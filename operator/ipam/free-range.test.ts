// SPDX-License-Identifier: Apache-2.0
// Which range is free: the lowest, aligned, in what the prefixes have together.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { findCidr, overlaps, toText, type Cidr } from './address.ts'
import { chooseFree, isWithin, toCidrs } from './free-range.ts'

const free = (prefixes: string[], taken: string[], length: number) =>
  chooseFree(toCidrs(prefixes), toCidrs(taken), length)

describe('the lowest free range', () => {
  test.each<[string, string[], string[], number, string | undefined]>([
    ['of an empty prefix', ['10.0.0.0/8'], [], 24, '10.0.0.0/24'],
    ['after one that is taken', ['10.0.0.0/8'], ['10.0.0.0/24'], 24, '10.0.1.0/24'],
    ['in a gap', ['10.0.0.0/8'], ['10.0.0.0/24', '10.0.2.0/24'], 24, '10.0.1.0/24'],
    ['aligned, behind a smaller one', ['10.0.0.0/8'], ['10.0.0.0/26'], 24, '10.0.1.0/24'],
    ['in the gap behind a smaller one', ['10.0.0.0/8'], ['10.0.0.0/26'], 26, '10.0.0.64/26'],
    ['behind a larger one', ['10.0.0.0/8'], ['10.0.0.0/16'], 24, '10.1.0.0/24'],
    ['of the lowest prefix, whatever their order', ['10.9.0.0/16', '10.1.0.0/16'], [], 24, '10.1.0.0/24'],
    ['of a prefix that is large enough', ['10.0.0.0/25', '10.1.0.0/16'], [], 24, '10.1.0.0/24'],
    ['of two prefixes that touch', ['10.0.1.0/24', '10.0.0.0/24'], [], 23, '10.0.0.0/23'],
    ['of none, since what touches is not aligned', ['10.0.1.0/24', '10.0.2.0/24'], [], 23, undefined],
    ['of none, when all is taken', ['10.0.0.0/24'], ['10.0.0.0/25', '10.0.0.128/25'], 26, undefined],
    ['of none, when it is larger than the prefix', ['10.0.0.0/24'], [], 23, undefined],
    ['of none, without prefixes', [], [], 24, undefined],
    ['of IPv6', ['fd00::/48'], ['fd00::/64', 'fd00:0:0:1::/64'], 64, 'fd00:0:0:2::/64'],
    ['at the end of all addresses', ['255.255.255.0/24'], ['255.255.255.0/25'], 25, '255.255.255.128/25'],
    ['although something else is taken elsewhere', ['10.0.0.0/24'], ['192.168.0.0/16'], 24, '10.0.0.0/24'],
  ])('%s', (_, prefixes, taken, length, chosen) => {
    expect(free(prefixes, taken, length)).toBe(chosen)
  })

  test('is the first of all that there are, for any prefixes and any that are taken', () => {
    const within = (bits: number) => fc.integer({ min: 0, max: 2 ** (bits - 24) - 1 }).map((i) => blockAt(i, bits))
    const some = (min: number, max: number) => fc.array(fc.integer({ min, max }).chain(within), { maxLength: 6 })
    fc.assert(
      fc.property(some(25, 30), some(25, 30), fc.integer({ min: 24, max: 30 }), (prefixes, taken, length) => {
        const blocks = Array.from({ length: 2 ** (length - 24) }, (_, i) => blockAt(i, length))
        const first = blocks.find((block) => isWithin(block, prefixes) && !taken.some((one) => overlaps(one, block)))
        expect(chooseFree(prefixes, taken, length)).toBe(first && `${toText(4, first.first)}/${length}`)
      }),
    )
  })
})

/** The one with this number among the ranges of this length in 10.0.0.0/24. */
function blockAt(index: number, length: number): Cidr {
  const value = 0x0a000000n + (BigInt(index) << BigInt(32 - length))
  const cidr = findCidr(`${toText(4, value)}/${length}`)
  if (!cidr) throw new Error('no range')
  return cidr
}
