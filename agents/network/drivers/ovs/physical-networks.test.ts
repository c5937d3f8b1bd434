// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { createLogger } from '../../../../lib/log.ts'
import type { Operation } from '../../../../lib/ovsdb/operations.ts'
import { mapOf, namedUuid, readMap, setOf, uuidOf } from '../../../../lib/ovsdb/values.ts'
import type { HostInterface } from '../../host-interfaces.ts'
import { MemorySwitch } from '../../testing/memory-switch.ts'
import type { PhysicalNetwork } from './judge-physical-networks.ts'
import { chassisMac, listRows, nameOf, ownBridgeName, planPhysicalBridges, portsOf } from './physical-bridges-plan.ts'
import { PhysicalNetworks } from './physical-networks.ts'
import { findByName, rootRow } from './switch-database.ts'

const log = createLogger('test', 'silent')
const A = ownBridgeName('a')
const B = ownBridgeName('b')

/** A bridge of the host, with the port that each has and one of an interface. */
function bridge(name: string, device: string, more: object = {}): Operation[] {
  const label = name.replaceAll('-', '_')
  const ports = [name, device].map((port, i) => ({
    port,
    i: namedUuid(`${label}i${i}`),
    p: namedUuid(`${label}p${i}`),
  }))
  return [
    ...ports.flatMap(({ port, i, p }): Operation[] => [
      { op: 'insert', table: 'Interface', 'uuid-name': i[1], row: { name: port } },
      { op: 'insert', table: 'Port', 'uuid-name': p[1], row: { name: port, interfaces: i } },
    ]),
    {
      ...{ op: 'insert', table: 'Bridge', 'uuid-name': label },
      row: { name, datapath_type: 'netdev', ports: setOf(ports.map(({ p }) => p)), ...more },
    },
    {
      ...{ op: 'mutate', table: 'Open_vSwitch', where: [] },
      mutations: [['bridges', 'insert', setOf([namedUuid(label)])]],
    },
  ]
}

interface Scene {
  ovs: MemorySwitch
  physical: PhysicalNetworks
  links: Map<string, HostInterface>
  /** Interfaces that were brought up, looks at the host's interfaces, and times that the report changed. */
  seen: { up: string[]; looks: number; told: number }
  clock: { now: number }
  /** Interfaces at which the host does not answer, as it was told, and what goes wrong. */
  silent: { devices: Set<string>; error?: Error }
  want: (...networks: PhysicalNetwork[]) => Promise<PhysicalNetworks['report']>
}

/** A node whose switch has br-int and a bridge of the host, and whose interfaces eth2 and eth3 are free. */
async function scene(): Promise<Scene> {
  const ovs = new MemorySwitch()
  await ovs.transact([...bridge('br-int', 'tap1'), ...bridge('br-phys', 'eth1')])
  const links = new Map<string, HostInterface>([
    ['lo', { ifindex: 1, addresses: ['127.0.0.1'] }],
    ['eth0', { ifindex: 2, addresses: ['192.0.2.7'] }],
    ['eth2', { ifindex: 4, addresses: [] }],
    ['eth3', { ifindex: 5, addresses: [] }],
    ['eth4', { ifindex: 6, addresses: [], master: 'bond0' }],
    ['eth5', { ifindex: 7, addresses: ['198.51.100.5'] }],
    ['eth6', { ifindex: 8, addresses: [], isDefaultRoute: true }],
    ['eth7', { ifindex: 9, addresses: [], uppers: ['eth7.100'] }],
  ])
  const seen = { up: [] as string[], looks: 0, told: 0 }
  const clock = { now: 0 }
  const silent: Scene['silent'] = { devices: new Set() }
  const physical = new PhysicalNetworks({
    database: ovs,
    node: 'n1',
    addresses: ['192.0.2.7'],
    now: () => clock.now,
    log,
    onReport: () => seen.told++,
    host: {
      readInterfaces: () => {
        seen.looks++
        return Promise.resolve(new Map(links))
      },
      silence: (device) => {
        if (silent.error) return Promise.reject(silent.error)
        silent.devices.add(device)
        return Promise.resolve()
      },
      unsilence: (device) => {
        silent.devices.delete(device)
        return Promise.resolve()
      },
      bringUp: (device) => {
        seen.up.push(silent.devices.has(device) ? device : `${device}, loud`)
        ovs.set('Interface', device, { admin_state: 'up', link_state: 'up' })
        return Promise.resolve()
      },
    },
  })
  const want = async (...networks: PhysicalNetwork[]) => {
    await physical.want(networks)
    return physical.report
  }
  return { ovs, physical, links, seen, clock, silent, want }
}

