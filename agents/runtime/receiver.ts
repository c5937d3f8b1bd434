// SPDX-License-Identifier: Apache-2.0
// Pulls documents from the node's durable consumer one by one, and acknowledges each once it is on disk. A missing document deletes nothing
// (invariant 4).
import { jetstream, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream'
import {
  DESIRED_BUCKET,
  NODES_API,
  consumerOf,
  keyInSubject,
  parseDocumentKey,
  streamOf,
  type DocumentKey,
} from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { backoffMs } from '../../lib/time/backoff.ts'
import { pause, systemClock } from '../../lib/time/clock.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { isMark } from '../../lib/nats/removed-keys.ts'

const BATCH = 64
const PULL_MS = 60_000
const HEARTBEAT_MS = 15_000
const AGAIN_MS = 5_000
const BACKOFF = { baseMs: 250, capMs: 5_000 }

export interface ReceiverOptions {
  nc: Pick<NatsConnection, 'status' | 'isClosed'>
  /** The node's durable consumer; rejects while there is none. */
  getConsumer: () => Promise<Pick<Consumer, 'info' | 'fetch'>>
  /** Resolves once the document is on disk or refused for good; rejects when it must be delivered again. */
  receive: (key: DocumentKey, data: Uint8Array) => Promise<void>
  /** Called when everything in the bucket has been received. */
  caughtUp: () => void
  log: Logger
  signal: AbortSignal
}

export function consumerFor(nc: NatsConnection, node: string): ReceiverOptions['getConsumer'] {
  const js = jetstream(nc, { timeout: 5_000, apiPrefix: NODES_API })
  return () => js.consumers.get(streamOf(DESIRED_BUCKET), consumerOf(node))
}

/** Runs until the signal aborts; never rejects. The consumer may be missing for long: the operator creates it. */
export async function receiveDocuments(options: ReceiverOptions): Promise<void> {
  const { nc, log, signal } = options
  const pulls = new Pulls()
  void pulls.stopOnReconnect(nc)
  signal.addEventListener('abort', () => pulls.stop(), { once: true })
  let failures = 0
  while (!signal.aborted && !nc.isClosed()) {
    try {
      const consumer = await options.getConsumer()
      const info = await consumer.info(true)
      if (info.num_pending === 0 && info.num_ack_pending === 0) options.caughtUp()
      failures = 0
      await pull(consumer, pulls, options)
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      // Normal until the operator has admitted the node, and while NATS is down.
      log.debug({ err: error, failures }, 'documents cannot be pulled')
      await pause(systemClock, backoffMs(failures, BACKOFF), signal)
    }
  }
}

/** Pull after pull, until one fails. */
async function pull(consumer: Pick<Consumer, 'fetch'>, pulls: Pulls, options: ReceiverOptions): Promise<void> {
  const { signal } = options
  while (!signal.aborted) {
    const messages = await consumer.fetch({ max_messages: BATCH, expires: PULL_MS, idle_heartbeat: HEARTBEAT_MS })
    pulls.current = messages
    // Aborted between the two calls, it would not be stopped by anything else.
    if (signal.aborted) messages.stop()
    for await (const message of messages) {
      await take(message, options)
      if (signal.aborted) return
    }
    pulls.current = undefined
  }
}

/** The pull in progress. A server that was down has forgotten it: it would last its full time and bring nothing. */
class Pulls {
  current: ConsumerMessages | undefined

  stop(): void {
    this.current?.stop()
  }

  async stopOnReconnect(nc: ReceiverOptions['nc']): Promise<void> {
    for await (const status of nc.status()) if (status.type === 'reconnect') this.stop()
  }
}

/** Handles one message, which is then acknowledged or requested again; never rejects. */
export async function take(
  message: JsMsg,
  { receive, caughtUp, log }: Pick<ReceiverOptions, 'receive' | 'caughtUp' | 'log'>,
): Promise<void> {
  const bucketKey = keyInSubject(DESIRED_BUCKET, message.subject)
  const key = bucketKey === undefined ? undefined : parseDocumentKey(bucketKey)
  if (!key) {
    log.warn({ subject: message.subject.slice(0, 200) }, 'document under an unknown key')
  } else if (!isMark(message.headers)) {
    try {
      await receive(key, message.data)
    } catch (error) {
      // Later messages are not held back: one of them may remove what is in the way.
      log.warn({ err: error, kind: key.kind, uid: key.uid }, 'document not stored, it will be delivered again')
      message.nak(AGAIN_MS)
      return
    }
  }
  message.ack()
  if (message.info.pending === 0) caughtUp()
}
