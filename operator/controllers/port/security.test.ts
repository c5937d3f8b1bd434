// SPDX-License-Identifier: Apache-2.0
// Projects on one network: nobody takes port security off another's machines, or speaks under another's address.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Network, Port, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import { generateMac } from '../../ipam/mac.ts'
import { announcerMac, metadataMac } from '../../../lib/contract/metadata-port.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcilePort } from './reconcile.ts'

const SHARED = { sharedWith: [{ namespace: '*' }] }
let w: MemoryWorld
let network: Network
const lan = async (spec: Network['spec']) => {
  network.spec = { ...SHARED, ...spec }
  const outcome = await reconcileNetwork(network, w.deps, w.run).catch((error: unknown) => error)
  w.put('networks', network)
  return outcome
}
/** Of the network's owner, or of another project. */
const port = (name: string, namespace: 'ns' | 'b', spec: Partial<Port['spec']> = {}) =>
  stored<Port>(name, { networkRef: { name: 'lan', namespace: 'ns' }, ...spec }, { namespace })
const at = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress }] })
const step = async (p: Port) => {
  w.put('ports', p)
  const outcome = await reconcilePort(p, w.deps, w.run).catch((error: unknown) => error)
  w.put('ports', p)
  return outcome
}
const rowOf = (p: Port) => w.network.rows.of('Port').get(p.metadata.uid)
const DONE = { kind: 'done' }
const refused = (message: RegExp) => ({ reason: 'NotPermitted', message: expect.stringMatching(message) })

beforeEach(async () => {
  w = memoryWorld()
  network = stored<Network>('lan', SHARED)
  await lan({})
  const subnet = stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  for (const namespace of ['ns', 'b'])
    w.put(
      'securityGroups',
      stored<SecurityGroup>('default', {}, { namespace, uid: `group-${namespace}`, status: { state: 'ACTIVE' } }),
    )
  for (const uid of ['group-ns', 'group-b'])
    await w.network.ensure({ kind: 'SecurityGroup', uid, namespace: '', name: '', generation: 1, rules: [] })
  for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
})

describe('whoever owns a shared network', () => {
  test('takes port security and groups from no Port of another namespace', async () => {
    const theirs = port('theirs', 'b')
    expect(await step(theirs)).toEqual(DONE)
    expect(await lan({ portSecurityEnabled: false })).toMatchObject(
      refused(/other namespaces have Ports on it \(Port b\/theirs\)/),
    )
    expect(network.status?.portSecurityEnabled).toBe(true)
    // Whatever the network says.
    network.status!.portSecurityEnabled = false
    w.put('networks', network)
    expect(await step(theirs)).toEqual(DONE)
    expect(rowOf(theirs)).toMatchObject({ portSecurityEnabled: true, securityGroupUids: ['group-b'] })
  })
  test('may do so for its own Ports, as long as no others are there, and again once they have gone', async () => {
    const mine = port('mine', 'ns')
    await step(mine)
    expect(await lan({ portSecurityEnabled: false })).toEqual(DONE)
    expect(await step(mine)).toEqual(DONE)
    expect(rowOf(mine)).toMatchObject({ portSecurityEnabled: false, securityGroupUids: [] })
    expect(await lan({})).toEqual(DONE)
    await step(mine)
    expect(rowOf(mine)).toMatchObject({ portSecurityEnabled: true })
    const theirs = port('theirs', 'b')
    await step(theirs)
    expect(await lan({ portSecurityEnabled: false })).toMatchObject(refused(/Port b\/theirs/))
    w.drop('ports', theirs)
    expect(await lan({ portSecurityEnabled: false })).toEqual(DONE)
  })
  test('makes no Port without port security beside those of others, and keeps one that it had', async () => {
    const router = port('router', 'ns', { portSecurityEnabled: false })
    expect(await step(router)).toEqual(DONE)
    await step(port('theirs', 'b'))
    expect(await step(router)).toEqual(DONE)
    expect(rowOf(router)).toMatchObject({ portSecurityEnabled: false })
    const spoofer = port('spoofer', 'ns', { portSecurityEnabled: false })
    expect(await step(spoofer)).toMatchObject(refused(/under the addresses of Port b\/theirs/))
    expect(rowOf(spoofer)).toBeUndefined()
  })
  test('takes it off no Port of its own that is there, which goes on with all else', async () => {
    const mine = port('mine', 'ns')
    await step(mine)
    await step(port('theirs', 'b'))
    mine.spec.portSecurityEnabled = false
    mine.metadata.generation = 2
    expect(await step(mine)).toMatchObject(refused(/Port b\/theirs/))
    expect(rowOf(mine)).toMatchObject({ portSecurityEnabled: true, generation: 2 })
  })
})