/** As ovs-vswitchd opens it: the kernel has it down. */
const opened = ({ ovs }: Scene, device: string) => ovs.set('Interface', device, { ofport: 1, admin_state: 'down' })
/** Nobody calls: what changed in the switch's database does it. */
const settled = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}
/** Bridges with their ports, and the keys that ovn-controller reads. */
function stateOf({ ovs }: Scene) {
  const bridges = listRows(ovs, 'Bridge').map((b) => [nameOf(b), portsOf(ovs, b).map(nameOf).sort()] as const)
  const ids = readMap(rootRow(ovs)?.row['external_ids'])
  const { 'ovn-bridge-mappings': mappings, 'ovn-chassis-mac-mappings': macs } = ids
  return { bridges: Object.fromEntries(bridges), mappings, macs }
}
const HOSTS = { 'br-int': ['br-int', 'tap1'], 'br-phys': ['br-phys', 'eth1'] }

describe('an interface', () => {
  test('gets a bridge of its own that switches by itself, a mapping and a MAC; then there is nothing left to do', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    opened(s, 'eth2')
    await settled()
    const macs = `a:${chassisMac('n1', 'a')}`
    expect(stateOf(s)).toEqual({ bridges: { ...HOSTS, [A]: [A, 'eth2'].sort() }, mappings: `a:${A}`, macs })
    const own = listRows(s.ovs, 'Bridge').find((b) => nameOf(b) === A)!
    expect(own.row).toMatchObject({ datapath_type: 'netdev', fail_mode: setOf([]) })
    expect(s.seen.up).toEqual(['eth2'])
    expect(s.physical.report).toEqual([{ name: 'a' }])
    const { transactions } = s.ovs
    const { looks } = s.seen
    s.ovs.set('Interface', 'tap1', { link_state: 'up' })
    await settled()
    expect([s.ovs.transactions, s.seen.looks]).toEqual([transactions + 1, looks])
    await s.physical.ensure()
    expect([s.ovs.transactions, s.seen.looks]).toEqual([transactions + 1, looks + 1])
  })

  test('is connected once the switch has it, it is up and has a link', async () => {
    const s = await scene()
    const told = async (columns: Parameters<MemorySwitch['set']>[2]) => {
      s.ovs.set('Interface', 'eth2', columns)
      await settled()
      return s.physical.report?.[0]?.error
    }
    expect(await s.want({ name: 'a', interface: 'eth2' })).toEqual([
      { name: 'a', error: expect.stringContaining('has not taken interface eth2 yet') },
    ])
    expect(await told({ ofport: -1, error: 'No such device' })).toContain('(No such device)')
    expect(await told({ ofport: -1, error: setOf([]) })).toContain('could not be opened')
    expect(stateOf(s).mappings).toBe(`a:${A}`)
    expect(await told({ ofport: 3, error: setOf([]), admin_state: 'up', link_state: 'down' })).toContain('cable')
    expect(await told({ link_state: 'up' })).toBeUndefined()
    expect(s.seen.up).toEqual([])
  })

  test.each<[string, string, string]>([
    ['that the node has not', 'eth9', 'the node has no interface eth9'],
    ['with the address of the node', 'eth0', '192.0.2.7, by which the cloud reaches the node'],
    ['with an address of the host', 'eth5', 'has the address 198.51.100.5'],
    ['by which the node reaches everything', 'eth6', 'eth6 has the default route'],
    ['that has VLANs', 'eth7', 'eth7 carries eth7.100'],
    ['of the host itself', 'lo', 'has the address 127.0.0.1'],
    ['of another bridge of the switch', 'eth1', "is a port of the switch's bridge br-phys"],
    ['of a guest', 'tap1', "is a port of the switch's bridge br-int"],
    ['of a bond', 'eth4', 'is a part of bond0'],
    ['that is a bridge', 'br-phys', 'br-phys is a bridge of the switch'],
    ['that is the bridge it would get', A, `the node has no interface ${A}`],
  ])('%s is refused, and the others are connected', async (_what, device, error) => {
    const s = await scene()
    const report = await s.want({ name: 'a', interface: device }, { name: 'b', interface: 'eth3' })
    expect(report).toEqual([
      { name: 'a', error: expect.stringContaining(error) },
      { name: 'b', error: expect.stringContaining('yet') },
    ])
    expect(stateOf(s)).toMatchObject({ bridges: { ...HOSTS, [B]: [B, 'eth3'].sort() }, mappings: `b:${B}` })
  })

  test('of three physical networks is the first one’s, and all others hear so', async () => {
    const s = await scene()
    const report = await s.want(...['c', 'a', 'b'].map((name) => ({ name, interface: 'eth2' })))
    const refused = expect.stringContaining('connected to physical network a:')
    expect(report).toMatchObject([{ name: 'a' }, { error: refused }, { error: refused }])
  })

  test('of two physical networks stays with the one that has it, else is the first one’s', async () => {
    const s = await scene()
    const refused = (other: string) => expect.stringContaining(`already connected to physical network ${other}`)
    const both = [
      { name: 'b', interface: 'eth2' },
      { name: 'a', interface: 'eth2' },
    ]
    expect(await s.want(...both)).toMatchObject([{ name: 'a' }, { name: 'b', error: refused('a') }])
    await s.want({ name: 'b', interface: 'eth2' })
    expect(stateOf(s).bridges).toEqual({ ...HOSTS, [B]: [B, 'eth2'].sort() })
    expect(await s.want(...both)).toMatchObject([{ name: 'a', error: refused('b') }, { name: 'b' }])
    expect(stateOf(s).bridges).toEqual({ ...HOSTS, [B]: [B, 'eth2'].sort() })
  })

  test('that lost its address a moment ago is not taken: five minutes later, or when it is written anew', async () => {
    const s = await scene()
    const mappingsAfter = async (minutes: number) => {
      s.clock.now += minutes * 60_000
      await s.physical.ensure()
      return stateOf(s).mappings
    }
    await s.want({ name: 'a', interface: 'eth5' })
    s.links.set('eth5', { ifindex: 7, addresses: [] })
    expect(await mappingsAfter(60)).toBeUndefined()
    expect(s.physical.report).toEqual([{ name: 'a', error: expect.stringContaining('198.51.100.5') }])
    // Of another document that says the same of it.
    await s.want({ name: 'a', interface: 'eth5' }, { name: 'b', bridge: 'br-no' })
    expect(await mappingsAfter(4.9)).toBeUndefined()
    expect(await mappingsAfter(0.1)).toBe(`a:${A}`)

    const t = await scene()
    await t.want({ name: 'a', interface: 'eth5' })
    t.links.set('eth5', { ifindex: 7, addresses: [] })
    await t.want()
    await t.want({ name: 'a', interface: 'eth5' })
    expect(stateOf(t).mappings).toBe(`a:${A}`)
  })

  test('that comes later is found at the next look; an address that it gets once it is ours is told, and no more', async () => {
    const s = await scene()
    s.links.delete('eth2')
    await s.want({ name: 'a', interface: 'eth2' })
    expect(stateOf(s)).toEqual({ bridges: HOSTS, mappings: undefined, macs: undefined })
    s.links.set('eth2', { ifindex: 9, addresses: [] })
    await s.physical.ensure()
    expect(stateOf(s).mappings).toBe(`a:${A}`)
    s.ovs.set('Interface', 'eth2', { ofport: 1, ifindex: 9, admin_state: 'up', link_state: 'up' })
    await settled()
    expect(s.physical.report).toEqual([{ name: 'a' }])
    s.links.set('eth2', { ifindex: 9, addresses: ['198.51.100.9'] })
    await s.physical.ensure()
    const told = [{ name: 'a', warning: expect.stringContaining('got the address 198.51.100.9') }]
    expect([stateOf(s).mappings, s.physical.report]).toEqual([`a:${A}`, told])
    const { looks } = s.seen
    s.ovs.set('Interface', 'tap1', { link_state: 'up' })
    await settled()
    expect([s.physical.report, s.seen.looks]).toEqual([told, looks])
    s.links.set('eth2', { ifindex: 9, addresses: [] })
    await s.physical.ensure()
    expect(s.physical.report).toEqual([{ name: 'a' }])
  })

  test('changes live, and two exchange theirs; ports of others on the bridge stay', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    const patch = { name: 'patch-a', type: 'patch' }
    const own = [...s.ovs.rows('Bridge')].find(([, row]) => row['name'] === A)![0]
    await s.ovs.transact([
      { op: 'insert', table: 'Interface', 'uuid-name': 'i', row: patch },
      { op: 'insert', table: 'Port', 'uuid-name': 'p', row: { name: 'patch-a', interfaces: namedUuid('i') } },
      {
        ...{ op: 'mutate', table: 'Bridge', where: [['_uuid', '==', uuidOf(own)]] },
        mutations: [['ports', 'insert', setOf([namedUuid('p')])]],
      },
    ])
    await s.want({ name: 'a', interface: 'eth3' })
    expect(stateOf(s).bridges[A]).toEqual([A, 'eth3', 'patch-a'].sort())
    await s.want({ name: 'a', interface: 'eth3' }, { name: 'b', interface: 'eth2' })
    await s.want({ name: 'a', interface: 'eth2' }, { name: 'b', interface: 'eth3' })
    const bridges = { ...HOSTS, [A]: [A, 'eth2', 'patch-a'].sort(), [B]: [B, 'eth3'].sort() }
    expect(stateOf(s)).toMatchObject({ bridges, mappings: `a:${A},b:${B}` })
  })
})

