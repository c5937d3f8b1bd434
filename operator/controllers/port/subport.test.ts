// SPDX-License-Identifier: Apache-2.0
// A subport is where the interface of its Trunk is, for as long as it is on it.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, Network, Port, Subnet, Trunk } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { listFormerPlaces, planBinding } from './binding.ts'
import { reconcilePort } from './reconcile.ts'
import { findSubport } from './subport.ts'

let w: MemoryWorld
const onIt = { name: 't', uid: 'uid-t', segmentationID: 100 }
const vm = { name: 'vm', uid: 'uid-vm' }
const at = (node: string, epoch = 1) => ({ node, epoch, instance: vm })
const blue = (status: Port['status'] = {}) =>
  w.put('ports', stored<Port>('blue', { networkRef: { name: 'lan' } }, { status: { origin: 'User', ...status } }))
const eth0 = (status: Port['status'] = {}) =>
  w.put('ports', stored<Port>('eth0', { networkRef: { name: 'lan' } }, { status: { origin: 'User', ...status } }))
const trunk = (name = 't', segmentationID = 100) => {
  const status = { parentUID: 'uid-eth0', subports: [{ port: 'blue', portUID: 'uid-blue', segmentationID }] }
  return w.put('trunks', stored<Trunk>(name, { portRef: { name: 'eth0' } }, { status }))
}
const machine = (node = 'n1') =>
  w.put(
    'instances',
    stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { status: { node, epoch: 1 } }),
  )

beforeEach(() => {
  w = memoryWorld()
  machine()
  eth0(at('n1', 4))
  trunk()
})

describe('which Port is one', () => {
  test('one that a Trunk has', () => {
    expect(findSubport(blue(), w.deps)).toMatchObject({ segmentationID: 100, parent: { metadata: { name: 'eth0' } } })
    w.drop('trunks', trunk())
    expect(findSubport(blue(), w.deps)).toBeUndefined()
  })
  test('not one that a machine has', () => {
    expect(findSubport(blue(at('n1')), w.deps)).toBeUndefined()
    expect(findSubport(blue({ ...at('n1'), trunk: onIt }), w.deps)).toBeDefined()
  })
  test('of two Trunks that have it the older counts', () => {
    trunk('a', 7)
    expect(findSubport(blue(), w.deps)?.trunk.metadata.name).toBe('a')
  })
})

describe('its place', () => {
  const parent = { portUid: 'uid-eth0', vlan: 100 }
  const plan = (status: Port['status'] = {}) => planBinding(blue(status), w.deps)
  test('is its parent’s, under an epoch of its own; written before anything acts on it', () => {
    expect(plan()).toMatchObject({ kind: 'decided', binding: { node: 'n1', epoch: 1, hostname: 'vm', parent } })
    expect(plan({ ...at('n1', 3), trunk: onIt })).toMatchObject({ kind: 'stands', binding: { epoch: 3, parent } })
  })
  test('another tag, and another Trunk on that node, are written first too', () => {
    for (const trunk of [
      { ...onIt, segmentationID: 9 },
      { ...onIt, uid: 'other' },
    ])
      expect(plan({ ...at('n1', 3), trunk })).toMatchObject({ kind: 'decided', binding: { epoch: 3, parent } })
  })
  test('moves with it', () => {
    eth0(at('n2', 5))
    const status = { ...at('n1', 3), trunk: onIt }
    expect(listFormerPlaces(blue(status), w.deps)).toEqual([{ node: 'n1', epoch: 3 }])
    expect(plan(status)).toMatchObject({ kind: 'decided', binding: { node: 'n2', epoch: 4 } })
  })
  test.each<[string, () => unknown]>([
    ['is nowhere', () => eth0()],
    ['is gone', () => w.drop('ports', eth0())],
  ])('a parent that %s takes it away', (_, happens) => {
    happens()
    const status = { ...at('n1', 3), trunk: onIt }
    expect(listFormerPlaces(blue(status), w.deps)).toEqual([{ node: 'n1', epoch: 3 }])
    expect(plan(status)).toMatchObject({ kind: 'decided', binding: undefined })
    expect(plan({ trunk: onIt })).toEqual({ kind: 'stands', binding: undefined })
  })
  test('without its Trunk it has none, though the machine still runs there', () => {
    w.drop('trunks', trunk())
    const status = { ...at('n1', 3), trunk: onIt }
    expect(listFormerPlaces(blue(status), w.deps)).toEqual([{ node: 'n1', epoch: 3 }])
    expect(plan(status)).toEqual({ kind: 'decided', binding: undefined })
  })
  test('of a Port without a Trunk nothing is different', () => {
    w.drop('trunks', trunk())
    expect(plan()).toEqual({ kind: 'stands', binding: undefined })
  })
})

