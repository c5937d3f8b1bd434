// SPDX-License-Identifier: Apache-2.0
// What JetStreamBus joins, on a real nats-server: beats and their figures, consumers, reports that have a document written again, loss.
import { rm, writeFile } from 'node:fs/promises'
import { join as pathOf } from 'node:path'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Image } from '../../lib/api/types.ts'
import { MAX_HEARTBEAT_BYTES } from '../../lib/contract/documents.ts'
import {
  BUCKETS,
  beatSubject,
  consumerOf,
  desiredSubject,
  inboxPrefix,
  inventorySubject,
  notificationSubject,
  observedSubject,
  streamOf,
} from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { DEFAULT_LIMITS, wantedStreams } from '../../lib/nats/streams.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { until as untilSoon } from '../../lib/time/until.ts'
import { serveCallOut } from '../auth/call-out.ts'
import { AGENT_USERNAME } from '../auth/token-review.ts'
import { imageDocument } from '../controllers/image/document.ts'
import { inventoryOf } from '../testing/inventory.ts'
import { stored } from '../testing/memory-deps.ts'
import type { NodeLoads } from './node-loads.ts'
import { JetStreamBus, type JetStreamBusOptions } from './jetstream-bus.ts'
import { DEFAULT_SHARE } from './node-shares.ts'

const log = createLogger('test', 'silent')
const image = stored<Image>('i', { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' })
const key = { node: 'n1', kind: 'image', uid: image.metadata.uid } as const
const documentOf = (term: number, generation = 1) => {
  const its = { ...image, metadata: { ...image.metadata, generation } }
  return imageDocument(its, 'n1', { incarnation: 1, term })
}

let server: TestServer
let nc: NatsConnection
let jsm: JetStreamManager
const open: JetStreamBus[] = []

beforeEach(async () => {
  server = await TestServer.start()
  nc = await server.connectOperator()
  jsm = await jetstreamManager(nc, { checkAPI: false })
  serveCallOut(await server.connectCallOut(), {
    issuerSeed: server.issuer.seed,
    log,
    createTokenReview: async ({ spec }) => {
      const user = { username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': [spec.token] } }
      return { status: { authenticated: true, audiences: spec.audiences, user } }
    },
  })
}, 30_000)
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()))
  await server[Symbol.asyncDispose]()
}, 30_000)

async function lead(more: Partial<JetStreamBusOptions> = {}, term = 1): Promise<JetStreamBus> {
  const bus = new JetStreamBus({ nc, writer: () => ({ incarnation: 1, term }), log, ...more })
  open.push(bus)
  await bus.ready(AbortSignal.timeout(10_000))
  return bus
}

async function join(node: string): Promise<NatsConnection> {
  const file = pathOf(server.dir, `token-${node}`)
  await writeFile(file, node)
  return server.connectWithTokenFile(file, node, inboxPrefix(node))
}
const reportOf = (generation: number, more: object = {}) => ({
  ...{ v: 1, ...key, name: 'i', namespace: 'ns', state: 'ready', facts: {}, bootId: 'b', since: 't' },
  versions: { incarnation: 1, term: 1, epoch: 1, generation },
  ...more,
})

const notification = {
  ...{ v: 1 as const, eventType: 'instance.create.end', time: 't', kind: 'Instance', namespace: 'team', name: 'x' },
  ...{ uid: 'u', payload: {} },
}

const until = (holds: () => unknown) => untilSoon(holds, undefined, 10_000, 20)
const termOf = async () => (await lastOf(desiredSubject(key)))?.json<{ versions: { term: number } }>().versions.term
const lastOf = (subject: string) => jsm.direct.getMessage(streamOf('desired'), { last_by_subj: subject })