describe('a network without port security', () => {
  test('gives none to new Ports of anyone, and those of others keep that when it changes', async () => {
    await lan({ portSecurityEnabled: false })
    const [theirs, mine] = [port('theirs', 'b'), port('mine', 'ns')]
    for (const p of [theirs, mine]) {
      expect(await step(p)).toEqual(DONE)
      expect(rowOf(p)).toMatchObject({ portSecurityEnabled: false })
    }
    // Whoever may send under every address may name some, while it is so.
    expect(await step(port('another', 'b', { allowedAddressPairs: [{ ipAddress: '10.0.0.9' }] }))).toEqual(DONE)
    await lan({})
    expect([await step(theirs), await step(mine)]).toEqual([DONE, DONE])
    expect([rowOf(theirs)?.portSecurityEnabled, rowOf(mine)?.portSecurityEnabled]).toEqual([false, true])
    // One that asks for what it has is a user that exists.
    theirs.spec.portSecurityEnabled = false
    expect(await step(theirs)).toEqual(DONE)
  })
})

describe('further addresses', () => {
  const pairs = (...allowedAddressPairs: { ipAddress: string; macAddress?: string }[]) => ({ allowedAddressPairs })
  /** It was given these. */
  const theirs = () => ({
    ...port('theirs', 'b'),
    status: {
      networkUID: 'uid-lan',
      macAddress: 'fa:16:3e:00:00:77',
      fixedIPs: [{ subnet: 'lan-v4', ipAddress: '10.0.0.77', prefixLength: 24 }],
    },
  })

  test.each([
    [
      'another namespace’s address',
      { ipAddress: '10.0.0.77' },
      /allowedAddressPairs\[0\] has addresses of Port b\/theirs/,
    ],
    ['a range with it', { ipAddress: '10.0.0.64/27' }, /addresses of Port b\/theirs/],
    ['a range with bits of a host', { ipAddress: '10.0.0.99/24' }, /addresses of Port b\/theirs/],
    ['its MAC', { ipAddress: '10.0.0.9', macAddress: 'fa:16:3e:00:00:77' }, /addresses of Port b\/theirs/],
    ['the metadata service’s address', { ipAddress: '169.254.169.254' }, /from which guests get their metadata/],
    ['what is no address', { ipAddress: '10.0.0.300' }, /allowedAddressPairs\[0\]/],
    ['all addresses', { ipAddress: '0.0.0.0/0' }, /from which guests get their metadata/],
    [
      'the metadata service’s MAC',
      { ipAddress: '10.0.0.9', macAddress: metadataMac('uid-lan') },
      /the metadata service's/,
    ],
    [
      'the MAC of a Subnet’s router',
      { ipAddress: '10.0.0.9', macAddress: announcerMac('uid-lan-v4') },
      /the network's IPv6 router's: write another/,
    ],
  ])('%s is refused', async (_, pair, message) => {
    await step(theirs())
    const p = port('p', 'ns', pairs(pair))
    expect(await step(p)).toMatchObject(refused(message))
    expect(rowOf(p)).toBeUndefined()
  })
  test.each([
    ['an address that nobody has', { ipAddress: '10.0.0.9' }],
    ['an address of one’s own', { ipAddress: '10.0.0.50' }],
    ['a range without others’', { ipAddress: '10.0.0.128/25' }],
    ['addresses of version 6', { ipAddress: 'fd00::/64' }],
  ])('%s is given', async (_, pair) => {
    await step(theirs())
    await step(port('own', 'ns', at('10.0.0.50')))
    const p = port('p', 'ns', pairs(pair))
    expect(await step(p)).toEqual(DONE)
    expect(rowOf(p)?.allowedAddressPairs).toEqual([pair])
  })
  test('a range that was given stays when another namespace gets an address in it; the next is refused alone', async () => {
    const p = port('p', 'ns', pairs({ ipAddress: '10.0.0.64/27' }))
    expect(await step(p)).toEqual(DONE)
    await step(theirs())
    p.spec.allowedAddressPairs?.push({ ipAddress: '10.0.0.77' }, { ipAddress: '10.0.0.9' })
    expect(await step(p)).toMatchObject(refused(/allowedAddressPairs\[1\]/))
    expect(rowOf(p)?.allowedAddressPairs).toEqual([{ ipAddress: '10.0.0.64/27' }, { ipAddress: '10.0.0.9' }])
  })
  test('what was given under one MAC is not given under another', async () => {
    const p = port('p', 'ns', pairs({ ipAddress: '10.0.0.64/27' }))
    expect(await step(p)).toEqual(DONE)
    await step(theirs())
    p.spec.allowedAddressPairs = [{ ipAddress: '10.0.0.64/27', macAddress: 'fa:16:3e:00:00:05' }]
    expect(await step(p)).toMatchObject(refused(/allowedAddressPairs\[0\] has addresses of Port b\/theirs/))
    expect(rowOf(p)?.allowedAddressPairs).toEqual([])
  })
  test('one of a version that kept no record keeps what its spec says', async () => {
    await step(theirs())
    const p = port('p', 'ns', { portSecurityEnabled: false, ...pairs({ ipAddress: '10.0.0.77' }) })
    p.status = { networkUID: 'uid-lan', macAddress: 'fa:16:3e:00:00:01', fixedIPs: [] }
    expect(await step(p)).toEqual(DONE)
    expect(rowOf(p)).toMatchObject({ portSecurityEnabled: false, allowedAddressPairs: [{ ipAddress: '10.0.0.77' }] })
  })
})

