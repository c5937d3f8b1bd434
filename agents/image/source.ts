// SPDX-License-Identifier: Apache-2.0
// One request for an image's bytes: permitted addresses, redirects, time-outs, and what each response means.
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { codeOf } from '../../lib/durable-files.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { AddressGuard, REFUSED } from './address-guard.ts'
import type { PeerCredentials } from '../transfer/peer-files.ts'
import type { AddressPolicy } from './allowed-addresses.ts'

export interface SourceLimits {
  connectTimeoutMs: number
  /** A transfer without a byte for this long is given up; the next attempt resumes it. */
  idleTimeoutMs: number
  /** From the first request to the headers of the final response, including redirects. */
  answerTimeoutMs: number
  /** A transfer slower than this over a window is given up and resumed later: it holds a place that others wait for. */
  minBytesPerSecond: number
  slowWindowMs: number
  maxRedirects: number
}

export const DEFAULT_SOURCE_LIMITS: SourceLimits = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  answerTimeoutMs: 60_000,
  minBytesPerSecond: 64 * 1024,
  slowWindowMs: 60_000,
  maxRedirects: 5,
}

export interface SourceRequest {
  url: string
  caBundle?: string
  /** Ask for the bytes from this offset on, if the source still matches the validator. */
  resume?: { from: number; validator: string }
  limits: SourceLimits
  /** Which addresses may be connected to. */
  addresses: AddressPolicy
  /** Another node of the cloud, whose certificate has this name: its address was told by the operator. */
  peer?: Peer
  signal: AbortSignal
}

export interface Peer extends PeerCredentials {
  name: string
}

export interface SourceAnswer {
  body: Readable
  /** The offset of the first byte of `body`. */
  from: number
  totalBytes?: number
  /** For If-Range: a strong ETag, else Last-Modified. */
  validator?: string
  /** Readable only because the Cloud's settings allow it: users are told nothing about its content. */
  isInternal: boolean
  /** Frees the connection, whether or not the body was read. */
  close(): Promise<void>
}

/** The response to a range that begins at the source's end: nothing is missing. */
export interface SourceComplete {
  completeAt: number
}

/** Scheme, host and path: safe for logs and conditions, unlike user names, passwords and signed query strings. */
export function withoutSecrets(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/**
 * Opens the source. Follows redirects within http and https, never from https to http.
 * @throws TransientError ImageNotFound, ImageSourceUnavailable, ImageSourceRefused for a name that resolves to addresses that are not
 * permitted; TerminalError ImageSourceRefused for such an address itself
 */
export async function openSource(wanted: SourceRequest): Promise<SourceAnswer | SourceComplete> {
  const { limits } = wanted
  const guard = new AddressGuard(wanted.addresses)
  const agent = new Agent({
    connect: {
      timeout: limits.connectTimeoutMs,
      ...(wanted.peer ? toPeer(wanted.peer) : { lookup: guard.lookup }),
      ...(wanted.caBundle ? { ca: wanted.caBundle } : {}),
    },
    headersTimeout: limits.idleTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    pipelining: 0,
  })
  const close = () => agent.destroy()
  try {
    const answer = await follow(wanted, agent, guard)
    if ('completeAt' in answer) await close()
    return 'completeAt' in answer
      ? answer
      : { ...answer, isInternal: guard.sawInternal || wanted.peer !== undefined, close }
  } catch (error) {
    await close()
    throw classify(error, wanted)
  }
}

function toPeer({ name, key, cert, ca }: Peer) {
  return { key, cert, ca, servername: name, minVersion: 'TLSv1.3' as const }
}

type Answer = Omit<SourceAnswer, 'close' | 'isInternal'>

async function follow(wanted: SourceRequest, agent: Agent, guard: AddressGuard): Promise<Answer | SourceComplete> {
  const first = new URL(wanted.url)
  let url = first
  for (let hops = 0; hops <= wanted.limits.maxRedirects; hops++) {
    if (!wanted.peer) checkTarget(url, first, guard)
    const bare = new URL(url)
    bare.username = bare.password = ''
    const { statusCode, headers, body } = await request(bare, {
      dispatcher: agent,
      signal: wanted.signal,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'nephele-agent',
        ...(url.username ? { authorization: basic(url) } : {}),
        ...(wanted.resume ? { range: `bytes=${wanted.resume.from}-`, 'if-range': wanted.resume.validator } : {}),
      },
    })
    const location = one(headers['location'])
    if (!wanted.peer && statusCode >= 301 && statusCode <= 308 && statusCode !== 304 && location !== undefined) {
      body.destroy()
      body.on('error', () => undefined)
      url = new URL(location, bare)
      continue
    }
    return readAnswer(statusCode, headers, body, wanted)
  }
  throw unavailable(`the source redirects more than ${wanted.limits.maxRedirects} times`)
}

