// SPDX-License-Identifier: Apache-2.0
// Files of Images between nodes with real certificates: from a machine's node to a store, and from there to a node that boots from it. Others get nothing.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { access, chmod, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { ImageCopyDocument, ImageReader, NodeDocument, Tombstone } from '../../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../../lib/errors.ts'
import { until } from '../../../lib/time/until.ts'
import type { FileCalls } from '../../../lib/file-calls.ts'
import { download } from '../../image/download.ts'
import { ImageCache } from '../../image/image-cache.ts'
import { ImageSettings } from '../../image/image-settings.ts'
import { DEFAULT_SOURCE_LIMITS } from '../../image/source.ts'
import type { NodeState, RunContext } from '../../runtime/reconciler.ts'
import { ImageServer } from '../../transfer/image-server.ts'
import { readPeerCredentials } from '../../transfer/peer-files.ts'
import { PoolCalls } from '../drivers/file/pool-calls.ts'
import { PoolMarks } from '../drivers/file/pool-mark.ts'
import { VolumeRecords } from '../exports/volume-records.ts'
import { createTestAuthority, type CertifiedNode, type TestAuthority } from '../testing/certificates.ts'
import { ImageCopyReconciler } from './imagecopy-reconciler.ts'
import { StoreFolder } from './store-folder.ts'

const UID = '11111111-0000-4000-8000-000000000000'
const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const header = { v: 1 as const, node: 'store-1', name: 'snap', versions }
const content = randomBytes(2 * 2 ** 20)
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const log = pino({ level: 'silent' })
const limits = { connectTimeoutMs: 2000, idleTimeoutMs: 2000, answerTimeoutMs: 5000 }