describe('it is made', () => {
  const row = () => w.network.rows.of('Port').get('uid-blue')
  const reconcile = async (port: Port) => {
    let outcome
    do {
      outcome = await reconcilePort(port, w.deps, w.run)
      w.put('ports', port)
    } while (outcome.kind === 'saved')
    return outcome
  }
  const says = (port: Port, state: string) =>
    w.report('port', port, { node: 'n1', state, epoch: 1, facts: { ovnInstalled: state === 'active' } })
  beforeEach(async () => {
    const network = {
      status: { state: 'ACTIVE', logicalSwitch: 'uid-lan', mtu: 1442, portSecurityEnabled: true },
    } as const
    w.put('networks', stored<Network>('lan', {}, network))
    w.put(
      'subnets',
      stored<Subnet>('v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }, { status: { state: 'ACTIVE' } }),
    )
    await w.network.ensure({ kind: 'Network', uid: 'uid-lan', namespace: 'ns', name: 'lan', generation: 1, mtu: 1442 })
    const dhcp = { leaseSeconds: 60, dnsNameservers: [], hostRoutes: [] }
    const base = { namespace: 'ns', name: 'v4', generation: 1, mtu: 1442, dhcp }
    await w.network.ensure({ kind: 'Subnet', uid: 'uid-v4', networkUid: 'uid-lan', cidr: '10.0.0.0/24', ...base })
  })

  test('in OVN by the interface and the tag; the node is told by whose', async () => {
    const port = blue({ securityGroupUIDs: [] })
    port.spec.securityGroupRefs = []
    expect(await reconcile(port)).toMatchObject({ reason: 'Plugging' })
    expect(row()).toMatchObject({ node: 'n1', parent: { portUid: 'uid-eth0', vlan: 100 } })
    const document = await w.bus.desired.read('n1', 'port', 'uid-blue')
    expect(document).toMatchObject({ spec: { parent: { portUid: 'uid-eth0', vlan: 100 }, instanceUid: 'uid-vm' } })
    says(port, 'active')
    expect(await reconcile(port)).toEqual({ kind: 'done' })
    expect(port.status).toMatchObject({ state: 'ACTIVE', node: 'n1', instance: vm, trunk: onIt })
  })
  test('and is ACTIVE only when its node has claimed it', async () => {
    const port = blue()
    port.spec.securityGroupRefs = []
    await reconcile(port)
    says(port, 'active')
    w.network.setUnclaimed(['uid-blue'])
    expect(await reconcile(port)).toMatchObject({ reason: 'Plugging' })
    expect(port.status?.state).toBe('BUILD')
  })
  test('off the interface at once when its Trunk lets it go, though the node has not answered', async () => {
    const port = blue()
    port.spec.securityGroupRefs = []
    await reconcile(port)
    says(port, 'active')
    await reconcile(port)
    w.drop('trunks', trunk())
    expect(await reconcile(port)).toMatchObject({ kind: 'wait' })
    expect(row()).not.toHaveProperty('parent')
    w.report('port', port, { node: 'n1', state: 'gone', epoch: 1 })
    expect(await reconcile(port)).toEqual({ kind: 'done' })
    expect(row()).not.toHaveProperty('node')
    expect(port.status).not.toHaveProperty('trunk')
    expect(port.status).toMatchObject({ state: 'DOWN' })
  })
})