test('heartbeats: whose they are, of which boot, with what load; what is none is not heard', async () => {
  const heard: string[] = []
  const loads = { heard: (node: string, load: unknown) => heard.push(`${node} ${JSON.stringify(load)}`) }
  const bus = await lead({ loads: loads as unknown as NodeLoads, share: { ...DEFAULT_SHARE, beats: 2 } })
  bus.heartbeats.expect(['n1', 'n.2'])
  const load = { urgent: 1, waiting: 2, long: 3, oldestSeconds: 4 }
  const agents = [await join('n1'), await join('n.2')] as const
  const beat = (agent: 0 | 1, value: object) =>
    agents[agent].publish(beatSubject((['n1', 'n.2'] as const)[agent]), JSON.stringify({ v: 1, seq: 1, ...value }))
  const withJunk = (length: number) => ({ bootId: 'b1', load, junk: 'x'.repeat(length) })
  const room = MAX_HEARTBEAT_BYTES - JSON.stringify({ v: 1, seq: 1, ...withJunk(0) }).length
  beat(0, withJunk(room))
  beat(0, withJunk(room + 1))
  beat(0, { load })
  beat(0, { bootId: 'b2' })
  beat(0, { bootId: 'b3' })
  beat(1, { bootId: 'b4' })
  await until(() => bus.heartbeats.pulse('n.2') === 'up')
  expect(heard.filter((said) => said.startsWith('n1'))).toEqual([`n1 ${JSON.stringify(load)}`, 'n1 undefined'])
  expect(['n1', 'n.2'].map((node) => [bus.heartbeats.pulse(node), bus.heartbeats.bootId(node)])).toEqual([
    ['up', 'b2'],
    ['up', 'b4'],
  ])
  // The third was beyond its share.
  await until(() => bus.conduct.find('n1'))
  expect([bus.conduct.find('n1')?.excess, bus.conduct.find('n.2')]).toEqual(['Beats', undefined])
  await bus.close()
  beat(1, { bootId: 'b5' })
  await agents[1].flush()
  await nc.flush()
  expect(bus.heartbeats.bootId('n.2')).toBe('b4')
}, 60_000)

test('a node that goes silent is seen by the clock alone, and the bus’s own end as its fault', async () => {
  const heartbeat = { intervalMs: 200, missesBeforeDown: 2 }
  const [closed, bus] = [await lead({ heartbeat }), await lead({ heartbeat })]
  bus.heartbeats.expect(['n1', 'n2', 'n3', 'n4', 'n5', 'n6'])
  // One alone may fall silent.
  closed.heartbeats.expect(['n6'])
  const agents = await Promise.all(
    ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'].map(async (node) => [node, await join(node)] as const),
  )
  const beating = setInterval(() => {
    for (const [node, agent] of agents)
      if (node !== 'n6' || isWell) agent.publish(beatSubject(node), '{"v":1,"bootId":"b","seq":1}')
  }, 50)
  let isWell = true
  try {
    await until(() => agents.every(([node]) => bus.heartbeats.pulse(node) === 'up'))
    await until(() => closed.heartbeats.pulse('n6') === 'up')
    await closed.close()
    isWell = false
    await until(() => bus.heartbeats.pulse('n6') === 'silent')
    expect(bus.heartbeats.pulse('n1')).toBe('up')
    await server.kill()
    await until(() => bus.heartbeats.health().reason === 'Disconnected')
    expect(bus.heartbeats.pulse('n1')).toBe('up')
    await server.run()
    await until(() => bus.heartbeats.health().healthy)
    expect(closed.heartbeats.pulse('n6')).toBe('up')
  } finally {
    clearInterval(beating)
  }
}, 60_000)

test('a document is written again under this term when its node refuses it as an older leader’s, and only then', async () => {
  const first = await lead()
  await first.desired.publish(documentOf(1))
  await first.close()
  const agent = await join('n1')
  const drift: string[] = []
  const bus = await lead({}, 2)
  bus.desired.onDrift(({ uid }) => drift.push(uid))
  await bus.desired.publish(documentOf(2))
  expect(await termOf()).toBe(1)
  const say = (more: object) => agent.request(observedSubject(key), JSON.stringify(reportOf(1, more)))
  await say({ refused: { reason: 'StaleGeneration', message: 'm' } })
  await until(() => bus.observed.find('image', key.uid, 'n1'))
  expect(drift).toEqual([])
  await say({ refused: { reason: 'StaleLeader', message: 'm' } })
  await until(() => drift.length > 0)
  await bus.desired.publish(documentOf(2))
  expect([drift, await termOf()]).toEqual([[key.uid], 2])
}, 60_000)

