// SPDX-License-Identifier: Apache-2.0
import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { recordDurableSteps } from '../../lib/durable-files.ts'
import type { DocumentOf, Observation, RunContext } from '../runtime/reconciler.ts'
import type { Tombstone } from '../../lib/contract/documents.ts'
import { createImageRole, type ImageRoleOptions } from '../roles/image-role.ts'
import type { ImageSettings } from './image-settings.ts'
import { localSettings } from './testing/local-settings.ts'
import { startMisbehavingServer, type MisbehavingServer } from './testing/misbehaving-server.ts'
import { sampleQcow2, sampleRaw } from './testing/qcow2-samples.ts'

const log = pino({ level: 'silent' })
const disk = (fill: number) => sampleRaw(1024 * 1024, fill)
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

let dataDir: string
let server: MisbehavingServer
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'nephele-cache-'))
  server = await startMisbehavingServer()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await rm(dataDir, { recursive: true })
})

const base = (name = ''): string => join(dataDir, 'images/_base', name)
const imageRole = (settings = localSettings(), cache: ImageRoleOptions['cache'] = {}) =>
  createImageRole({ dataDir, log, limits: { idleTimeoutMs: 1000 }, settings, cache: { keepFreeBytes: 0, ...cache } })
const role = (settings?: ImageSettings) => imageRole(settings).reconcilers[0]

const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const documentOf = (spec: Partial<DocumentOf<'image'>['spec']> = {}, uid = 'image-1'): DocumentOf<'image'> => ({
  v: 1,
  kind: 'image',
  uid,
  node: 'n1',
  name: uid,
  versions,
  tombstone: false,
  spec: { url: server.url(), format: 'raw', ...spec },
})
const tombstoneOf = (uid: string, more: object = {}): Tombstone => ({
  v: 1,
  kind: 'image',
  uid,
  node: 'n1',
  name: uid,
  versions,
  tombstone: true,
  ...more,
})
const contextOf = (
  report: (o: Observation) => void = () => undefined,
  signal = AbortSignal.timeout(20_000),
): RunContext => ({
  node: 'n1',
  bootId: 'b',
  grantedBootId: 'b',
  state: { find: () => undefined, list: () => [], findObserved: () => undefined },
  signal,
  log,
  listed: () => undefined,
  report,
  leaveSlot: () => undefined,
  runAgainWithin: () => undefined,
})
const cached = async () => (await readdir(base())).filter((n) => /^[0-9a-f]{64}$/.test(n)).sort()

test('an import without a digest computes it; the file is immutable; the next run asks nobody', async () => {
  const content = disk(7)
  server.script({ content })
  const reports: Observation[] = []
  const facts = { sha256: digest(content), sizeBytes: content.length, virtualSizeBytes: content.length }
  expect(
    await role().reconcile(
      documentOf(),
      contextOf((o) => reports.push(o)),
    ),
  ).toEqual({ state: 'ready', facts })
  expect(reports[0]).toEqual({ state: 'downloading', progress: expect.any(Number) })
  expect((await stat(base(facts.sha256))).mode & 0o777).toBe(0o444)
  expect(await readdir(base('.partial'))).toEqual([])

  const afterRestart = role()
  expect(await afterRestart.reconcile(documentOf(), contextOf())).toEqual({ state: 'ready', facts })
  expect(server.seen).toHaveLength(1)
})

test('the bytes are on the disk before they have their name, and the name before the marker that says so', async () => {
  const content = disk(5)
  server.script({ content })
  const { steps, stop } = recordDurableSteps()
  await role().reconcile(documentOf(), contextOf())
  stop()
  const path = base(digest(content))
  const own = steps.filter((s) => !(s.path.includes('.partial') && s.path.endsWith('.json')))
  expect(own.slice(0, 6)).toEqual([
    { step: 'sync', path: expect.stringMatching(/_base\/\.partial\/image-1-[0-9a-f]{16}$/) },
    { step: 'rename', path },
    { step: 'syncFolder', path: base().replace(/\/$/, '') },
    { step: 'write', path: `${path}.json` },
    { step: 'sync', path: `${path}.json` },
    { step: 'rename', path: `${path}.json` },
  ])
})