describe('the node itself', () => {
  test('is silent at interfaces in its bridges, before they are up, and speaks again where one is given back', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' }, { name: 'b', interface: 'eth0' }, { name: 'c', bridge: 'br-phys' })
    opened(s, 'eth2')
    await settled()
    expect([s.seen.up, [...s.silent.devices]]).toEqual([['eth2'], ['eth2']])
    await s.want({ name: 'a', interface: 'eth3' })
    expect([...s.silent.devices]).toEqual(['eth3'])
    await s.want({ name: 'b', interface: 'eth3' })
    expect([...s.silent.devices]).toEqual(['eth3'])
    await s.want()
    expect([...s.silent.devices]).toEqual([])
  })

  test('where it is not, the interface works, and that is told until it is', async () => {
    const s = await scene()
    s.silent.error = new Error('EROFS: read-only file system')
    await s.want({ name: 'a', interface: 'eth2' })
    opened(s, 'eth2')
    await settled()
    const told = [{ name: 'a', warning: expect.stringContaining("node's own IP can be reached from there (EROFS") }]
    expect([s.seen.up, s.physical.report, stateOf(s).mappings]).toEqual([['eth2, loud'], told, `a:${A}`])
    delete s.silent.error
    await s.physical.ensure()
    expect([s.physical.report, [...s.silent.devices]]).toEqual([[{ name: 'a' }], ['eth2']])
  })
})

