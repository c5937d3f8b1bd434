// SPDX-License-Identifier: Apache-2.0
// Which range a Subnet gets of a pool, what it may ask for, and what it is told when it gets none.
import { describe, expect, test } from '@jest/globals'
import type { Subnet, SubnetPool } from '../../lib/api/types.ts'
import { stored } from '../testing/memory-deps.ts'
import { giveRange, MOST_SUBNETS } from './give-range.ts'
import { takeBack } from './pool-ranges.ts'

type PoolSpec = Partial<SubnetPool['spec']>
const FOUR = ['10.0.0.0/8']
const SIX = ['fd00::/48']
const entry = (cidr: string, holder = 'ns/other') => ({ cidr, holder, holderUID: `uid-${holder.split('/')[1]}` })
const pool = (spec: PoolSpec = {}, allocations: ReturnType<typeof entry>[] = [], more: object = {}) => {
  const prefixes = spec.prefixes ?? FOUR
  return stored<SubnetPool>(
    'pool',
    { ...spec, prefixes },
    { namespace: 'infra', status: { prefixes, allocations }, ...more },
  )
}
const subnet = (spec: Partial<Subnet['spec']> = {}, status: Subnet['status'] = {}) =>
  stored<Subnet>(
    'lan',
    { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool', namespace: 'infra' }, ...spec },
    { status },
  )
const slaac = { addressMode: 'slaac' as const }

describe('gets', () => {
  test.each<[string, SubnetPool, Subnet, string]>([
    ['24 bits of IPv4 when nothing is said', pool(), subnet(), '10.0.0.0/24'],
    ['64 bits of IPv6', pool({ prefixes: SIX }), subnet({ ipv6: slaac }), 'fd00::/64'],
    ['what the pool says', pool({ defaultPrefixLength: 20 }), subnet(), '10.0.0.0/20'],
    ['the nearest that the pool allows', pool({ maxPrefixLength: 16 }), subnet(), '10.0.0.0/16'],
    ['the nearest on the other side', pool({ minPrefixLength: 28 }), subnet(), '10.0.0.0/28'],
    ['what it asks for', pool({}, [entry('10.0.0.0/24')]), subnet({ prefixLength: 22 }), '10.0.4.0/22'],
    ['the very one that it asks for', pool(), subnet({ cidr: '10.7.0.0/24' }), '10.7.0.0/24'],
    ['what it has already', pool({}, [entry('10.3.0.0/24', 'ns/lan')]), subnet(), '10.3.0.0/24'],
    [
      'what it has of a pool that goes',
      pool({}, [entry('10.3.0.0/24', 'ns/lan')], { deleted: true }),
      subnet(),
      '10.3.0.0/24',
    ],
    ['again what a pool without a status gave it', pool(), subnet({}, { cidr: '10.3.0.0/24' }), '10.3.0.0/24'],
    ['the last of its quota', pool({ defaultQuota: 512 }, [entry('10.0.0.0/24')]), subnet(), '10.0.1.0/24'],
    ['its own quota', pool({ defaultQuota: 256 }, [entry('10.0.0.0/24', 'team/x')]), subnet(), '10.0.1.0/24'],
    ['a part of a unit of quota', pool({ prefixes: SIX, defaultQuota: 1 }), subnet({ prefixLength: 65 }), 'fd00::/65'],
  ])('%s', (_, given, asking, cidr) => {
    expect(giveRange(given, asking).answer).toEqual({ cidr })
  })
})

describe('is told why it gets none', () => {
  const gone = ['10.1.0.0/16', '10.2.0.0/16']
  const full = Array.from({ length: MOST_SUBNETS }, (_, i) => entry(`10.${64 + (i >> 8)}.${i & 255}.0/24`))
  test.each<[string, SubnetPool, Subnet, object]>([
    ['the pool goes', pool({}, [], { deleted: true }), subnet(), { reason: 'SubnetPoolDeleting' }],
    ['the pool has nothing yet', pool({}, [], { status: {} }), subnet(), { reason: 'SubnetPoolNotReady' }],
    ['all is taken', pool({ prefixes: ['10.0.0.0/24'] }, [entry('10.0.0.0/25')]), subnet(), { reason: 'NoFreeRange' }],
    ['the pool can give no more', pool({}, full), subnet(), { reason: 'NoFreeRange' }],
    [
      'a prefix that is taken out gives no more',
      pool({ prefixes: ['10.1.0.0/24'] }, [entry('10.1.0.0/24')], {
        status: { prefixes: ['10.1.0.0/24', ...gone], allocations: [entry('10.1.0.0/24')] },
      }),
      subnet(),
      { reason: 'NoFreeRange' },
    ],
    [
      'what it asks for is taken',
      pool({}, [entry('10.7.0.0/25')]),
      subnet({ cidr: '10.7.0.0/24' }),
      { reason: 'CIDRInUse', message: expect.stringContaining('Subnet ns/other (10.7.0.0/25)') },
    ],
    [
      'taken by somebody else',
      pool({}, [entry('10.7.0.0/25', 'team/secret')]),
      subnet({ cidr: '10.7.0.0/24' }),
      { reason: 'CIDRInUse', message: expect.not.stringContaining('secret') },
    ],
    ['what it asks for is elsewhere', pool(), subnet({ cidr: '192.168.0.0/24' }), { reason: 'CIDROutsidePool' }],
    [
      'what it had is somebody else’s now',
      pool({}, [entry('10.3.0.0/24')]),
      subnet({}, { cidr: '10.3.0.0/24' }),
      { reason: 'CIDRInUse' },
    ],
    [
      'it is above its quota',
      pool({ defaultQuota: 511 }, [entry('10.0.0.0/24')]),
      subnet(),
      { reason: 'SubnetPoolQuotaExceeded', message: expect.stringContaining('has 256 and asks for 256') },
    ],
    ['nobody may have any', pool({ defaultQuota: 0 }), subnet(), { reason: 'SubnetPoolQuotaExceeded' }],
    [
      'above its quota of IPv6',
      pool({ prefixes: SIX, defaultQuota: 1, minPrefixLength: 48 }),
      subnet({ prefixLength: 63 }),
      { reason: 'SubnetPoolQuotaExceeded' },
    ],
    [
      'above its quota by the one that it asks for',
      pool({ defaultQuota: 255 }),
      subnet({ cidr: '10.7.0.0/24' }),
      { reason: 'SubnetPoolQuotaExceeded' },
    ],
  ])('%s', (_, given, asking, refused) => {
    const { status, answer } = giveRange(given, asking)
    expect(answer).toMatchObject({ refused })
    expect(status).toBeUndefined()
  })
  test.each<[string, PoolSpec, Partial<Subnet['spec']>, string]>([
    ['larger than may be', {}, { prefixLength: 7 }, 'PrefixLengthNotAllowed'],
    ['smaller than may be', { maxPrefixLength: 26 }, { prefixLength: 27 }, 'PrefixLengthNotAllowed'],
    ['that very one is larger', { minPrefixLength: 25 }, { cidr: '10.0.0.0/24' }, 'PrefixLengthNotAllowed'],
    ['larger than a Subnet of IPv6', { prefixes: SIX }, { prefixLength: 63 }, 'PrefixLengthNotAllowed'],
    ['SLAAC of other than 64 bits', { prefixes: SIX }, { prefixLength: 80, ipv6: slaac }, 'PrefixLengthNotAllowed'],
    [
      'the same by the default of the pool',
      { prefixes: SIX, defaultPrefixLength: 80 },
      { ipv6: slaac },
      'PrefixLengthNotAllowed',
    ],
    ['IPv6 of IPv4', {}, { ipv6: { addressMode: 'dhcpv6-stateful' } }, 'AddressFamilyMismatch'],
    ['a cidr of IPv6 of IPv4', {}, { cidr: 'fd00::/24' }, 'AddressFamilyMismatch'],
    [
      'routes by DHCPv6',
      { prefixes: SIX },
      { dhcp: { hostRoutes: [{ destination: 'fd01::/64', nextHop: 'fd00::9' }] } },
      'AddressFamilyMismatch',
    ],
  ])('for good: %s', (_, spec, asked, reason) => {
    const { status, answer } = giveRange(pool(spec), subnet(asked))
    expect(answer).toMatchObject({ never: { reason } })
    expect(status).toBeUndefined()
  })
})

test('what it gives stands in the pool, with who has it, until it is given back', () => {
  const before = pool({}, [entry('10.0.0.0/24')])
  const { status } = giveRange(before, subnet())
  const mine = { cidr: '10.0.1.0/24', holder: 'ns/lan', holderUID: 'uid-lan' }
  expect(status).toEqual({ prefixes: FOUR, allocations: [entry('10.0.0.0/24'), mine], subnets: 2 })
  const after = { ...before, status: status ?? {} }
  const own = new Set(['uid-lan'])
  expect(takeBack(after, own)).toEqual({
    status: { prefixes: FOUR, allocations: [entry('10.0.0.0/24')], subnets: 1 },
    answer: true,
  })
  expect(takeBack(before, own)).toEqual({ answer: false })
})
