// SPDX-License-Identifier: Apache-2.0
// Which addresses an interface gets that names a Subnet, an address, both or neither.
import { describe, expect, test } from '@jest/globals'
import type { InstanceNetwork, Subnet } from '../../../lib/api/types.ts'
import { TerminalError, TransientError } from '../../../lib/errors.ts'
import { planSubnet } from '../../ipam/subnet-plan.ts'
import { machine, machineWorld, parts } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { claimAddresses } from './addresses.ts'
import { listNics } from './nics.ts'

const mac = 'fa:16:3e:00:00:01'
const subnet = (name: string, cidr: string) => stored<Subnet>(name, { networkRef: { name: 'lan' }, cidr })

/** `lan-v4` is 10.0.0.0/24; behind it by name comes 10.0.1.0/24. */
function world(): MemoryWorld {
  const w = machineWorld()
  w.put('subnets', subnet('lan-w4', '10.0.1.0/24'))
  return w
}

async function claim(w: MemoryWorld, want: Partial<InstanceNetwork>) {
  const instance = machine({ networks: [{ networkRef: { name: 'lan' }, ...want }] })
  const said = await claimAddresses(instance, listNics(instance)[0]!, { network: parts.network(), mac }, w.deps)
  return said.ok ? said.object.map((a) => `${a.subnet.metadata.name} ${a.address}`) : said.outcome
}

test.each<[string, Partial<InstanceNetwork>, string[]]>([
  ['nothing: of the first Subnet by name', {}, ['lan-v4 10.0.0.2']],
  ['a Subnet', { subnetRef: { name: 'lan-w4' } }, ['lan-w4 10.0.1.2']],
  ['an address, of the Subnet that it lies in', { ipAddress: '10.0.1.9' }, ['lan-w4 10.0.1.9']],
  ['an address of the first', { ipAddress: '10.0.0.9' }, ['lan-v4 10.0.0.9']],
  ['both', { subnetRef: { name: 'lan-w4' }, ipAddress: '10.0.1.9' }, ['lan-w4 10.0.1.9']],
])('asked for %s', async (_, want, given) => {
  expect(await claim(world(), want)).toEqual(given)
})

test('an interface that names nothing gets one of each family, one that names an address that alone', async () => {
  const w = world()
  w.put('subnets', subnet('lan-v6', 'fd00:1::/64'))
  expect(await claim(w, {})).toEqual(['lan-v4 10.0.0.2', expect.stringMatching(/^lan-v6 fd00:1::/)])
  expect(await claim(w, { ipAddress: '10.0.0.2' })).toEqual(['lan-v4 10.0.0.2'])
  expect(await claim(w, { subnetRef: { name: 'lan-v4' } })).toEqual(['lan-v4 10.0.0.2'])
})

describe('what cannot be had names the field', () => {
  test.each<[string, Partial<InstanceNetwork>, string]>([
    ['an address outside of all', { ipAddress: '10.0.9.9' }, 'AddressOutsideSubnet'],
    [
      'an address outside of the Subnet named',
      { ipAddress: '10.0.1.9', subnetRef: { name: 'lan-v4' } },
      'AddressOutsideSubnet',
    ],
    // Another Subnet's "lies outside" says less, whichever comes first.
    ['the broadcast address of the first', { ipAddress: '10.0.0.255' }, 'AddressReserved'],
    ['the broadcast address of the second', { ipAddress: '10.0.1.255' }, 'AddressReserved'],
  ])('%s', async (_, want, reason) => {
    const error = await claim(world(), want).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(TerminalError)
    expect(error).toMatchObject({ reason, message: expect.stringContaining('spec.networks[0].ipAddress') })
  })

  test('a Subnet that is none of the Network', async () => {
    const message = expect.stringMatching(
      /Subnet moon in spec\.networks\[0\]\.subnetRef is no Subnet of Network ns\/lan/,
    )
    expect(await claim(world(), { subnetRef: { name: 'moon' } })).toMatchObject({ reason: 'SubnetNotFound', message })
  })

  test('an address of a Network without Subnets', async () => {
    const w = machineWorld()
    w.drop('subnets', parts.subnet())
    const message = expect.stringContaining('spec.networks[0].networkRef has no Subnet')
    expect(await claim(w, { ipAddress: '10.0.0.9' })).toMatchObject({ reason: 'NoSubnet', message })
  })

  test('an address that another has', async () => {
    const w = world()
    await w.deps.addresses.claim(
      { namespace: 'ns', name: 'lan-v4', uid: 'uid-lan-v4', plan: planSubnet({ cidr: '10.0.0.0/24' }) },
      { namespace: 'ns', name: 'p', uid: 'uid-p' },
      '10.0.0.9',
    )
    expect(await claim(w, { ipAddress: '10.0.0.9' })).toMatchObject({ kind: 'wait', reason: 'AddressInUse' })
  })
})

describe('a Subnet that cannot be used', () => {
  const broken = (name: string) => subnet(name, '10.0.5.1/24')
  test('keeps nobody from an address of the one beside it', async () => {
    const w = world()
    w.put('subnets', broken('a'))
    expect(await claim(w, { ipAddress: '10.0.1.9' })).toEqual(['lan-w4 10.0.1.9'])
  })
  test.each<[string, object]>([
    ['10.0.5.9', { kind: 'wait', reason: 'SubnetNotReady', message: expect.stringContaining('Subnet a ') }],
    ['10.0.1.255', { reason: 'AddressReserved' }],
  ])('is waited for where no other has the address: %s', async (ipAddress, expected) => {
    const w = world()
    for (const name of ['a', 'z']) w.put('subnets', broken(name))
    expect(await claim(w, { ipAddress }).catch((e: unknown) => e)).toMatchObject(expected)
  })
  test('is waited for by who names it', async () => {
    const w = world()
    w.put('subnets', broken('a'))
    expect(await claim(w, { subnetRef: { name: 'a' } })).toMatchObject({ reason: 'SubnetNotReady' })
  })
})

test('a failure of the store is none of the Subnet’s: it goes up, and the next Subnet is not asked', async () => {
  const w = world()
  const asked: string[] = []
  w.deps.addresses.claim = async ({ name }) => {
    asked.push(name)
    throw new TransientError('Away', 'the store is away')
  }
  await expect(claim(w, { ipAddress: '10.0.0.9' })).rejects.toThrow('the store is away')
  expect(asked).toEqual(['lan-v4'])
})