let dir: string
let authority: TestAuthority
let nodes: Record<'machine' | 'store' | 'reader' | 'stranger', CertifiedNode>
let origin: ImageServer
let server: ImageServer
let reconciler: ImageCopyReconciler
let reports: (number | undefined)[]
/** How often a run has left its slot. */
let left: number

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-copies-'))
  authority = await createTestAuthority()
  const certify = (name: string) => authority.certify(join(dir, name), name)
  nodes = {
    machine: await certify('machine-1'),
    store: await certify('store-1'),
    reader: await certify('reader-1'),
    stranger: await certify('stranger-1'),
  }
  const serverOf = ({ nbd }: CertifiedNode) =>
    new ImageServer({ address: '127.0.0.1', port: 0, files: nbd.files.server, log })
  ;[origin, server] = [serverOf(nodes.machine), serverOf(nodes.store)]
  reports = []
  left = 0
  startAgent()
  await offerOrigin(content)
})
afterEach(async () => {
  await origin.stop()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

/** It has nothing but the folders. */
function startAgent(): void {
  const records = new VolumeRecords(join(dir, 'records'))
  const marks = new PoolMarks(join(dir, 'marks'))
  reconciler = new ImageCopyReconciler({
    ...{ records, server, limits, peer: nodes.store.nbd.files.client },
    openFolder: (path) => new StoreFolder({ path, records, marks, requiresMount: () => false }),
  })
}
const readerOf = (node: string, of: CertifiedNode): ImageReader => ({ node, key: of.key })
async function offerOrigin(bytes: Buffer, sha256 = digestOf(bytes)): Promise<void> {
  const path = join(dir, 'captured')
  await writeFile(path, bytes)
  await origin.offer('snapshot', UID, { path, sha256, readers: [readerOf('store-1', nodes.store)] })
}
const folder = () => join(dir, 'images')
const kept = async () => (await readdir(folder())).filter((name) => !name.startsWith('.'))
const url = (of: ImageServer) => `https://127.0.0.1:${of.port}/images/${UID}`
const copy = (spec: Partial<ImageCopyDocument['spec']> = {}): ImageCopyDocument => ({
  ...{ ...header, kind: 'imagecopy', uid: UID, tombstone: false },
  spec: {
    ...{ store: 'main', sha256: digestOf(content), sizeBytes: content.length, format: 'raw' },
    ...{ from: { node: 'machine-1', url: url(origin) }, readers: [readerOf('reader-1', nodes.reader)] },
    ...spec,
  },
})
const tombstone: Tombstone = { ...header, kind: 'imagecopy', uid: UID, tombstone: true }
const context = (): RunContext => ({
  ...{ node: 'store-1', bootId: 'b', grantedBootId: 'b', signal: AbortSignal.timeout(20_000), log },
  ...{ listed: () => undefined, leaveSlot: () => void (left += 1), runAgainWithin: () => undefined },
  report: ({ progress }) => void reports.push(progress),
  state: {
    find: () => undefined,
    findObserved: () => undefined,
    list: () => [
      {
        ...{ ...header, kind: 'node', uid: 'node-1', tombstone: false },
        spec: { roles: {}, imageStores: [{ name: 'main', uid: 's1', driver: 'file', path: folder() }] },
      } satisfies NodeDocument,
    ],
  } as unknown as NodeState,
})
const run = (document = copy()) => reconciler.reconcile(document, context())
const outcome = async (document = copy()): Promise<string> => {
  try {
    return (await run(document)).state
  } catch (error) {
    if (error instanceof TerminalError) return `terminal ${error.reason}`
    if (error instanceof TransientError) return `transient ${error.reason}`
    throw error
  }
}
/** What a node gets that shows this. */
async function read(of: ImageServer, credentials: object, headers: object = {}, path = `/images/${UID}`) {
  return new Promise<string>((resolve) => {
    const asked = request(
      { host: '127.0.0.1', port: of.port, path, headers: { ...headers }, ...credentials, rejectUnauthorized: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(`${response.statusCode} ${Buffer.concat(chunks).length}`))
        response.on('error', () => resolve('broken'))
      },
    )
    asked.on('error', () => resolve('refused'))
    asked.end()
  })
}
const shows = async ({ nbd }: CertifiedNode) => readPeerCredentials(nbd.files.client)

test('a file goes to the store, and from there into the cache of a node that may read it', async () => {
  const facts = { sha256: digestOf(content), sizeBytes: content.length, virtualSizeBytes: content.length }
  expect(await run()).toMatchObject({ state: 'ready', facts })
  expect(reports.at(-1)).toBe(99)
  expect(await kept()).toEqual([`${UID}.raw`])
  const cache = new ImageCache({
    ...{ baseDir: join(dir, 'cache'), instancesDir: join(dir, 'instances'), settings: new ImageSettings() },
    ...{ keepFreeBytes: 0, parallelDownloads: 2, limits: { ...DEFAULT_SOURCE_LIMITS, ...limits }, log },
    readPeer: () => readPeerCredentials(nodes.reader.nbd.files.client),
  })
  const who = { signal: AbortSignal.timeout(20_000), owner: 'ns', onWait: () => undefined, onProgress: () => undefined }
  const want = { uid: UID, url: url(server), peer: 'store-1', sha256: digestOf(content), format: 'raw' as const }
  const entry = await cache.ensure(want, who)
  expect((await readFile(entry.path)).equals(content)).toBe(true)
  // Another node at that address is not who it was told.
  await expect(cache.ensure({ ...want, uid: 'other', peer: 'machine-1' }, who)).rejects.toMatchObject({
    reason: 'ImageSourceUnavailable',
    message: expect.stringContaining('certificate is for another name'),
  })
})

describe('nobody else gets it', () => {
  beforeEach(async () => {
    await run()
  })
  test('who is not named, by node and key', async () => {
    expect(await read(server, await shows(nodes.reader))).toBe(`200 ${content.length}`)
    expect(await read(server, await shows(nodes.stranger))).toBe('404 0')
    await run(copy({ readers: [{ node: 'reader-1', key: nodes.stranger.key }] }))
    expect(await read(server, await shows(nodes.reader))).toBe('404 0')
    expect(await read(server, await shows(nodes.stranger))).toBe('404 0')
  })
  test('without a certificate, with one of another authority, and with one of a server', async () => {
    const { ca } = await shows(nodes.reader)
    expect(await read(server, { ca })).toBe('refused')
    const foreign = await createTestAuthority()
    const other = await foreign.certify(join(dir, 'foreign'), 'reader-1')
    expect(await read(server, await shows(other))).toBe('refused')
    expect(await read(server, await readPeerCredentials(nodes.reader.nbd.files.server))).toBe('refused')
  })
  test.each(['/images/../records', '/images/', '/', `/images/${UID}/x`, '/images/%2e%2e', `//images/${UID}`])(
    '%s is nothing',
    async (path) => expect(await read(server, await shows(nodes.reader), {}, path)).toBe('404 0'),
  )
  test('a link in its place is not followed', async () => {
    await rm(join(folder(), `${UID}.raw`))
    await symlink('/etc/passwd', join(folder(), `${UID}.raw`))
    expect(await read(server, await shows(nodes.reader))).toBe('refused')
    expect(await outcome()).toBe('transient VolumeUnsafe')
  })
})

test('a range goes on where the file is the same, and begins anew where it is not', async () => {
  await run()
  const [mine, etag] = [await shows(nodes.reader), `"${digestOf(content)}"`]
  expect(await read(server, mine, { range: 'bytes=1048576-', 'if-range': etag })).toBe('206 1048576')
  expect(await read(server, mine, { range: 'bytes=1048576-', 'if-range': '"other"' })).toBe(`200 ${content.length}`)
  expect(await read(server, mine, { range: `bytes=${content.length}-`, 'if-range': etag })).toBe('416 0')
})

test('an agent that was killed half-way goes on with what it has', async () => {
  await mkdir(folder(), { mode: 0o700 })
  const half = content.subarray(0, 2 ** 20)
  await writeFile(join(folder(), `${UID}.raw.new`), half)
  const record = { uid: UID, urlSha256: digestOf(Buffer.from(url(origin))), validator: `"${digestOf(content)}"` }
  await writeFile(join(folder(), `${UID}.raw.new.json`), JSON.stringify(record))
  expect(await outcome()).toBe('ready')
  expect(reports.filter((percent) => percent !== undefined && percent > 0 && percent < 50)).toEqual([])
  expect((await readFile(join(folder(), `${UID}.raw`))).equals(content)).toBe(true)
})

test('other bytes than the operator was told are refused, and nothing of them is kept', async () => {
  const other = Buffer.from(content)
  other[5000] = (other[5000] ?? 0) ^ 1
  await offerOrigin(other)
  expect(await outcome()).toBe('terminal ImageDigestMismatch')
  expect(await kept()).toEqual([])
})

test('more bytes than were told are not taken', async () => {
  await offerOrigin(Buffer.concat([content, content]))
  expect(await outcome()).toBe('terminal ImageTooLarge')
  expect(await kept()).toEqual([])
})

test('a guest that wrote a header of another format is not believed', async () => {
  const hostile = Buffer.from(content)
  hostile.writeUInt32BE(0x514649fb, 0)
  hostile.writeUInt32BE(3, 4)
  await offerOrigin(hostile)
  expect(await outcome(copy({ sha256: digestOf(hostile) }))).toBe('terminal ImageUnsafe')
  expect(await kept()).toEqual([])
})

test('a new agent serves what it has, also when its origin is gone; one without a certificate waits', async () => {
  await run()
  await origin.stop()
  startAgent()
  const rest = { ...copy().spec }
  delete rest.from
  expect(await outcome({ ...copy(), spec: rest })).toBe('ready')
  await rm(join(dir, 'store-1/pki/nbd/server/server-cert.pem'))
  expect(await outcome({ ...copy(), spec: rest })).toBe('transient NodeCertificateMissing')
})

test('a file that is lost comes from another node, or is said to be missing; a folder of another disk is none', async () => {
  await run()
  await rm(join(folder(), `${UID}.raw`))
  const rest = { ...copy().spec }
  delete rest.from
  expect(await outcome({ ...copy(), spec: rest })).toBe('transient ImageDataMissing')
  expect(await outcome()).toBe('ready')
  await rm(folder(), { recursive: true })
  expect(await outcome()).toBe('transient PoolUnavailable')
  await mkdir(folder(), { mode: 0o700 })
  expect(await outcome()).toBe('transient PoolUnavailable')
  expect(await kept()).toEqual([])
})

test('its end takes the file, what was half fetched, and the open port', async () => {
  await run()
  await writeFile(join(folder(), `${UID}.qcow2.new`), 'half')
  expect((await reconciler.listOwned(context().signal)).map(({ uid }) => uid)).toEqual([UID])
  expect(server.port).toBeGreaterThan(0)
  for (let time = 0; time < 2; time++) expect(await reconciler.remove(tombstone, context())).toEqual({ state: 'gone' })
  expect([await kept(), server.port, await reconciler.listOwned(context().signal)]).toEqual([[], undefined, []])
})

test('a disk that hangs takes few threads, whoever reads; it is said that it cannot be read now, and read once it answers', async () => {
  const path = join(dir, 'hangs')
  // Opening it waits for one who writes.
  await promisify(execFile)('mkfifo', [path])
  const offer = { path, sha256: digestOf(content), readers: [readerOf('reader-1', nodes.reader)] }
  const calls = new PoolCalls({ limitMs: 500, mostAtOnce: 2 })
  await server.offer('store', UID, { ...offer, calls })
  const mine = await shows(nodes.reader)
  const answers = await Promise.all(Array.from({ length: 8 }, () => read(server, mine)))
  expect([...new Set(answers)]).toEqual(['503 0'])
  // As many threads as Node has by itself, two of which hang.
  expect((await readdir(dir)).length).toBeGreaterThan(0)
  expect(await read(server, mine)).toBe('503 0')
  const writer = await open(path, 'r+')
  await writer.close()
  await rm(path)
  await writeFile(path, content)
  await until(async () => (await read(server, mine)) === `200 ${content.length}`, 'its bytes', 5_000)
})

test('a store that stops to answer ends a download, which goes on from there once it answers', async () => {
  const pool = new PoolCalls({ limitMs: 300 })
  let hangs: PromiseWithResolvers<undefined> | undefined
  const turns = { left: 8 }
  const run: FileCalls['run'] = (work, limitMs) =>
    pool.run(async () => {
      turns.left -= 1
      if (turns.left === 0) await (hangs = Promise.withResolvers()).promise
      return work()
    }, limitMs)
  const wanted = {
    ...{ uid: UID, url: url(origin), peer: { name: 'machine-1', ...(await shows(nodes.store)) } },
    ...{ sha256: digestOf(content), partialPath: join(dir, 'part'), maxBytes: content.length, calls: { run } },
    ...{ limits: { ...DEFAULT_SOURCE_LIMITS, ...limits }, signal: AbortSignal.timeout(20_000) },
    ...{ addresses: { allowedNetworks: [], ownAddresses: () => [] } },
    ...{ reserve: async () => undefined, onProgress: () => undefined },
  }
  await expect(download(wanted)).rejects.toMatchObject({ reason: 'PoolUnresponsive' })
  expect(hangs).toBeDefined()
  hangs?.resolve(undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await download(wanted)).toMatchObject({ sizeBytes: content.length })
})

describe('downloads that take long', () => {
  const uidOf = (number: number) => `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`
  let mute: Server
  let asked: number
  const sockets: Socket[] = []
  /** Its node says nothing. */
  const slow = (number: number, namespace: string) => ({
    ...copy({ from: { node: 'machine-1', url: `https://127.0.0.1:${(mute.address() as AddressInfo).port}/images/x` } }),
    ...{ uid: uidOf(number), namespace },
  })
  beforeEach(async () => {
    asked = 0
    mute = createServer((socket) => {
      asked += 1
      sockets.push(socket.on('error', () => undefined))
    })
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  })
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  test('leave their slots; a namespace leaves places to others; what is there is offered and removed meanwhile', async () => {
    await run()
    expect(left).toBe(1)
    const stop = new AbortController()
    const asks = [1, 2, 3, 4, 5].map((number) => ({ ...slow(number, number === 5 ? 'other' : 'ns') }))
    const runs = asks.map((document) => reconciler.reconcile(document, { ...context(), signal: stop.signal }))
    const ended = Promise.allSettled(runs)
    await until(() => asked === 3, 'two of one namespace, and one of another', 5_000)
    expect(left).toBe(6)
    expect(await run()).toMatchObject({ state: 'ready' })
    expect([left, asked]).toEqual([6, 3])
    stop.abort(new Error('over'))
    expect((await ended).every(({ status }) => status === 'rejected')).toBe(true)
    const removed = asks.map(({ uid }) => reconciler.remove({ ...tombstone, uid }, context()))
    expect(await Promise.all(removed)).toEqual(asks.map(() => ({ state: 'gone' })))
    expect(await readdir(folder())).toEqual(expect.not.arrayContaining([expect.stringMatching(/new/)]))
  })
})

test('a store that the node was not told of is waited for; its room is reported', async () => {
  expect(await outcome(copy({ store: 'other' }))).toBe('transient StoreNotOnNode')
  const stores = [{ name: 'main', uid: 's1', driver: 'file', path: folder() }]
  const { imageStores } = await reconciler.inventory(stores)
  expect(imageStores?.[0]).toMatchObject({ name: 'main', totalGiB: expect.any(Number) })
  await access(folder())
  await chmod(folder(), 0o777)
  expect((await reconciler.inventory(stores)).imageStores?.[0]).toMatchObject({ freeGiB: 0, error: expect.any(String) })
})

describe('no node takes all connections of another', () => {
  const isOpen = async (socket: Socket): Promise<boolean> => {
    socket.on('error', () => undefined).resume()
    await until(async () => socket.destroyed || !socket.connecting)
    return !socket.destroyed
  }
  const countOpen = async (sockets: Socket[]): Promise<number> => {
    await Promise.all(sockets.map(isOpen))
    await sleep(500)
    return sockets.filter(({ destroyed }) => !destroyed).length
  }
  test('by connections without a certificate', async () => {
    const port = origin.port ?? 0
    const sockets = Array.from({ length: 20 }, () => connect({ host: '127.0.0.1', port }))
    expect(await countOpen(sockets)).toBe(8)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await outcome()) === 'ready')
  })
  test('by its own, which leaves others theirs', async () => {
    const port = origin.port ?? 0
    const credentials = await readPeerCredentials(nodes.stranger.nbd.files.client)
    const sockets: Socket[] = []
    for (let i = 0; i < 12; i++) {
      const socket = connectTls({ host: '127.0.0.1', port, ...credentials, servername: 'machine-1' })
      sockets.push(socket)
      socket.on('error', () => undefined)
      await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve))
    }
    expect(await countOpen(sockets)).toBe(8)
    expect(await outcome()).toBe('ready')
    for (const socket of sockets) socket.destroy()
  })
})
