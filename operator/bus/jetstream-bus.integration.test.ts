// SPDX-License-Identifier: Apache-2.0
// The bus on a real nats-server that is killed: what was removed stays removed, and a removed key can be written again.
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Image } from '../../lib/api/types.ts'
import { BUCKETS, OBSERVED_BUCKET, desiredSubject, observedSubject, streamOf } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { tombstoneOf } from '../placed/document-header.ts'
import { imageDocument } from '../controllers/image/document.ts'
import { stored } from '../testing/memory-deps.ts'
import { JetStreamBus } from './jetstream-bus.ts'

const NODE = 'n1'
const writer = { incarnation: 1, term: 1 }
const log = createLogger('test', 'silent')

let server: TestServer
let nc: NatsConnection
const open: JetStreamBus[] = []

beforeEach(async () => {
  server = await TestServer.start()
  nc = await server.connectOperator()
}, 30_000)
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()))
  await server[Symbol.asyncDispose]()
}, 30_000)

async function lead(): Promise<JetStreamBus> {
  const bus = new JetStreamBus({ nc, writer: () => writer, log })
  open.push(bus)
  await bus.ready(AbortSignal.timeout(10_000))
  return bus
}

const image = (name: string) =>
  stored<Image>(name, { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' })
const documentOf = (name: string) => imageDocument(image(name), NODE, writer)
const keyOf = (name: string) => ({ node: NODE, kind: 'image', uid: image(name).metadata.uid }) as const

/** As it goes with each object: wanted, answered, let go, answered, forgotten. */
async function live(bus: JetStreamBus, name: string): Promise<void> {
  const subject = observedSubject(keyOf(name))
  await bus.desired.publish(documentOf(name))
  await nc.request(subject, '{"state":"ready"}')
  await bus.desired.publish(tombstoneOf('image', image(name), NODE, 1, writer))
  await nc.request(subject, '{"state":"gone"}')
  await bus.desired.withdraw(NODE, 'image', keyOf(name).uid)
}

test('what was removed before the server was killed is not back after it', async () => {
  const first = await lead()
  await first.desired.publish(documentOf('kept'))
  for (let i = 0; i < 20; i++) await live(first, `gone-${i}`)
  await server.kill()
  await server.run()
  nc = await server.connectOperator()
  const second = await lead()
  expect(second.desired.list().map(({ uid }) => uid)).toEqual([keyOf('kept').uid])
  const jsm = await jetstreamManager(nc)
  for (let i = 0; i < 20; i++) {
    const last = await jsm.direct.getMessage(streamOf(OBSERVED_BUCKET), {
      last_by_subj: observedSubject(keyOf(`gone-${i}`)),
    })
    expect(last?.string()).toBe('')
  }
}, 60_000)

test('a removed key is written again, by the same leader and by the next', async () => {
  const first = await lead()
  await live(first, 'again')
  await first.desired.publish(documentOf('again'))
  expect(await first.desired.read(NODE, 'image', keyOf('again').uid)).toMatchObject({ tombstone: false })
  await first.desired.withdraw(NODE, 'image', keyOf('again').uid)
  expect(await first.desired.read(NODE, 'image', keyOf('again').uid)).toBeUndefined()

  const next = await lead()
  expect(next.desired.list()).toEqual([])
  // It knows nothing of the mark, and finds it.
  await next.desired.publish(documentOf('again'))
  expect(await next.desired.read(NODE, 'image', keyOf('again').uid)).toMatchObject({ tombstone: false })
}, 60_000)

test('how far back it remembers: since its streams were made, whoever leads', async () => {
  const [began, first] = [Date.now(), await lead()]
  const madeAt = first.memory.madeAt!.getTime()
  expect(madeAt).toBeGreaterThan(began - 2_000)
  expect(madeAt).toBeLessThanOrEqual(Date.now())
  const second = await lead()
  expect(second.memory.madeAt!.getTime()).toBe(madeAt)
  expect(second.memory.followedFrom.getTime()).toBeGreaterThan(first.memory.followedFrom.getTime())
}, 60_000)

test('marks go by themselves', async () => {
  await lead()
  const jsm = await jetstreamManager(nc)
  for (const bucket of BUCKETS)
    expect((await jsm.streams.info(streamOf(bucket))).config).toMatchObject({ allow_msg_ttl: true })
  const bus = await lead()
  await live(bus, 'short')
  const mark = await jsm.direct.getMessage(streamOf('desired'), { last_by_subj: desiredSubject(keyOf('short')) })
  expect(mark?.header.get('Nats-TTL')).toBe('10m')
}, 60_000)
