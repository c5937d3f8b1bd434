// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../local/host/free-port.ts'
import { exec } from '../exec.ts'
import { OvsdbClient, type OvsdbClientOptions } from './client.ts'
import { OvsdbError } from './errors.ts'
import type { Operation } from './operations.ts'
import { parseRemote } from './remote.ts'
import type { RowChange } from './row-change.ts'
import { createDatabase, ovsPrograms, startOvsdbServer, type OvsPrograms, type TestServer } from './test-server.ts'
import { mapOf, namedUuid, readMap, readString, readUuids, setOf } from './values.ts'

const NB_SCHEMA = 'usr/share/ovn/ovn-nb.ovsschema'
const TABLES = {
  Logical_Switch: { columns: ['name', 'ports', 'external_ids', 'not_a_column'] },
  Logical_Switch_Port: { columns: ['name', 'addresses', 'up', 'tag'] },
  No_Such_Table: { columns: ['name'] },
}
let programs: OvsPrograms
let dir: string
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  programs = await ovsPrograms()
  dir = await mkdtemp(join(tmpdir(), 'ovsdb-'))
}, 180_000)
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

async function open(remotes: string[], more: Partial<OvsdbClientOptions> = {}): Promise<OvsdbClient> {
  const client = new OvsdbClient({
    database: 'OVN_Northbound',
    remotes: remotes.map(parseRemote),
    tables: TABLES,
    ...more,
  })
  client.start(new AbortController().signal)
  closers.push(() => client.close())
  await client.ready(soon())
  return client
}

async function serve(name: string, extra: string[] = []): Promise<TestServer> {
  const file = join(dir, `${name}.db`)
  await createDatabase(programs, file, NB_SCHEMA)
  const server = await startOvsdbServer(programs, dir, name, [file], extra)
  closers.push(() => server.stop())
  return server
}

const addSwitch = (name: string): Operation => ({
  op: 'insert',
  table: 'Logical_Switch',
  row: { name, external_ids: mapOf({ a: '1' }) },
})
const names = (client: OvsdbClient): string[] =>
  [...client.rows('Logical_Switch').values()].map((row) => readString(row['name'])!).sort()

