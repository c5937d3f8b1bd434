// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { TransientError } from '../../lib/errors.ts'
import { mapOf, readMap, setOf, uuidOf, type OvsRow } from '../../lib/ovsdb/values.ts'
import { planChassis } from './drivers/ovs/chassis-plan.ts'
import { obstacles, plugOperations, toPluggedPort, unplugOperations } from './drivers/ovs/plug-plan.ts'
import type { SwitchView } from './drivers/ovs/switch-database.ts'
import { deviceInstance, parseLinkLine } from './host-links.ts'
import { isPassing, isPluggedAs, type SwitchPort } from './port-driver.ts'
import { chooseDatapath } from './drivers/ovs/datapath.ts'
import { parseVersion, readDpdk } from './drivers/ovs/switch-inventory.ts'

const viewOf = (tables: Record<string, Record<string, OvsRow>>): SwitchView => ({
  rows: (table) => new Map(Object.entries(tables[table] ?? {})),
})
const marked = mapOf({
  'nephele-kind': 'port',
  'nephele-uid': 'p1',
  'nephele-device-instance': 'b/7',
  'iface-id': 'p1',
  'ovn-installed': 'true',
})
const view = viewOf({
  Open_vSwitch: { root: { bridges: setOf([uuidOf('br')]), external_ids: mapOf({}), ssl: setOf([]) } },
  Bridge: { br: { name: 'br-int', ports: setOf([uuidOf('prt')]), datapath_type: 'netdev', fail_mode: 'secure' } },
  Port: { prt: { name: 'tapp1', interfaces: uuidOf('ifc') } },
  Interface: {
    ifc: {
      name: 'tapp1',
      type: '',
      options: mapOf({}),
      external_ids: marked,
      ofport: 5,
      error: setOf([]),
      link_state: 'up',
    },
  },
})
const want: SwitchPort = {
  kind: 'port',
  uid: 'p1',
  logicalPort: 'p1',
  mac: 'fa:16:3e:00:00:01',
  type: 'device',
  device: 'tapp1',
  instance: 'b/7',
}

const VHOST_OPTIONS = mapOf({ 'vhost-server-path': '/run/x' })

