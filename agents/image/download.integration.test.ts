// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { download, type DownloadRequest } from './download.ts'
import { DEFAULT_SOURCE_LIMITS } from './source.ts'
import { startMisbehavingServer, type MisbehavingServer } from './testing/misbehaving-server.ts'

const content = randomBytes(3 * 1024 * 1024)
const changed = randomBytes(3 * 1024 * 1024)
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const sha256 = digest(content)

let dir: string
let server: MisbehavingServer
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-download-'))
  server = await startMisbehavingServer()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

const request = (more: Partial<DownloadRequest> = {}): DownloadRequest => ({
  uid: 'image-1',
  url: server.url(),
  sha256,
  partialPath: join(dir, 'part'),
  maxBytes: 2 ** 30,
  limits: { ...DEFAULT_SOURCE_LIMITS, idleTimeoutMs: 1000, connectTimeoutMs: 1000 },
  addresses: { allowedNetworks: ['127.0.0.0/8'], ownAddresses: () => [] },
  signal: AbortSignal.timeout(20_000),
  reserve: async () => undefined,
  onProgress: () => undefined,
  ...more,
})
const partial = () => readFile(join(dir, 'part'))
const outcome = async (more: Partial<DownloadRequest> = {}): Promise<string> => {
  try {
    return (await download(request(more))).sha256
  } catch (error) {
    if (error instanceof TerminalError) return `terminal ${error.reason}`
    if (error instanceof TransientError) return `transient ${error.reason}`
    throw error
  }
}

test('streams to disk and tells progress', async () => {
  server.script({ content, etag: '"1"' })
  const seen: number[] = []
  expect(await download(request({ onProgress: (p) => seen.push(p) }))).toEqual({ sha256, sizeBytes: content.length })
  expect((await partial()).equals(content)).toBe(true)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(seen.at(-1)).toBe(99)
})

describe('goes on where it ended', () => {
  test.each([
    ['with an ETag', { etag: '"1"' }, '"1"'],
    ['with Last-Modified', { lastModified: 'Tue, 01 Jul 2025 00:00:00 GMT' }, 'Tue, 01 Jul 2025 00:00:00 GMT'],
    [
      'with Last-Modified beside a weak ETag',
      { etag: 'W/"1"', lastModified: 'Tue, 01 Jul 2025 00:00:00 GMT' },
      'Tue, 01 Jul 2025 00:00:00 GMT',
    ],
  ])('%s', async (_name, validators, ifRange) => {
    server.script({ content, ...validators, cutAfter: 1_000_000 }, { content, ...validators })
    expect(await outcome()).toBe('transient ImageSourceUnavailable')
    const kept = (await partial()).length
    expect(kept).toBeGreaterThan(0)
    expect(await outcome()).toBe(sha256)
    expect(server.seen[1]).toMatchObject({ range: `bytes=${kept}-`, ifRange })
    expect((await partial()).equals(content)).toBe(true)
  })

  test('from the start where the source gives no validator', async () => {
    server.script({ content, cutAfter: 1_000_000 }, { content })
    await outcome()
    expect(await outcome()).toBe(sha256)
    expect(server.seen[1]?.range).toBeUndefined()
  })

  test('from the start where the source knows no ranges', async () => {
    server.script({ content, etag: '"1"', cutAfter: 1_000_000 }, { content, etag: '"1"', noRanges: true })
    await outcome()
    expect(await outcome()).toBe(sha256)
  })

  test('and finds that nothing was missing', async () => {
    server.script({ content, etag: '"1"' })
    await outcome()
    expect(await outcome()).toBe(sha256)
    expect(server.seen[1]?.range).toBe(`bytes=${content.length}-`)
  })
})

test('a killed process loses nothing of what arrived', async () => {
  server.script({ content, etag: '"1"', stallAfter: 2_000_000 }, { content, etag: '"1"' })
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'testing/download-child.ts'), server.url(), join(dir, 'part'), sha256],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  for await (const chunk of child.stdout) if (Number(String(chunk).trim().split('\n').at(-1)) >= 60) break
  child.kill('SIGKILL')
  await once(child, 'exit')
  const kept = (await partial()).length
  expect(kept).toBeGreaterThan(1_000_000)
  expect(await outcome()).toBe(sha256)
  expect(server.seen[1]?.range).toBe(`bytes=${kept}-`)
})

