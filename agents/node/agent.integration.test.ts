// SPDX-License-Identifier: Apache-2.0
// A real agent and the operator's real bus on a real server, with call-out, permissions and TLS. Only the role is the test's: it keeps
// "machines" as files, which outlive agents as guests do.
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { DesiredDocument, NodeSpec, Orphan, VolumeDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { createAuthority, loadAuthority, type Authority } from '../../lib/pki/authority.ts'
import { until as untilSoon } from '../../lib/time/until.ts'
import { NodeCertificates } from '../../operator/bus/certificates.ts'
import { JetStreamBus } from '../../operator/bus/jetstream-bus.ts'
import { serveCallOut, type CallOut } from '../../operator/auth/call-out.ts'
import { AGENT_USERNAME, type TokenReview } from '../../operator/auth/token-review.ts'
import { startRelay } from '../metrics-relay/relay.ts'
import type { DocumentOf, KindReconciler, Observation, RunContext } from '../runtime/reconciler.ts'
import { Agent } from './agent.ts'

const NODE = 'n1.example.com'
jest.setTimeout(25_000)
const log = createLogger('test', process.env['LOG_LEVEL'] ?? 'silent')

let server: TestServer
let callOutConnection: NatsConnection
let callOut: CallOut
let operator: NatsConnection
let authority: Authority
let authorityPem: string
let term = 1
let dir: string
let bus: JetStreamBus
const agents: Agent[] = []

beforeAll(async () => {
  server = await TestServer.start()
  operator = await server.connectOperator()
  callOutConnection = await server.connectCallOut()
  const files = await createAuthority('test', 1, new Date())
  authority = await loadAuthority(files)
  authorityPem = files.certificate
}, 120_000)

beforeEach(async () => {
  term += 10
  dir = await mkdtemp(join(tmpdir(), 'nephele-agent-'))
  await writeFile(join(dir, 'boot-id'), 'boot-0001')
  await writeFile(join(dir, 'token'), 'good')
  await mkdir(join(dir, 'machines'))
  callOut = serveCallOut(callOutConnection, {
    issuerSeed: server.issuer.seed,
    createTokenReview: review,
    log,
    lifetimeSeconds: 3600,
  })
  bus = await openBus(() => ({ incarnation: 1, term }))
})

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
  const left = [...bus.desired.list(), ...bus.observed.listNode(NODE)]
  for (const { node, kind, uid } of left) await bus.desired.withdraw(node, kind, uid)
  await bus.dismissNode(NODE)
  await bus.close()
  await callOut.stop()
  await rm(dir, { recursive: true, force: true })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

async function review({ spec }: TokenReview): Promise<unknown> {
  const user = { username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': [NODE] } }
  return { status: { authenticated: spec.token === 'good', audiences: spec.audiences, user } }
}

async function openBus(
  writer: () => { incarnation: number; term: number } | undefined,
  refreshMs = 600_000,
): Promise<JetStreamBus> {
  const opened = new JetStreamBus({
    nc: operator,
    writer,
    log,
    refreshMs,
    heartbeat: { intervalMs: 200, missesBeforeDown: 3 },
  })
  await opened.ready(AbortSignal.timeout(10_000))
  return opened
}

/** Machines of the kind `volume`, since it has the smallest document. */
class FileRole implements KindReconciler<'volume'> {
  readonly kind = 'volume'
  runs = 0
  removals = 0

  async reconcile(document: DocumentOf<'volume'>, context: RunContext): Promise<Observation<'volume'>> {
    this.runs += 1
    if (document.spec.sizeGiB === 13) throw new Error('/secret/path: no luck')
    await writeFile(fileOf(document.uid), `${document.spec.sizeGiB} ${context.grantedBootId}`)
    return { state: 'available', facts: { sizeGiB: document.spec.sizeGiB } }
  }

  async remove({ uid }: { uid: string }): Promise<Observation<'volume'>> {
    this.removals += 1
    await rm(fileOf(uid), { force: true })
    return { state: 'gone' }
  }

  async listOwned(): Promise<Orphan[]> {
    return (await readdir(join(dir, 'machines'))).map((uid) => ({ kind: 'volume', uid, what: 'a file' }))
  }
}

function fileOf(uid: string): string {
  return join(dir, 'machines', uid)
}

async function startAgent(role = new FileRole()): Promise<{ agent: Agent; role: FileRole }> {
  const agent = new Agent({
    config: {
      node: NODE,
      natsServers: server.address.servers,
      natsCaFile: server.address.caFile,
      natsTokenFile: join(dir, 'token'),
      address: '192.0.2.1',
      encapAddress: '192.0.2.1',
      stateDir: join(dir, 'state'),
      runDir: join(dir, 'run'),
      bootIdFile: join(dir, 'boot-id'),
      metricsSocket: join(dir, 'run', 'metrics', 'agent.sock'),
      version: '0.1.0',
    },
    rolesOf: (spec: NodeSpec) => (spec.roles.storage ? ['storage'] : []),
    createRole: async (name) => ({ name, reconcilers: [role] }),
    log,
    heartbeatMs: 100,
  })
  await mkdir(join(dir, 'state'), { recursive: true })
  agents.push(agent)
  await agent.start()
  return { agent, role }
}

async function stopAgent(agent: Agent): Promise<void> {
  agents.splice(agents.indexOf(agent), 1)
  await agent.stop()
}

const until = <T>(what: string, probe: () => T | Promise<T>) => untilSoon(probe, what, 15_000, 20)

function nodeDocument(spec: Partial<NodeSpec> = {}): DesiredDocument {
  return {
    v: 1,
    kind: 'node',
    uid: 'node-1',
    node: NODE,
    name: NODE,
    tombstone: false,
    versions: { incarnation: 1, term, epoch: 1, generation: 1 },
    spec: { roles: { storage: true }, ...spec },
  }
}

function volume(uid: string, sizeGiB: number, versions: Partial<VolumeDocument['versions']> = {}): VolumeDocument {
  return {
    v: 1,
    kind: 'volume',
    uid,
    node: NODE,
    namespace: 'team',
    name: uid,
    tombstone: false,
    versions: { incarnation: 1, term, epoch: 1, generation: sizeGiB, ...versions },
    spec: { pool: 'p', driver: 'file', sizeGiB, format: 'raw', exportTo: [] },
  }
}

function tombstone(document: VolumeDocument): DesiredDocument {
  const { v, kind, uid, node, namespace, name, versions } = document
  return {
    v,
    kind,
    uid,
    node,
    namespace,
    name,
    versions: { ...versions, term, generation: versions.generation + 1 },
    tombstone: true,
  }
}

async function admit(): Promise<void> {
  const inventory = await until('inventory', () => bus.inventory.find(NODE))
  await bus.admitNode(NODE, inventory.storeId)
  await bus.desired.publish(nodeDocument())
}

const sizeOf = (uid: string) => bus.observed.find('volume', uid, NODE)?.facts.sizeGiB
const observedAt = (uid: string, sizeGiB: number) => until(`${uid} at ${sizeGiB}`, () => sizeOf(uid) === sizeGiB)

describe('a node', () => {
  test('comes up: inventory, certificate, roles, heartbeats', async () => {
    bus.heartbeats.expect([NODE])
    await startAgent()
    const inventory = await until('inventory', () => bus.inventory.find(NODE))
    expect(inventory).toMatchObject({ node: NODE, bootId: 'boot-0001', address: '192.0.2.1' })
    expect(inventory.cpus).toBeGreaterThan(0)
    expect(inventory.numa[0]!.cpus.length).toBeGreaterThan(0)
    await bus.admitNode(NODE, inventory.storeId)
    const certificates = new NodeCertificates({ authority, authorityPem, desired: bus.desired })
    const signed = await certificates.ensure({ node: NODE, uid: 'node-1', inventory }, new Date())
    await bus.desired.publish(nodeDocument(signed))
    await until('ready', () => bus.observed.find('node', 'node-1', NODE)?.state === 'ready')
    const pem = await readFile(join(dir, 'state/pki/node.crt'), 'utf8')
    const certificate = new X509Certificate(pem)
    expect(certificate.subject).toBe(`CN=${NODE}`)
    expect(certificate.checkHost(NODE)).toBe(NODE)
    // Whatever address a node announces, its certificate is for its name alone.
    expect(certificate.checkIP('192.0.2.1')).toBeUndefined()
    expect((await stat(join(dir, 'state/pki/node.key'))).mode & 0o777).toBe(0o600)
    // Asked again, also by a new leader without memory: the same certificate, no write.
    const again = new NodeCertificates({ authority, authorityPem, desired: bus.desired })
    expect(await again.ensure({ node: NODE, uid: 'node-1', inventory }, new Date())).toEqual(signed)
    await until('up', () => bus.heartbeats.pulse(NODE) === 'up')
    expect(bus.heartbeats.bootId(NODE)).toBe('boot-0001')
  })

  test('shows on a socket what it does', async () => {
    const relay = await startRelay({
      host: '127.0.0.1',
      port: 0,
      socketPath: join(dir, 'run', 'metrics', 'agent.sock'),
    })
    const read = async () => (await fetch(`http://127.0.0.1:${relay.port}/metrics`)).text()
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v-1', 5))
    await bus.desired.publish(volume('v-13', 13))
    await observedAt('v-1', 5)
    await until('the failure', () => bus.observed.find('volume', 'v-13', NODE)?.state === 'failed')
    const page = await until('all reports are acknowledged', async () => {
      const text = await read()
      return text.includes('nephele_agent_reports_pending 0\n') && text
    })
    for (const line of [
      'nephele_bus_connected{connection="agent"} 1',
      'nephele_agent_objects{kind="volume",state="available"} 1',
      'nephele_agent_objects{kind="volume",state="failed"} 1',
      'nephele_agent_runs_total{kind="volume",result="done"} ',
      'nephele_build_info{component="agent",version="0.1.0"',
      'nephele_certificate_expiration_timestamp_seconds{certificate="bus-ca"}',
    ])
      expect(page).toContain(line)
    expect(page).toMatch(/nephele_agent_run_errors_total\{kind="volume",reason="AgentError"\} [1-9]/)
    // Figures of objects, and never which.
    expect(page).not.toMatch(/v-13?|team/)
    await relay.close()
  })

  test('falls silent when its agent ends', async () => {
    bus.heartbeats.expect([NODE])
    const { agent } = await startAgent()
    await until('up', () => bus.heartbeats.pulse(NODE) === 'up')
    await stopAgent(agent)
    await until('silent', () => bus.heartbeats.pulse(NODE) === 'silent')
    expect(bus.heartbeats.health().healthy).toBe(true)
  })
})

describe('documents', () => {
  test('create, update, delete; unchanged ones are not written again', async () => {
    const { role } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    const { revision } = bus.desired.find(NODE, 'volume', 'v1')!
    await bus.desired.publish(volume('v1', 1))
    term += 1
    await bus.desired.publish(volume('v1', 1))
    expect(bus.desired.find(NODE, 'volume', 'v1')!.revision).toBe(revision)
    await bus.desired.publish(volume('v1', 2))
    await observedAt('v1', 2)
    expect(await readFile(fileOf('v1'), 'utf8')).toBe('2 ')
    await bus.desired.publish(tombstone(volume('v1', 2)))
    await until('gone', () => bus.observed.find('volume', 'v1', NODE)?.state === 'gone')
    expect(existsSync(fileOf('v1'))).toBe(false)
    await bus.desired.withdraw(NODE, 'volume', 'v1')
    expect(bus.desired.find(NODE, 'volume', 'v1')).toBeUndefined()
    expect(bus.observed.find('volume', 'v1', NODE)).toBeUndefined()
    expect(role.removals).toBe(1)
  })

  test('withdrawn without a tombstone: nothing is removed', async () => {
    const { agent, role } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    await bus.desired.withdraw(NODE, 'volume', 'v1')
    await stopAgent(agent)
    const second = await startAgent()
    await until('taken up again', () => second.role.runs > 0)
    expect(existsSync(fileOf('v1'))).toBe(true)
    expect(role.removals + second.role.removals).toBe(0)
  })

  test('a failure is reported without paths, and retried', async () => {
    await startAgent()
    await admit()
    await bus.desired.publish(volume('failing', 13))
    // The node may first say that it does not have the role yet.
    const report = await until('failed', () => {
      const found = bus.observed.find('volume', 'failing', NODE)
      return found?.error?.reason === 'AgentError' ? found : undefined
    })
    expect(report).toMatchObject({ state: 'failed', error: { terminal: false } })
    expect(JSON.stringify(report)).not.toContain('/secret')
    await bus.desired.publish(volume('failing', 14))
    await observedAt('failing', 14)
  })

  test('on disk with mode 0600', async () => {
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    expect((await stat(join(dir, 'state/documents/volume.v1.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(dir, 'state/documents'))).mode & 0o777).toBe(0o700)
  })

  test('what carries our mark and no document knows is reported as an orphan, and left alone', async () => {
    await writeFile(fileOf('stray'), 'x')
    await startAgent()
    await admit()
    const report = await until('orphans', () => {
      const found = bus.observed.find('node', 'node-1', NODE)
      return found?.facts.orphans?.length ? found : undefined
    })
    expect(report.facts.orphans).toEqual([{ kind: 'volume', uid: 'stray', what: 'a file' }])
    expect(existsSync(fileOf('stray'))).toBe(true)
    // A node that lost its memory hears of its own only after the operator has seen so.
    await bus.desired.publish(volume('stray', 1))
    await until('no orphan', () => bus.observed.find('node', 'node-1', NODE)?.facts.orphans?.length === 0 || undefined)
  })
})

describe('old writers lose', () => {
  test('a stale leader is refused by the publisher, and its raw writes by the agent; the leader puts them right', async () => {
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)

    const staleTerm = term - 5
    const stale = await openBus(() => ({ incarnation: 1, term: staleTerm }))
    await expect(stale.desired.publish(volume('v1', 7, { term: staleTerm }))).rejects.toThrow(/term/)
    await expect(stale.desired.publish(volume('v1', 7))).rejects.toThrow(/term/)
    await stale.close()

    const drifted: string[] = []
    bus.desired.onDrift(({ uid }) => drifted.push(uid))
    const js = jetstream(operator)
    await js.publish('$KV.desired.n1_example_com.volume.v1', JSON.stringify(volume('v1', 7, { term: staleTerm })))
    await js.publish('$KV.desired.n1_example_com.volume.v2', JSON.stringify(volume('v2', 7, { term: staleTerm })))
    for (const uid of ['v1', 'v2']) {
      const report = await until('refusal', () => {
        const found = bus.observed.find('volume', uid, NODE)
        return found?.refused ? found : undefined
      })
      expect(report.refused).toMatchObject({ reason: 'StaleLeader', versions: { term: staleTerm } })
    }
    expect(await readFile(fileOf('v1'), 'utf8')).toBe('1 ')
    expect(existsSync(fileOf('v2'))).toBe(false)

    await until('drift', () => drifted.includes('v1'))
    await bus.desired.publish(volume('v1', 1))
    await until('put right', () => bus.observed.find('volume', 'v1', NODE)?.refused === undefined)
    expect(sizeOf('v1')).toBe(1)
  })

  test.each([
    ['an older generation', { generation: 1 }, 'StaleGeneration'],
    ['an older epoch', { epoch: 0, generation: 9 }, 'StaleEpoch'],
  ])('%s is refused and reported', async (_name, versions, reason) => {
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 5))
    await observedAt('v1', 5)
    await jetstream(operator).publish('$KV.desired.n1_example_com.volume.v1', JSON.stringify(volume('v1', 6, versions)))
    await until('refusal', () => bus.observed.find('volume', 'v1', NODE)?.refused?.reason === reason)
    expect(await readFile(fileOf('v1'), 'utf8')).toBe('5 ')
  })

  test.each([
    ['not JSON', 'hello', 'DocumentInvalid'],
    ['another major version', JSON.stringify({ ...volume('v1', 9), v: 2 }), 'UnsupportedVersion'],
    ['another node’s', JSON.stringify({ ...volume('v1', 9), node: 'n2' }), 'DocumentInvalid'],
    ['a broken one', JSON.stringify({ ...volume('v1', 9), spec: { sizeGiB: 'big' } }), 'DocumentInvalid'],
  ])('%s is refused, and the held one stands', async (_name, data, reason) => {
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 5))
    await observedAt('v1', 5)
    await jetstream(operator).publish('$KV.desired.n1_example_com.volume.v1', data)
    await until('refusal', () => bus.observed.find('volume', 'v1', NODE)?.refused?.reason === reason)
    expect(sizeOf('v1')).toBe(5)
    // The leader sees what lies there and writes over it.
    await bus.desired.publish(volume('v1', 5))
    await until('accepted', () => bus.observed.find('volume', 'v1', NODE)?.refused === undefined)
  })
})

describe('with parts away', () => {
  test('an agent that was away while its documents changed catches up', async () => {
    const { agent } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await bus.desired.publish(volume('v2', 1))
    await observedAt('v1', 1)
    await observedAt('v2', 1)
    await stopAgent(agent)
    for (const size of [2, 3, 4]) await bus.desired.publish(volume('v1', size))
    await bus.desired.publish(tombstone(volume('v2', 1)))
    await bus.desired.publish(volume('v3', 1))
    const { role } = await startAgent()
    await observedAt('v1', 4)
    await observedAt('v3', 1)
    await until('gone', () => bus.observed.find('volume', 'v2', NODE)?.state === 'gone')
    expect(role.removals).toBe(1)
  })

  test('a node that left and joins as another ComputeNode says what it has again, and has one document of its own', async () => {
    await startAgent()
    await admit()
    await until('roles', () => bus.observed.find('node', 'node-1', NODE))
    await bus.desired.withdraw(NODE, 'node', 'node-1')
    await bus.dismissNode(NODE)
    expect(bus.inventory.find(NODE)).toBeUndefined()

    await bus.admitNode(NODE, undefined)
    await bus.desired.publish({ ...nodeDocument(), uid: 'node-2' })
    await until('inventory', () => bus.inventory.find(NODE))
    await until('its report', () => bus.observed.find('node', 'node-2', NODE))
    const kept = (await readdir(join(dir, 'state/documents'))).filter((name) => name.startsWith('node.'))
    expect(kept).toEqual(['node.node-2.json'])
  })

  test('an agent that lost its disk is given its documents again', async () => {
    const { agent } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    await stopAgent(agent)
    const before = bus.inventory.find(NODE)!.storeId
    await rm(join(dir, 'state'), { recursive: true })
    const { role } = await startAgent()
    const inventory = await until('new store', () => {
      const found = bus.inventory.find(NODE)
      return found?.storeId === before ? undefined : found
    })
    await bus.admitNode(NODE, inventory.storeId)
    await until('delivered again', () => role.runs > 0)
    expect(existsSync(fileOf('v1'))).toBe(true)
  })

  test('NATS wiped: the operator publishes anew, the agent reports anew, nothing is removed', async () => {
    const { role } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await bus.desired.publish(volume('v2', 2))
    await observedAt('v2', 2)
    let resets = 0
    bus.desired.onReset(() => void (resets += 1))

    await server.wipe()
    await until('reset', () => resets > 0)
    // What controllers do on a reset: publish all they decided.
    expect(bus.desired.list()).toEqual([])
    expect(sizeOf('v1')).toBe(1)
    await bus.desired.publish(nodeDocument())
    await bus.desired.publish(volume('v1', 1))
    await bus.desired.publish(volume('v2', 2))
    await bus.desired.publish(volume('v3', 3))
    await observedAt('v3', 3)
    const jsm = await jetstreamManager(operator)
    await until('all said again', async () => {
      const info = await jsm.streams.info('KV_observed', { subjects_filter: '>' })
      return Object.keys(info.state.subjects ?? {}).length === 4
    })
    expect(role.removals).toBe(0)
    expect(bus.heartbeats.health().healthy).toBe(true)
  }, 30_000)

  test('a document that NATS lost is told of by the slow comparison, and published anew', async () => {
    await bus.desired.publish(volume('v1', 1))
    const second = await openBus(() => ({ incarnation: 1, term }), 200)
    const drifted: string[] = []
    second.desired.onDrift(({ uid }) => drifted.push(uid))
    const jsm = await jetstreamManager(operator)
    await jsm.streams.purge('KV_desired', { filter: '$KV.desired.n1_example_com.volume.v1' })
    await until('drift', () => drifted.includes('v1'))
    await until('published', () =>
      second.desired.publish(volume('v1', 1)).then(
        () => true,
        () => false,
      ),
    )
    expect(await second.desired.read(NODE, 'volume', 'v1')).toEqual(volume('v1', 1))
    // Before the comparison a write meets another revision than expected: once, and then it is right.
    await until(
      'followed',
      () => bus.desired.find(NODE, 'volume', 'v1')?.revision === second.desired.find(NODE, 'volume', 'v1')?.revision,
    )
    await jsm.streams.purge('KV_desired', { filter: '$KV.desired.n1_example_com.volume.v1' })
    await expect(bus.desired.publish(volume('v1', 2))).rejects.toThrow(/faster/)
    await bus.desired.publish(volume('v1', 2))
    await second.close()
  })

  test('without NATS an agent takes up what is on its disk', async () => {
    const { agent } = await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    await stopAgent(agent)
    await rm(fileOf('v1'))
    await server.kill()
    try {
      const { role } = await startAgent()
      await until('made again', () => existsSync(fileOf('v1')))
      expect(role.runs).toBeGreaterThan(0)
    } finally {
      await server.run()
    }
    await until('bus is back', () =>
      bus.desired.publish(volume('v1', 2)).then(
        () => true,
        () => false,
      ),
    )
    await observedAt('v1', 2)
  }, 40_000)

  test('a connection that must prove itself again reads the renewed token', async () => {
    await callOut.stop()
    callOut = serveCallOut(callOutConnection, {
      issuerSeed: server.issuer.seed,
      createTokenReview: review,
      log,
      lifetimeSeconds: 2,
    })
    await startAgent()
    await admit()
    await bus.desired.publish(volume('v1', 1))
    await observedAt('v1', 1)
    const { allowed } = callOut.counts()
    await writeFile(join(dir, 'token'), 'bad')
    await until('refused', () => callOut.counts().refused > 1)
    await writeFile(join(dir, 'token'), 'good')
    await until('let in again', () => callOut.counts().allowed > allowed)
    await bus.desired.publish(volume('v1', 2))
    await observedAt('v1', 2)
  }, 30_000)
})

describe('a host reboot', () => {
  test('the grant of the old boot is passed on as such, until the operator grants anew', async () => {
    const { agent } = await startAgent()
    await admit()
    await bus.desired.publish({ ...volume('v1', 1), grantedBootId: 'boot-0001' })
    await observedAt('v1', 1)
    expect(await readFile(fileOf('v1'), 'utf8')).toBe('1 boot-0001')
    await stopAgent(agent)
    await writeFile(join(dir, 'boot-id'), 'boot-0002')
    await startAgent()
    await until('new boot is known', () => bus.inventory.find(NODE)?.bootId === 'boot-0002')
    await until('and observed', () => bus.observed.find('volume', 'v1', NODE)?.bootId === 'boot-0002')
    expect(await readFile(fileOf('v1'), 'utf8')).toBe('1 boot-0001')
    await bus.desired.publish({ ...volume('v1', 1), grantedBootId: 'boot-0002' })
    await until('granted', async () => (await readFile(fileOf('v1'), 'utf8')) === '1 boot-0002')
  })
})