describe('a digest is no key to what others have here', () => {
  const content = disk(7)
  const sha256 = digest(content)
  const nowhere = () => server.url('/nothing-here')
  beforeEach(async () => {
    server.script({ content })
    await role().reconcile(documentOf({}, 'of-a'), contextOf())
    server.script({ content, status: 404 })
  })

  test('an Image of somebody else, with the digest and a source that has nothing, gets nothing', async () => {
    const wanted = documentOf({ url: nowhere(), sha256 }, 'of-b')
    const reconciler = role()
    expect(await reconciler.reconcile(wanted, contextOf())).toMatchObject({
      state: 'failed',
      error: { reason: 'ImageNotFound' },
    })
    expect(await reconciler.listOwned(AbortSignal.timeout(1000))).toMatchObject([{ uid: 'of-a' }])
  })

  test('it has read these bytes from its own source once: the copy is used from then on', async () => {
    const wanted = documentOf({ url: server.url('/of-b'), sha256 }, 'of-b')
    const before = await stat(base(sha256))
    server.script({ content }, { content, status: 404 })
    expect(await role().reconcile(wanted, contextOf())).toMatchObject({ state: 'ready' })
    expect(await role().reconcile(wanted, contextOf())).toMatchObject({ state: 'ready' })
    expect(server.seen.map(({ path }) => path)).toEqual(['/image', '/of-b'])
    // Machines of the first one stand on the file that is there: it is not replaced.
    expect((await stat(base(sha256))).ino).toBe(before.ino)
    expect(await readdir(base('.partial'))).toEqual([])
  })

  test('it was imported elsewhere: the operator knows, and the copy is used', async () => {
    const wanted = documentOf({ url: nowhere(), sha256, imported: true }, 'of-b')
    expect(await role().reconcile(wanted, contextOf())).toMatchObject({ state: 'ready' })
    expect(server.seen).toHaveLength(1)
  })
})

test('requests for one digest share one download; it ends when nobody waits', async () => {
  const content = disk(7)
  server.script({ content, etag: '"1"', stallAfter: 1000 })
  const sha256 = digest(content)
  const reconciler = role()
  const stop = new AbortController()
  const leaving = reconciler.reconcile(documentOf({ sha256 }), contextOf(undefined, stop.signal)).catch(() => 'left')
  const staying = reconciler.reconcile(documentOf({ sha256 }, 'image-2'), contextOf())
  while (server.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('shutting down'))
  expect(await leaving).toBe('left')
  expect(await staying).toMatchObject({ state: 'failed', error: { reason: 'ImageSourceUnavailable', terminal: false } })
  expect(server.seen).toHaveLength(1)
  server.script({ content, etag: '"1"' })
  const both = ['image-1', 'image-2'].map((uid) => reconciler.reconcile(documentOf({ sha256 }, uid), contextOf()))
  expect((await Promise.all(both)).map((o) => o.state)).toEqual(['ready', 'ready'])
  expect(server.seen).toHaveLength(2)
})

