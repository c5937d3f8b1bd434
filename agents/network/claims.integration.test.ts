// SPDX-License-Identifier: Apache-2.0
// Who may claim which port in OVN's southbound database, and who sees it when somebody does who may not: two nodes with real OVN, and
// one of them stolen.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { parseRemotes } from '../../lib/ovsdb/remote.ts'
import { readMap, readString, readStrings, readUuids, setOf } from '../../lib/ovsdb/values.ts'
import { createAuthority } from '../../local/control-plane/authority.ts'
import { findDaemon, startDaemon, stopDaemon } from '../../local/node/daemons.ts'
import type { LogicalPort } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const networkUid = randomUUID()
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const TABLES = {
  Port_Binding: { columns: ['logical_port', 'chassis', 'up', 'options', 'external_ids'] },
  Chassis: { columns: ['name'] },
  Datapath_Binding: { columns: ['tunnel_key'] },
  RBAC_Role: { columns: ['name', 'permissions'] },
  RBAC_Permission: { columns: ['table', 'authorization', 'insert_delete', 'update'] },
}
const PKI = '/etc/pki/nephele'

let cluster: TestCluster
let driver: OvnNetworkDriver
let southbound: OvsdbClient
let [left, right] = [] as unknown as [TestNode, TestNode]

beforeAll(async () => {
  cluster = await startCluster(['left', 'right'], '10.98.248')
  ;[left, right] = cluster.nodes as [TestNode, TestNode]
  for (const { agent } of cluster.nodes)
    agent.send({ configure: { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster, { claimPatienceMs: 500 })
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  southbound = new OvsdbClient({
    database: 'OVN_Southbound',
    tables: TABLES,
    remotes: [{ transport: 'unix', path: cluster.southboundSocket }],
  })
  southbound.start(new AbortController().signal)
  await southbound.waitUntil(() => (southbound.rows('Chassis').size === 2 ? true : undefined), soon())
}, 180_000)
afterAll(async () => {
  await southbound?.close()
  await driver?.close()
  await cluster?.stop()
}, 60_000)

const rows = (table: keyof typeof TABLES) => [...southbound.rows(table)]
const bindingOf = (uid: string) => rows('Port_Binding').find(([, row]) => row['logical_port'] === uid)?.[1]
const claimantOf = (uid: string) => {
  const chassis = readUuids(bindingOf(uid)?.['chassis'])[0]
  return chassis === undefined ? undefined : readString(southbound.rows('Chassis').get(chassis)?.['name'])
}
const formerOf = (uid: string) => readMap(bindingOf(uid)?.['external_ids'])['nephele_former']
const until = (probe: () => boolean, ms?: number) => southbound.waitUntil(() => (probe() ? true : undefined), soon(ms))

async function place(uid: string, node?: string): Promise<void> {
  const port: LogicalPort = {
    kind: 'Port',
    ...owner,
    uid,
    networkUid,
    mac: `fa:16:3e:00:02:${String(parseInt(uid.slice(0, 2), 16) % 90).padStart(2, '0')}`,
    fixedIPs: [],
    ...(node === undefined ? {} : { node }),
    portSecurityEnabled: false,
    securityGroupUids: [],
    allowedAddressPairs: [],
    isShared: false,
  }
  await driver.ensure(port, soon())
}
const deviceOf = (uid: string) => `t${uid.slice(0, 8)}`
const plug = (on: TestNode, uid: string) =>
  on.run(
    ...['ovs-vsctl', '--timeout=10', 'add-port', 'br-int', deviceOf(uid)],
    ...['--', 'set', 'Interface', deviceOf(uid), 'type=internal', `external_ids:iface-id=${uid}`],
    ...['external_ids:nephele-kind=port', `external_ids:nephele-uid=${uid}`],
  )
const unplug = (on: TestNode, uid: string) => on.run('ovs-vsctl', '--timeout=10', 'del-port', deviceOf(uid))

/** With the certificate of that node, as whoever has stolen it would. */
const asNode = (on: TestNode, port: number, ...command: string[]) =>
  on.run(
    ...['ovn-sbctl', `--db=ssl:10.98.248.1:${port}`, `--private-key=${PKI}/key.pem`, `--certificate=${PKI}/cert.pem`],
    ...[`--ca-cert=${PKI}/ca.pem`, '--timeout=5', '--no-leader-only', ...command],
  )

describe('a node that is stolen', () => {
  const victim = randomUUID()
  let chassis = ''
  beforeAll(async () => {
    await place(victim, 'left')
    await until(() => bindingOf(victim) !== undefined)
    chassis = rows('Chassis').find(([, row]) => row['name'] === 'right')![0]
  })

  test.each<[string, () => string[]]>([
    ['claims the port of another', () => ['set', 'Port_Binding', victim, `chassis=${chassis}`]],
    ['has it requested on itself', () => ['set', 'Port_Binding', victim, 'options:requested-chassis=right']],
    ['is who had it before', () => ['set', 'Port_Binding', victim, 'external_ids:nephele_former=right']],
    ['is the further chassis', () => ['set', 'Port_Binding', victim, `additional_chassis=${chassis}`]],
    ['says that it is up', () => ['set', 'Port_Binding', victim, 'up=true']],
    ['is another node', () => ['set', 'Chassis', 'left', 'other_config:x=y']],
    ['makes nodes up', () => ['create', 'Chassis', 'name=made-up']],
    ['moves the end of another’s tunnel', () => ['set', 'Encap', 'left', 'ip=192.0.2.9']],
    ['gives itself rights', () => ['set', 'Connection', '.', 'role=""']],
  ])('%s: refused', async (_, command) => {
    await expect(asNode(right, 6642, ...command())).rejects.toThrow()
    expect(claimantOf(victim)).toBeUndefined()
    expect(readMap(bindingOf(victim)?.['options'])['requested-chassis']).toBe('left')
  })

  test('reads alone where reading alone is served', async () => {
    expect(await asNode(right, 6643, '--bare', '--columns=name', 'list', 'Chassis')).toContain('left')
    await expect(asNode(right, 6643, 'set', 'Chassis', 'right', 'external_ids:x=y')).rejects.toThrow()
  })

  test('what is left to it: rows of MAC_Binding and FDB, which name no node that they could be checked by', async () => {
    const datapath = rows('Datapath_Binding')[0]![0]
    const mac = '"66:66:66:66:66:66"'
    const binding = [`logical_port=${victim}`, 'ip=10.0.0.254', `mac=${mac}`, `datapath=${datapath}`]
    await asNode(right, 6642, 'create', 'MAC_Binding', ...binding)
    await asNode(right, 6642, 'create', 'FDB', `mac=${mac}`, 'dp_key=1', 'port_key=7')
  })

  test('the role of nodes is OVN’s own, but for what is named here', () => {
    const permissions = (role: string) => {
      const found = rows('RBAC_Role').find(([, row]) => row['name'] === role)?.[1]
      const uuids = (found?.['permissions'] as unknown as [string, [string, [string, string]][]])[1]
      return Object.fromEntries(
        uuids.map(([table, [, uuid]]) => {
          const row = southbound.rows('RBAC_Permission').get(uuid)!
          const words = (column: string) => readStrings(row[column]).sort()
          return [table, { who: words('authorization'), update: words('update'), insert: row['insert_delete'] }]
        }),
      )
    }
    const { Controller_Event, Port_Binding, BFD, ...others } = permissions('ovn-controller')
    const { Port_Binding: ours, BFD: nextHops, ...same } = permissions('nephele-node-4')
    expect(same).toEqual(others)
    // northd names no chassis in rows of a gateway that can move (decision 36).
    expect([BFD!.who, nextHops]).toEqual([['chassis_name'], { ...BFD!, who: [''] }])
    expect(Controller_Event).toBeDefined()
    expect(Port_Binding!.update).toEqual(expect.arrayContaining(ours!.update))
    expect(ours).toEqual({
      who: [
        'external_ids:nephele_former',
        ...[2, 3, 4, 5, 6, 7, 8].map((n) => `external_ids:nephele_former_${n}`),
        ...[1, 2, 3].map((n) => `external_ids:nephele_gateway_${n}`),
        ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `external_ids:nephele_parent_${n}`),
        'options:requested-chassis',
      ],
      update: ['chassis', 'encap', 'up', 'virtual_parent'],
      insert: false,
    })
  })
})

/** An ovn-controller that is refused a write gets nothing else done. */
async function stillWorks(node: TestNode): Promise<void> {
  const uid = randomUUID()
  await place(uid, node.name)
  await plug(node, uid)
  await until(() => claimantOf(uid) === node.name, 5_000)
  await unplug(node, uid)
  await driver.remove('Port', uid, soon())
}

describe('a router’s gateway', () => {
  const uid = randomUUID()
  const name = `cr-router-${uid}-gateway`
  const ensure = (...nodes: string[]) =>
    driver.ensure(
      {
        ...{ kind: 'Router', ...owner, uid, interfaces: [], ports: [], routes: [] },
        gateway: {
          ...{ networkUid, mac: '2e:00:00:00:00:09', mtu: 1442, nodes, nextHops: ['203.0.113.1'] },
          addresses: [{ address: '203.0.113.9', prefixLength: 24 }],
        },
      },
      soon(),
    )

  test('is claimed by the preferred of its nodes, by no other, and moves with the order of them', async () => {
    await ensure('left')
    await until(() => claimantOf(name) === 'left')
    const chassis = rows('Chassis').find(([, row]) => row['name'] === 'right')![0]
    await expect(asNode(right, 6642, 'set', 'Port_Binding', name, `chassis=${chassis}`)).rejects.toThrow()
    await ensure('left', 'right')
    // It lets go until BFD has found the other node: alone in a list of two it could be cut off.
    await sleep(500)
    await until(() => claimantOf(name) === 'left')
    await ensure('right', 'left')
    await until(() => claimantOf(name) === 'right')
    expect(driver.listTaken()).toEqual([])
  }, 60_000)

  test('is given up by a node that is no longer in the list while the one that is does nothing, and which works on', async () => {
    await ensure('left')
    await until(() => claimantOf(name) === 'left' && formerOf(name) === undefined)
    const dead = findDaemon(right.node, 'ovn-controller')!
    process.kill(dead.pid, 'SIGSTOP')
    try {
      await ensure('right')
      await until(() => claimantOf(name) !== 'left' && formerOf(name) === undefined)
      await stillWorks(left)
    } finally {
      process.kill(dead.pid, 'SIGCONT')
    }
    await until(() => claimantOf(name) === 'right')
    await driver.remove('Router', uid, soon())
    expect(driver.listTaken()).toEqual([])
  }, 60_000)
})

describe('a virtual port', () => {
  const [vip, one, two] = [randomUUID(), randomUUID(), randomUUID()]
  const ADDRESS = '10.0.0.100'
  const ensure = (parents: { portUid: string; node: string }[] | undefined) =>
    driver.ensure(
      {
        ...{ kind: 'Port', ...owner, uid: vip, networkUid, mac: 'fa:16:3e:00:03:01', isShared: true },
        fixedIPs: [{ subnetUid: 'none', address: ADDRESS, hasDhcp: false }],
        ...{ portSecurityEnabled: true, securityGroupUids: [], allowedAddressPairs: [] },
        ...(parents ? { virtual: { address: ADDRESS, parents } } : {}),
      },
      soon(),
    )
  const both = [
    { portUid: one, node: 'left' },
    { portUid: two, node: 'right' },
  ]
  const ready = async (on: TestNode, uid: string) => {
    await place(uid, on.name)
    await plug(on, uid)
    await on.run('ip', 'link', 'set', deviceOf(uid), 'up')
    await until(() => claimantOf(uid) === on.name)
  }
  /** Gratuitous ARP, as whoever takes the address over sends it. */
  const announce = async (on: TestNode, uid: string) => {
    await on.run('ip', 'address', 'replace', `${ADDRESS}/24`, 'dev', deviceOf(uid))
    // Nobody answers, which it counts as a failure.
    const arping = ['busybox', 'arping', '-U', '-c', '1', '-w', '1', '-I', deviceOf(uid), ADDRESS]
    await on.run(...arping).catch(() => undefined)
  }
  const isInstalled = async (on: TestNode, uid: string) =>
    (await on.run('ovs-vsctl', 'get', 'Interface', deviceOf(uid), 'external_ids')).includes('ovn-installed="true"')
  const heldBy = async (on: TestNode, uid: string) => {
    for (let i = 0; i < 100 && driver.virtualHolderOf(vip)?.portUid !== uid; i++) {
      await announce(on, uid)
      await sleep(100)
    }
    expect(driver.virtualHolderOf(vip)).toEqual({ portUid: uid, node: on.name })
  }
  const settles = async (probe: () => Promise<boolean> | boolean) => {
    for (let i = 0; i < 100 && !(await probe()); i++) await sleep(100)
    expect(await probe()).toBe(true)
  }

  test('is where the last of its parents said that it has the address, and nowhere when that one is gone', async () => {
    await ready(left, one)
    await ready(right, two)
    await ensure(both)
    const told: string[] = []
    const end = driver.onUnreportedClaims((uids) => void told.push(...uids))
    await heldBy(left, one)
    await heldBy(right, two)
    expect(told).toContain(vip)
    await unplug(right, two)
    await settles(() => driver.virtualHolderOf(vip) === undefined)
    await heldBy(left, one)
    await stillWorks(left)
    await stillWorks(right)
    expect(driver.listTaken()).toEqual([])
    end()
  }, 60_000)

  test('is for the nodes of its parents alone', async () => {
    await ensure(both.slice(0, 1))
    await until(
      () => readMap(bindingOf(vip)?.['external_ids'])['nephele_parent_2'] === undefined && formerOf(vip) === undefined,
    )
    const chassis = rows('Chassis').find(([, row]) => row['name'] === 'right')![0]
    await expect(asNode(right, 6642, 'set', 'Port_Binding', vip, `chassis=${chassis}`)).rejects.toThrow()
    await expect(asNode(right, 6642, 'set', 'Port_Binding', vip, `virtual_parent=${two}`)).rejects.toThrow()
  }, 60_000)

  test('a parent’s node that is dropped lets go of it, and works on', async () => {
    await ready(right, two)
    await ensure(both)
    await heldBy(right, two)
    await ensure(both.slice(0, 1))
    await heldBy(left, one)
    await stillWorks(right)
    expect(driver.listTaken()).toEqual([])
  }, 60_000)

  test('when it goes, or is none any more, the port that spoke for it is as it was', async () => {
    await heldBy(left, one)
    await ensure(undefined)
    await settles(() => driver.virtualHolderOf(vip) === undefined)
    await settles(() => isInstalled(left, one))
    await ensure(both)
    await heldBy(left, one)
    await driver.remove('Port', vip, soon())
    await until(() => bindingOf(vip) === undefined)
    await sleep(300)
    await settles(() => isInstalled(left, one))
    await stillWorks(left)
    await unplug(left, one)
    await unplug(right, two)
  }, 60_000)
})

describe('a port that moves', () => {
  test('is let go of by the node that had it, which works on, and is then none of its business', async () => {
    const uid = randomUUID()
    await place(uid, 'left')
    await plug(left, uid)
    await until(() => claimantOf(uid) === 'left')
    // While it is still plugged there: nobody tells ovn-controller but the database itself.
    await place(uid)
    await until(() => claimantOf(uid) === undefined && formerOf(uid) === undefined)
    await stillWorks(left)
    await unplug(left, uid)
    await plug(right, uid)
    await place(uid, 'right')
    await until(() => claimantOf(uid) === 'right')
    const chassis = rows('Chassis').find(([, row]) => row['name'] === 'left')![0]
    await expect(asNode(left, 6642, 'set', 'Port_Binding', uid, `chassis=${chassis}`)).rejects.toThrow()
    expect(driver.listTaken()).toEqual([])
  }, 60_000)

  test('from a node that is dead, and is back when the port has long been elsewhere', async () => {
    const uid = randomUUID()
    await place(uid, 'left')
    await plug(left, uid)
    await until(() => claimantOf(uid) === 'left')
    const dead = findDaemon(left.node, 'ovn-controller')!
    process.kill(dead.pid, 'SIGSTOP')
    try {
      await place(uid, 'right')
      await until(() => formerOf(uid) === 'left')
      await sleep(1_500)
      // The claim of the dead stands, for as long as nobody else makes one, and accuses nobody.
      expect([claimantOf(uid), driver.listTaken()]).toEqual(['left', []])
      await plug(right, uid)
      await until(() => claimantOf(uid) === 'right' && formerOf(uid) === undefined)
    } finally {
      process.kill(dead.pid, 'SIGCONT')
    }
    await stillWorks(left)
    expect([claimantOf(uid), driver.listTaken()]).toEqual(['right', []])
    await unplug(left, uid)
  }, 60_000)
})

describe('the backend’s health, as the Cloud says it', () => {
  const timing = { downMs: 300, northdMs: 700, probeMs: 200 }
  const open = (remote: string, identity = cluster.readerIdentity) => {
    const other = new OvnNetworkDriver({ remotes: parseRemotes(remote), tls: () => identity, backendTiming: timing })
    other.start(new AbortController().signal)
    return other
  }
  const heard = async (from: OvnNetworkDriver, reason: string) => {
    for (let i = 0; i < 300 && from.health()?.reason !== reason; i++) await sleep(50)
    return from.health()?.reason
  }

  test('northd gone, then the database, and both back', async () => {
    const watcher = open(`unix:${cluster.northboundSocket}`)
    await watcher.claimTerm(1, 1, soon())
    expect(await heard(watcher, 'Healthy')).toBe('Healthy')
    await stopDaemon(left.node, 'ovn-northd')
    expect(await heard(watcher, 'NorthdBehind')).toBe('NorthdBehind')
    await startDaemon(left.node, 'ovn-northd')
    expect(await heard(watcher, 'Healthy')).toBe('Healthy')
    await stopDaemon(left.node, 'ovn-nb', 'SIGKILL')
    expect(await heard(watcher, 'Unreachable')).toBe('Unreachable')
    const late = { kind: 'Network', ...owner, uid: 'late', mtu: 1442 } as const
    await expect(watcher.ensure(late, soon())).rejects.toThrow(/cannot be reached \((ECONNREFUSED|ENOENT)\)/)
    await startDaemon(left.node, 'ovn-nb')
    expect(await heard(watcher, 'Healthy')).toBe('Healthy')
    await watcher.close()
  }, 60_000)

  test('a certificate that the database does not take, and one of the database that we do not', async () => {
    const { readerIdentity } = cluster
    const stranger = await createAuthority('another')
    const { certificate, key } = await stranger.issue({ commonName: 'operator' })
    const refused = open('ssl:10.98.248.1:6641', { ...readerIdentity, cert: certificate, key })
    const refusing = open('ssl:10.98.248.1:6641', { ...readerIdentity, ca: stranger.certificate })
    expect(await heard(refused, 'CertificateRefused')).toBe('CertificateRefused')
    expect(await heard(refusing, 'CertificateRefused')).toBe('CertificateRefused')
    await Promise.all([refused.close(), refusing.close()])
  }, 60_000)
})

test('where OVN is another’s and has OVN’s own role, a claim that nobody asked for is told of, and its end', async () => {
  const uid = randomUUID()
  const told: string[][] = []
  const end = driver.onTaken((nodes) => void told.push([...nodes]))
  await place(uid, 'left')
  await until(() => bindingOf(uid) !== undefined)
  await left.run(
    ...['ovn-sbctl', '--timeout=5', 'set-connection', 'role=ovn-controller', 'pssl:6642:10.98.248.1'],
    ...['role=', 'read-only', 'pssl:6643:10.98.248.1'],
  )
  const chassis = rows('Chassis').find(([, row]) => row['name'] === 'right')![0]
  const taken = { uid, node: 'right', wanted: 'left' }
  const heard = async (probe: () => boolean) => {
    for (let i = 0; i < 200 && !probe(); i++) await sleep(50)
  }
  await asNode(right, 6642, 'set', 'Port_Binding', uid, `chassis=${chassis}`)
  await heard(() => told.length === 1)
  expect([told, driver.listTaken()]).toEqual([[['right']], [taken]])
  await southbound.transact(
    [{ op: 'update', table: 'Port_Binding', where: [['logical_port', '==', uid]], row: { chassis: setOf([]) } }],
    soon(),
  )
  await heard(() => told.length === 2)
  expect([told, driver.listTaken()]).toEqual([[['right'], ['right']], []])
  end()
}, 60_000)
