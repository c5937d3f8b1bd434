// SPDX-License-Identifier: Apache-2.0
import { describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { findAddress, findCidr, overlaps, toText } from './address.ts'
import { blockOf } from './claim-block.ts'
import { FreeAddresses } from './free-addresses.ts'
import { announcerMac, metadataMac } from '../../lib/contract/metadata-port.ts'
import { chooseMac, generateMac, findReservedUse } from './mac.ts'
import { SubnetArrivals } from './subnet-arrivals.ts'
import { checkRequested, findOverlap, planSubnet, type SubnetRank } from './subnet-plan.ts'

describe('addresses', () => {
  test.each(['10.0.0.1', '0.0.0.0', '255.255.255.255', 'fd00::1', '::', '2001:db8::8a2e:370:7334'])(
    '%s there and back',
    (text) => {
      const { version, value } = findAddress(text)!
      expect(toText(version, value)).toBe(text)
    },
  )
  test.each([
    '10.0.0',
    '010.0.0.1',
    '0x7f.1',
    '10.0.0.256',
    '10.0.0.1/24',
    '',
    ' 10.0.0.1',
    'fe80::1%eth0',
    '1',
    ':',
    '::ffff:1.2.3.4.5',
  ])('%j is no address', (text) => expect(findAddress(text)).toBeUndefined())
  test.each([
    '10.0.0.1/24',
    '10.0.0.0',
    '10.0.0.0/',
    '/24',
    '0.0.0.0/33',
    '::/129',
    '0.0.0.0/-1',
    '0.0.0.0/1e1',
    '10.0.0.0/24/1',
    'fd00::1/64',
  ])('%s is no network', (text) => expect(findCidr(text)).toBeUndefined())
  test.each([
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255', 0],
    ['10.0.0.128/25', '10.0.0.128', '10.0.0.255', 25],
    ['10.0.0.1/32', '10.0.0.1', '10.0.0.1', 32],
    ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 0],
    ['fd00::/127', 'fd00::', 'fd00::1', 127],
    ['fd00::1/128', 'fd00::1', 'fd00::1', 128],
  ])('%s goes from %s to %s', (text, first, last, prefixLength) => {
    const cidr = findCidr(text)!
    expect([toText(cidr.version, cidr.first), toText(cidr.version, cidr.last)]).toEqual([first, last])
    expect(cidr.prefixLength).toBe(prefixLength)
  })
  test.each([
    ['10.0.0.0/24', '10.0.0.0/32', true],
    ['10.0.0.0/24', '10.0.0.255/32', true],
    ['10.0.0.0/24', '10.0.0.0/8', true],
    ['10.0.0.0/25', '10.0.0.128/25', false],
    ['10.0.0.0/24', '10.0.2.0/24', false],
    // The same number in two versions.
    ['10.0.0.0/8', '::/64', false],
  ])('%s and %s: one in the other is %s', (a, b, isOne) => {
    const [one, two] = [findCidr(a)!, findCidr(b)!]
    expect([overlaps(one, two), overlaps(two, one)]).toEqual([isOne, isOne])
  })
})