function checkTarget(url: URL, first: URL, guard: AddressGuard): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw unavailable(`the source redirects to ${url.protocol}, only http and https are read`)
  if (first.protocol === 'https:' && url.protocol === 'http:')
    throw unavailable('the source redirects from https to http')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A host name is checked in the guard's lookup; for a literal address there is none.
  if (isIP(host) && !guard.admits(host)) throw new TerminalError('ImageSourceRefused', REFUSED)
}

type Headers = Record<string, string | string[] | undefined>

function readAnswer(status: number, headers: Headers, body: Readable, wanted: SourceRequest): Answer | SourceComplete {
  const drop = () => {
    body.on('error', () => undefined)
    body.destroy()
  }
  const encoding = one(headers['content-encoding'])
  if (encoding !== undefined && encoding !== 'identity') {
    drop()
    throw unavailable(`the source sends content-encoding ${encoding} although it was not asked to`)
  }
  const validator = validatorOf(headers)
  if (status === 200) {
    const total = countOf(one(headers['content-length']))
    return { body, from: 0, ...(total === undefined ? {} : { totalBytes: total }), ...(validator ? { validator } : {}) }
  }
  const range = parseContentRange(one(headers['content-range']))
  if (wanted.resume && status === 206 && range?.start === wanted.resume.from) {
    // Also guards against a server that ignores If-Range and returns a part of another version.
    if (validator === undefined || validator === wanted.resume.validator) {
      return {
        body,
        from: range.start,
        ...(range.total === undefined ? {} : { totalBytes: range.total }),
        validator: wanted.resume.validator,
      }
    }
  }
  drop()
  if (wanted.resume && status === 416 && range?.total === wanted.resume.from) return { completeAt: range.total }
  if (status === 206 || status === 416) throw new RangeRefused()
  if (status === 404 || status === 410)
    throw new TransientError('ImageNotFound', `${withoutSecrets(wanted.url)} answers ${status}: nothing is there`)
  throw unavailable(`${withoutSecrets(wanted.url)} answers ${status}`)
}

/** The bytes of an earlier attempt do not match the source's present content: start over. */
export class RangeRefused extends TransientError {
  constructor() {
    super('ImageSourceUnavailable', 'the source changed while it was read; the download begins anew')
    this.name = 'RangeRefused'
  }
}

// RFC 9110 14.4: `bytes 5-9/10`; either the range or the total may be a star.
function parseContentRange(value: string | undefined): { start?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(value ?? '')
  if (!match) return undefined
  return {
    ...(match[1] === undefined ? {} : { start: Number(match[1]) }),
    ...(match[2] === undefined || match[2] === '*' ? {} : { total: Number(match[2]) }),
  }
}

/** If-Range compares strongly: a weak ETag never matches (RFC 9110 13.1.5). */
function validatorOf(headers: Headers): string | undefined {
  const etag = one(headers['etag'])
  if (etag?.startsWith('"')) return etag
  return one(headers['last-modified'])
}

function countOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function basic(url: URL): string {
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

const unavailable = (message: string, cause?: unknown): TransientError =>
  new TransientError('ImageSourceUnavailable', message, { cause })

/** All network failures are transient; their messages reveal at most the address. */
export function classify(error: unknown, wanted: Pick<SourceRequest, 'url' | 'signal'>): unknown {
  if (error instanceof TerminalError || error instanceof TransientError) return error
  if (wanted.signal.aborted) return wanted.signal.reason
  for (let e: unknown = error; e instanceof Error; e = e.cause) if (e instanceof TransientError) return e
  const code = codeOf(error) ?? 'unknown error'
  return unavailable(`reading ${withoutSecrets(wanted.url)} failed: ${CODES[code] ?? code}`, error)
}

const CODES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'unknown host name',
  EAI_AGAIN: 'the name could not be resolved now',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no data for too long',
  UND_ERR_SOCKET: 'the connection ended early',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection ended early',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; give its authority in caBundle',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an unknown authority; give it in caBundle',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority; give it in caBundle',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}
