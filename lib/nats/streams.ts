// SPDX-License-Identifier: Apache-2.0
// The streams behind the contract's buckets, and each node's durable consumer. Only the operator creates and changes them.
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  jetstreamManager,
  type ConsumerInfo,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { MAX_DOCUMENT_BYTES } from '../contract/documents.ts'
import {
  DESIRED_BUCKET,
  EVENTS_STREAM,
  INVENTORY_BUCKET,
  OBSERVED_BUCKET,
  SAMPLES_STREAM,
  consumerOf,
  desiredFilter,
  streamOf,
  type Bucket,
} from '../contract/subjects.ts'
import type { NatsConnection } from './connect.ts'

const MIB = 1024 * 1024
const SECOND = 1_000_000_000
/** How long the servers may take to answer a request about streams and consumers. */
export const ANSWER_MS = 5_000

export interface StreamLimits {
  /** Servers that hold a copy: 1 in the local cloud, 3 in a cluster. */
  replicas: number
  desiredMiB: number
  observedMiB: number
  inventoryMiB: number
  eventsMiB: number
  samplesMiB: number
}

export const DEFAULT_LIMITS: StreamLimits = {
  replicas: 1,
  desiredMiB: 512,
  observedMiB: 256,
  inventoryMiB: 128,
  eventsMiB: 64,
  samplesMiB: 64,
}

type Wanted = Pick<StreamConfig, 'name' | 'subjects' | 'max_bytes' | 'max_msg_size'> & Partial<StreamConfig>

/**
 * Pure: the wanted configuration of each stream. Buckets follow ADR-8 (one message per subject), except for `allow_rollup_hdrs`: with it, a
 * client that may write one key could empty the bucket. A full bucket refuses writes (discard new) and never drops another's document.
 * Schedules and counters stay off: each would let a writer cause messages that its permissions do not cover. A time to live only removes
 * its own message.
 */
export function wantedStreams(limits: StreamLimits): Wanted[] {
  const bucket = (name: Bucket, mib: number, maxMessage: number): Wanted => ({
    name: streamOf(name),
    subjects: [`$KV.${name}.>`],
    max_bytes: mib * MIB,
    max_msg_size: maxMessage,
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_msg_ttl: true,
    deny_delete: true,
    deny_purge: false,
    max_age: 0,
  })
  const log = (name: string, subject: string, mib: number, maxAgeSeconds: number): Wanted => ({
    name,
    subjects: [subject],
    max_bytes: mib * MIB,
    max_msg_size: 64 * 1024,
    max_msgs_per_subject: -1,
    discard: DiscardPolicy.Old,
    allow_direct: false,
    deny_delete: true,
    deny_purge: false,
    max_age: maxAgeSeconds * SECOND,
  })
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: limits.replicas,
    max_msgs: -1,
    max_consumers: -1,
    duplicate_window: 120 * SECOND,
    allow_rollup_hdrs: false,
  }
  return [
    bucket(DESIRED_BUCKET, limits.desiredMiB, MAX_DOCUMENT_BYTES + 4096),
    bucket(OBSERVED_BUCKET, limits.observedMiB, 64 * 1024),
    bucket(INVENTORY_BUCKET, limits.inventoryMiB, MAX_DOCUMENT_BYTES),
    log(EVENTS_STREAM, 'events.>', limits.eventsMiB, 7 * 24 * 3600),
    log(SAMPLES_STREAM, 'samples.>', limits.samplesMiB, 24 * 3600),
  ].map((stream) => ({ ...common, ...stream }))
}

export interface EnsuredStreams {
  /** Streams that did not exist: their contents are lost, or this is the first start. */
  created: string[]
  /** When each was created, by its name. */
  madeAt: ReadonlyMap<string, Date>
}

/** Creates missing streams and corrects others. May run any number of times, also by several operators at once. */
export async function ensureStreams(
  nc: NatsConnection,
  limits: StreamLimits,
  answerMs = ANSWER_MS,
): Promise<EnsuredStreams> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMs })
  const created: string[] = []
  const madeAt = new Map<string, Date>()
  for (const wanted of wantedStreams(limits)) {
    const { name } = wanted
    const have = await findStream(jsm, name)
    if (!have) created.push(name)
    else if (differs(have.config, wanted)) await jsm.streams.update(name, wanted)
    madeAt.set(name, new Date((have ?? (await jsm.streams.add(wanted))).created))
  }
  return { created, madeAt }
}

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function differs(have: StreamConfig, wanted: Wanted): boolean {
  return Object.entries(wanted).some(
    ([field, value]) => JSON.stringify(have[field as keyof StreamConfig] ?? defaultOf(value)) !== JSON.stringify(value),
  )
}

/** The server omits zero values in its responses. */
function defaultOf(value: unknown): unknown {
  return typeof value === 'boolean' ? false : typeof value === 'number' ? 0 : undefined
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamNotFound || error.code === JetStreamApiCodes.ConsumerNotFound)
  )
}

/** The metadata key by which a consumer remembers the agent's document store that it delivers to. */
const STORE_ID = 'nephele-store-id'

/**
 * The node's durable pull consumer on `desired`. An agent whose document store is new (another `storeId`) gets a new consumer, which
 * delivers all its documents again. Without a `storeId` an existing consumer stays.
 */
export async function ensureConsumer(
  nc: NatsConnection,
  node: string,
  storeId?: string,
  answerMs = ANSWER_MS,
): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMs })
  const stream = streamOf(DESIRED_BUCKET)
  const name = consumerOf(node)
  const have = await findConsumer(jsm, stream, name)
  if (have) {
    const known = have.config.metadata?.[STORE_ID]
    if (storeId === undefined || known === storeId) return
    await jsm.consumers.delete(stream, name)
  }
  await jsm.consumers.add(stream, {
    durable_name: name,
    filter_subject: desiredFilter(node),
    deliver_policy: DeliverPolicy.LastPerSubject,
    ack_policy: AckPolicy.Explicit,
    replay_policy: ReplayPolicy.Instant,
    // What a killed agent had not stored yet is delivered again after this; a batch of 64 is on disk long before.
    ack_wait: 10 * SECOND,
    max_ack_pending: 256,
    max_deliver: -1,
    max_waiting: 8,
    ...(storeId === undefined ? {} : { metadata: { [STORE_ID]: storeId } }),
  })
}

/** For a node that is gone for good. An absent consumer is success. */
export async function removeConsumer(nc: NatsConnection, node: string, answerMs = ANSWER_MS): Promise<void> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMs })
  try {
    await jsm.consumers.delete(streamOf(DESIRED_BUCKET), consumerOf(node))
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

async function findConsumer(jsm: JetStreamManager, stream: string, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await jsm.consumers.info(stream, name)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