describe('planSubnet', () => {
  test.each([
    ['10.0.0.0/24', {}, '10.0.0.1', ['10.0.0.0', '10.0.0.255', '10.0.0.1']],
    ['10.0.0.0/24', { gatewayIP: '10.0.0.254' }, '10.0.0.254', ['10.0.0.0', '10.0.0.255', '10.0.0.254']],
    ['10.0.0.0/24', { disableGateway: true }, undefined, ['10.0.0.0', '10.0.0.255']],
    ['10.0.0.0/31', {}, '10.0.0.0', ['10.0.0.0']],
    ['fd00::/64', {}, 'fd00::1', ['fd00::', 'fd00::1']],
  ])('%s %j: gateway %s', (cidr, over, gateway, reserved) => {
    const plan = planSubnet({ cidr, ...over })
    expect(plan.gatewayIP).toBe(gateway)
    expect([...plan.reserved].map((v) => toText(plan.cidr.version, v))).toEqual(reserved)
  })
  test.each([
    [{ cidr: 'x' }, 'InvalidCIDR', 'spec.cidr'],
    [{ cidr: '10.0.0.0/24', gatewayIP: '10.0.1.1' }, 'AddressOutsideSubnet', 'spec.gatewayIP'],
    [{ cidr: '10.0.0.0/24', gatewayIP: 'fd00::1' }, 'AddressOutsideSubnet', 'spec.gatewayIP'],
    [
      { cidr: '10.0.0.0/24', allocationPools: [{ start: '10.0.0.9', end: '10.0.0.2' }] },
      'InvalidAllocationPool',
      'spec.allocationPools[0]',
    ],
    [
      {
        cidr: '10.0.0.0/24',
        allocationPools: [
          { start: '10.0.0.2', end: '10.0.0.9' },
          { start: '10.0.0.9', end: '10.0.0.12' },
        ],
      },
      'InvalidAllocationPool',
      'overlap',
    ],
    [
      { cidr: '10.0.0.0/24', allocationPools: [{ start: '10.0.0.9', end: '10.0.1.2' }] },
      'AddressOutsideSubnet',
      'spec.allocationPools[0].end',
    ],
    [
      {
        cidr: '10.0.0.0/24',
        allocationPools: [
          { start: '10.0.0.20', end: '10.0.0.29' },
          { start: '10.0.0.40', end: '10.0.0.49' },
          { start: '10.0.0.2', end: '10.0.0.20' },
        ],
      },
      'InvalidAllocationPool',
      'overlap',
    ],
  ])('%j is refused as %s', (input, reason, text) => {
    expect(() => planSubnet(input)).toThrow(expect.objectContaining({ reason, message: expect.stringContaining(text) }))
  })
  test('pools may touch, hold one address, and come in any order', () => {
    const allocationPools = [
      { start: '10.0.0.30', end: '10.0.0.30' },
      { start: '10.0.0.10', end: '10.0.0.19' },
      { start: '10.0.0.20', end: '10.0.0.29' },
    ]
    const { pools } = planSubnet({ cidr: '10.0.0.0/24', allocationPools })
    const text = pools.map(({ first, last }) => `${toText(4, first)}-${toText(4, last)}`)
    expect(text).toEqual(['10.0.0.10-10.0.0.19', '10.0.0.20-10.0.0.29', '10.0.0.30-10.0.0.30'])
  })
  test.each([
    ['10.0.0.0/24', '10.0.0.1', '10.0.0.254'],
    ['10.0.0.0/31', '10.0.0.0', '10.0.0.1'],
    ['fd00::/120', 'fd00::1', 'fd00::ff'],
  ])('of %s whoever asks for it may have %s and %s', (cidr, ...asked) => {
    const plan = planSubnet({ cidr })
    expect(asked.map((text) => checkRequested(plan, text, 'spec.ipAddress', cidr))).toEqual(asked)
  })
  test.each([
    ['10.0.0.255', 'AddressReserved'],
    ['10.0.0.0', 'AddressReserved'],
    ['10.0.1.7', 'AddressOutsideSubnet'],
    ['banana', 'AddressOutsideSubnet'],
  ])('request for %s: %s', (text, reason) => {
    const plan = planSubnet({ cidr: '10.0.0.0/24' })
    expect(() => checkRequested(plan, text, 'spec.ipAddress', '10.0.0.0/24')).toThrow(
      expect.objectContaining({ reason }),
    )
  })
})

test('the younger of two overlapping subnets is the one at fault', () => {
  const a = { name: 'a', uid: '1', cidr: '10.0.0.0/16', creationTimestamp: '2026-01-01T00:00:00Z' }
  const b = { name: 'b', uid: '2', cidr: '10.0.5.0/24', creationTimestamp: '2026-01-02T00:00:00Z' }
  const c = { name: 'c', uid: '3', cidr: '10.1.0.0/24', creationTimestamp: '2026-01-03T00:00:00Z' }
  expect(findOverlap(a, [a, b, c])).toBeUndefined()
  expect(findOverlap(b, [a, b, c])).toBe(a)
  expect(findOverlap(c, [a, b, c])).toBeUndefined()
  expect(findOverlap({ ...b, cidr: 'banana' }, [a])).toBeUndefined()
  expect(findOverlap(b, [{ ...a, cidr: 'banana' }])).toBeUndefined()
})

test('of two of one second the one at work stays, else the one with the lesser UID', () => {
  const both = { cidr: '10.0.0.0/16', creationTimestamp: '2026-01-01T00:00:00Z' }
  const [one, two] = ['1', '2'].map((uid) => ({ ...both, name: uid, uid })) as [SubnetRank, SubnetRank]
  expect([findOverlap(one, [one, two]), findOverlap(two, [one, two])]).toEqual([undefined, one])
  const atWork = { ...two, isActive: true }
  expect([findOverlap(one, [one, atWork]), findOverlap(atWork, [one, atWork])]).toEqual([atWork, undefined])
  // One that is at work gives way to none that is not, however old.
  expect(findOverlap(atWork, [{ ...one, isActive: false, creationTimestamp: '2025-01-01T00:00:00Z' }])).toBeUndefined()
})

test('a subnet arrives once, and long ago when nobody said so', () => {
  let nowMs = 1000
  const arrivals = new SubnetArrivals(() => nowMs)
  expect(arrivals.sinceLastMs(['one'])).toBe(Infinity)
  arrivals.arrived('one')
  nowMs = 3000
  arrivals.arrived('one')
  arrivals.arrived('two')
  nowMs = 3500
  expect(['one', 'two', 'three'].map((uid) => arrivals.sinceLastMs([uid]))).toEqual([2500, 500, Infinity])
  expect([arrivals.sinceLastMs(['two', 'one']), arrivals.sinceLastMs([])]).toEqual([500, Infinity])
  arrivals.forget('two')
  expect(arrivals.sinceLastMs(['two', 'one'])).toBe(2500)
  arrivals.arrived('two')
  expect(arrivals.sinceLastMs(['two'])).toBe(0)
})

