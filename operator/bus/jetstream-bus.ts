// SPDX-License-Identifier: Apache-2.0
import { jetstream } from '@nats-io/jetstream'
import { type DocumentKind, Notification } from '../../lib/contract/documents.ts'
import type { PacketLog } from '../../lib/contract/packet-log.ts'
import {
  DESIRED_BUCKET,
  INVENTORY_BUCKET,
  OBSERVED_BUCKET,
  inventorySubject,
  notificationSubject,
  streamOf,
  type Bucket,
  type DocumentKey,
} from '../../lib/contract/subjects.ts'
import { TransientError, messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { followBucket, type BucketListener, type FollowState } from '../../lib/nats/follow.ts'
import { removeKey } from '../../lib/nats/removed-keys.ts'
import {
  ANSWER_MS,
  DEFAULT_LIMITS,
  ensureConsumer,
  ensureStreams,
  removeConsumer,
  type StreamLimits,
} from '../../lib/nats/streams.ts'
import type { Bus, BusMemory, Excess, HeartbeatSettings, Notifier, Unsubscribe, Writer } from './bus.ts'
import { JetStreamDesired } from './jetstream-desired.ts'
import { HeartbeatMonitor } from './heartbeats.ts'
import { listenToBeats } from './listen-to-beats.ts'
import { listenToPacketLogs } from './listen-to-packet-logs.ts'
import { Listeners } from './listeners.ts'
import type { NodeLoads } from './node-loads.ts'
import { InventoryCache, ObservedCache } from './observed.ts'
import { NodeShares, type NodeShare } from './node-shares.ts'
import { requireWriter } from './require-writer.ts'
import { Restraint } from './restraint.ts'
import type { Sessions } from './sessions.ts'
import { isUnanswered } from './unanswered.ts'

export interface JetStreamBusOptions {
  /** As the operator's user in the APP account, with OPERATOR_INBOX as inbox prefix. The bus does not close it. */
  nc: NatsConnection
  writer: Writer
  log: Logger
  limits?: StreamLimits
  heartbeat?: HeartbeatSettings
  /** Told of what each heartbeat says of the node's work. */
  loads?: NodeLoads
  /** Ends nodes' sessions; absent: nobody does. */
  sessions?: Sessions
  /** Is there a resource that a node's report would be about? A document is enough, too. Absent: only a document counts. */
  isKnown?: (kind: DocumentKind, uid: string) => boolean
  share?: NodeShare
  /** A report beyond its node's share was refused. */
  onExcess?: (excess: Excess) => void
  /** What is kept up to date about each bucket that is followed. */
  followStateOf?: (bucket: Bucket) => FollowState
  /** A key in `desired` that is none of ours was read. */
  onUnknown?: () => void
  /** How often all that NATS holds is compared with what was written and heard; half an hour. */
  refreshMs?: number
  /** How long a server may take to answer, in milliseconds; documents have a limit of their own. */
  answerMs?: number
}

const REFRESH_MS = 30 * 60_000

/**
 * The bus on NATS. Make it when leadership is gained and close it when it is lost: withdrawals of another leader are not followed.
 * Repairs the streams whenever one of them is found missing.
 */
export class JetStreamBus implements Bus {
  readonly desired: JetStreamDesired
  readonly observed: ObservedCache
  readonly inventory: InventoryCache
  readonly heartbeats: HeartbeatMonitor
  readonly notifier: Notifier
  readonly conduct: Restraint
  /** When the bucket of `desired` was made, as NATS says. */
  #madeAt: Date | undefined
  readonly #followedFrom = new Date()
  readonly #sessions: Sessions | undefined
  /** Until then nobody can tell what was asked for. */
  #isDesiredRead = false
  readonly #nc: NatsConnection
  readonly #writer: Writer
  readonly #log: Logger
  readonly #limits: StreamLimits
  readonly #refreshMs: number
  readonly #answerMs: number
  readonly #followStateOf: JetStreamBusOptions['followStateOf']
  readonly #packetLogs = new Listeners<{ node: string; log: PacketLog }>()
  readonly #stop = new AbortController()
  readonly #ready: Promise<unknown>
  readonly #following: Promise<void>[]
  readonly #admitted = new Map<string, string | undefined>()
  #repairing: Promise<void> | undefined

  constructor(options: JetStreamBusOptions) {
    const { nc, log, answerMs = ANSWER_MS } = options
    this.#nc = nc
    this.#writer = options.writer
    this.#log = log
    this.#limits = options.limits ?? DEFAULT_LIMITS
    this.#refreshMs = options.refreshMs ?? REFRESH_MS
    this.#answerMs = answerMs
    this.#followStateOf = options.followStateOf
    this.#sessions = options.sessions
    this.conduct = new Restraint({
      ...{ nc, log, sessions: options.sessions },
      onEmptied: (node) => this.observed.forgetUnasked(node),
      onExcess: (excess) => options.onExcess?.(excess),
    })
    const shares = new NodeShares({
      log,
      ...(options.share ? { share: options.share } : {}),
      onExcess: (node, excess) => this.conduct.exceeded(node, excess),
    })
    const isAsked = ({ node, kind, uid }: DocumentKey) =>
      !this.#isDesiredRead || this.desired.find(node, kind, uid) !== undefined || options.isKnown?.(kind, uid) === true
    this.observed = new ObservedCache(log, shares, isAsked)
    this.desired = new JetStreamDesired({
      nc,
      writer: options.writer,
      log,
      isUnanswered: (document) => {
        const { kind, uid, node } = document
        return isUnanswered(document, this.observed.find(kind, uid, node), this.heartbeats.pulse(node))
      },
      isRefused: (key) => this.#isRefused(key),
      onWithdrawn: (key) => this.observed.forget(key),
      onUnknown: () => options.onUnknown?.(),
    })
    this.inventory = new InventoryCache(log)
    this.heartbeats = new HeartbeatMonitor(options.heartbeat)
    this.notifier = { publish: (notification, id) => this.#notify(notification, id) }
    this.observed.onChange((key) => {
      if (this.#isRefused(key)) this.desired.refused(key)
    })
    listenToBeats(nc, {
      ...{ heartbeats: this.heartbeats, shares, log, signal: this.#stop.signal },
      loads: options.loads,
    })
    listenToPacketLogs(nc, { shares, signal: this.#stop.signal, hear: (said) => this.#packetLogs.emit(said) })
    // An older version's streams, or other limits. What fails here fails the followers too, which say so and try again.
    const made = this.#repair().catch(() => undefined)
    const passes = (
      [
        [DESIRED_BUCKET, this.desired],
        [OBSERVED_BUCKET, this.observed],
        [INVENTORY_BUCKET, this.inventory],
      ] as const
    ).map(([bucket, listener]) => this.#follow(bucket, listener))
    this.#ready = Promise.all([made, ...passes.map((p) => p.caughtUp)])
    this.#following = passes.map((p) => p.done)
  }

  get memory(): BusMemory {
    return { madeAt: this.#madeAt, followedFrom: this.#followedFrom }
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_resolve, reject) => {
      const abort = () => reject(new Error('waiting for the bus was aborted', { cause: signal.reason }))
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort)
    })
    await Promise.race([this.#ready, aborted])
  }

  async admitNode(node: string, storeId?: string): Promise<void> {
    if (this.#admitted.has(node) && this.#admitted.get(node) === storeId) return
    await this.#asBusError(ensureConsumer(this.#nc, node, storeId, this.#answerMs))
    this.#admitted.set(node, storeId)
  }

  async dismissNode(node: string): Promise<void> {
    requireWriter(this.#writer)
    this.#admitted.delete(node)
    await this.#asBusError(removeConsumer(this.#nc, node, this.#answerMs))
    requireWriter(this.#writer)
    await this.#asBusError(removeKey(this.#nc, INVENTORY_BUCKET, inventorySubject(node), undefined, this.#answerMs))
    this.inventory.forget(node)
  }

  onPacketLog(listener: (said: { node: string; log: PacketLog }) => void): Unsubscribe {
    return this.#packetLogs.add(listener)
  }

  async endSessions(node: string): Promise<void> {
    if (this.#sessions) await this.#asBusError(this.#sessions.end(node))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.conduct.close()
    await Promise.all(this.#following)
  }

  #isRefused({ kind, uid, node }: DocumentKey): boolean {
    return this.observed.find(kind, uid, node)?.refused?.reason === 'StaleLeader'
  }

  #follow(bucket: Bucket, listener: BucketListener): { caughtUp: Promise<unknown>; done: Promise<void> } {
    const first = Promise.withResolvers<undefined>()
    const both: BucketListener = {
      restarted: (isRefresh) => listener.restarted(isRefresh),
      entry: (entry) => listener.entry(entry),
      caughtUp: () => {
        listener.caughtUp()
        if (bucket === DESIRED_BUCKET) this.#isDesiredRead = true
        first.resolve(undefined)
      },
    }
    const { signal } = this.#stop
    const state = this.#followStateOf?.(bucket)
    const done = followBucket(this.#nc, {
      bucket,
      ...(state ? { state } : {}),
      listener: both,
      repair: () => this.#repair(),
      log: this.#log,
      signal,
      refreshMs: this.#refreshMs,
      answerMs: this.#answerMs,
    })
    return { caughtUp: first.promise, done }
  }

  /** Three followers find the loss at once: one of them repairs. */
  #repair(): Promise<void> {
    this.#repairing ??= this.#makeStreams().finally(() => (this.#repairing = undefined))
    return this.#repairing
  }

  async #makeStreams(): Promise<void> {
    const { created, madeAt } = await ensureStreams(this.#nc, this.#limits, this.#answerMs)
    this.#madeAt = madeAt.get(streamOf(DESIRED_BUCKET))
    if (created.length === 0) return
    this.#log.info({ streams: created }, 'streams created')
    const nodes = [...this.#admitted]
    this.#admitted.clear()
    for (const [node, storeId] of nodes) await this.admitNode(node, storeId)
  }

  async #notify(notification: Notification, id: string): Promise<void> {
    const subject = notificationSubject(notification.namespace, notification.kind)
    await this.#asBusError(
      jetstream(this.#nc).publish(subject, JSON.stringify(Notification.parse(notification)), {
        msgID: id,
        timeout: this.#answerMs,
      }),
    )
  }

  async #asBusError<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw new TransientError('BusUnavailable', `the message bus did not answer: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}
