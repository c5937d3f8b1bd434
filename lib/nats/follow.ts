// SPDX-License-Identifier: Apache-2.0
// Follows one bucket: first all existing keys, then each change, as an ordered push consumer does (ADR-17). Starts over whenever anything
// may have been missed: a gap, silence, a reconnection, a recreated stream.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AckPolicy, DeliverPolicy, ReplayPolicy, jetstreamManager } from '@nats-io/jetstream'
import { createInbox, type Msg } from '@nats-io/transport-node'
import { OPERATOR_INBOX, keyInSubject, streamOf, type Bucket } from '../contract/subjects.ts'
import type { Logger } from '../log.ts'
import { PacedLine } from '../paced-line.ts'
import type { NatsConnection } from './connect.ts'
import { isMark } from './removed-keys.ts'
import { ANSWER_MS } from './streams.ts'

const SECOND = 1_000_000_000
const HEARTBEAT_SECONDS = 5
const REFRESH = 'refresh'

export interface BucketEntry {
  key: string
  revision: number
  data: Uint8Array
}

export interface BucketListener {
  /**
   * A pass begins: whatever is not seen until `caughtUp` does not exist any more.
   * @param isRefresh started by the slow timer only: nothing is known to be missing
   */
  restarted(isRefresh: boolean): void
  entry(entry: BucketEntry): void
  caughtUp(): void
}

/** How far whoever follows is behind; kept up to date while it follows. */
export interface FollowState {
  /** What the server had yet to send when it sent what was taken last. */
  pending: number
  /** Of performance.now(): when anything came, be it a heartbeat. A new pass hears nothing by beginning. */
  heardAtMs: number
}

export interface FollowOptions {
  bucket: Bucket
  /** For metrics. */
  state?: FollowState
  listener: BucketListener
  /** Called before a pass when the stream does not exist. */
  repair: () => Promise<void>
  log: Logger
  signal: AbortSignal
  /** Everything is read again after this time, in case NATS lost what it had acknowledged. */
  refreshMs: number
  answerMs?: number
}

/** Runs until the signal aborts; never rejects. */
export async function followBucket(nc: NatsConnection, options: FollowOptions): Promise<void> {
  const { signal, log, bucket } = options
  let failures = 0
  let why = 'started'
  while (!signal.aborted && !nc.isClosed()) {
    try {
      why = await followOnce(nc, options, why === REFRESH, () => (failures = 0))
      log.debug({ bucket, why }, 'bucket followed anew')
    } catch (error) {
      failures += 1
      why = 'failed'
      if (failures > 1) log.warn({ bucket, err: error }, 'bucket cannot be followed')
      await options.repair().catch(() => undefined)
    }
    const waitMs = Math.min(5_000, 100 * 2 ** failures)
    await delay(waitMs, undefined, { signal }).catch(() => undefined)
  }
}

/** One pass; resolves with the reason why it ended. */
async function followOnce(
  nc: NatsConnection,
  options: FollowOptions,
  isRefresh: boolean,
  onCaughtUp: () => void,
): Promise<string> {
  const { bucket, listener, signal } = options
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: options.answerMs ?? ANSWER_MS })
  const stream = streamOf(bucket)
  const deliver = createInbox(OPERATOR_INBOX)
  const ended = Promise.withResolvers<string>()
  const answer = (subject: string) => nc.publish(subject)
  const { state = { pending: 0, heardAtMs: 0 } } = options
  const pass = new Pass(bucket, listener, state, onCaughtUp, (why) => ended.resolve(why), answer)
  const subscription = nc.subscribe(deliver, {
    callback: (error, message) => {
      if (error) ended.reject(error)
      else pass.receive(message)
    },
  })
  const stop = () => ended.resolve('stopped')
  signal.addEventListener('abort', stop, { once: true })
  void watchEnds(nc, ended.resolve)
  const silence = setInterval(() => {
    if (pass.silentMs() > 2.5 * HEARTBEAT_SECONDS * 1000) ended.resolve('silent')
  }, 1000)
  const refresh = setTimeout(() => ended.resolve(REFRESH), options.refreshMs)
  let consumer: string | undefined
  try {
    const info = await jsm.consumers.add(stream, {
      // Named, because only then the request's subject contains stream and consumer, which the permissions check.
      name: `operator-${randomUUID()}`,
      deliver_subject: deliver,
      // A bucket has one message per subject: every message is the last one.
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_SECONDS * SECOND,
      inactive_threshold: 60 * SECOND,
      mem_storage: true,
      num_replicas: 1,
    })
    consumer = info.name
    pass.begin(isRefresh, info.num_pending + info.delivered.consumer_seq)
    return await ended.promise
  } finally {
    clearInterval(silence)
    clearTimeout(refresh)
    pass.stop()
    signal.removeEventListener('abort', stop)
    subscription.unsubscribe()
    if (consumer !== undefined && !nc.isClosed()) await jsm.consumers.delete(stream, consumer).catch(() => undefined)
  }
}