describe('an interface that went and came again', () => {
  test('is said to be missing meanwhile, and gets a port of its own again, for the old one is dead', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    s.ovs.set('Interface', 'eth2', { ofport: 1, ifindex: 4, admin_state: 'up', link_state: 'up' })
    await settled()
    const portOf = () => [...s.ovs.rows('Port')].find(([, row]) => row['name'] === 'eth2')?.[0]
    const before = portOf()
    s.ovs.set('Interface', 'eth2', { ifindex: 0, admin_state: 'down', link_state: 'down' })
    await settled()
    expect(s.physical.report).toEqual([{ name: 'a', error: expect.stringContaining('no interface eth2') }])
    expect([portOf(), s.seen.up]).toEqual([before, []])

    s.links.set('eth2', { ifindex: 17, addresses: [] })
    s.ovs.set('Interface', 'eth2', { ifindex: 17 })
    await settled()
    expect(portOf()).not.toBe(before)
    s.ovs.set('Interface', 'eth2', { ofport: 2, ifindex: 17, admin_state: 'down' })
    await settled()
    expect([s.physical.report, s.seen.up]).toEqual([[{ name: 'a' }], ['eth2']])
    expect(stateOf(s)).toMatchObject({ bridges: { [A]: [A, 'eth2'].sort() }, mappings: `a:${A}` })
  })

  test('with an address of the host is no longer taken', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    s.links.set('eth2', { ifindex: 17, addresses: ['192.0.2.9'] })
    s.ovs.set('Interface', 'eth2', { ofport: 1, ifindex: 17 })
    await settled()
    expect(s.physical.report).toEqual([{ name: 'a', error: expect.stringContaining('192.0.2.9') }])
    expect(stateOf(s)).toEqual({ bridges: HOSTS, mappings: undefined, macs: undefined })
  })
})