describe('who comes to a shared network is told, once, who was let send in its name before', () => {
  const told: string[] = []
  const join = async (namespace: 'ns' | 'b' = 'b') => {
    told.length = 0
    w.run.event = ({ reason, note }) => void told.push(`${reason}: ${note}`)
    const joining = port('joins', namespace)
    for (let left = 2; left > 0; left--) expect(await step(joining)).toEqual(DONE)
    return told
  }
  const pair = (ipAddress: string, macAddress?: string) => ({
    allowedAddressPairs: [{ ipAddress, ...(macAddress === undefined ? {} : { macAddress }) }],
  })
  test.each<[string, Partial<Port['spec']>, boolean]>([
    ['a Port without port security', { portSecurityEnabled: false }, true],
    ['one with a range around its address', pair('10.0.0.0/25'), true],
    [
      'one with its address beside another',
      { allowedAddressPairs: [{ ipAddress: '10.0.0.200' }, { ipAddress: '10.0.0.0/25' }] },
      true,
    ],
    ['one with its MAC', pair('10.0.0.200', generateMac('fa:16:3e', 'uid-joins')), true],
    ['one with addresses of none of its', pair('10.0.0.200', 'fa:16:3e:00:00:01'), false],
    ['one with its own alone', {}, false],
  ])('%s', async (_, spec, isTold) => {
    expect(await step(port('before', 'ns', spec))).toEqual(DONE)
    expect(await join()).toEqual(
      isTold ? [expect.stringMatching(/^AddressNotExclusive: Port ns\/before may send/)] : [],
    )
  })
  test('not who owns it, nor who knows of a network without port security that it has none', async () => {
    expect(await step(port('before', 'ns', { portSecurityEnabled: false }))).toEqual(DONE)
    expect(await join('ns')).toEqual([])
    w.drop('ports', port('joins', 'ns'))
    await lan({ portSecurityEnabled: false })
    expect(await join()).toEqual([])
  })
  test('not of the Ports of its own namespace', async () => {
    await lan({ portSecurityEnabled: false })
    expect(await step(port('friend', 'b'))).toEqual(DONE)
    await lan({})
    network.status!.portSecurityEnabled = true
    w.put('networks', network)
    expect(await join()).toEqual([])
  })
})

test('the metadata service’s MAC is given to no Port', async () => {
  expect(await step(port('p', 'ns', { macAddress: metadataMac('uid-lan') }))).toMatchObject({ reason: 'MACReserved' })
  expect(await step(port('q', 'ns', { macAddress: metadataMac('another') }))).toEqual(DONE)
})