test('a consumer for each node, made once for each store of its agent, and gone with the node; its reports stay', async () => {
  const bus = await lead()
  const agent = await join('n1')
  const storeOf = async () => (await jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).config.metadata
  await bus.admitNode('n1', 'store-a')
  await agent.request(inventorySubject('n1'), JSON.stringify(inventoryOf('n1')))
  await until(() => bus.inventory.find('n1'))
  expect(await storeOf()).toMatchObject({ 'nephele-store-id': 'store-a' })
  const made = async () => (await jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).created
  const before = await made()
  await bus.admitNode('n1', 'store-a')
  expect(await made()).toBe(before)
  await bus.admitNode('n1', 'store-b')
  expect(await storeOf()).toMatchObject({ 'nephele-store-id': 'store-b' })

  await bus.dismissNode('n1')
  await expect(jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).rejects.toThrow(/not found/)
  expect(bus.inventory.find('n1')).toBeUndefined()
  expect((await jsm.direct.getMessage(streamOf('inventory'), { last_by_subj: inventorySubject('n1') }))?.string()).toBe(
    '',
  )
  // It is back.
  await bus.admitNode('n1', 'store-b')
  expect(await storeOf()).toMatchObject({ 'nephele-store-id': 'store-b' })
}, 60_000)

test('who leads no longer dismisses nobody', async () => {
  let isLeading = true
  const bus = await lead({ writer: () => (isLeading ? { incarnation: 1, term: 1 } : undefined) })
  await bus.admitNode('n1')
  isLeading = false
  await expect(bus.dismissNode('n1')).rejects.toThrow('lead')
  expect((await jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).name).toBe(consumerOf('n1'))
}, 60_000)

test('who leads no longer when the consumer is gone leaves the rest to the next', async () => {
  let asked = 0
  const writer = { incarnation: 1, term: 1 }
  const bus = await lead({ writer: () => (asked++ === 0 ? writer : undefined) })
  await bus.admitNode('n1')
  await (await join('n1')).request(inventorySubject('n1'), JSON.stringify(inventoryOf('n1')))
  await until(() => bus.inventory.find('n1'))
  await expect(bus.dismissNode('n1')).rejects.toThrow('lead')
  await expect(jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).rejects.toThrow(/not found/)
  const last = await jsm.direct.getMessage(streamOf('inventory'), { last_by_subj: inventorySubject('n1') })
  expect([bus.inventory.find('n1'), last?.json<{ node: string }>().node]).toEqual([inventoryOf('n1'), 'n1'])
  // The next loses its connection in the middle.
  asked = 0
  const next = await lead({
    answerMs: 200,
    writer: () => {
      asked += 1
      if (asked === 2) void nc.close()
      return writer
    },
  })
  await expect(next.dismissNode('n1')).rejects.toMatchObject({ reason: 'BusUnavailable' })
  expect(next.inventory.find('n1')).toEqual(inventoryOf('n1'))
}, 60_000)

test('a report is asked for by its document or its resource; before all documents are read nobody is judged', async () => {
  const share = { ...DEFAULT_SHARE, unasked: 0 }
  const isKnown = (_: string, uid: string) => uid === 'known'
  const say = async (uid: string) =>
    (await join('n1')).request(observedSubject({ ...key, uid }), JSON.stringify(reportOf(1, { uid, node: 'n1' })))
  const heard = (bus: JetStreamBus) =>
    bus.observed
      .listNode('n1')
      .map(({ uid }) => uid)
      .sort()
  await (await lead()).close()
  for (const uid of [key.uid, 'known', 'early']) await say(uid)
  await server.kill()
  // Made anew by the next leader, which reads this bucket later than the others.
  await rm(pathOf(server.dir, 'store/jetstream/APP/streams', streamOf('desired')), { recursive: true })
  await server.run()
  nc = await server.connectOperator()
  jsm = await jetstreamManager(nc, { checkAPI: false })
  const bus = await lead({ share, isKnown })
  expect([heard(bus), bus.conduct.find('n1')]).toEqual([['early', 'known', key.uid].sort(), undefined])
  await bus.desired.publish(documentOf(1))
  await say('late')
  await until(() => heard(bus).length === 2)
  expect([heard(bus), bus.conduct.find('n1')?.excess]).toEqual([['known', key.uid].sort(), 'Unasked'])

  const strict = await lead({ share })
  expect([heard(strict), strict.conduct.find('n1')]).toEqual([[], undefined])
  await say(key.uid)
  await until(() => heard(strict).length === 1)
  await say('known')
  await until(() => strict.conduct.find('n1'))
  expect([heard(strict), strict.conduct.find('n1')?.excess]).toEqual([[key.uid], 'Unasked'])
}, 60_000)

