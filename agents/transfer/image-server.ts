// SPDX-License-Identifier: Apache-2.0
// Hands files of images to other nodes, by HTTPS with certificates on both ends: each file to those alone that its list names, by node and key.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { TLSSocket } from 'node:tls'
import type { ImageReader } from '../../lib/contract/documents.ts'
import { closeBy, openBy, UNBOUND, type FileCalls } from '../../lib/file-calls.ts'
import { TransientError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { OneAtATime } from '../../lib/one-at-a-time.ts'
import { limitConnections } from './connection-limits.ts'
import { readPeerCredentials, type PeerFiles } from './peer-files.ts'
import { takenInTime } from './taken-in-time.ts'

export interface ImageServerOptions {
  /** Of the node, that others reach it by. */
  address: string
  port: number
  files: PeerFiles
  log: Logger
}

export interface Offer {
  path: string
  sha256: string
  readers: readonly ImageReader[]
  /** Of the disk that it is on, which may hang; absent: it is the node's own. */
  calls?: FileCalls
}

/** Who offers it: one file may be a copy of a store, and be read from a machine's disk, on the same node. */
export type Offering = 'snapshot' | 'store'

const MOST_CONNECTIONS = 64
/** A node downloads four at a time into its stores, and four into its cache. */
const CONNECTION_LIMITS = { handshakes: 8, perPeer: 8 }
const HANDSHAKE_MS = 10_000
const IDLE_MS = 60_000
const READ_BYTES = 256 * 1024
/** For so many bytes: who takes less, which no download of ours does (agents/image/source.ts), keeps a place that others wait for. */
const SLOWEST_MS = 30_000
const PATH = /^\/images\/([a-z0-9-]{1,63})$/
const RANGE = /^bytes=(\d{1,15})-$/

export class ImageServer {
  readonly #options: ImageServerOptions
  readonly #offers = new Map<string, Map<Offering, Offer>>()
  readonly #reading = new Set<{ uid: string; reader: string; response: ServerResponse }>()
  #server: Server | undefined
  #certificate: string | undefined
  readonly #changes = new OneAtATime()

  constructor(options: ImageServerOptions) {
    this.#options = options
  }

  /** From now on these nodes, and no others, may read it: who may not any more is cut off. @throws TransientError `NodeCertificateMissing` */
  async offer(by: Offering, uid: string, offer: Offer): Promise<void> {
    const offers = this.#offers.get(uid) ?? new Map<Offering, Offer>()
    this.#offers.set(uid, offers.set(by, offer))
    this.#cutOff(uid)
    await this.#changes.run(() => this.#listen())
  }

  async withdraw(by: Offering, uid: string): Promise<void> {
    const offers = this.#offers.get(uid)
    if (!offers?.delete(by)) return
    if (offers.size === 0) this.#offers.delete(uid)
    this.#cutOff(uid)
    if (this.#offers.size === 0) await this.stop()
  }

  /** Where it listens; undefined: nothing is offered. */
  get port(): number | undefined {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port
  }

  async stop(): Promise<void> {
    await this.#changes.run(async () => {
      this.#server?.closeAllConnections()
      this.#server?.close()
      this.#server = undefined
    })
  }

  async #listen(): Promise<void> {
    const { files, address, port, log } = this.#options
    const credentials = await readPeerCredentials(files)
    const context = { ...credentials, minVersion: 'TLSv1.3' as const }
    if (this.#server) {
      if (credentials.cert !== this.#certificate) this.#server.setSecureContext(context)
      this.#certificate = credentials.cert
      return
    }
    const asks = { requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_MS }
    const server = createServer({ ...context, ...asks }, (request, response) => {
      this.#answer(request, response).catch((err: unknown) => {
        log.debug({ err }, 'a file of an image was not read to its end')
        response.destroy()
      })
    })
    server.maxConnections = MOST_CONNECTIONS
    server.timeout = IDLE_MS
    limitConnections(server, CONNECTION_LIMITS, (socket) => subjectOf(socket).node)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', (err) => log.warn({ err }, 'the server of images'))
    this.#server = server
    this.#certificate = credentials.cert
  }

  /** Who may not read it, and what is not there, are answered alike. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const uid = PATH.exec(request.url ?? '')?.[1] ?? ''
    const reader = nameOf(request.socket)
    const offer = this.#find(uid, reader)
    if (!offer || request.method !== 'GET') return void response.writeHead(404).end()
    const { calls = UNBOUND } = offer
    const file = await openBy(calls, offer.path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
      if (!(error instanceof TransientError)) throw error
      this.#options.log.debug({ err: error }, 'a file of an image cannot be read now')
      return undefined
    })
    if (!file) return void response.writeHead(503).end()
    const one = { uid, reader, response }
    this.#reading.add(one)
    try {
      const { size } = await calls.run(() => file.stat())
      const etag = `"${offer.sha256}"`
      const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
      const asked = isSame ? RANGE.exec(request.headers.range ?? '')?.[1] : undefined
      const start = asked === undefined ? 0 : Number(asked)
      const headers = { etag, 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' }
      if (start >= size && asked !== undefined) {
        response.writeHead(416, { ...headers, 'content-range': `bytes */${size}` }).end()
        return
      }
      response.writeHead(asked === undefined ? 200 : 206, {
        ...headers,
        'content-length': size - start,
        ...(asked === undefined ? {} : { 'content-range': `bytes ${start}-${size - 1}/${size}` }),
      })
      const bytes = bytesOf(file, calls, start, size)
      await pipeline(
        takenInTime(bytes, SLOWEST_MS, () => response.destroy()),
        response,
      )
    } finally {
      this.#reading.delete(one)
      await closeBy(calls, file)
    }
  }

  #find(uid: string, reader: string): Offer | undefined {
    const offers = [...(this.#offers.get(uid)?.values() ?? [])]
    return offers.find(({ readers }) => readers.some((one) => named(one) === reader))
  }

  #cutOff(uid: string): void {
    for (const one of this.#reading) if (one.uid === uid && !this.#find(uid, one.reader)) one.response.destroy()
  }
}

/** Each read is bounded by itself: a reader that is slow keeps no thread. */
async function* bytesOf(file: FileHandle, calls: FileCalls, start: number, size: number): AsyncGenerator<Buffer> {
  for (let at = start; at < size;) {
    const [from, most] = [at, Math.min(READ_BYTES, size - at)]
    const { buffer, bytesRead } = await calls.run(() => file.read(Buffer.allocUnsafe(most), 0, most, from))
    if (bytesRead === 0) throw new Error('the file became shorter while it was read')
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function named({ node, key }: ImageReader): string {
  return `${node} ${key}`
}

function nameOf(socket: unknown): string {
  const { node, key } = socket instanceof TLSSocket ? subjectOf(socket) : { node: '', key: '' }
  return node === '' || key === '' ? '' : named({ node, key })
}

/** As the operator has signed it (operator/bus/nbd-certificates.ts): the node, and the key. */
function subjectOf(socket: TLSSocket): { node: string; key: string } {
  const { CN, OU } = (socket.getPeerCertificate().subject ?? {}) as { CN?: unknown; OU?: unknown }
  return { node: typeof CN === 'string' ? CN : '', key: typeof OU === 'string' ? OU : '' }
}
