// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, ComputeNode, Instance, Network, Port, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import { toStoredBlock } from '../../ipam/claim-object.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { recorded } from '../../testing/recorder.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSecurityGroup } from '../security-group/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { resolveMac } from './addresses.ts'
import { reconcilePort } from './reconcile.ts'
import { listSharing } from './shared-addresses.ts'

const network = (more: object = {}) => stored<Network>('lan', {}, more)
const subnet = (name = 'lan-v4', cidr = '10.0.0.0/24', more: object = {}) =>
  stored<Subnet>(name, { networkRef: { name: 'lan' }, cidr }, more)
const own = (spec: Partial<Port['spec']> = {}, more: object = {}) =>
  stored<Port>('p', { networkRef: { name: 'lan' }, ...spec }, more)
const user = (name: string, node: string | undefined, more: object = {}) =>
  stored<Instance>(
    name,
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] },
    { status: node === undefined ? {} : { node, epoch: 1 }, ...more },
  )

async function world(): Promise<MemoryWorld> {
  const w = memoryWorld()
  const [n, s, g] = [network(), subnet(), stored<SecurityGroup>('default', {})]
  await reconcileNetwork(n, w.deps, w.run)
  w.put('networks', n)
  w.put('subnets', s)
  await reconcileSubnet(s, w.deps, w.run)
  w.put('subnets', s)
  await reconcileSecurityGroup(g, w.deps, w.run)
  w.put('securityGroups', g)
  for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
  return w
}
const step = (w: MemoryWorld, p: Port) => {
  w.put('ports', p)
  return reconcilePort(p, w.deps, w.run)
}

test('create: an own port gets MAC and address, and a row that nobody may bind', async () => {
  const w = await world()
  const p = own()
  expect(await step(w, p)).toEqual({ kind: 'done' })
  expect(p.status).toMatchObject({
    state: 'DOWN',
    fixedIPs: [{ subnet: 'lan-v4', ipAddress: '10.0.0.2', prefixLength: 24 }],
  })
  const first = structuredClone(p.status)
  expect(w.network.rows.of('Port').get('uid-p')).toMatchObject({
    mac: first?.macAddress,
    securityGroupUids: ['uid-default'],
  })
  expect(w.network.rows.of('Port').get('uid-p')).not.toHaveProperty('node')
  expect(await step(w, p)).toEqual({ kind: 'done' })
  expect(p.status).toEqual(first)
})

test('an own port that its owner plugs by hand may be bound on the node that its annotation names', async () => {
  const w = await world()
  const p = own()
  const plugOn = async (node: string) => {
    p.metadata.annotations = { 'nephele.dev/plugged-on': node }
    expect(await step(w, p)).toEqual({ kind: 'done' })
    return w.network.rows.of('Port').get('uid-p')?.node
  }
  w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
  expect(await plugOn('c1')).toBe('c1')
  // What names no node of the cloud goes nowhere: OVN would take a list, or any text.
  for (const text of ['', 'c1,c2', 'c9', 'x'.repeat(200_000)]) expect(await plugOn(text)).toBeUndefined()
})

test('claimed in OVN by a node that was not asked to: says so, as long as it is', async () => {
  const w = await world()
  const p = own()
  const taken = { uid: 'uid-p', node: 'evil', wanted: 'c1' }
  w.network.setTaken([taken, { ...taken, uid: 'uid-other' }])
  // It is nobody's machine's: nothing can be drawn away.
  expect(await step(w, p)).toEqual({ kind: 'done' })
  w.put('instances', user('vm', 'c1'))
  await step(w, p)
  w.report('port', p, { node: 'c1', state: 'active', epoch: 1 })
  expect(await step(w, p)).toMatchObject({
    kind: 'wait',
    reason: 'ClaimedElsewhere',
    message: expect.stringContaining('evil'),
  })
  w.network.setTaken([])
  expect(await step(w, p)).toEqual({ kind: 'done' })
})