describe('a bridge of the host', () => {
  test('is mapped and nothing else; without it the others work', async () => {
    const s = await scene()
    await s.ovs.transact(bridge('br-ex', 'eth3', { fail_mode: 'secure' }))
    const before = listRows(s.ovs, 'Bridge')
    expect(await s.want({ name: 'a', bridge: 'br-ex' }, { name: 'b', bridge: 'br-no' })).toEqual([
      { name: 'a' },
      { name: 'b', error: expect.stringContaining('no bridge br-no') },
    ])
    expect(stateOf(s).mappings).toBe('a:br-ex')
    expect(await s.want()).toEqual([])
    expect(stateOf(s)).toEqual({
      bridges: { ...HOSTS, 'br-ex': ['br-ex', 'eth3'] },
      mappings: undefined,
      macs: undefined,
    })
    expect(listRows(s.ovs, 'Bridge')).toEqual(before)
    expect(s.seen.looks).toBe(0)
  })

  test.each<[string, PhysicalNetwork, string]>([
    ['the guests’ own', { name: 'a', bridge: 'br-int' }, "guests' own"],
    ['one that we made', { name: 'a', bridge: B }, 'made by the agent for physical network b'],
    ['one of another datapath', { name: 'a', bridge: 'br-ex' }, 'datapath_type=netdev'],
    ['none, and no interface either', { name: 'a' }, 'neither'],
  ])('%s is refused', async (_what, network, error) => {
    const s = await scene()
    await s.ovs.transact(bridge('br-ex', 'eth3', { datapath_type: '' }))
    await s.want({ name: 'b', interface: 'eth2' })
    const report = await s.want(network, { name: 'b', interface: 'eth2' })
    expect(report?.[0]).toEqual({ name: 'a', error: expect.stringContaining(error) })
    expect(stateOf(s).mappings).toBe(`b:${B}`)
  })
})

describe('drift', () => {
  const drifts: [string, (s: Scene) => unknown][] = [
    [
      'our bridge deleted',
      (s) => {
        const gone = listRows(s.ovs, 'Bridge').filter((b) => nameOf(b) === A)
        const mutations = [['bridges', 'delete', setOf(gone.map((b) => uuidOf(b.uuid)))]] as const
        return s.ovs.transact([{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations }])
      },
    ],
    [
      'our port taken out',
      (s) => {
        const own = listRows(s.ovs, 'Bridge').find((b) => nameOf(b) === A)!
        const kept = portsOf(s.ovs, own).filter((p) => nameOf(p) === A)
        s.ovs.set('Bridge', A, { ports: setOf(kept.map((p) => uuidOf(p.uuid))) })
      },
    ],
    ['the mapping changed', (s) => setIds(s, { 'ovn-bridge-mappings': 'a:br-ex' })],
    ['the MAC changed', (s) => setIds(s, { ...idsOf(s), 'ovn-chassis-mac-mappings': 'a:02:00:00:00:00:00' })],
    ['the keys removed', (s) => setIds(s, {})],
    ['the bridge waits for a controller', (s) => s.ovs.set('Bridge', A, { fail_mode: 'secure' })],
    ['the mark removed', (s) => s.ovs.set('Bridge', A, { external_ids: mapOf({}) })],
  ]
  const idsOf = ({ ovs }: Scene) => readMap(rootRow(ovs)?.row['external_ids'])
  const setIds = ({ ovs }: Scene, ids: Record<string, string>) =>
    ovs.transact([{ op: 'update', table: 'Open_vSwitch', where: [], row: { external_ids: mapOf(ids) } }])

  test.each(drifts)('%s: put right at once', async (_what, drift) => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    const before = stateOf(s)
    const own = () => ({ ...listRows(s.ovs, 'Bridge').find((b) => nameOf(b) === A)?.row, ports: setOf([]) })
    const columns = own()
    await drift(s)
    await settled()
    expect(stateOf(s)).toEqual(before)
    expect(own()).toEqual(columns)
  })

  test('an interface that somebody sets down is brought up', async () => {
    const s = await scene()
    await s.want({ name: 'a', interface: 'eth2' })
    opened(s, 'eth2')
    await settled()
    opened(s, 'eth2')
    await settled()
    expect(s.seen.up).toEqual(['eth2', 'eth2'])
    expect(s.physical.report).toEqual([{ name: 'a' }])
  })
})