test('a bus that lost all: streams and consumers are made anew, what nodes said is kept, and all is published again', async () => {
  const bus = await lead({ isKnown: () => true })
  const agent = await join('n1')
  await bus.admitNode('n1', 'store-a')
  await bus.desired.publish(documentOf(1))
  await agent.request(observedSubject(key), JSON.stringify(reportOf(1)))
  await until(() => bus.observed.find('image', key.uid, 'n1'))
  const madeAt = bus.memory.madeAt!.getTime()
  let resets = 0
  bus.desired.onReset(() => (resets += 1))
  await server.kill()
  await rm(pathOf(server.dir, 'store'), { recursive: true, force: true })
  await server.run()
  await until(() => resets > 0)
  await until(
    async () => (await jsm.consumers.info(streamOf('desired'), consumerOf('n1')).catch(() => undefined)) !== undefined,
  )
  for (const bucket of BUCKETS) expect((await jsm.streams.info(streamOf(bucket))).state.messages).toBe(0)
  expect(bus.memory.madeAt!.getTime()).toBeGreaterThan(madeAt)
  expect([bus.desired.list(), bus.observed.findAll('image', key.uid).length]).toEqual([[], 1])
  await bus.desired.publish(documentOf(1))
  expect(await termOf()).toBe(1)
}, 60_000)

test('whoever waits for a bus that is away is let go; what it cannot do it says', async () => {
  const bus = await lead({ answerMs: 200 })
  await bus.admitNode('n0', 's')
  await server.kill()
  // It stands already.
  await bus.admitNode('n0', 's')
  const late = new JetStreamBus({ nc, writer: () => ({ incarnation: 1, term: 1 }), log, answerMs: 200 })
  open.push(late)
  const [aborted, soon] = [AbortSignal.abort(), new AbortController()]
  await expect(late.ready(aborted)).rejects.toThrow('was aborted')
  const waiting = late.ready(soon.signal)
  soon.abort()
  await expect(waiting).rejects.toThrow('was aborted')
  await expect(bus.admitNode('n1')).rejects.toMatchObject({ reason: 'BusUnavailable' })
  await expect(bus.dismissNode('n0')).rejects.toMatchObject({ reason: 'BusUnavailable' })
  await expect(bus.notifier.publish(notification, 'a')).rejects.toMatchObject({ reason: 'BusUnavailable' })
  await server.run()
  await until(() =>
    bus.admitNode('n1').then(
      () => true,
      () => false,
    ),
  )
  expect((await jsm.consumers.info(streamOf('desired'), consumerOf('n1'))).name).toBe(consumerOf('n1'))
  // As when the answer to the removal was lost alone.
  await jsm.consumers.delete(streamOf('desired'), consumerOf('n0'))
  await bus.admitNode('n0', 's')
  expect((await jsm.consumers.info(streamOf('desired'), consumerOf('n0'))).name).toBe(consumerOf('n0'))
  await late.ready(AbortSignal.timeout(10_000))
}, 60_000)

test('sessions end by whoever can end them, and a notification is stored once for each id', async () => {
  const ended: string[] = []
  const made: unknown[] = []
  const noting = Object.assign(createLogger('test', 'silent'), { info: (what: unknown) => made.push(what) })
  const bus = await lead({ sessions: { end: async (node) => ended.push(node) }, log: noting })
  await bus.endSessions('n1')
  await (await lead({ log: noting })).endSessions('n2')
  expect(made).toEqual([{ streams: wantedStreams(DEFAULT_LIMITS).map(({ name }) => name) }])
  expect(ended).toEqual(['n1'])
  const failing = await lead({ sessions: { end: async () => Promise.reject(new Error('away')) } })
  await expect(failing.endSessions('n1')).rejects.toMatchObject({ reason: 'BusUnavailable' })
  for (const id of ['a', 'a', 'b']) await bus.notifier.publish(notification, id)
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: '>' })
  expect(state.subjects).toEqual({ [notificationSubject('team', 'Instance')]: 2 })
}, 60_000)