describe('content that changes between ranges', () => {
  test('by an honest source: begins anew with the new one', async () => {
    server.script({ content, etag: '"1"', cutAfter: 1_000_000 }, { content: changed, etag: '"2"' })
    await outcome({ sha256: digest(changed) })
    expect(await outcome({ sha256: digest(changed) })).toBe(digest(changed))
  })
  test('by one that ignores If-Range but says so: begins anew at once', async () => {
    server.script({ content, etag: '"1"', cutAfter: 1_000_000 }, { content: changed, etag: '"2"', ignoreIfRange: true })
    await outcome({ sha256: digest(changed) })
    expect(await outcome({ sha256: digest(changed) })).toBe(digest(changed))
    expect(server.seen).toHaveLength(3)
  })
  test('by one that lies: the mixture is thrown away, only a transfer in one piece is judged', async () => {
    server.script({ content, etag: '"1"', cutAfter: 1_000_000 }, { content: changed, etag: '"1"' })
    await outcome()
    expect(await outcome()).toBe('transient ImageSourceUnavailable')
    expect(await outcome()).toBe('terminal ImageDigestMismatch')
    server.script({ content, etag: '"3"' })
    expect(await outcome()).toBe(sha256)
  })
  test('under another URL: nothing of the first is used', async () => {
    server.script({ content, etag: '"1"', cutAfter: 1_000_000 }, { content: changed, etag: '"1"' })
    await outcome()
    expect(await outcome({ url: server.url('/other'), sha256: digest(changed) })).toBe(digest(changed))
  })
})