describe('ports', () => {
  const plugged = toPluggedPort(view.rows('Interface').get('ifc')!)!
  test('a row with our mark is read back', () => {
    expect(plugged).toEqual({
      kind: 'port',
      uid: 'p1',
      device: 'tapp1',
      instance: 'b/7',
      logicalPort: 'p1',
      ofport: 5,
      installed: true,
      linkUp: true,
    })
    expect(toPluggedPort({ external_ids: mapOf({ 'iface-id': 'p1' }) })).toBeUndefined()
  })
  test.each<[string, OvsRow, object]>([
    ['installed is no word without a port number', { ofport: setOf([]) }, { installed: false }],
    ['a port that did not open is an error', { ofport: -1 }, { installed: false, error: expect.anything() }],
    ['an error is told', { error: 'no such device' }, { error: 'no such device' }],
  ])('%s', (_what, more, expected) => {
    expect(toPluggedPort({ ...view.rows('Interface').get('ifc')!, ...more })).toMatchObject(expected)
  })
  test.each<[string, Record<string, string>, object]>([
    ['no word', {}, { installed: false }],
    ['its word', { 'nephele-programmed-by': 'a.b/c' }, { installed: true }],
    ['another controller’s', { 'nephele-programmed-by': 'a.b/d' }, { installed: false }],
    ['OVN’s', { 'ovn-installed': 'true' }, { installed: false }],
    ['a refusal', { 'nephele-refused': 'full' }, { installed: false, refusal: 'full' }],
    ['both', { 'nephele-refused': '', 'nephele-programmed-by': 'a.b/c' }, { installed: false, refusal: '' }],
  ])('of an SDN controller’s port counts: %s', (_, words, expected) => {
    const ids = {
      ...readMap(marked),
      'ovn-installed': 'false',
      'nephele-controller': 'a.b/c',
      'nephele-bridge': 'br-sdn',
      ...words,
    }
    const port = toPluggedPort({ ...view.rows('Interface').get('ifc')!, external_ids: mapOf(ids) })
    expect(port).toMatchObject({ controlled: { controller: 'a.b/c', bridge: 'br-sdn' }, ...expected })
    const closed = toPluggedPort({ ...view.rows('Interface').get('ifc')!, external_ids: mapOf(ids), ofport: -1 })
    expect(closed?.installed).toBe(false)
  })
  test('what an SDN controller says of another’s port, or of OVN’s, is not heard', () => {
    const ids = {
      ...readMap(marked),
      'ovn-installed': 'false',
      'nephele-programmed-by': 'a.b/c',
      'nephele-refused': 'x',
    }
    const port = toPluggedPort({ ...view.rows('Interface').get('ifc')!, external_ids: mapOf(ids) })
    expect(port).toMatchObject({ installed: false })
    expect(port).not.toHaveProperty('refusal')
  })
  test('a device made anew, another boot or name is another port', () => {
    expect(isPluggedAs(plugged, want)).toBe(true)
    expect(isPluggedAs(plugged, { ...want, instance: 'b/8' })).toBe(false)
    expect(isPluggedAs(plugged, { ...want, instance: 'c/7' })).toBe(false)
    expect(isPluggedAs(plugged, { ...want, logicalPort: 'p2' })).toBe(false)
    expect(isPluggedAs(undefined, want)).toBe(false)
  })
  test('what stands in the way: the same uid, or the same device under another', () => {
    expect(obstacles(view, 'port', 'p1')).toHaveLength(1)
    expect(obstacles(view, 'metadata', 'p1')).toHaveLength(0)
    expect(obstacles(view, 'port', 'p2', 'tapp1')).toHaveLength(1)
    expect(unplugOperations(view, obstacles(view, 'port', 'p1'))).toEqual([
      {
        op: 'mutate',
        table: 'Bridge',
        where: [['_uuid', '==', uuidOf('br')]],
        mutations: [['ports', 'delete', setOf([uuidOf('prt')])]],
      },
    ])
  })
  test('vhost-user', () => {
    const vhost: SwitchPort = {
      kind: 'port',
      uid: 'p3',
      logicalPort: 'p3',
      mac: 'fa:16:3e:00:00:03',
      type: 'vhostuser',
      device: 'vhup3',
      socketPath: '/run/x',
      mtu: 1442,
      instance: '7/1',
    }
    const rowOf = (port: SwitchPort): OvsRow => {
      const insert = plugOperations(view, port)[0]
      return insert?.op === 'insert' ? insert.row : {}
    }
    const row = { type: 'dpdkvhostuserclient', options: mapOf({ 'vhost-server-path': '/run/x' }) }
    expect(rowOf(vhost)).toEqual({ name: 'vhup3', external_ids: expect.anything(), ...row })
    const jumbo: SwitchPort = { ...vhost, mtu: 8942 }
    expect(rowOf(jumbo)).toMatchObject({ ...row, mtu_request: 8942 })
    const held = toPluggedPort({ ...rowOf(vhost), mtu_request: setOf([]) })
    expect(isPluggedAs(held, vhost)).toBe(true)
    expect(isPluggedAs(held, { ...vhost, socketPath: '/run/y' })).toBe(false)
    // The network's MTU grew: frames of the new size would be dropped on their way to the guest.
    expect(isPluggedAs(held, jumbo)).toBe(false)
    expect(isPluggedAs(toPluggedPort(rowOf(jumbo)), vhost)).toBe(true)
  })
  test.each<[string, OvsRow, boolean]>([
    ['a tap passes packets once its flows are there', { link_state: 'down' }, true],
    [
      'a port without flows passes none',
      { external_ids: mapOf({ 'nephele-kind': 'port', 'nephele-uid': 'p' }) },
      false,
    ],
    ['a vhost-user port whose guest has no driver', { options: VHOST_OPTIONS, link_state: 'down' }, false],
    ['a vhost-user port whose guest has one', { options: VHOST_OPTIONS, link_state: 'up' }, true],
  ])('%s', (_what, more, passes) => {
    const port = toPluggedPort({ ...view.rows('Interface').get('ifc')!, ...more })
    expect(port && isPassing(port)).toBe(passes)
  })
  test('no bridge yet: wait', () => expect(() => plugOperations(viewOf({}), want)).toThrow(TransientError))
})