test('the MAC of a Subnet’s router is given to no Port, and no Port has it made', async () => {
  expect(await step(port('p', 'ns', { macAddress: announcerMac('uid-lan-v4') }))).toMatchObject({
    reason: 'MACReserved',
    message: expect.stringMatching(/is the network's IPv6 router's on Network ns\/lan/),
  })
  expect(await step(port('q', 'ns', { macAddress: announcerMac('another') }))).toEqual(DONE)
})

describe('groups of a Port that is there', () => {
  const group = (name: string, spec: SecurityGroup['spec'] = {}, more: object = {}) => {
    const g = stored<SecurityGroup>(name, spec, { status: { state: 'ACTIVE' }, ...more })
    w.put('securityGroups', g)
    return w.network
      .ensure({ kind: 'SecurityGroup', uid: g.metadata.uid, namespace: 'ns', name, generation: 1, rules: [] })
      .then(() => g)
  }
  const machine = () =>
    w.put(
      'instances',
      stored<Instance>(
        'vm',
        { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] },
        { namespace: 'b', status: { node: 'c1', epoch: 1 } },
      ),
    )
  const member = () => port('p', 'b', { securityGroupRefs: [{ name: 'lent', namespace: 'ns' }, { name: 'default' }] })

  test.each<[string, (lent: SecurityGroup) => unknown]>([
    ['is no longer shared', () => group('lent')],
    ['is being deleted', () => group('lent', SHARED, { deleted: true })],
    ['is being deleted and no longer shared', () => group('lent', {}, { deleted: true })],
  ])('one that %s keeps the members that it has, and takes no new ones', async (_, end) => {
    const lent = await group('lent', SHARED)
    machine()
    const p = member()
    for (let left = 2; left > 0; left--) await step(p)
    await end(lent)
    w.report('port', p, { node: 'c1', epoch: 1, state: 'active' })
    expect(await step(p)).toEqual(DONE)
    expect(rowOf(p)?.securityGroupUids).toEqual(['uid-lent', 'group-b'])
    const late = port('late', 'b', { securityGroupRefs: [{ name: 'lent', namespace: 'ns' }] })
    expect(await step(late)).toMatchObject({
      kind: 'wait',
      reason: expect.stringMatching(/^SecurityGroup(NotFound|Deleting)$/),
    })
    expect(rowOf(late)).toBeUndefined()
  })
  test.each([
    ['as it keeps it', true],
    ['of a version that kept none', false],
  ])('one that is being deleted keeps a Port that moves, by its record %s', async (_, isRecorded) => {
    const lent = await group('lent', SHARED)
    const vm = machine()
    const p = member()
    for (let left = 2; left > 0; left--) await step(p)
    vm.status = { epoch: 1, pendingReleases: [{ node: 'c1', epoch: 1 }] }
    w.put('instances', vm)
    w.report('port', p, { node: 'c1', epoch: 1, state: 'gone' })
    await step(p)
    expect(p.status).not.toHaveProperty('node')
    await group('lent', SHARED, { deleted: true, uid: lent.metadata.uid })
    if (!isRecorded) delete p.status?.securityGroupUIDs
    await step(p)
    expect(rowOf(p)?.securityGroupUids).toEqual(['uid-lent', 'group-b'])
    expect(p.status?.securityGroupUIDs).toEqual(['uid-lent', 'group-b'])
  })
  test('one that is gone is left out and said; the Port goes on, to its next node too', async () => {
    const lent = await group('lent', SHARED)
    const vm = machine()
    const p = member()
    for (let left = 2; left > 0; left--) await step(p)
    w.drop('securityGroups', lent)
    vm.status = { node: 'c2', epoch: 2 }
    w.put('instances', vm)
    w.report('port', p, { node: 'c1', epoch: 1, state: 'gone' })
    for (let left = 2; left > 0; left--) await step(p)
    w.report('port', p, { node: 'c2', epoch: 2, state: 'active' })
    expect(await step(p)).toMatchObject({ kind: 'wait', reason: 'SecurityGroupNotFound' })
    expect(rowOf(p)).toMatchObject({ node: 'c2', securityGroupUids: ['group-b'] })
    expect(p.status).toMatchObject({ node: 'c2', state: 'ACTIVE' })
  })
})
