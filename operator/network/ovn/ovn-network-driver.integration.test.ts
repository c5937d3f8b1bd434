// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StaleWriterError } from '../../../lib/errors.ts'
import { until } from '../../../lib/time/until.ts'
import type { OvsdbClient } from '../../../lib/ovsdb/client.ts'
import {
  createDatabase,
  ovsPrograms,
  startOvsdbServer,
  type OvsPrograms,
  type TestServer,
} from '../../../lib/ovsdb/test-server.ts'
import { mapOf, readMap, readString, readStrings, readUuids, setOf, uuidOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalNetwork, LogicalPort, LogicalSecurityGroup, LogicalSubnet } from '../logical-kinds.ts'
import { OvnNetworkDriver } from './ovn-network-driver.ts'
import { driftOf, ensureAll, removeExtra, type Drift } from './testing/drift.ts'
import { NORTHBOUND_SCHEMA, startNorthbound } from './testing/northbound-server.ts'
import { rowVersions } from './testing/row-versions.ts'

const soon = (): AbortSignal => AbortSignal.timeout(10_000)
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const NETWORK: LogicalNetwork = { kind: 'Network', ...owner, uid: 'net-1', mtu: 1442 }
const SUBNET: LogicalSubnet = {
  kind: 'Subnet',
  ...owner,
  uid: 'sub-1',
  networkUid: 'net-1',
  cidr: '10.0.0.0/24',
  mtu: 1442,
  gatewayIP: '10.0.0.1',
  dhcp: { leaseSeconds: 60, dnsNameservers: [], hostRoutes: [] },
}
const [PORT_1, PORT_2] = [1, 2].map((n): LogicalPort => ({
  kind: 'Port',
  ...owner,
  uid: `port-${n}`,
  networkUid: 'net-1',
  mac: `fa:16:3e:00:00:0${n}`,
  fixedIPs: [{ subnetUid: 'sub-1', address: `10.0.0.${n + 1}`, hasDhcp: true }],
  node: 'n1',
  portSecurityEnabled: true,
  securityGroupUids: ['sg-1'],
  allowedAddressPairs: [],
  isShared: false,
})) as [LogicalPort, LogicalPort]
const GROUP_1: LogicalSecurityGroup = {
  kind: 'SecurityGroup',
  ...owner,
  uid: 'sg-1',
  rules: [
    { direction: 'egress', etherType: 'IPv4', protocol: 'any' },
    { direction: 'ingress', etherType: 'IPv4', protocol: 'any', remoteGroupUid: 'sg-1' },
    { direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', portRangeMin: 22, remoteGroupUid: 'sg-2' },
  ],
}
const GROUP_2: LogicalSecurityGroup = { kind: 'SecurityGroup', ...owner, uid: 'sg-2', rules: [] }
const WORLD = [NETWORK, SUBNET, GROUP_1, GROUP_2, PORT_1, PORT_2]

let programs: OvsPrograms
let dir: string
let server: TestServer
let raw: OvsdbClient
let count = 0
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  programs = await ovsPrograms()
  dir = await mkdtemp(join(tmpdir(), 'ovn-'))
}, 180_000)
beforeEach(async () => {
  ;({ server, raw } = await startNorthbound(programs, dir, `nb${++count}`))
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await raw.close()
  await server.stop()
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function open(term: number, incarnation = 1): Promise<OvnNetworkDriver> {
  const driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: server.socket }] })
  driver.start(new AbortController().signal)
  closers.push(() => driver.close())
  await driver.claimTerm(incarnation, term, soon())
  return driver
}

/** The server sends all updates before an answer: behind one, the mirror has what others wrote. */
async function caughtUp(): Promise<void> {
  await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
}

