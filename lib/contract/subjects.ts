// SPDX-License-Identifier: Apache-2.0
// Every bucket, stream and subject of the contract (docs/architecture.md section 5), built in this one place.
import { DOCUMENT_KINDS, type DocumentKind } from './documents.ts'

export const DESIRED_BUCKET = 'desired'
export const OBSERVED_BUCKET = 'observed'
export const INVENTORY_BUCKET = 'inventory'
export const BUCKETS = [DESIRED_BUCKET, OBSERVED_BUCKET, INVENTORY_BUCKET] as const
export type Bucket = (typeof BUCKETS)[number]

/** The streams that are no buckets: notifications and telemetry. */
export const EVENTS_STREAM = 'EVENTS'
export const SAMPLES_STREAM = 'SAMPLES'

/** The stream that JetStream keeps a bucket in: a convention of all NATS clients (ADR-8). */
export function streamOf(bucket: Bucket): string {
  return `KV_${bucket}`
}

/** An RFC 1123 subdomain, as Kubernetes requires of node names. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const NODE_TOKEN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(_[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const UID = /^[a-z0-9-]{1,63}$/
const MAX_NODE_NAME = 253

class InvalidNameError extends Error {
  constructor(what: string, value: string) {
    super(`${what} ${JSON.stringify(value.slice(0, 80))} cannot be written as a NATS subject token`)
    this.name = 'InvalidNameError'
  }
}

/**
 * The node's token in subjects: its Kubernetes name with `.` written as `_`, since a filter for node `n1` would also match
 * `n1.example.com`. Node names contain no `_`, so no two nodes share a token; anything that is not a node name (wildcards, spaces, upper
 * case, `_`) is refused. A token never begins with `_`: names that do are reserved for us.
 * @throws InvalidNameError
 */
export function toNodeToken(node: string): string {
  if (node.length > MAX_NODE_NAME || !NODE_NAME.test(node)) throw new InvalidNameError('node name', node)
  return node.replaceAll('.', '_')
}

/** The inverse of toNodeToken. @throws InvalidNameError when no node has this token */
export function fromNodeToken(token: string): string {
  if (token.length > MAX_NODE_NAME || !NODE_TOKEN.test(token)) throw new InvalidNameError('node token', token)
  return token.replaceAll('_', '.')
}

export function isNodeName(node: string): boolean {
  return node.length <= MAX_NODE_NAME && NODE_NAME.test(node)
}

export interface DocumentKey {
  /** Kubernetes node name, unescaped. */
  node: string
  kind: DocumentKind
  uid: string
}

/** The key of one object in the buckets `desired` and `observed`. @throws InvalidNameError */
export function toDocumentKey({ node, kind, uid }: DocumentKey): string {
  if (!UID.test(uid)) throw new InvalidNameError('uid', uid)
  return `${toNodeToken(node)}.${kind}.${uid}`
}

/** Undefined when it is not a key of ours: what a hostile or newer writer put there is skipped rather than an error. */
export function parseDocumentKey(key: string): DocumentKey | undefined {
  const [token, kind, uid, ...rest] = key.split('.')
  if (token === undefined || kind === undefined || uid === undefined || rest.length > 0) return undefined
  if (token.length > MAX_NODE_NAME || !NODE_TOKEN.test(token) || !isDocumentKind(kind) || !UID.test(uid))
    return undefined
  return { node: fromNodeToken(token), kind, uid }
}

function isDocumentKind(word: string): word is DocumentKind {
  return (DOCUMENT_KINDS as readonly string[]).includes(word)
}

/** The subject that a bucket stores a key under (ADR-8). */
function subjectOf(bucket: Bucket, key: string): string {
  return `$KV.${bucket}.${key}`
}

/** The bucket's key in a subject; undefined when the subject belongs elsewhere. */
export function keyInSubject(bucket: Bucket, subject: string): string | undefined {
  const prefix = `$KV.${bucket}.`
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined
}

export function desiredSubject(key: DocumentKey): string {
  return subjectOf(DESIRED_BUCKET, toDocumentKey(key))
}

export function observedSubject(key: DocumentKey): string {
  return subjectOf(OBSERVED_BUCKET, toDocumentKey(key))
}

