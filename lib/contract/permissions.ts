// SPDX-License-Identifier: Apache-2.0
// Who may publish and subscribe to what: the complete table (docs/architecture.md section 5, docs/ports.md).
import {
  ALL_BEATS,
  ALL_NOTIFICATIONS,
  ALL_PACKET_LOGS,
  BUCKETS,
  DESIRED_BUCKET,
  EVENTS_STREAM,
  FROM_CONSOLES,
  INVENTORY_BUCKET,
  NODES_API,
  OBSERVED_BUCKET,
  OPERATOR_INBOX,
  SAMPLES_STREAM,
  SYSTEM_INBOX,
  TO_CONSOLES,
  consolesOf,
  consumerOf,
  inboxPrefix,
  notificationsOf,
  packetLogSubject,
  streamOf,
  toNodeToken,
} from './subjects.ts'

export interface Permissions {
  publish: string[]
  subscribe: string[]
  /** May answer a message on its reply subject, this many times and within this time. */
  responses?: { max: number; ttlMs: number }
}

/**
 * An agent's permissions: its own node's subjects. No CONSUMER.CREATE, STREAM or DIRECT.GET: a push consumer's deliver subject is not
 * checked against its creator's permissions, so whoever can make a consumer can read what it may not subscribe to.
 * @throws InvalidNameError
 */
export function agentPermissions(node: string): Permissions {
  const token = toNodeToken(node)
  const consumer = `${streamOf(DESIRED_BUCKET)}.${consumerOf(node)}`
  const consoles = consolesOf(node)
  return {
    publish: [
      `$KV.${OBSERVED_BUCKET}.${token}.>`,
      `$KV.${INVENTORY_BUCKET}.${token}`,
      `beat.${token}`,
      packetLogSubject(node),
      `${NODES_API}.CONSUMER.MSG.NEXT.${consumer}`,
      `${NODES_API}.CONSUMER.INFO.${consumer}`,
      `$JS.ACK.${consumer}.>`,
      consoles.from,
    ],
    subscribe: [`${inboxPrefix(node)}.>`, consoles.to],
  }
}

export interface NodeRequest {
  subject: string
  /** The subject under which agents know it, when it differs. */
  from?: string
  isAnsweredOften?: boolean
}

function onApi(request: string): NodeRequest {
  return { subject: `$JS.API.${request}`, from: `${NODES_API}.${request}` }
}

/** What agents as a whole may send to the account of the streams; `agentPermissions` limits each to its own node. */
export const NODE_REQUESTS: readonly NodeRequest[] = [
  { subject: `$KV.${OBSERVED_BUCKET}.>` },
  { subject: `$KV.${INVENTORY_BUCKET}.*` },
  { ...onApi(`CONSUMER.MSG.NEXT.${streamOf(DESIRED_BUCKET)}.*`), isAnsweredOften: true },
  onApi(`CONSUMER.INFO.${streamOf(DESIRED_BUCKET)}.*`),
  { subject: `$JS.ACK.${streamOf(DESIRED_BUCKET)}.>` },
]

/** What agents say to whoever listens, and nothing keeps. */
export const FROM_NODES = [ALL_BEATS, ALL_PACKET_LOGS] as const

/** Streams that the operator maintains. It may not delete any. */
const STREAMS = [...BUCKETS.map(streamOf), EVENTS_STREAM, SAMPLES_STREAM]

/**
 * The operator's permissions: it creates the streams and consumers, writes `desired` and reads the rest. In the other buckets all it does
 * is mark keys as removed.
 */
export function operatorPermissions(): Permissions {
  const perStream = STREAMS.flatMap((stream) => [
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.STREAM.UPDATE.${stream}`,
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.PURGE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.NAMES.${stream}`,
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    // If flow control went unanswered, a consumer with much to deliver would stall forever.
    `$JS.FC.${stream}.>`,
  ])
  return {
    publish: [...BUCKETS.map((bucket) => `$KV.${bucket}.>`), ALL_NOTIFICATIONS, '$JS.API.INFO', ...perStream],
    subscribe: [`${OPERATOR_INBOX}.>`, ...FROM_NODES],
  }
}

/** The operator's permissions in the servers' own account: list connections and close them; see what servers show, and have them read it again. */
export function systemPermissions(): Permissions {
  return {
    publish: [
      ...['$SYS.REQ.SERVER.PING.CONNZ', '$SYS.REQ.SERVER.*.KICK'],
      ...['$SYS.REQ.SERVER.PING.VARZ', '$SYS.REQ.SERVER.*.RELOAD'],
    ],
    subscribe: [`${SYSTEM_INBOX}.>`],
  }
}

/** For subscribers to the notifications of one project, or of all; they may do nothing else. */
export function subscriberPermissions(namespace: string | undefined): Permissions {
  return { publish: [], subscribe: [namespace === undefined ? ALL_NOTIFICATIONS : notificationsOf(namespace)] }
}

/** A console process speaks to the agents of all nodes, and hears them; what opens a console there is a token. */
export function consolePermissions(): Permissions {
  return { publish: [TO_CONSOLES], subscribe: [FROM_CONSOLES] }
}