describe('chassis', () => {
  const chassis = {
    systemId: 'n1',
    encapIp: '10.0.0.1',
    ovnRemote: 'ssl:10.0.0.9:6642',
    tls: { privateKey: '/k', certificate: '/c', caCert: '/a' },
  }
  const ids = mapOf({
    'system-id': 'n1',
    hostname: 'n1',
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': '10.0.0.1',
    'ovn-bridge-datapath-type': 'netdev',
    'ovn-remote': 'ssl:10.0.0.9:6642',
    theirs: 'x',
  })
  const tables = (more: OvsRow) => ({
    Open_vSwitch: { root: { bridges: setOf([]), external_ids: ids, ssl: uuidOf('tls'), ...more } },
    SSL: { tls: { private_key: '/k', certificate: '/c', ca_cert: '/a' } },
    Bridge: { br: { name: 'br-int', ports: setOf([]), datapath_type: 'netdev', fail_mode: 'secure' } },
  })
  test('nothing to write when all is there; keys of others do not count', () => {
    expect(planChassis(viewOf(tables({})), chassis)).toEqual([])
  })
  test('only what differs is written', () => {
    const operations = planChassis(viewOf(tables({})), { ...chassis, encapIp: '10.0.0.2' })
    expect(operations).toEqual([
      {
        op: 'mutate',
        table: 'Open_vSwitch',
        where: [],
        mutations: [
          ['external_ids', 'delete', setOf(['ovn-encap-ip'])],
          ['external_ids', 'insert', mapOf({ 'ovn-encap-ip': '10.0.0.2' })],
        ],
      },
    ])
  })
  const SYSTEM = setOf(['netdev', 'system'])
  test.each([
    ['what the host says', 'system', 'netdev', { datapath_types: SYSTEM }, 'system'],
    ['what the host says, the other way', 'netdev', '', { datapath_types: SYSTEM }, 'netdev'],
    ['the bridge’s own, by its empty type', undefined, '', { datapath_types: SYSTEM }, 'system'],
    ['the bridge’s own, by name', undefined, 'system', { datapath_types: SYSTEM }, 'system'],
    ['never one that the switch has not', undefined, '', { datapath_types: setOf(['netdev']) }, 'netdev'],
    ['the switch’s own with DPDK', undefined, '', { datapath_types: SYSTEM, dpdk_initialized: true }, 'netdev'],
    ['the switch’s own where there is nothing', undefined, undefined, { datapath_types: SYSTEM }, 'netdev'],
    ['a word that is none counts for nothing', 'fast', 'netdev', { datapath_types: SYSTEM }, 'netdev'],
  ] as const)('the datapath is %s', (_, said, bridge, root, datapath) => {
    const external = mapOf(said === undefined ? {} : { 'ovn-bridge-datapath-type': said })
    const held = viewOf({
      Open_vSwitch: { root: { bridges: setOf([]), external_ids: external, ssl: setOf([]), ...root } },
      ...(bridge === undefined ? {} : { Bridge: { br: { name: 'br-int', ports: setOf([]), datapath_type: bridge } } }),
    })
    expect(chooseDatapath(held)).toBe(datapath)
    const text = JSON.stringify(planChassis(held, chassis))
    expect(text.includes(`"datapath_type":"${datapath === 'system' ? 'netdev' : 'system'}"`)).toBe(false)
  })
  test('an empty switch gets everything', () => {
    const inserted = planChassis(viewOf({}), chassis).flatMap((o) => (o.op === 'insert' ? [o.table] : []))
    expect(inserted).toEqual(['Open_vSwitch', 'SSL', 'Interface', 'Port', 'Bridge'])
  })
})

describe('DPDK, as the switch tells it', () => {
  test.each<[string, OvsRow | undefined, object]>([
    ['a switch that said nothing yet', undefined, { initialized: false }],
    ['one without DPDK', { dpdk_initialized: false, dpdk_version: 'none' }, { initialized: false }],
    [
      'one with',
      { dpdk_initialized: true, dpdk_version: 'DPDK 24.11', iface_types: setOf(['dpdkvhostuserclient', 'tap']) },
      { initialized: true, version: 'DPDK 24.11', vhostUser: true },
    ],
    [
      'one that polls on CPUs that somebody chose',
      { dpdk_initialized: true, iface_types: setOf(['tap']), other_config: mapOf({ 'pmd-cpu-mask': '0xc' }) },
      { initialized: true, vhostUser: false, pmdCpus: [2, 3] },
    ],
    [
      'one that was built without vhost',
      { dpdk_initialized: true, dpdk_version: 'DPDK 24.11', iface_types: setOf(['dpdk', 'tap']) },
      { initialized: true, version: 'DPDK 24.11', vhostUser: false },
    ],
  ])('%s', (_what, row, expected) => expect(readDpdk(row)).toEqual(expected))
})

describe('links', () => {
  test.each([
    ['7: tap0: <BROADCAST> mtu 1500', 'tap0'],
    ['Deleted 7: tap0: <BROADCAST> mtu 1500', 'tap0'],
    ['12: eth0@if3: <BROADCAST>', 'eth0'],
    ['    link/ether 00:00', undefined],
    ['', undefined],
  ])('%s', (line, device) => expect(parseLinkLine(line)).toBe(device))
  test.each(['', '..', 'a/b', 'tap0 x', 'a'.repeat(16)])('refuses the device %j', async (device) => {
    await expect(deviceInstance(device, 'b')).rejects.toThrow(TypeError)
  })
  test('a device that is not there', async () => expect(await deviceInstance('no-such-dev', 'b')).toBeUndefined())
  test('the switch names its version', () =>
    expect(parseVersion('ovs-vswitchd (Open vSwitch) 3.5.0\nDPDK 24.11')).toBe('3.5.0'))
})
