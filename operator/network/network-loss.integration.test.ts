// SPDX-License-Identifier: Apache-2.0
// OVN's northbound database is lost under load, with objects in every state, those that are being deleted but in use included: what is
// there again afterwards is, row by row, what was there, and what a deployment of the same objects from nothing has.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyOfObject, type KubeObject, type ObjectKey } from '../../lib/kube/object.ts'
import type { Instance, Network, Port, SecurityGroup, Subnet } from '../../lib/api/types.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import {
  createDatabase,
  ovsPrograms,
  startOvsdbServer,
  type OvsPrograms,
  type TestServer,
} from '../../lib/ovsdb/test-server.ts'
import { reconcileNetwork } from '../controllers/network/reconcile.ts'
import { reconcilePort } from '../controllers/port/reconcile.ts'
import { reconcileSecurityGroup } from '../controllers/security-group/reconcile.ts'
import { reconcileSubnet } from '../controllers/subnet/reconcile.ts'
import { superviseNetwork } from '../leadership/network-supervision.ts'
import { OvnNetworkDriver } from './ovn/ovn-network-driver.ts'
import { dumpNorthbound } from '../testing/dump-northbound.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { connectSources } from '../testing/connect-sources.ts'
import type { Controllers } from '../leadership/look-again.ts'

const SCHEMA = 'usr/share/ovn/ovn-nb.ovsschema'
const soon = () => AbortSignal.timeout(20_000)
const DELETED = '2026-01-02T00:00:00Z'

let programs: OvsPrograms
let dir: string
let servers = 0
const ends: (() => unknown)[] = []
beforeAll(async () => {
  programs = await ovsPrograms()
  dir = await mkdtemp(join(tmpdir(), 'loss-'))
}, 180_000)
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface Database {
  server: TestServer
  raw: OvsdbClient
  driver: OvnNetworkDriver
}

async function emptyServer(at?: string): Promise<TestServer> {
  const name = `nb${++servers}`
  const file = join(dir, `${name}.db`)
  await createDatabase(programs, file, SCHEMA)
  const server = await startOvsdbServer(programs, dir, name, [file], at === undefined ? [] : [`--remote=punix:${at}`])
  ends.push(() => server.stop())
  return server
}

async function open(): Promise<Database> {
  const server = await emptyServer()
  const remotes = [{ transport: 'unix', path: server.socket }] as const
  const raw = new OvsdbClient({ database: 'OVN_Northbound', remotes, tables: { NB_Global: { columns: ['name'] } } })
  const driver = new OvnNetworkDriver({ remotes })
  raw.start(new AbortController().signal)
  driver.start(new AbortController().signal)
  ends.push(
    () => raw.close(),
    () => driver.close(),
  )
  await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], soon())
  return { server, raw, driver }
}

/** Runs keys as the loop does: one run of a key at a time, again when it is woken meanwhile; what failed waits to be woken. */
class Runner {
  readonly #queue = new Set<string>()
  readonly #w: MemoryWorld
  readonly #waiting = new Map<string, unknown>()
  #active = 0
  readonly controllers: Controllers

  constructor(w: MemoryWorld) {
    this.#w = w
    const { networks, subnets, ports, securityGroups } = w.deps.caches
    const caches = { networks, subnets, ports, securityGroups }
    const none = { enqueue: () => undefined, enqueueUid: () => undefined, enqueueAll: () => undefined }
    this.controllers = new Proxy({} as Controllers, {
      get: (_, name: string) => {
        if (!(name in caches)) return none
        const cache = caches[name as keyof typeof caches]
        return {
          enqueue: (key: ObjectKey) => this.#enqueue(name, key),
          enqueueUid: (uid: string) => {
            const object = (cache.findByUid as (uid: string) => KubeObject | undefined)(uid)
            if (object) this.#enqueue(name, keyOfObject(object))
          },
          enqueueAll: () => {
            for (const key of cache.keys()) this.#enqueue(name, key)
          },
        }
      },
    })
  }

  get idle(): boolean {
    return this.#active === 0 && this.#queue.size === 0
  }