describe('what is wrong with an image', () => {
  test.each([
    ['a backing file', sampleQcow2({ backingFile: '/etc/passwd' }), 'qcow2', 'ImageUnsafe'],
    ['a qcow2 declared raw', sampleQcow2(), 'raw', 'ImageUnsafe'],
    ['no image at all', Buffer.from('<html>'.padEnd(2048, '.')), 'raw', 'ImageFormatMismatch'],
    ['a raw declared qcow2', disk(1), 'qcow2', 'ImageFormatMismatch'],
    ['cut off, and no digest declared', sampleQcow2({ fileBytes: 190_000 }), 'qcow2', 'ImageFormatMismatch'],
  ] as const)('%s is terminal and leaves nothing', async (_name, content, format, reason) => {
    server.script({ content })
    await expect(role().reconcile(documentOf({ format }), contextOf())).rejects.toMatchObject({
      name: 'TerminalError',
      reason,
    })
    expect(await cached()).toEqual([])
    expect(await readdir(base('.partial'))).toEqual([])
  })

  test('an L2 table that names data beyond the end: the file was cut off', async () => {
    const content = sampleQcow2({ fileBytes: 65536 * 5 })
    content.writeBigUInt64BE(65536n * 4n, 65536 * 3)
    content.writeBigUInt64BE(65536n * 5n, 65536 * 4)
    server.script({ content })
    await expect(role().reconcile(documentOf({ format: 'qcow2' }), contextOf())).rejects.toMatchObject({
      reason: 'ImageFormatMismatch',
    })
  })

  test('a cached digest declared with another format is judged anew', async () => {
    const content = sampleQcow2()
    server.script({ content })
    const reconciler = role()
    const sha256 = digest(content)
    await reconciler.reconcile(documentOf({ format: 'qcow2', sha256 }), contextOf())
    await expect(
      reconciler.reconcile(documentOf({ format: 'raw', sha256 }, 'image-2'), contextOf()),
    ).rejects.toMatchObject({
      reason: 'ImageUnsafe',
    })
  })

  test('failures wait longer each time, and bytes that arrive begin anew', async () => {
    server.script({ content: disk(1), status: 503 })
    const reconciler = role()
    const delays: number[] = []
    for (let i = 0; i < 4; i++) delays.push((await reconciler.reconcile(documentOf(), contextOf())).retryAfterMs ?? 0)
    expect(delays).toEqual([...delays].sort((a, b) => a - b))
    expect(delays[3]).toBeGreaterThan(12_000)
    server.script({ content: disk(1), etag: '"1"', cutAfter: 500_000 })
    expect((await reconciler.reconcile(documentOf(), contextOf())).retryAfterMs).toBeLessThanOrEqual(2_000)
  })
})

describe('after a crash', () => {
  test('a whole file without its marker is rehashed and believed, a false one is removed', async () => {
    const good = disk(1)
    await mkdir(base(), { recursive: true })
    await writeFile(base(digest(good)), good)
    await writeFile(base(digest(disk(2))), disk(3))
    await writeFile(base(digest(disk(4))), disk(4).subarray(0, 1000))
    server.script({ content: good })
    const wanted = documentOf({ sha256: digest(good), imported: true })
    expect(await role().reconcile(wanted, contextOf())).toMatchObject({ state: 'ready' })
    expect(server.seen).toHaveLength(0)
    expect(await cached()).toEqual([digest(good)])
  })

  test('a marked file of another size and a link in its place are not believed', async () => {
    const [a, b] = [disk(1), disk(2)]
    server.script({ content: a })
    await role().reconcile(documentOf({ sha256: digest(a) }), contextOf())
    await chmod(base(digest(a)), 0o644)
    await writeFile(base(digest(a)), 'short')
    await symlink('/etc/passwd', base(digest(b)))
    expect(await role().reconcile(documentOf({ sha256: digest(a) }), contextOf())).toMatchObject({ state: 'ready' })
    expect(server.seen).toHaveLength(2)
    expect(await cached()).toEqual([digest(a)])
  })
})

