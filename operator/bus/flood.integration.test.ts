// SPDX-License-Identifier: Apache-2.0
// A node fills its part of the bus, on a real nats-server: others go on, a new leader survives what it finds, and the node is out.
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, tokenAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  OBSERVED_BUCKET,
  inboxPrefix,
  observedFilter,
  observedSubject,
  streamOf,
  toNodeToken,
} from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { DEFAULT_LIMITS } from '../../lib/nats/streams.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { serveCallOut } from '../auth/call-out.ts'
import { AGENT_USERNAME } from '../auth/token-review.ts'
import type { Excess } from './bus.ts'
import { JetStreamBus } from './jetstream-bus.ts'
import type { NodeShare } from './node-shares.ts'
import { systemSessions } from './sessions.ts'

const log = createLogger('test', 'silent')
const MIB = 1024 * 1024
/** A bucket that a node fills in a moment. */
const limits = { ...DEFAULT_LIMITS, observedMiB: 4 }
const share: NodeShare = { documents: 100, bytes: MIB, unasked: 20, words: 2_000, beats: 50 }
const shut = new Set<string>()
const closing: (() => Promise<unknown>)[] = []
let server: TestServer
let excesses: Set<Excess>

beforeEach(async () => {
  shut.clear()
  excesses = new Set()
  server = await TestServer.start()
  serveCallOut(await server.connectCallOut(), {
    issuerSeed: server.issuer.seed,
    log,
    createTokenReview: async ({ spec }) => {
      const user = { username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': [spec.token] } }
      return { status: { authenticated: true, audiences: spec.audiences, user } }
    },
    whyShut: async (node) => (shut.has(node) ? 'is shut out' : undefined),
  })
}, 60_000)
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await server[Symbol.asyncDispose]()
}, 30_000)

async function lead(): Promise<JetStreamBus> {
  const bus = new JetStreamBus({
    nc: await server.connectOperator(),
    sessions: systemSessions(await server.connectSystem(), log),
    ...{ writer: () => ({ incarnation: 1, term: 1 }), log, limits, share },
    isKnown: (_, uid) => uid.startsWith('known'),
    onExcess: (excess) => excesses.add(excess),
  })
  closing.push(() => bus.close())
  bus.conduct.onChange((node) => shut.add(node))
  await bus.ready(AbortSignal.timeout(20_000))
  return bus
}

async function join(node: string): Promise<NatsConnection> {
  const nc = await connect({
    servers: server.address.servers,
    tls: { caFile: server.address.caFile },
    authenticator: tokenAuthenticator(node),
    inboxPrefix: inboxPrefix(node),
    reconnect: false,
  })
  closing.push(() => nc.close())
  return nc
}

const report = (node: string, uid: string, message = '') =>
  JSON.stringify({
    ...{ v: 1, kind: 'volume', uid, node, state: 'available', facts: {}, name: uid, bootId: 'b', since: 't' },
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    error: { reason: 'r', message, terminal: false },
  })

/** The answer of JetStream: stored, or refused. */
async function say(nc: NatsConnection, node: string, uid: string, message = ''): Promise<boolean> {
  const answer = await nc.request(observedSubject({ node, kind: 'volume', uid }), report(node, uid, message))
  return answer.json<{ error?: object }>().error === undefined
}

async function fill(nc: NatsConnection, node: string, count: number): Promise<void> {
  for (let i = 0; i < count && !nc.isClosed(); i++) {
    nc.publish(
      observedSubject({ node, kind: 'volume', uid: `junk-${i}` }),
      report(node, `junk-${i}`, 'x'.repeat(50_000)),
    )
    // A flush whose connection is ended meanwhile never comes back.
    if (i % 20 === 19) await Promise.race([nc.flush().catch(() => undefined), nc.closed()])
  }
}

const eventually = (holds: () => unknown) => until(holds, 'it', 10_000)

async function storedOf(node: string): Promise<number> {
  const jsm = await jetstreamManager(await server.connectOperator(), { checkAPI: false })
  const { state } = await jsm.streams.info(streamOf(OBSERVED_BUCKET), { subjects_filter: observedFilter(node) })
  return Object.keys(state.subjects ?? {}).length
}

test('others go on within seconds; what it was asked for is known, the rest is gone; it does not come in again', async () => {
  const bus = await lead()
  const [rogue, other] = [await join('rogue'), await join('other')]
  expect([await say(rogue, 'rogue', 'known-1'), await say(other, 'other', 'known-2')]).toEqual([true, true])
  await eventually(() => bus.observed.find('volume', 'known-1', 'rogue') !== undefined)
  await fill(rogue, 'rogue', 400)
  // With an error, when it was still talking.
  await rogue.closed()
  await eventually(async () => (await storedOf('rogue')) === 0)
  await eventually(() => say(other, 'other', 'known-3'))
  await eventually(
    () =>
      bus.observed
        .listNode('rogue')
        .map(({ uid }) => uid)
        .join() === 'known-1',
  )
  await eventually(() => bus.observed.listNode('other').length === 2)
  expect(bus.conduct.find('rogue')).toBeDefined()
  expect(bus.conduct.find('other')).toBeUndefined()
  expect([...excesses].filter((excess) => !['Unasked', 'Bytes', 'Documents', 'Words'].includes(excess))).toEqual([])
  await expect(join('rogue')).rejects.toThrow(/authorization violation/i)
}, 60_000)

test('a new leader finds a full bucket, keeps no more than a share of it, and makes room', async () => {
  const first = await lead()
  const other = await join('other')
  expect(await say(other, 'other', 'known-2')).toBe(true)
  await first.close()
  const rogue = await join('rogue')
  await fill(rogue, 'rogue', 400)
  expect(await say(rogue, 'rogue', 'one-more', 'x'.repeat(50_000))).toBe(false)
  const second = await lead()
  expect(second.observed.listNode('rogue').length).toBeLessThanOrEqual(share.documents)
  expect(second.observed.find('volume', 'known-2', 'other')).toBeDefined()
  // With an error, when it was still talking.
  await rogue.closed()
  await eventually(() => say(other, 'other', 'known-3'))
}, 60_000)

test('a flood of heartbeats ends with the session', async () => {
  const bus = await lead()
  bus.heartbeats.expect(['rogue', 'other'])
  const rogue = await join('rogue')
  for (let seq = 0; seq < 500; seq++) {
    rogue.publish(`beat.${toNodeToken('rogue')}`, JSON.stringify({ v: 1, bootId: `b${seq}`, seq }))
  }
  // With an error, when it was still talking.
  await rogue.closed()
  expect([...excesses]).toEqual(['Beats'])
}, 60_000)

test('sessions of one node end, and of no other', async () => {
  const bus = await lead()
  const [lost, prefix, other] = [await join('n1'), await join('n1.example.com'), await join('n10')]
  await bus.endSessions('n1')
  expect(await lost.closed()).toBeUndefined()
  expect([await say(prefix, 'n1.example.com', 'known-1'), await say(other, 'n10', 'known-1')]).toEqual([true, true])
}, 60_000)