  /** What failed and was not woken since. */
  get failed(): Record<string, unknown> {
    return Object.fromEntries(this.#waiting)
  }

  #enqueue(name: string, key: ObjectKey): void {
    this.#queue.add(`${name} ${key}`)
    void Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    if (this.#active > 0) return
    this.#active++
    try {
      while (this.#queue.size > 0) {
        // Ports first, which is the order that hurts.
        const all = [...this.#queue]
        const id = all.find((one) => one.startsWith('ports ')) ?? all[0]!
        this.#queue.delete(id)
        this.#waiting.delete(id)
        const [name = '', key = ''] = id.split(' ')
        await this.#reconcile(name, key).catch((error: unknown) => void this.#waiting.set(id, error))
      }
    } finally {
      this.#active--
    }
  }

  async #reconcile(name: string, key: ObjectKey): Promise<void> {
    const { deps, run } = this.#w
    const { networks, subnets, ports, securityGroups } = deps.caches
    for (let again = true; again;) {
      again = false
      const step = async <T extends KubeObject>(
        cache: { findByKey(key: ObjectKey): T | undefined },
        store: 'networks' | 'subnets' | 'ports' | 'securityGroups',
        reconcile: (object: T) => Promise<{ kind: string }>,
      ) => {
        const object = cache.findByKey(key)
        if (!object) return
        const copy = structuredClone(object)
        const outcome = await reconcile(copy)
        this.#w.put(store, copy)
        again = outcome.kind === 'saved'
      }
      if (name === 'networks') await step<Network>(networks, 'networks', (o) => reconcileNetwork(o, deps, run))
      if (name === 'subnets') await step<Subnet>(subnets, 'subnets', (o) => reconcileSubnet(o, deps, run))
      if (name === 'ports') await step<Port>(ports, 'ports', (o) => reconcilePort(o, deps, run))
      if (name === 'securityGroups')
        await step<SecurityGroup>(securityGroups, 'securityGroups', (o) => reconcileSecurityGroup(o, deps, run))
    }
  }
}

interface Cloud extends Database {
  w: MemoryWorld
  runner: Runner
}

async function start(): Promise<Cloud> {
  const database = await open()
  const w = memoryWorld(database.driver)
  const runner = new Runner(w)
  ends.push(connectSources(w, runner.controllers))
  const stop = new AbortController()
  const log = createLogger('test', 'silent')
  ends.push(superviseNetwork(w.deps, runner.controllers, { signal: stop.signal, log }), () => stop.abort())
  await database.driver.claimTerm(1, 1, soon())
  return { ...database, w, runner }
}

const network = (name: string) => stored<Network>(name, {})
const subnet = (name: string, lan: string, cidr: string, spec: Partial<Subnet['spec']> = {}) =>
  stored<Subnet>(name, { networkRef: { name: lan }, cidr, ...spec })
const group = (name: string, ...remotes: string[]) =>
  stored<SecurityGroup>(name, {
    rules: [
      { direction: 'egress' },
      ...remotes.map((remote) => ({ direction: 'ingress', remoteGroupRef: { name: remote } }) as const),
    ],
  })
const port = (name: string, lan: string, spec: Partial<Port['spec']> = {}) =>
  stored<Port>(name, { networkRef: { name: lan }, ...spec })
const machine = (name: string, portName: string) =>
  stored<Instance>(
    name,
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: portName } }] },
    { status: { node: 'c1', epoch: 1 } },
  )

/** Two projects' worth: one that stays and one of which all is being deleted while machines still use it. */
function furnish(w: MemoryWorld): void {
  for (const part of ['a', 'b']) {
    w.put('networks', network(`${part}-lan`))
    w.put('subnets', subnet(`${part}-v4`, `${part}-lan`, '10.0.0.0/24'))
    w.put('subnets', subnet(`${part}-silent`, `${part}-lan`, '10.1.0.0/24', { dhcp: { enabled: false } }))
    for (const name of ['default', `${part}-self`]) w.put('securityGroups', group(name, name))
    w.put('securityGroups', group(`${part}-web`, `${part}-self`))
    for (let i = 0; i < 6; i++) {
      const name = `${part}-p${i}`
      const groups = i % 3 === 0 ? {} : { securityGroupRefs: [{ name: `${part}-web` }, { name: `${part}-self` }] }
      const fixed =
        i % 2 === 0 ? {} : { fixedIPs: [`${part}-v4`, `${part}-silent`].map((n) => ({ subnetRef: { name: n } })) }
      w.put('ports', port(name, `${part}-lan`, { ...groups, ...fixed }))
      if (i !== 5) w.put('instances', machine(`${part}-vm${i}`, name))
    }
    w.put(
      'ports',
      port(`${part}-vip`, `${part}-lan`, {
        fixedIPs: [{ subnetRef: { name: `${part}-v4` }, ipAddress: '10.0.0.200' }],
      }),
    )
    w.put(
      'ports',
      port(`${part}-vrrp`, `${part}-lan`, {
        allowedAddressPairs: [
          { ipAddress: '10.0.0.200' },
          { ipAddress: '10.0.0.201', macAddress: '00:00:5e:00:01:01' },
        ],
      }),
    )
    w.put('instances', machine(`${part}-vrrp`, `${part}-vrrp`))
  }
}