describe('what sources do', () => {
  test.each([
    ['404', { status: 404 }, 'transient ImageNotFound'],
    ['410', { status: 410 }, 'transient ImageNotFound'],
    ['403', { status: 403 }, 'transient ImageSourceUnavailable'],
    ['503', { status: 503 }, 'transient ImageSourceUnavailable'],
    ['500', { status: 500 }, 'transient ImageSourceUnavailable'],
    ['stalls', { stallAfter: 1000 }, 'transient ImageSourceUnavailable'],
    ['cut off', { cutAfter: 1000 }, 'transient ImageSourceUnavailable'],
    ['cut off in chunks', { cutAfter: 1000, chunked: true }, 'transient ImageSourceUnavailable'],
    ['says too long a length', { contentLength: content.length + 1 }, 'transient ImageSourceUnavailable'],
    ['encodes', { headers: { 'content-encoding': 'gzip' } }, 'transient ImageSourceUnavailable'],
    ['redirects in a circle', { location: '/image' }, 'transient ImageSourceUnavailable'],
    ['redirects to a file', { location: 'file:///etc/passwd' }, 'transient ImageSourceUnavailable'],
    ['has other bytes', { content: changed }, 'terminal ImageDigestMismatch'],
    ['has a part of the bytes', { content: content.subarray(0, 4096) }, 'terminal ImageDigestMismatch'],
    ['sends in chunks', { chunked: true }, sha256],
  ])('%s', async (_name, behaviour, expected) => {
    server.script({ content, ...behaviour })
    expect(await outcome()).toBe(expected)
  })

  test('404, then there', async () => {
    server.script({ content, status: 404 }, { content })
    expect(await outcome()).toBe('transient ImageNotFound')
    expect(await outcome()).toBe(sha256)
  })
  test('nobody listens', async () => {
    expect(await outcome({ url: 'http://127.0.0.1:1/image' })).toBe('transient ImageSourceUnavailable')
  })
  test('a redirect is followed; credentials stay with whom they were for', async () => {
    await using other = await startMisbehavingServer()
    server.script({ content, location: other.url('/there') })
    other.script({ content })
    expect(await outcome({ url: server.url().replace('//', '//me:secret@') })).toBe(sha256)
    expect(server.seen[0]?.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
    expect(other.seen[0]).toEqual({ path: '/there' })
  })
  test('more than an image may have: refused by its length, and while it streams', async () => {
    server.script({ content })
    expect(await outcome({ maxBytes: 1_000_000 })).toBe('terminal ImageTooLarge')
    server.script({ content, chunked: true })
    expect(await outcome({ maxBytes: 1_000_000 })).toBe('terminal ImageTooLarge')
    expect((await stat(join(dir, 'part'))).size).toBeLessThanOrEqual(1_000_000)
  })
})

describe('where sources lead', () => {
  const strict = { allowedNetworks: [], ownAddresses: () => ['198.51.100.7'] }
  test.each([
    'http://127.0.0.1:1/x',
    'http://[::1]:1/x',
    'http://[::ffff:127.0.0.1]:1/x',
    'http://[64:ff9b::7f00:1]:1/x',
    'http://169.254.169.254/latest/meta-data',
    'http://10.0.0.1:1/x',
    'http://198.51.100.7:1/x',
    'http://0x7f.1/x',
    'http://2130706433/x',
  ])('%s is never asked', async (url) => {
    expect(await outcome({ url, addresses: strict })).toBe('terminal ImageSourceRefused')
  })

  test('a name that leads to the node itself is not asked either, and may lead elsewhere later', async () => {
    server.script({ content })
    const url = server.url().replace('127.0.0.1', 'localhost')
    expect(await outcome({ url, addresses: strict })).toBe('transient ImageSourceRefused')
    expect(server.seen).toEqual([])
  })

  test('nor is what an allowed server redirects to', async () => {
    await using other = await startMisbehavingServer()
    other.script({ content })
    for (const [location, expected] of [
      [other.url('/there').replace('127.0.0.1', '127.0.0.2'), 'terminal ImageSourceRefused'],
      [other.url('/there').replace('127.0.0.1', 'localhost'), 'transient ImageSourceRefused'],
    ] as const) {
      server.script({ content, location })
      const url = server.url().replace('127.0.0.1', '127.0.0.3')
      expect(await outcome({ url, addresses: { ...strict, allowedNetworks: ['127.0.0.3/32'] } })).toBe(expected)
    }
    expect(other.seen).toEqual([])
  })

  test('of bytes inside of allowed networks neither digest nor size is told', async () => {
    server.script({ content: changed })
    const error = await download(request()).catch((e: unknown) => String(e))
    expect(error).toContain('the bytes of the source have another SHA-256')
    expect(error).not.toContain(digest(changed))
    expect(error).not.toContain(String(changed.length))
  })
})

test('neither messages nor files hold what a URL keeps secret', async () => {
  server.script({ content, status: 503 }, { content, etag: '"1"', cutAfter: 1000 })
  const url = server.url('/image?signature=hunter2').replace('//', '//me:hunter2@')
  for (let i = 0; i < 2; i++) {
    const error: unknown = await download(request({ url })).catch((e: unknown) => e)
    expect(String(error)).not.toContain('hunter2')
  }
  expect(await readFile(join(dir, 'part.json'), 'utf8')).not.toContain('hunter2')
})

test('a link in place of the partial file is not followed', async () => {
  await writeFile(join(dir, 'victim'), 'precious')
  await symlink(join(dir, 'victim'), join(dir, 'part'))
  server.script({ content })
  await expect(download(request())).rejects.toThrow('ELOOP')
  expect(await readFile(join(dir, 'victim'), 'utf8')).toBe('precious')
})

test.each(['ENOSPC', 'EDQUOT'])(
  'a disk that is full in the middle (%s) is said to be, as its owner says it',
  async (code) => {
    server.script({ content, etag: '"1"' }, { content, etag: '"1"' })
    let left = 4
    const calls = {
      run: <T>(work: () => Promise<T>): Promise<T> =>
        left-- > 0 ? work() : Promise.reject(Object.assign(new Error('full'), { code })),
    }
    expect(await outcome({ calls })).toBe('transient ImageCacheFull')
    left = 4
    const noRoom = () => new TransientError('StoreFull', 'of another disk')
    expect(await outcome({ calls, noRoom })).toBe('transient StoreFull')
  },
)
