// SPDX-License-Identifier: Apache-2.0
import { describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { findAddress, findCidr, toText } from './address.ts'
import { blockOf } from './claim-block.ts'
import { FreeAddresses } from './free-addresses.ts'
import { chooseMac, generateMac } from './mac.ts'
import { checkRequested, findOverlap, planSubnet } from './subnet-plan.ts'

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
  test.each(['10.0.0.1/24', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/24/1', 'fd00::1/64'])(
    '%s is no network',
    (text) => expect(findCidr(text)).toBeUndefined(),
  )
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
  ])('%j is refused as %s', (input, reason, text) => {
    expect(() => planSubnet(input)).toThrow(expect.objectContaining({ reason, message: expect.stringContaining(text) }))
  })
  test.each([
    ['10.0.0.255', 'AddressReserved'],
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
          expect(free.usedCount).toBe(taken.size)
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
  })
})