describe('dependency and bad input', () => {
  test.each([
    ['a foreign subnet', { fixedIPs: [{ subnetRef: { name: 'x' } }] }, 'SubnetNotFound', 'spec.fixedIPs[0]'],
    ['no network', { networkRef: { name: 'x' } }, 'NetworkNotFound', 'ns/x'],
    ['no group', { securityGroupRefs: [{ name: 'x' }] }, 'SecurityGroupNotFound', 'spec.securityGroupRefs[0]'],
  ])('%s', async (_, spec, reason, message) => {
    const w = await world()
    expect(await step(w, own(spec))).toMatchObject({ reason, message: expect.stringContaining(message) })
  })
  test.each([
    ['10.0.1.1', 'AddressOutsideSubnet'],
    ['10.0.0.0', 'AddressReserved'],
    ['10.0.0.255', 'AddressReserved'],
  ])('address %s is terminal and names the field', async (ipAddress, reason) => {
    const w = await world()
    const p = own({ fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress }] })
    await expect(step(w, p)).rejects.toMatchObject({
      reason,
      message: expect.stringContaining('spec.fixedIPs[0].ipAddress'),
    })
  })
  test('the gateway is who asks for its address by name, one only, and never who is given any', async () => {
    const w = await world()
    const fixedIPs = [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.1' }]
    expect(await step(w, own({ fixedIPs }))).toEqual({ kind: 'done' })
    expect(await step(w, stored<Port>('q', { networkRef: { name: 'lan' }, fixedIPs }))).toMatchObject({
      reason: 'AddressInUse',
    })
    const other = stored<Port>('r', { networkRef: { name: 'lan' } })
    await step(w, other)
    expect(other.status?.fixedIPs).toMatchObject([{ ipAddress: '10.0.0.2' }])
  })
  test.each([
    ['is not in OVN yet', {}],
    ['has not said its MTU yet', { logicalSwitch: 'uid-lan' }],
  ])('a Network that %s is waited for', async (_, status) => {
    const w = await world()
    w.put('networks', network({ status }))
    expect(await step(w, own())).toMatchObject({ reason: 'NetworkNotReady', message: 'waiting for Network ns/lan' })
    expect(w.deps.caches.ipClaims.size).toBe(0)
  })
  test('a MAC that is taken names the older port', async () => {
    const w = await world()
    const mac = 'fa:16:3e:00:00:01'
    w.put('ports', stored<Port>('a', { networkRef: { name: 'lan' }, macAddress: mac }))
    expect(await step(w, own({ macAddress: mac }))).toMatchObject({
      reason: 'MACInUse',
      message: expect.stringContaining('ns/a'),
    })
  })
  test.each<[string, object, object]>([
    [
      'the older one',
      { creationTimestamp: '2026-01-01T00:00:00Z', uid: 'z' },
      { creationTimestamp: '2026-01-01T00:00:01Z', uid: 'a' },
    ],
    ['of one second, the smaller UID', { uid: 'a' }, { uid: 'b' }],
    ['of one second, who has it already', { uid: 'b', has: true }, { uid: 'a' }],
    [
      'who has it already, though younger',
      { creationTimestamp: '2026-01-01T00:00:01Z', uid: 'b', has: true },
      { uid: 'a' },
    ],
    ['of two that have it, by two leaders at once, the older one', { uid: 'a', has: true }, { uid: 'b', has: true }],
  ])('of two with one MAC %s wins, whoever looks and at which first', async (_, winner, loser) => {
    const macAddress = 'fa:16:3e:00:00:01'
    const make = (
      name: string,
      { creationTimestamp, uid, has }: { creationTimestamp?: string; uid?: string; has?: boolean },
    ) => {
      const status = has === true ? { macAddress } : {}
      const port = stored<Port>(name, { networkRef: { name: 'lan' }, macAddress }, { uid: uid ?? name, status })
      if (creationTimestamp !== undefined) port.metadata.creationTimestamp = creationTimestamp
      return port
    }
    for (const order of [
      ['w', 'l'],
      ['l', 'w'],
    ]) {
      const w = await world()
      const ports = new Map([
        ['w', make('w', winner)],
        ['l', make('l', loser)],
      ])
      for (const name of order) w.put('ports', ports.get(name)!)
      const verdicts = order.map((name) => [name, resolveMac(ports.get(name)!, network(), w.deps).ok])
      expect(Object.fromEntries(verdicts)).toEqual({ w: true, l: false })
    }
  })
  test('a MAC that was made stays, whatever MACs are made of later', async () => {
    const w = await world()
    const p = own()
    await step(w, p)
    const { macAddress } = p.status!
    w.put('clouds', stored<Cloud>('default', { macPrefix: '0a:00:00' }, { namespace: '' }))
    await step(w, p)
    expect([p.status?.macAddress, w.network.rows.of('Port').get('uid-p')?.mac]).toEqual([macAddress, macAddress])
  })
  test('an address that is taken names the port that has it', async () => {
    const w = await world()
    const fixedIPs = [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.9' }]
    await step(w, stored<Port>('a', { networkRef: { name: 'lan' }, fixedIPs }))
    expect(await step(w, own({ fixedIPs }))).toMatchObject({
      reason: 'AddressInUse',
      message: expect.stringContaining('ns/a'),
    })
  })
})