describe('what goes', () => {
  const overlayOn = async (path: string) => {
    const folder = join(dataDir, 'instances', randomUUID())
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'disk'), sampleQcow2({ backingFile: path }))
    return folder
  }

  test('a tombstone removes the last document’s file, twice is fine, and what a failed download left', async () => {
    const content = disk(1)
    const reconciler = role()
    server.script({ content })
    for (const uid of ['image-1', 'image-2'])
      await reconciler.reconcile(documentOf({ sha256: digest(content) }, uid), contextOf())
    expect(await reconciler.listOwned(AbortSignal.timeout(1000))).toHaveLength(2)
    expect(await reconciler.remove(tombstoneOf('image-1'), contextOf())).toEqual({ state: 'gone' })
    expect(await cached()).toHaveLength(1)
    await reconciler.remove(tombstoneOf('image-2'), contextOf())
    await reconciler.remove(tombstoneOf('image-2'), contextOf())
    expect(await cached()).toEqual([])

    server.script({ content, etag: '"1"', cutAfter: 1000 })
    await reconciler.reconcile(documentOf({}, 'image-3'), contextOf())
    expect(await readdir(base('.partial'))).not.toEqual([])
    await reconciler.remove(tombstoneOf('image-3'), contextOf())
    expect(await readdir(base())).toEqual(['.partial'])
    expect(await readdir(base('.partial'))).toEqual([])
  })

  test('a disk on top keeps the file after the image went', async () => {
    const content = disk(1)
    const reconciler = role()
    server.script({ content })
    await reconciler.reconcile(documentOf(), contextOf())
    const folder = await overlayOn(base(digest(content)))
    await reconciler.remove(tombstoneOf('image-1'), contextOf())
    expect(await cached()).toHaveLength(1)
    await rm(folder, { recursive: true })
    await reconciler.remove(tombstoneOf('image-1'), contextOf())
    expect(await cached()).toEqual([])
  })

  test('room is made by last use among what no document and no disk needs', async () => {
    const contents = [1, 2, 3, 4].map(disk)
    const settings = localSettings()
    settings.maxCacheBytes = () => 3.5 * 1024 * 1024
    const { reconcilers, inventory } = imageRole(settings)
    const [reconciler] = reconcilers
    const ensure = async (i: number) => {
      server.script({ content: contents[i]! })
      return reconciler.reconcile(documentOf({ url: server.url(`/${i}`) }, `image-${i}`), contextOf())
    }
    for (const i of [0, 1, 2]) await ensure(i)
    expect(await ensure(3)).toMatchObject({ state: 'failed', error: { reason: 'ImageCacheFull', terminal: false } })
    await overlayOn(base(digest(contents[0]!)))
    for (const i of [0, 1]) await reconciler.remove(tombstoneOf(`image-${i}`, { keepInCache: true }), contextOf())
    expect(await cached()).toHaveLength(3)
    expect(await ensure(3)).toMatchObject({ state: 'ready' })
    expect(await cached()).toEqual([0, 2, 3].map((i) => digest(contents[i]!)).sort())
    expect(await inventory[0].collect(AbortSignal.timeout(1000))).toEqual({
      imageCache: { images: 3, usedGiB: 0, maxGiB: 0 },
    })
  })

  test('more than the Cloud lets an image have is refused, and taken when it lets it', async () => {
    // A GiB that nobody sends: the length decides.
    server.script({ content: disk(1), contentLength: 2 ** 30 + 512 })
    const { reconcilers, configure } = imageRole(localSettings({ maxSizeGiB: 1 }))
    const [reconciler] = reconcilers
    const woken: string[] = []
    await reconciler.start({ one: () => undefined, all: () => woken.push('all') }, AbortSignal.timeout(20_000))
    await expect(reconciler.reconcile(documentOf(), contextOf())).rejects.toMatchObject({
      reason: 'ImageTooLarge',
      message: expect.stringMatching(/more than the 1 GiB .* raise spec\.images\.maxSizeGiB of the Cloud/),
    })
    const images = { allowedNetworks: ['127.0.0.0/8'], maxSizeGiB: 2 }
    await configure({ roles: {}, images })
    await configure({ roles: {}, images })
    expect(woken).toEqual(['all'])
    server.script({ content: disk(1) })
    expect(await reconciler.reconcile(documentOf(), contextOf())).toMatchObject({ state: 'ready' })
  })

  test('what the default settings let a cache take is a half of its file system', async () => {
    const settings = localSettings()
    expect([settings.maxCacheBytes(1000), settings.maxImageBytes]).toEqual([500, 64 * 2 ** 30])
  })
})