export function inventorySubject(node: string): string {
  return subjectOf(INVENTORY_BUCKET, toNodeToken(node))
}

export function desiredFilter(node: string): string {
  return `$KV.${DESIRED_BUCKET}.${toNodeToken(node)}.>`
}

export function observedFilter(node: string): string {
  return `$KV.${OBSERVED_BUCKET}.${toNodeToken(node)}.>`
}

/** The node's durable pull consumer on the stream of `desired`; made by the operator. At most 255 characters, as NATS allows. */
export function consumerOf(node: string): string {
  return `n-${toNodeToken(node)}`
}

export function beatSubject(node: string): string {
  return `beat.${toNodeToken(node)}`
}

/** What the node says of logged packets (packet-log.ts). Beside `events.`, which is stored: one node could push out what is said of all others. */
export function packetLogSubject(node: string): string {
  return `packets.${toNodeToken(node)}`
}

export const ALL_PACKET_LOGS = 'packets.*'

const NUMBER = /^[0-9a-f]{32}$/

/** One open console: both are random numbers of the console process, `process` the same for all of its own. */
export interface ConsoleSession {
  node: string
  process: string
  session: string
}

/** What a console process says to the node of a console (lib/console/). @throws InvalidNameError */
export function toNodeConsole(session: ConsoleSession): string {
  return `console.to.${tokensOf(session)}`
}
/** What the node answers. @throws InvalidNameError */
export function fromNodeConsole(session: ConsoleSession): string {
  return `console.from.${tokensOf(session)}`
}
export const TO_CONSOLES = 'console.to.*.*.*'
export const FROM_CONSOLES = 'console.from.*.*.*'
/** All of a node. */
export function consolesOf(node: string): { to: string; from: string } {
  const token = toNodeToken(node)
  return { to: `console.to.${token}.*.*`, from: `console.from.${token}.*.*` }
}
/** All that a console process hears. */
export function consolesFor(process: string): string {
  return `console.from.*.${assertNumber(process)}.*`
}

/** Undefined when it is no subject of a console. */
export function parseConsoleSubject(subject: string): ConsoleSession | undefined {
  const [, , token = '', process = '', session = '', ...rest] = subject.split('.')
  if (rest.length > 0 || !NODE_TOKEN.test(token) || !NUMBER.test(process) || !NUMBER.test(session)) return undefined
  return { node: fromNodeToken(token), process, session }
}

function tokensOf({ node, process, session }: ConsoleSession): string {
  return `${toNodeToken(node)}.${assertNumber(process)}.${assertNumber(session)}`
}
function assertNumber(text: string): string {
  if (!NUMBER.test(text)) throw new InvalidNameError('number of a console', text)
  return text
}

/**
 * JetStream's API as agents reach it, only for their own consumer. Not `$JS.API`, which the server itself answers in an account without
 * streams.
 */
export const NODES_API = 'nodes.API'

export const ALL_BEATS = 'beat.*'

/**
 * The subject of the operator's notifications: `events._cloud.<project>.<kind>`, with `_cluster` for kinds without a namespace. Agents may
 * publish only below `events.<node>`, and no node's token begins with `_`: no node can forge one.
 */
export function notificationSubject(namespace: string | undefined, kind: string): string {
  return `events._cloud.${namespace ?? '_cluster'}.${kind.toLowerCase()}`
}

export const ALL_NOTIFICATIONS = 'events._cloud.>'

/** The notifications of one project. @throws InvalidNameError */
export function notificationsOf(namespace: string): string {
  if (namespace.includes('.') || !isNodeName(namespace)) throw new InvalidNameError('namespace', namespace)
  return `events._cloud.${namespace}.>`
}

/**
 * Inbox prefixes (a client option): each client may subscribe only to its own replies. No node can have the operator's: node tokens never
 * begin with `_`.
 */
export function inboxPrefix(node: string): string {
  return `_INBOX_${toNodeToken(node)}`
}

export const OPERATOR_INBOX = '_INBOX__operator'
export const SYSTEM_INBOX = '_INBOX__system'
/** Of console processes, which ask nothing. */
export const CONSOLE_INBOX = '_INBOX__console'
