// SPDX-License-Identifier: Apache-2.0
// What is plugged keeps its row in the network, also where that is made anew, whatever stops the Port itself.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Network, Port, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import { metadataMac } from '../../../lib/contract/metadata-port.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcilePort } from './reconcile.ts'

const LAN = { networkRef: { name: 'lan' } }
let w: MemoryWorld
let p: Port
let vm: Instance

const group = async (name: string, more: object = {}) => {
  w.put('securityGroups', stored<SecurityGroup>(name, {}, { status: { state: 'ACTIVE' }, ...more }))
  await w.network.ensure({
    kind: 'SecurityGroup',
    uid: `uid-${name}`,
    namespace: '',
    name: '',
    generation: 1,
    rules: [],
  })
}
const step = async () => {
  w.put('ports', p)
  const outcome = await reconcilePort(p, w.deps, w.run).catch((error: unknown) => error)
  w.put('ports', p)
  return outcome
}
const row = () => w.network.rows.of('Port').get('uid-p')
const lose = () => w.network.rows.of('Port').delete('uid-p')

beforeEach(async () => {
  w = memoryWorld()
  const network = stored<Network>('lan', {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  for (const [name, cidr, enabled] of [
    ['lan-v4', '10.0.0.0/24', true],
    ['quiet', '10.1.0.0/24', false],
  ] as const) {
    const subnet = w.put('subnets', stored<Subnet>(name, { ...LAN, cidr, dhcp: { enabled } }))
    await reconcileSubnet(subnet, w.deps, w.run)
    w.put('subnets', subnet)
  }
  await group('default')
  for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
  const fixedIPs = ['lan-v4', 'quiet'].map((name) => ({ subnetRef: { name } }))
  p = stored<Port>('p', { ...LAN, fixedIPs })
  vm = stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] },
    { status: { node: 'c1', epoch: 1 } },
  )
  w.put('instances', vm)
  for (let left = 2; left > 0; left--) await step()
  w.report('port', p, { node: 'c1', epoch: 1, state: 'active' })
  expect(await step()).toEqual({ kind: 'done' })
  expect(row()).toMatchObject({
    node: 'c1',
    hostname: 'vm',
    fixedIPs: [
      { subnetUid: 'uid-lan-v4', hasDhcp: true },
      { subnetUid: 'uid-quiet', hasDhcp: false },
    ],
  })
})

const nowhere = () => void (p.spec.networkRef = { name: 'x' })
const STOPS: [string, () => void, object][] = [
  ['a reference that leads nowhere', nowhere, { reason: 'NetworkNotFound' }],
  ['a MAC that it may not have', () => void (p.spec.macAddress = metadataMac('uid-lan')), { reason: 'MACReserved' }],
  ['its deletion, while a machine has it', () => void (p.metadata.deletionTimestamp = 'now'), { reason: 'InUse' }],
]

describe('whatever stops it', () => {
  test.each([
    ...STOPS,
    [
      'its machine’s move',
      () => {
        w.put('instances', { ...vm, status: { epoch: 1, pendingReleases: [{ node: 'c1', epoch: 1 }] } })
        nowhere()
      },
      { reason: 'NetworkNotFound' },
    ] as const,
  ])('%s: the row is written again as it was', async (_, stop, outcome) => {
    const before = structuredClone(row())
    stop()
    lose()
    expect(await step()).toMatchObject(outcome)
    expect(row()).toEqual(before)
  })
  test('its deletion, while its node has not let go: the same, for no machine', async () => {
    const { hostname, ...before } = row()!
    p.metadata.deletionTimestamp = 'now'
    w.drop('instances', vm)
    lose()
    expect([hostname, await step()]).toMatchObject(['vm', { reason: 'Releasing' }])
    expect(row()).toEqual(before)
  })
  test.each(STOPS)('%s: what the network answers to that is what is told', async (_, stop) => {
    stop()
    w.network.failNext(new Error('OVN is away'))
    expect(await step()).toEqual(new Error('OVN is away'))
  })
  test('also to its own row, and to its end', async () => {
    w.network.failNext(new Error('OVN is away'))
    expect(await step()).toEqual(new Error('OVN is away'))
    p.metadata.deletionTimestamp = 'now'
    w.drop('instances', vm)
    w.network.failNext(new Error('OVN is away'))
    expect(await step()).toEqual(new Error('OVN is away'))
  })
  test('an address of a Subnet that is gone is still its own, without DHCP', async () => {
    w.drop('subnets', stored<Subnet>('lan-v4', { ...LAN, cidr: '10.0.0.0/24' }))
    nowhere()
    await step()
    expect(row()?.fixedIPs).toEqual([
      { subnetUid: '', address: '10.0.0.2', hasDhcp: false },
      { subnetUid: 'uid-quiet', address: '10.1.0.2', hasDhcp: false },
    ])
  })
})

describe('without a record of what it was given no row is made', () => {
  test.each<[string, () => void]>([
    ['of the network', () => delete p.status?.networkUID],
    ['of a network that is there', () => (p.status!.networkUID = 'uid-gone')],
    ['of the MAC', () => delete p.status?.macAddress],
    ['of addresses', () => delete p.status?.fixedIPs],
  ])('%s', async (_, take) => {
    take()
    nowhere()
    lose()
    expect(await step()).toMatchObject({ reason: 'NetworkNotFound' })
    expect(row()).toBeUndefined()
  })
})

describe('its groups meanwhile', () => {
  test.each<[string, () => Promise<void> | void, string[]]>([
    ['are those that it has', () => undefined, ['uid-default']],
    ['not those that it asks for', () => void (p.spec.securityGroupRefs = [{ name: 'other' }]), ['uid-default']],
    ['not those that are gone', () => w.drop('securityGroups', stored<SecurityGroup>('default', {})), []],
    [
      'without a record those that it names',
      () => {
        delete p.status?.securityGroupUIDs
        p.spec.securityGroupRefs = [{ name: 'other' }, { name: 'gone' }]
      },
      ['uid-other'],
    ],
    [
      'also one that is being deleted',
      async () => {
        delete p.status?.securityGroupUIDs
        await group('default', { deleted: true })
      },
      ['uid-default'],
    ],
    ['none without port security', () => void (p.status!.portSecurityEnabled = p.spec.portSecurityEnabled = false), []],
  ])('%s', async (_, change, uids) => {
    await group('other')
    await change()
    nowhere()
    await step()
    expect(row()?.securityGroupUids).toEqual(uids)
  })
})