async function watchEnds(nc: NatsConnection, end: (why: string) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'reconnect') {
      end('reconnected')
      return
    }
    if (status.type === 'close') {
      end('closed')
      return
    }
  }
  end('closed')
}

class Pass {
  readonly #bucket: Bucket
  readonly #listener: BucketListener
  readonly #state: FollowState
  readonly #onCaughtUp: () => void
  readonly #end: (why: string) => void
  readonly #answer: (subject: string) => void
  /** Not before the response to the request that created the consumer. */
  readonly #line = new PacedLine<Msg>((message) => this.#take(message))
  /** Of this pass alone: it has its time to hear something, however long nothing was heard before. */
  #heardAtMs = performance.now()
  #expected = 1
  #caughtUp = false

  constructor(
    bucket: Bucket,
    listener: BucketListener,
    state: FollowState,
    onCaughtUp: () => void,
    end: (why: string) => void,
    answer: (subject: string) => void,
  ) {
    this.#bucket = bucket
    this.#listener = listener
    this.#state = state
    // What an earlier pass left unread is not known any more.
    state.pending = 0
    this.#onCaughtUp = onCaughtUp
    this.#end = end
    this.#answer = answer
  }

  silentMs(): number {
    return performance.now() - this.#heardAtMs
  }

  begin(isRefresh: boolean, existing: number): void {
    this.#listener.restarted(isRefresh)
    this.#state.pending = existing
    if (existing === 0) this.#reachEnd()
    this.#line.open()
  }

  /** What waits is not taken any more. */
  stop(): void {
    this.#line.close()
  }

  receive(message: Msg): void {
    this.#heardAtMs = this.#state.heardAtMs = performance.now()
    this.#line.push(message)
  }

  /** In their order, so that the server goes on only when what it has sent was taken. */
  #take(message: Msg): void {
    if (message.headers?.code === 100) {
      // An idle heartbeat, or a flow-control request, which must be answered.
      if (message.reply) message.respond()
      // Our answer was lost: the server waits for it, and says so in its heartbeats (ADR-17). Nothing else would repeat it.
      const stalled = message.headers.get('Nats-Consumer-Stalled')
      if (stalled !== '') this.#answer(stalled)
      const last = Number(message.headers.get('Nats-Last-Consumer') || this.#expected - 1)
      if (last !== this.#expected - 1) this.#end('gap')
      // Nothing to deliver for a while: what was pending at the start has been removed meanwhile. But a server that waits for our
      // flow-control answer has more to send, though it looks idle: a process that was suspended must not take what it has read so far for
      // everything.
      else if (!message.reply && stalled === '') this.#reachEnd()
      return
    }
    const position = parseAckSubject(message.reply)
    if (!position) return
    if (position.consumerSequence !== this.#expected) {
      this.#end('gap')
      return
    }
    this.#expected += 1
    this.#state.pending = position.pending
    const key = keyInSubject(this.#bucket, message.subject)
    if (key !== undefined && !isMark(message.headers)) {
      this.#listener.entry({ key, revision: position.streamSequence, data: message.data })
    }
    if (position.pending === 0) this.#reachEnd()
  }

  #reachEnd(): void {
    if (this.#caughtUp) return
    this.#caughtUp = true
    this.#state.pending = 0
    this.#onCaughtUp()
    this.#listener.caughtUp()
  }
}

interface Position {
  streamSequence: number
  consumerSequence: number
  pending: number
}

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`, or with domain and account hash in front
 * (ADR-15: twelve tokens or more).
 */
function parseAckSubject(reply: string | undefined): Position | undefined {
  const tokens = reply?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  const at = tokens.length >= 11 ? 7 : 5
  const [streamSequence, consumerSequence, , pending] = tokens.slice(at).map(Number)
  if (streamSequence === undefined || consumerSequence === undefined || pending === undefined) return undefined
  return { streamSequence, consumerSequence, pending }
}