/** Everything in the database, by names: what two ways to the same world must share. */
async function dump(): Promise<unknown> {
  await caughtUp()
  const names = (table: string, uuids: string[], column = 'name'): (string | undefined)[] =>
    uuids.map((uuid) => readString(raw.rows(table).get(uuid)?.[column])).sort()
  return {
    switches: [...raw.rows('Logical_Switch').values()].map((row) => [
      row['name'],
      names('Logical_Switch_Port', readUuids(row['ports'])),
    ]),
    groups: [...raw.rows('Port_Group').values()]
      .map((row) => [
        row['name'],
        names('Logical_Switch_Port', readUuids(row['ports'])),
        names('ACL', readUuids(row['acls']), 'match'),
      ])
      .sort(),
    dhcp: [...raw.rows('DHCP_Options').values()].map((row) => row['cidr']),
  }
}

/** What was not as it should be before everything was made so. */
async function heal(driver: OvnNetworkDriver): Promise<Drift[]> {
  const drift = await driftOf(raw, WORLD, soon())
  await ensureAll(driver, WORLD, soon)
  return drift
}

describe('OvnNetworkDriver on a real northbound database', () => {
  test('builds a world, writes nothing the second time, and takes it away', async () => {
    const driver = await open(1)
    expect(await heal(driver)).toHaveLength(6)
    expect(await dump()).toEqual({
      switches: [['net-1', ['metadata-net-1', 'port-1', 'port-2']]],
      groups: [
        [
          'nephele_guard',
          ['port-1', 'port-2'],
          expect.arrayContaining(['inport == @nephele_guard && ip', 'outport == @nephele_guard && ip']),
        ],
        [
          'nsg_sg_1',
          ['port-1', 'port-2'],
          [
            'inport == @nsg_sg_1 && ip4',
            'outport == @nsg_sg_1 && ip4 && ip4.src == $nsg_sg_1_ip4',
            'outport == @nsg_sg_1 && ip4 && ip4.src == $nsg_sg_2_ip4 && tcp && tcp.dst == 22',
          ],
        ],
        ['nsg_sg_2', [], []],
      ],
      dhcp: ['10.0.0.0/24'],
    })
    const versions = await rowVersions(raw, soon())
    expect(await driftOf(raw, WORLD, soon())).toEqual([])
    await ensureAll(driver, WORLD, soon)
    expect(await rowVersions(raw, soon())).toEqual(versions)
    expect((await driver.listOwned(soon())).map(({ kind, uid }) => `${kind}/${uid}`).sort()).toEqual([
      'Network/net-1',
      'Port/port-1',
      'Port/port-2',
      'SecurityGroup/sg-1',
      'SecurityGroup/sg-2',
      'Subnet/sub-1',
    ])
    await driver.remove('Port', 'port-1', soon())
    await driver.remove('Port', 'port-1', soon())
    await driver.remove('Subnet', 'sub-1', soon())
    await driver.remove('SecurityGroup', 'sg-1', soon())
    await driver.remove('Network', 'net-1', soon())
    expect(await dump()).toEqual({
      switches: [],
      dhcp: [],
      groups: [
        ['nephele_guard', [], expect.anything()],
        ['nsg_sg_2', [], []],
      ],
    })
    await caughtUp()
    expect(raw.rows('Logical_Switch_Port').size).toBe(0)
  })

  test('callers at once: each plan is made on what the one before it wrote, and the last word on a port stands', async () => {
    const driver = await open(1)
    const other: LogicalNetwork = { ...NETWORK, uid: 'net-2' }
    await Promise.all([driver.ensure(NETWORK, soon()), driver.ensure(NETWORK, soon())])
    // Every one of them would make the guard group, the placeholder of the group, and the port's row.
    await Promise.all([
      driver.ensure(SUBNET, soon()),
      driver.ensure(PORT_1, soon()),
      driver.ensure({ ...PORT_1, node: 'n2', securityGroupUids: ['sg-2'] }, soon()),
      driver.ensure(PORT_2, soon()),
      driver.remove('Port', PORT_2.uid, soon()),
      driver.ensure(GROUP_1, soon()),
      driver.ensure(other, soon()),
      driver.ensure(PORT_2, soon()),
      driver.ensure(PORT_1, soon()),
      driver.ensure(GROUP_2, soon()),
    ])
    await driver.remove('Network', other.uid, soon())
    expect(await driftOf(raw, WORLD, soon())).toEqual([])
    expect(await dump()).toMatchObject({
      switches: [['net-1', ['metadata-net-1', 'port-1', 'port-2']]],
      groups: [
        ['nephele_guard', ['port-1', 'port-2'], expect.anything()],
        ['nsg_sg_1', ['port-1', 'port-2'], expect.anything()],
        ['nsg_sg_2', [], []],
      ],
    })
  })

  test('names of many ports are written together, and the last word on each stands; not by one that leads no more', async () => {
    const driver = await open(1)
    await ensureAll(driver, [NETWORK, SUBNET, GROUP_1, GROUP_2], soon)
    const named = (n: number, dnsName = `vm-${n}.x`): LogicalPort => {
      const [mac, address] = [`fa:16:3e:00:01:${n}`, `10.0.0.${n}`]
      return { ...PORT_1, uid: `port-${n}`, mac, dnsName, fixedIPs: [{ ...PORT_1.fixedIPs[0]!, address }] }
    }
    const records = () => readMap([...raw.rows('DNS').values()][0]?.['records'])
    const names = () => Object.keys(records()).filter((key) => key.endsWith('.x'))
    await caughtUp()
    let changes = 0
    raw.onChange((rows) => (changes += rows.filter(({ table }) => table === 'DNS').length))
    await driver.ensure(named(10), soon())
    await caughtUp()
    expect(names()).toEqual(['vm-10.x'])
    for (let n = 11; n < 40; n++) await driver.ensure(named(n), soon())
    await driver.ensure(named(11, 'other.x'), soon())
    await driver.remove('Port', 'port-12', soon())
    // The address of the one that went is another's now.
    await driver.ensure({ ...named(40), fixedIPs: named(12).fixedIPs }, soon())
    await until(
      () => names().length === 30,
      () => names().join(),
      10_000,
      20,
    )
    expect(names().sort()).toEqual(
      ['other.x', 'vm-10.x', ...Array.from({ length: 28 }, (_, i) => `vm-${i + 13}.x`)].sort(),
    )
    expect(records()).toMatchObject({
      'vm-40.x': '10.0.0.12',
      '12.0.0.10.in-addr.arpa': 'vm-40.x',
      'other.x': '10.0.0.11',
    })
    // As many as the half seconds that it took.
    expect(changes).toBeLessThan(15)
    await driver.ensure(named(41), soon())
    await driver.ensure(named(42), soon())
    await open(2)
    await sleep(1500)
    expect(names()).not.toContain('vm-42.x')
  }, 60_000)

  test('a stale leader is refused, and so is a restored older cloud', async () => {
    const old = await open(4)
    await heal(old)
    const next = await open(5)
    await expect(old.ensure({ kind: 'Network', ...owner, uid: 'late', mtu: 1442 }, soon())).rejects.toThrow(
      StaleWriterError,
    )
    await expect(old.ensure({ kind: 'Network', ...owner, uid: 'late', mtu: 1442 }, soon())).rejects.toThrow(
      StaleWriterError,
    )
    await expect(old.claimTerm(1, 4, soon())).rejects.toThrow(StaleWriterError)
    await next.ensure({ kind: 'Network', ...owner, uid: 'fresh', mtu: 1442 }, soon())
    await caughtUp()
    expect([...raw.rows('Logical_Switch').values()].map((row) => row['name']).sort()).toEqual(['fresh', 'net-1'])
    await open(0, 2)
    await expect(next.remove('Network', 'net-1', soon())).rejects.toThrow(StaleWriterError)
  })

  test('two that claim at once: the higher term stands, whatever the order', async () => {
    const drivers = await Promise.allSettled([open(7), open(9), open(8)])
    expect(drivers[1].status).toBe('fulfilled')
    const winner = drivers[1] as PromiseFulfilledResult<OvnNetworkDriver>
    await winner.value.ensure(NETWORK, soon())
    for (const loser of [drivers[0], drivers[2]]) {
      if (loser.status === 'fulfilled')
        await expect(loser.value.ensure({ kind: 'Network', ...owner, uid: 'lost', mtu: 1442 }, soon())).rejects.toThrow(
          StaleWriterError,
        )
    }
    await caughtUp()
    expect(raw.rows('Logical_Switch').size).toBe(1)
  })

  test('drift: changed, deleted, copied and foreign rows', async () => {
    const driver = await open(1)
    await heal(driver)
    const before = await dump()
    let disturbed = 0
    driver.onDisturbance(() => disturbed++)
    await caughtUp()
    const group = [...raw.rows('Port_Group')].find(([, row]) => row['name'] === 'nsg_sg_1')!
    const port = [...raw.rows('Logical_Switch_Port')].find(([, row]) => row['name'] === 'port-1')!
    const ls = [...raw.rows('Logical_Switch')][0]!
    await raw.transact(
      [
        {
          op: 'update',
          table: 'Logical_Switch_Port',
          where: [['name', '==', 'port-1']],
          row: { port_security: setOf([]) },
        },
        {
          op: 'mutate',
          table: 'Port_Group',
          where: [['_uuid', '==', uuidOf(group[0])]],
          mutations: [
            ['ports', 'delete', setOf([uuidOf(port[0])])],
            ['acls', 'delete', setOf([uuidOf(readUuids(group[1]['acls'])[0]!)])],
          ],
        },
        { op: 'delete', table: 'DHCP_Options', where: [] },
        { op: 'insert', table: 'Logical_Switch', row: { name: 'copy', external_ids: ls[1]['external_ids']! } },
        {
          op: 'insert',
          table: 'Logical_Switch',
          row: { name: 'extra', external_ids: mapOf({ nephele_kind: 'Network', nephele_uid: 'unknown' }) },
        },
        { op: 'insert', table: 'Logical_Switch', row: { name: 'foreign', external_ids: mapOf({ owner: 'somebody' }) } },
      ],
      soon(),
    )
    await driver.ready(soon())
    // Known to the other connection; the driver's own hears of it when it does.
    await until(() => disturbed > 0, 'the driver hears of it')
    const drift = await heal(driver)
    expect(drift.map(({ kind, uid, what }) => `${kind}/${uid} ${what}`).sort()).toEqual([
      'Network/net-1 missing-or-changed',
      'Network/unknown extra',
      'Port/port-1 missing-or-changed',
      // Its options went with the subnet's row.
      'Port/port-2 missing-or-changed',
      'SecurityGroup/sg-1 missing-or-changed',
      'Subnet/sub-1 missing-or-changed',
    ])
    const left = await driftOf(raw, WORLD, soon())
    expect(left).toMatchObject([{ uid: 'unknown', what: 'extra' }])
    await removeExtra(driver, left, soon)
    await caughtUp()
    const switches = [...raw.rows('Logical_Switch').values()].map((row) => readString(row['name']))
    // The copy went, and the switch that guests hang on stayed.
    expect(switches.sort()).toEqual(['foreign', 'net-1'])
    expect(await dump()).toMatchObject({ groups: (before as { groups: unknown }).groups, dhcp: ['10.0.0.0/24'] })
    expect(
      readStrings(
        [...raw.rows('Logical_Switch_Port').values()].find((row) => row['name'] === 'port-1')!['port_security'],
      ),
    ).toEqual(['fa:16:3e:00:00:01 10.0.0.2'])
  })

  test('the database lost: the term is claimed again and all is written anew', async () => {
    const driver = await open(3)
    await heal(driver)
    const before = await dump()
    await server.stop('SIGKILL')
    const file = join(dir, `fresh${count}.db`)
    await createDatabase(programs, file, NORTHBOUND_SCHEMA)
    const fresh = await startOvsdbServer(programs, dir, `fresh${count}`, [file], [`--remote=punix:${server.socket}`])
    closers.push(() => fresh.stop())
    await raw.waitUntil(() => (raw.synced && raw.rows('NB_Global').size === 0 ? true : undefined), soon())
    await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], soon())
    await driver.ready(soon())
    await heal(driver)
    expect(await dump()).toEqual(before)
  })
})