test('without a word about them all stays, and nothing is reported; with an empty list ours goes', async () => {
  const s = await scene()
  await s.want({ name: 'a', interface: 'eth2' })
  const before = stateOf(s)
  await s.physical.want(undefined)
  expect(stateOf(s)).toEqual(before)
  expect(s.physical.report).toBeUndefined()
  expect(await s.want()).toEqual([])
  expect(stateOf(s)).toEqual({ bridges: HOSTS, mappings: undefined, macs: undefined })
})

/** As if somebody had given the switch a port of that name just now, which we have not heard of. */
function refuseAt(ovs: MemorySwitch, device: string) {
  const transact = ovs.transact.bind(ovs)
  ovs.transact = (operations) =>
    operations.some((o) => o.op === 'insert' && o.row['name'] === device)
      ? Promise.reject(new Error(`constraint violation: ${device}`))
      : transact(operations)
  return () => (ovs.transact = transact)
}

test('one that the switch refuses keeps no other away, says why, and is tried again', async () => {
  const s = await scene()
  await s.ovs.transact(bridge('br-ex', 'tap2'))
  await s.want({ name: 'z', interface: 'eth2' })
  const admit = refuseAt(s.ovs, 'eth2')
  const [b, c] = [ownBridgeName('b'), ownBridgeName('c')]
  const wanted = [
    { name: 'a', interface: 'eth2' },
    { name: 'b', interface: 'eth3' },
    { name: 'c', interface: 'eth8' },
    { name: 'd', bridge: 'br-ex' },
  ]
  s.links.set('eth8', { ifindex: 11, addresses: [] })
  const waits = expect.stringContaining('not taken')
  expect(await s.want(...wanted)).toEqual([
    { name: 'a', error: expect.stringContaining('(constraint violation: eth2)') },
    { name: 'b', error: waits },
    { name: 'c', error: waits },
    { name: 'd' },
  ])
  const made = { ...HOSTS, 'br-ex': ['br-ex', 'tap2'], [b]: [b, 'eth3'].sort(), [c]: [c, 'eth8'].sort() }
  expect(stateOf(s)).toMatchObject({ bridges: made, mappings: `b:${b},c:${c},d:br-ex` })
  expect(Object.keys(stateOf(s).bridges)).toHaveLength(5)
  admit()
  await s.physical.ensure()
  expect(s.physical.report?.[0]).toEqual({ name: 'a', error: waits })
  expect(stateOf(s)).toMatchObject({ bridges: made, mappings: `a:${A},b:${b},c:${c},d:br-ex` })
})

test("a member of a bond is refused, in the host's bridge as in ours", async () => {
  const s = await scene()
  await s.want({ name: 'b', interface: 'eth3' })
  for (const [i, at] of ['br-phys', B].entries()) {
    const members = ['x', 'y'].map((n) => ({ name: `eth${n}${i}`, i: namedUuid(`${n}${i}`) }))
    await s.ovs.transact([
      ...members.map(({ name, i: uuid }): Operation => ({ op: 'insert', table: 'Interface', 'uuid-name': uuid[1], row: { name } })), // prettier-ignore
      {
        ...{ op: 'insert', table: 'Port', 'uuid-name': 'bond' },
        row: { name: `bond${i}`, interfaces: setOf(members.map((m) => m.i)) },
      },
      {
        ...{ op: 'mutate', table: 'Bridge', where: [['_uuid', '==', uuidOf(findByName(s.ovs, 'Bridge', at)!.uuid)]] },
        mutations: [['ports', 'insert', setOf([namedUuid('bond')])]],
      },
    ])
    s.links.set(`ethy${i}`, { ifindex: 20 + i, addresses: [] })
    const report = await s.want({ name: 'a', interface: `ethy${i}` }, { name: 'b', interface: 'eth3' })
    expect(report?.[0]).toEqual({ name: 'a', error: expect.stringContaining(`in bond bond${i}, a port of the switch's bridge ${at}`) }) // prettier-ignore
    expect(stateOf(s).mappings).toBe(`b:${B}`)
  }
})