describe('an own port and its machines', () => {
  test.each([[{}], [{ fixedIPs: [{ subnetRef: { name: 'lan-v4' } }] }]])(
    'a claim that was taken away is made again for the same address: %j',
    async (spec) => {
      const w = await world()
      const p = own(spec)
      await step(w, p)
      const [claim] = w.deps.caches.ipClaims.list()
      w.drop('ipClaims', claim!)
      w.deps.addresses.forget(toStoredBlock(claim!))
      expect(await step(w, p)).toEqual({ kind: 'done' })
      expect(p.status?.fixedIPs).toMatchObject([{ ipAddress: '10.0.0.2' }])
      expect(w.deps.caches.ipClaims.list()[0]?.spec).toEqual(claim!.spec)
    },
  )
  test('what its node could not be told is told to whoever asks', async () => {
    const w = await world()
    w.put('instances', user('vm', 'c1'))
    const p = own()
    await step(w, p)
    w.report('port', p, { node: 'c1', epoch: 1, state: 'active' })
    w.bus.desired.failNext(new Error('the bus is away'))
    await expect(step(w, p)).rejects.toThrow('the bus is away')
    expect(p.status?.state).not.toBe('ACTIVE')
    expect(await step(w, p)).toEqual({ kind: 'done' })
  })
  test('a namespace’s first port makes its default group, one that names its groups none', async () => {
    const w = await world()
    const groupless = (spec: Partial<Port['spec']>) =>
      step(w, own({ networkRef: { name: 'lan', namespace: 'ns' }, ...spec }, { namespace: 'b' }))
    w.put(
      'networks',
      stored<Network>('lan', { sharedWith: [{ namespace: '*' }] }, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } }),
    )
    const found = () => w.deps.caches.securityGroups.find('b', 'default') !== undefined
    await groupless({ securityGroupRefs: [] }).catch(() => undefined)
    expect(found()).toBe(false)
    await groupless({}).catch(() => undefined)
    expect(found()).toBe(true)
  })
  test('binding is saved first, acted on then, and kept from a second machine', async () => {
    const w = await world()
    w.put('instances', user('a', 'c1'))
    w.put('instances', user('b', 'c2'))
    const p = own()
    expect(await step(w, p)).toEqual({ kind: 'saved' })
    expect(p.status).toMatchObject({ node: 'c1', epoch: 1, instance: { name: 'a' } })
    expect(w.bus.desired.writes).toBe(0)
    expect(await step(w, p)).toMatchObject({ reason: 'Plugging' })
    expect(w.network.rows.of('Port').get('uid-p')).toMatchObject({ node: 'c1', hostname: 'a' })
    w.report('port', p, { node: 'c1', epoch: 1, state: 'active' })
    expect(await step(w, p)).toEqual({ kind: 'done' })
    expect(p.status?.state).toBe('ACTIVE')
  })
  test('moves on only after its old node let go, under a newer epoch', async () => {
    const w = await world()
    const a = user('a', 'c1', { deleted: true })
    w.put('instances', a)
    w.put('instances', user('b', 'c2'))
    const p = own({}, { status: { node: 'c1', epoch: 1, instance: { name: 'a', uid: 'uid-a' } } })
    await step(w, p)
    expect(w.bus.desired.find('c1', 'port', 'uid-p')).toMatchObject({ tombstone: false })
    w.report('instance', a, { node: 'c1', epoch: 1, state: 'gone' })
    expect(await step(w, p)).toMatchObject({ reason: 'Releasing' })
    expect(w.bus.desired.find('c1', 'port', 'uid-p')).toMatchObject({ tombstone: true })
    w.report('port', p, { node: 'c1', epoch: 1, state: 'gone' })
    expect(await step(w, p)).toEqual({ kind: 'saved' })
    expect(p.status).toMatchObject({ node: 'c2', epoch: 2, instance: { name: 'b' } })
  })
  test('stays its machine’s while that moves: nobody else gets it, and it is not deleted under it', async () => {
    const w = await world()
    const moving = user('a', 'c1')
    w.put('instances', moving)
    const p = own()
    await step(w, p)
    expect(await step(w, p)).toMatchObject({ reason: 'Plugging' })
    w.put('instances', { ...moving, status: { epoch: 1, pendingReleases: [{ node: 'c1', epoch: 1 }] } })
    w.put('instances', user('b', 'c2'))
    await step(w, p)
    w.report('port', p, { node: 'c1', state: 'gone', epoch: 1 })
    expect(await step(w, p)).toEqual({ kind: 'saved' })
    expect(p.status).toMatchObject({ instance: { name: 'a' } })
    expect(p.status).not.toHaveProperty('node')
    expect(await step(w, p)).toEqual({ kind: 'done' })
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await step(w, p)).toMatchObject({ reason: 'InUse', message: expect.stringContaining('ns/a') })
  })
  test('delete: in use by name; then row and claims go', async () => {
    const w = await world()
    const a = user('a', 'c1')
    w.put('instances', a)
    const p = own({}, { status: { node: 'c1', epoch: 1, instance: { name: 'a', uid: 'uid-a' } } })
    await step(w, p)
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await step(w, p)).toMatchObject({ reason: 'InUse', message: expect.stringContaining('ns/a') })
    w.drop('instances', a)
    expect(await step(w, p)).toMatchObject({ reason: 'Releasing' })
    w.report('port', p, { node: 'c1', epoch: 1, state: 'gone' })
    expect(await step(w, p)).toEqual({ kind: 'released' })
    expect(w.network.rows.of('Port').size + w.deps.caches.ipClaims.size).toBe(0)
  })
  test('delete: while a machine has it, or its node may, its row is kept, and written again where it was lost', async () => {
    const w = await world()
    const a = user('a', 'c1')
    w.put('instances', a)
    const p = own({}, { status: { node: 'c1', epoch: 1, instance: { name: 'a', uid: 'uid-a' } } })
    await step(w, p)
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    w.network.rows.of('Port').clear()
    expect(await step(w, p)).toMatchObject({ reason: 'InUse' })
    expect(w.network.rows.of('Port').has('uid-p')).toBe(true)
    w.drop('instances', a)
    w.network.rows.of('Port').clear()
    expect(await step(w, p)).toMatchObject({ reason: 'Releasing' })
    expect(w.network.rows.of('Port').has('uid-p')).toBe(true)
  })
  test('delete: one that merely names it, and has no place yet, does not hold it up', async () => {
    const w = await world()
    w.put('instances', user('a', undefined))
    const p = own({}, { status: { instance: { name: 'a', uid: 'uid-a' } } })
    await step(w, p)
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    p.status!.instance = { name: 'a', uid: 'uid-a' }
    expect(await step(w, p)).toEqual({ kind: 'released' })
  })
  test('delete: no address is anybody’s again before the port’s row, which speaks for it, is gone', async () => {
    const w = await world()
    const p = own()
    await step(w, p)
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    const log: string[] = []
    const { network, addresses } = w.deps
    const deps = {
      ...w.deps,
      network: recorded(network, 'network', log),
      addresses: recorded(addresses, 'addresses', log),
    }
    w.network.failNext(new Error('OVN is away'))
    await expect(reconcilePort(p, deps, w.run)).rejects.toThrow('OVN is away')
    expect(log).toEqual(['network.remove Port', 'network.remove Port ended'])
    expect(w.deps.caches.ipClaims.size).toBe(1)
    log.length = 0
    expect(await reconcilePort(p, deps, w.run)).toEqual({ kind: 'released' })
    expect(log.filter((call) => !call.includes('listHeld'))).toEqual([
      'network.remove Port',
      'network.remove Port ended',
      'network.remove QoS',
      'network.remove QoS ended',
      'addresses.release',
      'addresses.release ended',
    ])
  })
  test('delete: a machine that has it by name alone, and no place, does not hold it up', async () => {
    const w = await world()
    w.put('instances', user('a', undefined))
    const p = own({}, { status: { instance: { name: 'a', uid: 'uid-a' } } })
    expect(await step(w, p)).toEqual({ kind: 'done' })
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await step(w, p)).toEqual({ kind: 'released' })
  })
  test('delete: one that its status places nowhere is let go of where it was wanted', async () => {
    const w = await world()
    const a = user('a', 'c1')
    w.put('instances', a)
    const p = own({}, { status: { node: 'c1', epoch: 1, instance: { name: 'a', uid: 'uid-a' } } })
    await step(w, p)
    w.report('port', p, { node: 'c1', epoch: 1, state: 'plugging' })
    w.drop('instances', a)
    p.status = {}
    p.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await step(w, p)).toMatchObject({ reason: 'Releasing' })
    expect(w.bus.desired.find('c1', 'port', 'uid-p')).toMatchObject({ tombstone: true })
  })
})

