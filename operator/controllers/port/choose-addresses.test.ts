// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import { deriveAddress } from '../../ipam/derived-address.ts'
import { findCidr } from '../../ipam/address.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { resolveAddresses } from './addresses.ts'
import { SETTLE_MS } from './choose-addresses.ts'

const MAC = 'fa:16:3e:00:00:01'
const network = stored<Network>('lan', {}, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } })
const subnet = (name: string, cidr: string, spec: Partial<Subnet['spec']> = {}, more: object = {}) =>
  stored<Subnet>(name, { networkRef: { name: 'lan' }, cidr, ...spec }, more)
const port = (spec: Partial<Port['spec']> = {}, status: Port['status'] = {}) =>
  stored<Port>('p', { networkRef: { name: 'lan' }, ...spec }, { status })

function world(...subnets: Subnet[]): MemoryWorld {
  const w = memoryWorld()
  w.put('networks', structuredClone(network))
  for (const one of subnets) w.put('subnets', one)
  return w
}
async function addressesOf(w: MemoryWorld, p = port()): Promise<unknown> {
  const result = await resolveAddresses(p, { network, mac: MAC }, w.deps)
  return result.ok ? result.object.map(({ address }) => address) : result.outcome
}

const v4 = () => subnet('v4', '10.0.0.0/30')
const v6 = (spec: Partial<Subnet['spec']> = {}) => subnet('v6', 'fd00::/64', spec)

describe('a port that asks for no address', () => {
  test.each<[string, Subnet[], string[]]>([
    ['one family', [v4()], ['10.0.0.2']],
    ['both', [v4(), v6()], ['10.0.0.2', 'fd00::2']],
    ['both, IPv6 first by name', [subnet('a', 'fd00::/64'), subnet('b', '10.0.0.0/24')], ['10.0.0.2', 'fd00::2']],
    ['two of a family: the first by name', [subnet('b', '10.2.0.0/24'), subnet('a', '10.1.0.0/24')], ['10.1.0.2']],
    [
      'one that is being deleted does not count',
      [v4(), subnet('v6', 'fd00::/64', {}, { deleted: true })],
      ['10.0.0.2'],
    ],
    ['an address of prefix and MAC', [v6({ ipv6: { addressMode: 'slaac' } })], ['fd00::f816:3eff:fe00:1']],
  ])('%s', async (_, subnets, want) => {
    for (const order of [subnets, [...subnets].reverse()]) {
      expect(await addressesOf(world(...structuredClone(order)))).toEqual(want)
    }
  })
  test('a full subnet is passed over, and a family without room is waited for by the field of the Port', async () => {
    const w = world(v4(), v6())
    const fixedIPs = [{ subnetRef: { name: 'v4' }, ipAddress: '10.0.0.2' }]
    await resolveAddresses(stored<Port>('q', { networkRef: { name: 'lan' }, fixedIPs }), { network, mac: MAC }, w.deps)
    expect(await addressesOf(w)).toMatchObject({
      reason: 'NoFreeAddress',
      message: expect.stringContaining('(spec.fixedIPs)'),
    })
    w.put('subnets', subnet('z4', '10.9.0.0/24'))
    expect(await addressesOf(w)).toEqual(['10.9.0.2', 'fd00::2'])
  })
  test('keeps what it was given, also when a family comes later', async () => {
    const w = world(v4(), v6())
    const fixedIPs = [{ subnet: 'v4', ipAddress: '10.0.0.2', prefixLength: 30 }]
    expect(await addressesOf(w, port({}, { fixedIPs }))).toEqual(['10.0.0.2'])
  })
})

describe('Subnets of one apply', () => {
  test('whichever is seen first, the port has both', async () => {
    for (const [first, second] of [
      [v4(), v6()],
      [v6(), v4()],
    ] as const) {
      const w = world(first)
      w.clock.ms = 50_000
      w.deps.subnetArrivals.arrived(first.metadata.uid)
      w.clock.ms += 100
      expect(await addressesOf(w)).toMatchObject({ reason: 'SubnetsSettling', retryAfterMs: SETTLE_MS - 100 })
      w.put('subnets', second)
      w.deps.subnetArrivals.arrived(second.metadata.uid)
      expect(await addressesOf(w)).toEqual(['10.0.0.2', 'fd00::2'])
    }
  })
  test('one alone is waited for no longer than it takes another one to come', async () => {
    const w = world(v4())
    w.deps.subnetArrivals.arrived('uid-v4')
    w.clock.ms = SETTLE_MS - 1
    expect(await addressesOf(w)).toMatchObject({ reason: 'SubnetsSettling' })
    w.clock.ms = SETTLE_MS
    expect(await addressesOf(w)).toEqual(['10.0.0.2'])
  })
})

describe('addresses of prefix and MAC', () => {
  test.each([
    ['fd00:1::/64', MAC, 'fd00:1::f816:3eff:fe00:1'],
    ['2001:db8::/64', '02:00:00:00:00:ff', '2001:db8::ff:fe00:ff'],
  ])('%s %s', (cidr, mac, want) => expect(deriveAddress(findCidr(cidr)!, mac)).toBe(want))
  test('the gateway of a subnet that the network announces is the network, of another one who asks for it', async () => {
    const fixedIPs = [{ subnetRef: { name: 'v6' }, ipAddress: 'fd00::1' }]
    await expect(addressesOf(world(v6()), port({ fixedIPs }))).rejects.toMatchObject({ reason: 'AddressReserved' })
    const own = v6({ ipv6: { addressMode: 'dhcpv6-stateful', routerAdvertisements: false } })
    expect(await addressesOf(world(own), port({ fixedIPs }))).toEqual(['fd00::1'])
  })
  test('another one is refused, with what it would be', async () => {
    const w = world(v6({ ipv6: { addressMode: 'dhcpv6-stateless' } }))
    const asking = (ipAddress: string) => port({ fixedIPs: [{ subnetRef: { name: 'v6' }, ipAddress }] })
    await expect(addressesOf(w, asking('fd00::5'))).rejects.toMatchObject({
      reason: 'AddressDerived',
      message: expect.stringMatching(/spec\.fixedIPs\[0\]\.ipAddress fd00::5.*fd00::f816:3eff:fe00:1/),
    })
    expect(await addressesOf(w, asking('fd00::f816:3eff:fe00:1'))).toEqual(['fd00::f816:3eff:fe00:1'])
  })
})
