// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { observedSubject, OPERATOR_INBOX } from '../contract/subjects.ts'
import { createLogger } from '../log.ts'
import type { NatsConnection } from './connect.ts'
import { followBucket, type FollowState } from './follow.ts'
import { DEFAULT_LIMITS, ensureStreams } from './streams.ts'
import { TestServer } from './test-server.ts'

let server: TestServer
let nc: NatsConnection
beforeEach(async () => {
  server = await TestServer.start()
  nc = await server.connectOperator()
}, 30_000)
afterEach(async () => {
  await server[Symbol.asyncDispose]()
}, 30_000)

/** More than the server sends before it asks whether we keep up. */
const ALL = 600
const BODY = 'x'.repeat(60_000)

test('a process that stands still while it reads a bucket has not read all of it', async () => {
  await fill(ALL, BODY)
  let stalls = 0
  standStillOnce(nc, () => (stalls += 1))
  expect(await read(() => undefined)).toBe(ALL)
  expect(stalls).toBeGreaterThan(0)
}, 120_000)

test('timers have their turn while a bucket is read, though each entry takes its time', async () => {
  await fill(300, 'x')
  let [last, longest] = [performance.now(), 0]
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 5)
  let busyMs = 0
  const seen = await read(() => {
    const from = performance.now()
    while (performance.now() < from + 3);
    busyMs += performance.now() - from
  })
  clearInterval(timer)
  expect(seen).toBe(300)
  expect(longest).toBeLessThan(busyMs / 3)
}, 60_000)

test('says how far behind it is', async () => {
  await fill(300, 'x')
  const state: FollowState = { pending: 0, heardAtMs: 0 }
  const pending: number[] = []
  expect(await read(() => pending.push(state.pending), state)).toBe(300)
  expect([pending.length, pending[0], pending.at(-1)]).toEqual([300, 299, 0])
  expect(performance.now() - state.heardAtMs).toBeLessThan(10_000)
}, 60_000)

test('is silent for as long as nothing comes, however often it begins anew; and knows nothing of what waits', async () => {
  // No stream, as with one that has no leader: each pass fails, while the connection stands.
  const state: FollowState = { pending: 2_000, heardAtMs: performance.now() - 29_000 }
  const [stop, failed] = [new AbortController(), Promise.withResolvers<undefined>()]
  let passes = 0
  const following = followBucket(nc, {
    ...{ bucket: 'observed', state, log: createLogger('test', 'silent'), signal: stop.signal, refreshMs: 2 ** 30 },
    listener: { restarted: () => undefined, entry: () => undefined, caughtUp: () => undefined },
    repair: async () => {
      passes += 1
      if (passes === 4) failed.resolve(undefined)
    },
    answerMs: 500,
  })
  await failed.promise
  stop.abort()
  await following
  // What NepheleBusBehind asks for.
  expect((performance.now() - state.heardAtMs) / 1000).toBeGreaterThan(30)
  expect(state.pending).toBe(0)
}, 60_000)

async function fill(count: number, body: string): Promise<void> {
  await ensureStreams(nc, DEFAULT_LIMITS)
  for (let i = 0; i < count; i += 50) {
    const subjects = Array.from({ length: 50 }, (_, k) =>
      observedSubject({ node: 'n1', kind: 'image', uid: `u-${i + k}` }),
    )
    await Promise.all(subjects.map((subject) => nc.request(subject, body, { timeout: 20_000 })))
  }
}

/** @returns how many entries there were when all had been read */
async function read(onEntry: () => void, state?: FollowState): Promise<number> {
  const stop = new AbortController()
  const end = Promise.withResolvers<number>()
  let seen = 0
  const following = followBucket(nc, {
    bucket: 'observed',
    ...(state ? { state } : {}),
    listener: {
      restarted: () => (seen = 0),
      entry: () => {
        seen += 1
        onEntry()
      },
      caughtUp: () => end.resolve(seen),
    },
    repair: async () => undefined,
    log: createLogger('test', 'silent'),
    signal: stop.signal,
    refreshMs: 2 ** 30,
  })
  const count = await end.promise
  stop.abort()
  await following
  return count
}

/** As under SIGSTOP, at the server's first question, for longer than it takes to send a heartbeat. */
function standStillOnce(connection: NatsConnection, onStalled: () => void): void {
  const subscribe = connection.subscribe.bind(connection)
  let stood = false
  connection.subscribe = (subject, options) => {
    const { callback } = options ?? {}
    if (!callback || !subject.startsWith(OPERATOR_INBOX)) return subscribe(subject, options)
    return subscribe(subject, {
      ...options,
      callback: (error, message) => {
        const isControl = message.headers?.code === 100
        if (isControl && message.headers?.get('Nats-Consumer-Stalled')) onStalled()
        if (isControl && message.reply && !stood) {
          stood = true
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 7_000)
        }
        void callback(error, message)
      },
    })
  }
}