describe('an address that one port reserves for others', () => {
  const reserving = () =>
    stored<Port>('vip', {
      networkRef: { name: 'lan' },
      fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.50' }],
    })
  const member = (name: string, ipAddress: string) =>
    stored<Port>(name, { networkRef: { name: 'lan' }, allowedAddressPairs: [{ ipAddress }] })
  const rowOf = (w: MemoryWorld) => w.network.rows.of('Port').get('uid-vip')
  test.each([
    ['by its address', '10.0.0.50', true],
    ['by a range', '10.0.0.48/28', true],
    ['another address', '10.0.0.51', false],
    ['another range', '10.0.0.64/28', false],
  ])('a port that names it %s speaks for it: %s', async (_, pair, isFor) => {
    const w = await world()
    const vip = reserving()
    await step(w, vip)
    expect(rowOf(w)).toMatchObject({ isShared: false })
    await step(w, member('m', pair))
    expect([...listSharing(member('m', pair), w.deps.caches)].includes('ns/vip')).toBe(isFor || pair.includes('/'))
    await step(w, vip)
    expect(rowOf(w)).toMatchObject({ isShared: isFor })
    w.drop('ports', member('m', pair))
    await step(w, vip)
    expect(rowOf(w)).toMatchObject({ isShared: false })
  })
  test('its own pair for it is no other’s', async () => {
    const w = await world()
    const vip = reserving()
    vip.spec.allowedAddressPairs = [{ ipAddress: '10.0.0.50' }, { ipAddress: '10.0.0.48/28' }]
    await step(w, vip)
    expect(rowOf(w)).toMatchObject({ isShared: false })
  })
  test('a port of another project, which may not, does not speak for it', async () => {
    const w = await world()
    w.put(
      'ports',
      stored<Port>(
        'm',
        { networkRef: { name: 'lan', namespace: 'ns' }, allowedAddressPairs: [{ ipAddress: '10.0.0.50' }] },
        { namespace: 'b' },
      ),
    )
    await step(w, reserving())
    expect(rowOf(w)).toMatchObject({ isShared: false })
  })
})