/** All of project b, at once. */
function deleteB(w: MemoryWorld): void {
  const { networks, subnets, ports, securityGroups } = w.deps.caches
  const doom = (store: 'networks' | 'subnets' | 'ports' | 'securityGroups', objects: readonly KubeObject[]) => {
    for (const object of objects.filter(({ metadata }) => metadata.name.startsWith('b-'))) {
      w.put(store, { ...object, metadata: { ...object.metadata, deletionTimestamp: DELETED } })
    }
  }
  doom('networks', networks.list())
  doom('subnets', subnets.list())
  doom('securityGroups', securityGroups.list())
  doom(
    'ports',
    ports.list().filter(({ status }) => status?.node !== undefined),
  )
}

async function settle(
  { runner }: Cloud,
  ...names: ('networks' | 'subnets' | 'ports' | 'securityGroups')[]
): Promise<void> {
  for (const name of names) {
    runner.controllers[name].enqueueAll()
    await until(
      () => runner.idle,
      () => runner.failed,
      20_000,
    )
  }
}

const EVERYTHING = ['networks', 'securityGroups', 'subnets', 'ports', 'ports'] as const

test('what was lost under load is there again, row by row', async () => {
  const cloud = await start()
  furnish(cloud.w)
  await settle(cloud, ...EVERYTHING)
  expect(cloud.runner.failed).toEqual({})
  deleteB(cloud.w)
  await settle(cloud, ...EVERYTHING)
  const before = await dumpNorthbound(cloud.raw, soon())
  expect(before.filter((line) => line.startsWith('Logical_Switch_Port'))).toHaveLength(18)

  const socket = cloud.server.socket
  await cloud.server.stop('SIGKILL')
  // Load: what is made while the database is away and while it is filled again.
  const late = Array.from({ length: 5 }, (_, i) => cloud.w.put('ports', port(`a-extra${i}`, 'a-lan')))
  for (const { metadata } of late) cloud.runner.controllers.ports.enqueueUid(metadata.uid)
  await emptyServer(socket)
  await cloud.raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], soon())
  const isOld = (line: string) => !line.includes('extra')
  let now: string[] = []
  await until(
    async () => {
      now = (await dumpNorthbound(cloud.raw, soon()).catch(() => [])).filter((line) =>
        line.startsWith('Logical_Switch_Port'),
      )
      return now.length >= 18 + late.length && cloud.runner.idle
    },
    () => [now.length, cloud.runner.failed],
    15_000,
  )
  expect(cloud.runner.failed).toEqual({})
  // Groups and switches list their ports: those of the load are told apart by doing the same in the fresh deployment.
  const after = await dumpNorthbound(cloud.raw, soon())
  expect(after.filter((line) => isOld(line) && !/^(Port_Group|Logical_Switch) /.test(line))).toEqual(
    before.filter((line) => !/^(Port_Group|Logical_Switch) /.test(line)),
  )

  const fresh = await start()
  for (const name of ['networks', 'subnets', 'securityGroups', 'instances', 'ports', 'ipClaims'] as const)
    for (const object of cloud.w.deps.caches[name].list()) fresh.w.put(name, structuredClone<KubeObject>(object))
  await settle(fresh, ...EVERYTHING)
  expect(after).toEqual(await dumpNorthbound(fresh.raw, soon()))
}, 90_000)