describe('FreeAddresses', () => {
  test('agrees with a plain set, whatever is taken and given back', () => {
    const pools = [
      { start: '10.0.0.10', end: '10.0.0.60' },
      { start: '10.0.0.100', end: '10.0.0.131' },
    ]
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 255 })), { maxLength: 200 }),
        (steps) => {
          const plan = planSubnet({ cidr: '10.0.0.0/24', gatewayIP: '10.0.0.12', allocationPools: pools })
          const free = new FreeAddresses(plan)
          const taken = new Set<bigint>()
          const total = 51 + 32 - 1
          for (const step of steps) {
            const value = plan.cidr.first + BigInt(step)
            if (step >= 0 && taken.has(value)) {
              free.giveBack(value)
              taken.delete(value)
              continue
            }
            const next = free.chooseNext()
            expect(next === undefined).toBe(taken.size === total)
            if (next === undefined) continue
            expect(taken.has(next)).toBe(false)
            expect(plan.reserved.has(next)).toBe(false)
            expect(plan.pools.some((p) => p.first <= next && next <= p.last)).toBe(true)
            free.take(next)
            taken.add(next)
          }
        },
      ),
    )
  })
  test('does not hand out at once what was just given back', () => {
    const plan = planSubnet({ cidr: '10.0.0.0/29' })
    const free = new FreeAddresses(plan)
    const first = free.chooseNext()!
    free.take(first)
    free.giveBack(first)
    expect(free.chooseNext()).not.toBe(first)
  })
  test('finds the one free address of a full /16 without a walk over each', () => {
    const plan = planSubnet({ cidr: '10.0.0.0/16', disableGateway: true })
    const free = new FreeAddresses(plan)
    for (let v = plan.cidr.first; v <= plan.cidr.last; v++) free.take(v)
    const only = plan.cidr.first + 60_000n
    free.giveBack(only)
    const looks = jest.spyOn(Map.prototype, 'get')
    expect(free.chooseNext()).toBe(only)
    const count = looks.mock.calls.length
    looks.mockRestore()
    // A word has 32 addresses.
    expect(count).toBeLessThanOrEqual(65_536 / 32 + 32)
  })
  test('passes the rest of a full word, and no more, from wherever it stands in it', () => {
    const plan = planSubnet({ cidr: '10.0.0.0/24', disableGateway: true })
    const at = (index: number) => plan.cidr.first + BigInt(index)
    for (const stand of [33, 40, 62]) {
      const free = new FreeAddresses(plan)
      while (free.chooseNext() !== at(stand - 1));
      for (let index = 32; index < 64; index++) free.take(at(index))
      expect(free.chooseNext()).toBe(at(64))
    }
  })
})

describe('names and MACs', () => {
  test.each([
    ['10.0.0.7', 'su-10-0-0-0', '10.0.0.0/28'],
    ['10.0.0.255', 'su-10-0-0-240', '10.0.0.240/28'],
    ['fd00::', 'su-fd00--0', 'fd00::/124'],
    ['fd00::2f', 'su-fd00--20', 'fd00::20/124'],
    ['::1', 'su---0', '::/124'],
  ])('%s is claimed in %s, the block %s', (address, name, block) => {
    expect(blockOf({ namespace: 'ns', name: 's', uid: 'su' }, address)).toMatchObject({ name, block, subnetName: 's' })
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  })
  test('the same seed gives the same MAC; a taken one is passed over', () => {
    const first = generateMac('FA:16:3E', 'u/0')
    expect(first).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/)
    expect(chooseMac('fa:16:3e', 'u/0', () => false)).toBe(first)
    expect(chooseMac('fa:16:3e', 'u/0', (mac) => mac === first)).not.toBe(first)
    expect(chooseMac('fa:16:3e', 'u/0', () => true)).toBeUndefined()
    const asked: string[] = []
    chooseMac('fa:16:3e', 'u/0', (mac) => asked.push(mac) > 0)
    expect([asked[0], new Set(asked).size]).toEqual([first, 64])
    expect(generateMac('fa:16:3e', 'u/1')).not.toBe(first)
  })
  test('the metadata service has one MAC in each network', () => {
    expect(findReservedUse(metadataMac('u'), 'u', [])).toBe("the metadata service's")
    expect(findReservedUse(metadataMac('u'), 'v', ['u'])).toBeUndefined()
    expect(findReservedUse(announcerMac('s2'), 'u', ['s1', 's2'])).toBe("the network's IPv6 router's")
    expect(findReservedUse(announcerMac('s2'), 'u', ['s1'])).toBeUndefined()
  })
})