test('a switch that refuses or is away: nobody hears an error, and the next look does it', async () => {
  const s = await scene()
  const admit = refuseAt(s.ovs, 'eth2')
  await s.want({ name: 'a', interface: 'eth2' })
  expect(s.physical.report).toEqual([{ name: 'a', error: expect.stringContaining('constraint violation') }])
  expect(stateOf(s).mappings).toBeUndefined()
  admit()
  s.ovs.setSynced(false)
  await s.physical.ensure()
  expect(stateOf(s).mappings).toBeUndefined()
  s.ovs.setSynced(true)
  await s.physical.ensure()
  expect(stateOf(s).mappings).toBe(`a:${A}`)
})

test('what is wanted just as an earlier run ends is done, whoever else wakes it', async () => {
  for (let turns = 0; turns < 8; turns++) {
    const s = await scene()
    s.ovs.setSynced(true)
    for (let i = 0; i < turns; i++) await Promise.resolve()
    await s.want({ name: 'a', interface: 'eth2' })
    expect(stateOf(s).mappings).toBe(`a:${A}`)
  }
})

test('the inventory is told when the report changes and only then', async () => {
  const s = await scene()
  await s.want({ name: 'a', interface: 'eth2' })
  expect(s.seen.told).toBe(1)
  await s.physical.ensure()
  expect(s.seen.told).toBe(1)
  opened(s, 'eth2')
  await settled()
  const { told } = s.seen
  s.ovs.set('Interface', 'tap1', { link_state: 'up' })
  await settled()
  expect(s.seen.told).toBe(told)
})

test('names and MACs are the same at each start, and fit: 15 characters, locally administered, no group', () => {
  const name = 'a-physical-network-whose-name-is-as-long-as-it-may-be-63-letters'
  expect(ownBridgeName(name)).toMatch(/^nx-[0-9a-f]{8}$/)
  expect(ownBridgeName(name)).toBe(ownBridgeName(name))
  const macs = ['n1', 'n2', 'n3', 'n4', 'n5'].flatMap((node) => ['a', 'b'].map((network) => chassisMac(node, network)))
  expect(new Set(macs).size).toBe(macs.length)
  for (const mac of macs) expect(mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
})

test('mappings are sorted, whatever the order they are wanted in', async () => {
  const s = await scene()
  const connections = ['b', 'a'].map((name) => ({ name, bridge: `br-${name}` }))
  await s.ovs.transact(planPhysicalBridges(s.ovs, { node: 'n1', datapath: 'netdev', connections }))
  expect(stateOf(s).mappings).toBe('a:br-a,b:br-b')
})

describe('the bridge of an SDN controller', () => {
  const sdn = { name: 'sdn', bridge: 'br-phys', controller: 'sdn.example.com/l2' }
  const mappings = (ovs: MemorySwitch) => readMap(rootRow(ovs)?.row['external_ids'])['ovn-bridge-mappings']

  test('is one that the node is connected by, and none of OVN’s', async () => {
    const { ovs, physical, want } = await scene()
    expect(await want(sdn, { name: 'a', interface: 'eth2' })).toContainEqual({ name: 'sdn' })
    expect(mappings(ovs)).toBe(`a:${A}`)
    const at = (physicalNetwork: string, name = sdn.controller) => physical.bridgeOf({ name, physicalNetwork })
    expect([at('sdn'), at('a'), at('b'), at('sdn', 'other.example.com/l2')]).toEqual(['br-phys', undefined, undefined, undefined]) // prettier-ignore
  })

  test('is asked of the controller while it is not there, and the guests’ own is never it', async () => {
    const { want } = await scene()
    const message = expect.stringContaining('SDN controller sdn.example.com/l2 makes it')
    expect(await want({ ...sdn, bridge: 'br-none' })).toEqual([{ name: 'sdn', error: message }])
    expect(await want({ ...sdn, bridge: 'br-int' })).toEqual([{ name: 'sdn', error: expect.stringContaining("the guests' own") }]) // prettier-ignore
  })
})