describe('OvsdbClient on a real server', () => {
  test('the mirror holds a transaction when it resolves; named rows, mutate, select', async () => {
    const server = await serve('basic')
    const client = await open([`unix:${server.socket}`])
    const [, ls] = await client.transact(
      [
        {
          op: 'insert',
          table: 'Logical_Switch_Port',
          'uuid-name': 'p',
          row: { name: 'p1', addresses: setOf(['dynamic']) },
        },
        { ...addSwitch('s1'), row: { name: 's1', ports: setOf([namedUuid('p')]) } } as Operation,
      ],
      soon(),
    )
    expect(readUuids(client.rows('Logical_Switch').get(ls!.uuid![1])!['ports'])).toEqual([
      ...client.rows('Logical_Switch_Port').keys(),
    ])
    const seen: RowChange[] = []
    client.onChange((changes) => seen.push(...changes))
    const where: Operation & { op: 'mutate' } = {
      op: 'mutate',
      table: 'Logical_Switch',
      where: [['name', '==', 's1']],
      mutations: [['external_ids', 'insert', mapOf({ a: '1', b: '2' })]],
    }
    await client.transact([where], soon())
    await client.transact([{ ...where, mutations: [['external_ids', 'delete', setOf(['a'])]] }], soon())
    expect(seen.map((change) => readMap(change.after!['external_ids']))).toEqual([{ a: '1', b: '2' }, { b: '2' }])
    const [found] = await client.transact(
      [{ op: 'select', table: 'Logical_Switch', where: [], columns: ['name'] }],
      soon(),
    )
    expect(found!.rows).toEqual([{ name: 's1' }])
    const second = await open([`unix:${server.socket}`])
    expect(second.rows('Logical_Switch')).toEqual(client.rows('Logical_Switch'))
  })

  test('errors name the operation: wait, constraint, syntax', async () => {
    const server = await serve('errors')
    const client = await open([`unix:${server.socket}`])
    const wait: Operation = {
      op: 'wait',
      table: 'Logical_Switch',
      where: [],
      columns: ['name'],
      until: '!=',
      rows: [],
      timeout: 0,
    }
    await expect(
      client.transact([addSwitch('x'), { op: 'delete', table: 'Logical_Switch', where: [] }, wait], soon()),
    ).rejects.toMatchObject({ code: 'timed out', operation: 2 })
    const port: Operation = { op: 'insert', table: 'Logical_Switch_Port', row: { name: 'twice' } }
    const into: Operation = {
      ...addSwitch('y'),
      row: { name: 'y', ports: setOf([namedUuid('a'), namedUuid('b')]) },
    } as Operation
    const doubled = client.transact([{ ...port, 'uuid-name': 'a' }, { ...port, 'uuid-name': 'b' }, into], soon())
    await expect(doubled).rejects.toMatchObject({ code: 'constraint violation' })
    await expect(client.transact([{ op: 'insert', table: 'Nope', row: {} }], soon())).rejects.toThrow(OvsdbError)
    expect(names(client)).toEqual([])
  })

  test('a server killed and started again: reconnects, tells only differences', async () => {
    const server = await serve('restart')
    const client = await open([`unix:${server.socket}`])
    await client.transact([addSwitch('kept'), addSwitch('lost')], soon())
    const seen: RowChange[] = []
    client.onChange((changes) => seen.push(...changes))
    await server.stop('SIGKILL')
    await client.waitUntil(() => (client.synced ? undefined : true), soon())
    expect(names(client)).toEqual(['kept', 'lost'])
    const again = await startOvsdbServer(
      programs,
      dir,
      'restart2',
      [join(dir, 'restart.db')],
      [`--remote=punix:${server.socket}`],
    )
    closers.push(() => again.stop())
    const other = await open([`unix:${again.socket}`])
    await other.transact(
      [{ op: 'delete', table: 'Logical_Switch', where: [['name', '==', 'lost']] }, addSwitch('new')],
      soon(),
    )
    await client.waitUntil(() => (names(client).join() === 'kept,new' ? true : undefined), soon())
    expect(seen.map((change) => readString((change.after ?? change.before)!['name'])).sort()).toEqual(['lost', 'new'])
  })

  test('a transaction while the server is away waits for it, up to its deadline', async () => {
    const server = await serve('away')
    const client = await open([`unix:${server.socket}`])
    await server.stop()
    await expect(client.transact([addSwitch('late')], AbortSignal.timeout(50))).rejects.toThrow(
      /aborted|timeout|closed/i,
    )
    const write = client.transact([addSwitch('late')], soon())
    const remote = `--remote=punix:${server.socket}`
    const again = await startOvsdbServer(programs, dir, 'away2', [join(dir, 'away.db')], [remote])
    closers.push(() => again.stop())
    await write
    expect(names(client)).toEqual(['late'])
  })

  test('TLS with client certificates, which the server reads again when they are renewed', async () => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const make = async (name: string) => {
      const out = ['-keyout', `${name}-k.pem`, '-out', `${name}-c.pem`, '-subj', '/CN=ovn', '-days', '2']
      await exec(['openssl', 'req', '-x509', ...curve, ...out], { timeoutMs: 20_000, cwd: dir })
      return ['k', 'c'].map((half) => readFileSync(join(dir, `${name}-${half}.pem`), 'utf8')) as [string, string]
    }
    const [port] = await freePorts(1)
    // As the kubelet does it: all files change at once, by a link to their folder.
    const [link, key, cert] = ['tls', 'tls/k.pem', 'tls/c.pem'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ]
    const install = async (name: string) => {
      mkdirSync(join(dir, name))
      for (const half of ['k', 'c']) renameSync(join(dir, `${name}-${half}.pem`), join(dir, name, `${half}.pem`))
      symlinkSync(name, `${link}.new`)
      renameSync(`${link}.new`, link)
    }
    const [keyText, ca] = await make('first')
    await install('first')
    await serve('tls', [
      `--remote=pssl:${port}:127.0.0.1`,
      `--private-key=${key}`,
      `--certificate=${cert}`,
      `--ca-cert=${cert}`,
    ])
    const client = await open([`ssl:127.0.0.1:${port}`], { tls: () => ({ ca, cert: ca, key: keyText }) })
    await client.transact([addSwitch('secret')], soon())
    expect(names(client)).toEqual(['secret'])

    const [renewedKey, renewed] = await make('second')
    await install('second')
    const later = await open([`ssl:127.0.0.1:${port}`], {
      tls: () => ({ ca: renewed, cert: renewed, key: renewedKey }),
    })
    await later.transact([addSwitch('later')], soon())
    await client.transact([addSwitch('still there')], soon())
    expect(names(client).sort()).toEqual(['later', 'secret', 'still there'])
  })

  test('RAFT of three: follows the leader, nothing acknowledged is lost', async () => {
    const ports = await freePorts(6)
    const raft = (i: number): string => `tcp:127.0.0.1:${ports[i]}`
    const servers: TestServer[] = []
    for (const i of [0, 1, 2]) {
      const file = join(dir, `raft${i}.db`)
      const tool =
        i === 0
          ? ['create-cluster', file, join(programs.rootfs, NB_SCHEMA), raft(0)]
          : ['join-cluster', file, 'OVN_Northbound', raft(i), raft(0)]
      await exec(programs.argv('usr/bin/ovsdb-tool', ...tool), { timeoutMs: 20_000 })
      servers.push(
        await startOvsdbServer(programs, dir, `raft${i}`, [file], [`--remote=ptcp:${ports[3 + i]}:127.0.0.1`]),
      )
      closers.push(() => servers[i]!.stop())
    }
    const remotes = [3, 4, 5].map(raft)
    const client = await open(remotes, { leaderOnly: true })
    const acknowledged: string[] = []
    let killedAt = 0
    for (let i = 0; i < 60; i++) {
      if (i === 20) {
        const status = await Promise.all(
          servers.map((_, n) =>
            exec(
              programs.argv('usr/bin/ovs-appctl', '-t', join(dir, `raft${n}.ctl`), 'cluster/status', 'OVN_Northbound'),
              { timeoutMs: 10_000 },
            ),
          ),
        )
        const leader = status.findIndex(({ stdout }) => stdout.includes('Role: leader'))
        expect(leader).toBeGreaterThanOrEqual(0)
        await servers[leader]!.stop('SIGKILL')
        killedAt = performance.now()
      }
      const name = `s${i}`
      // The outcome of the one write that was under way is unknown: written again only when it is not there.
      for (let done = false; !done;) {
        await client.ready(soon())
        if (names(client).includes(name)) break
        done = await client.transact([addSwitch(name)], soon()).then(
          () => true,
          () => false,
        )
      }
      acknowledged.push(name)
      if (i === 20)
        console.log(`RAFT leader killed: written again after ${Math.round(performance.now() - killedAt)} ms`)
    }
    expect(names(client)).toEqual([...acknowledged].sort())
    const fresh = await open(remotes, { leaderOnly: true })
    expect(names(fresh)).toEqual([...acknowledged].sort())
  }, 60_000)
})