describe('networks and subnets', () => {
  test('delete: a network waits for its ports and subnets by name', async () => {
    const w = await world()
    const p = own()
    await step(w, p)
    w.put('ports', p)
    const n = network({ deleted: true })
    expect(await reconcileNetwork(n, w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: expect.stringMatching(/Port ns\/p and|Port ns\/p, Subnet ns\/lan-v4/),
    })
    expect(await step(w, stored<Port>('q', { networkRef: { name: 'lan' } }))).toMatchObject({ kind: 'done' })
    w.put('networks', n)
    expect(await step(w, stored<Port>('r', { networkRef: { name: 'lan' } }))).toMatchObject({
      reason: 'NetworkDeleting',
    })
  })
  test('an overlapping subnet says with which, and comes up when that one goes', async () => {
    const w = await world()
    const younger = subnet('b', '10.0.0.128/25', { uid: 'uid-z' })
    w.put('subnets', younger)
    expect(await reconcileSubnet(younger, w.deps, w.run)).toMatchObject({
      reason: 'CIDROverlap',
      message: expect.stringContaining('lan-v4'),
    })
    w.drop('subnets', subnet())
    expect(await reconcileSubnet(younger, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(younger.status).toMatchObject({ state: 'ACTIVE', gatewayIP: '10.0.0.129' })
  })
  test('of two made in one second the one that is in use stays, whatever their UIDs', async () => {
    const w = await world()
    const newcomer = subnet('b', '10.0.0.128/25', { uid: 'uid-a' })
    w.put('subnets', newcomer)
    const first = structuredClone(w.deps.caches.subnets.find('ns', 'lan-v4')!)
    expect(await reconcileSubnet(first, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(await reconcileSubnet(newcomer, w.deps, w.run)).toMatchObject({ reason: 'CIDROverlap' })
  })
  test('a subnet with addresses given out says to whom', async () => {
    const w = await world()
    await step(w, own())
    const s = subnet('lan-v4', '10.0.0.0/24', { deleted: true })
    expect(await reconcileSubnet(s, w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: expect.stringContaining('ns/p'),
    })
  })
})

describe('a subnet that is being deleted', () => {
  const going = (w: MemoryWorld) => w.put('subnets', subnet('lan-v4', '10.0.0.0/24', { deleted: true }))
  test('keeps its ports', async () => {
    const w = await world()
    const p = own()
    await step(w, p)
    const before = structuredClone(p.status)
    going(w)
    expect(await step(w, p)).toEqual({ kind: 'done' })
    expect(p.status).toEqual(before)
  })
  test('with its namespace, which took the claims: says by whom it is used, and its ports keep what they have', async () => {
    const w = await world()
    const p = own(
      { networkRef: { name: 'lan', namespace: 'ns' } },
      { namespace: 'b', status: { networkUID: 'uid-lan' } },
    )
    w.put('securityGroups', stored<SecurityGroup>('default', {}, { namespace: 'b', uid: 'uid-default' }))
    w.put('securityGroups', { ...w.deps.caches.securityGroups.find('b', 'default')!, status: { state: 'ACTIVE' } })
    expect(await step(w, p)).toEqual({ kind: 'done' })
    w.put('ports', p)
    const before = structuredClone(p.status)
    for (const claim of w.deps.caches.ipClaims.list()) {
      w.drop('ipClaims', claim)
      w.deps.addresses.forget(toStoredBlock(claim))
    }
    const subnetGoing = going(w)
    Object.assign(w.run.client, {
      create: async () => {
        throw new Error('ns is being terminated')
      },
    })
    expect(await reconcileSubnet(subnetGoing, w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: expect.stringContaining('b/p'),
    })
    expect(await step(w, p)).toEqual({ kind: 'done' })
    expect(p.status).toEqual(before)
    expect(w.network.rows.of('Subnet').has('uid-lan-v4')).toBe(true)
    w.drop('ports', p)
    expect(await reconcileSubnet(subnetGoing, w.deps, w.run)).toEqual({ kind: 'released' })
  })
  test('is used by each Port once, by claim or by what it says it has', async () => {
    const w = await world()
    const [p, q] = [own(), stored<Port>('q', { networkRef: { name: 'lan' } })]
    for (const port of [p, q]) {
      await step(w, port)
      w.put('ports', port)
    }
    expect(await reconcileSubnet(going(w), w.deps, w.run)).toMatchObject({
      message: 'has addresses of Ports ns/p, ns/q: delete these first',
    })
  })
  test('takes no new ones', async () => {
    const w = await world()
    going(w)
    expect(await step(w, own())).toMatchObject({ kind: 'wait', reason: 'SubnetNotReady' })
  })
})

describe('a network of another project', () => {
  const shared = { sharedWith: [{ namespace: '*' }] }
  async function foreign(networkSpec: Network['spec'], spec: Partial<Port['spec']>) {
    const w = await world()
    w.put('networks', stored<Network>('lan', networkSpec, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } }))
    w.put('securityGroups', stored<SecurityGroup>('default', {}, { namespace: 'b', status: { state: 'ACTIVE' } }))
    return step(w, own({ networkRef: { name: 'lan', namespace: 'ns' }, ...spec }, { namespace: 'b' }))
  }
  test.each([
    ['an ordinary port', shared, {}],
    [
      'no security where the network has none',
      { ...shared, portSecurityEnabled: false },
      { portSecurityEnabled: false },
    ],
    ['no pairs', shared, { allowedAddressPairs: [] }],
  ])('allows %s', async (_, networkSpec, spec) => {
    expect(await foreign(networkSpec, spec)).toEqual({ kind: 'done' })
  })
  test.each([
    ['portSecurityEnabled', { portSecurityEnabled: false }],
    ['allowedAddressPairs', { allowedAddressPairs: [{ ipAddress: '10.0.0.9' }] }],
  ])('refuses %s, which would let it speak for others', async (field, spec) => {
    await expect(foreign(shared, spec)).rejects.toMatchObject({
      reason: 'NotPermitted',
      message: expect.stringContaining(`spec.${field}`),
    })
  })
  test('taken back, it keeps the ports that it has and takes no new ones', async () => {
    const w = await world()
    const lend = (spec: Network['spec']) =>
      w.put('networks', stored<Network>('lan', spec, { status: { logicalSwitch: 'uid-lan', mtu: 1442 } }))
    w.put('securityGroups', stored<SecurityGroup>('default', {}, { namespace: 'b', status: { state: 'ACTIVE' } }))
    const make = (name: string) =>
      stored<Port>(name, { networkRef: { name: 'lan', namespace: 'ns' } }, { namespace: 'b' })
    const [before, after] = [make('before'), make('after')]
    lend(shared)
    expect(await step(w, before)).toEqual({ kind: 'done' })
    lend({})
    expect(await step(w, before)).toEqual({ kind: 'done' })
    expect(await step(w, after)).toMatchObject({ kind: 'wait', reason: 'NetworkNotFound' })
  })
})

test('groups of both sorts: refused, and a port that has groups keeps them', async () => {
  const w = await world()
  w.put('securityGroups', stored<SecurityGroup>('fast', { stateful: false }, { status: { state: 'ACTIVE' } }))
  const p = own()
  expect(await step(w, p)).toEqual({ kind: 'done' })
  p.spec.securityGroupRefs = [{ name: 'default' }, { name: 'fast' }]
  await expect(step(w, p)).rejects.toMatchObject({
    reason: 'MixedGroups',
    message: expect.stringContaining('ns/default is stateful and ns/fast is stateless'),
  })
  const groups = () => w.network.rows.of('Port').get('uid-p')?.securityGroupUids
  expect(groups()).toEqual(['uid-default'])
  p.spec.securityGroupRefs = [{ name: 'fast' }]
  expect(await step(w, p)).toEqual({ kind: 'done' })
  expect(groups()).toEqual(['uid-fast'])
})
