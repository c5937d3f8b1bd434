// SPDX-License-Identifier: Apache-2.0
// Archives of strangers, and those of the tar that backups are made with.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import { depthOf } from './json-depth.ts'
import { readArchive } from './read-archive.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'nephele-read-archive-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const VERSION = { path: 'metadata/version', text: '1.1.0' }
const FLAVOR = 'resources/flavors.nephele.dev/cluster/small.json'
const flavor = (name: string, more: object = {}) =>
  JSON.stringify({ apiVersion: 'nephele.dev/v1alpha1', kind: 'Flavor', metadata: { name }, ...more })
const BOUNDS = { entries: 1000, fileBytes: 4096, totalBytes: 1_000_000, keptBytes: 20_000 }

interface Entry {
  path: string
  text?: string
  type?: string
  /** Instead of the text's. */
  size?: number
}

function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, text = '', type = '0', size = Buffer.byteLength(text) }) => {
    const header = Buffer.alloc(512)
    header.write(path, 0, 100)
    header.write(size.toString(8).padStart(11, '0'), 124)
    header.write(type, 156)
    header.write('ustar\u000000', 257)
    header.fill(' ', 148, 156)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512)
    body.write(text)
    return [header, body]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function write(entries: readonly Entry[]): string {
  const file = join(folder, 'a.tar.gz')
  writeFileSync(file, gzipSync(tarOf(entries)))
  return file
}

const read = (entries: readonly Entry[]) => readArchive(write(entries), BOUNDS)

test('objects of ours are read, copies by version and what others have are passed over', async () => {
  const found = await read([
    { path: './metadata/', type: '5' },
    { path: './metadata/version', text: '1.1.0' },
    { path: FLAVOR, text: flavor('small') },
    { path: 'resources/flavors.nephele.dev/v1alpha1-preferredversion/cluster/small.json', text: 'not read' },
    { path: 'resources/pods/namespaces/team/p.json', text: 'not read' },
  ])
  expect(found.map(({ kind, object }) => [kind.kind, object.metadata.name])).toEqual([['Flavor', 'small']])
})

test('names as long as they may be, as tar writes them', async () => {
  const name = 'x'.repeat(200)
  const objects = ['metadata/version', `resources/flavors.nephele.dev/cluster/${name}.json`]
  for (const path of objects) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), path.endsWith('.json') ? flavor(name) : '1.1.0')
  }
  for (const format of ['gnu', 'pax'] as const) {
    const file = join(folder, `${format}.tar.gz`)
    await exec(
      [
        'tar',
        '--create',
        '--gzip',
        `--format=${format}`,
        '--file',
        file,
        '--directory',
        folder,
        'metadata',
        'resources',
      ],
      { timeoutMs: 10_000 },
    )
    expect((await readArchive(file)).map(({ object }) => object.metadata.name)).toEqual([name])
  }
})

test('a link made by tar', async () => {
  mkdirSync(join(folder, 'metadata'))
  symlinkSync('/etc/passwd', join(folder, 'metadata/version'))
  const file = join(folder, 'l.tar.gz')
  await exec(['tar', '--create', '--gzip', '--file', file, '--directory', folder, 'metadata'], { timeoutMs: 10_000 })
  await expect(readArchive(file)).rejects.toThrow('links and devices are in no backup')
})

const deep = (depth: number) => flavor('small').replace(/}$/, `,"spec":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`)

test.each<[string, Entry[], string]>([
  ['a path that leads out', [VERSION, { path: 'resources/../../etc/passwd', text: 'x' }], 'leads out of it'],
  ['a path from the root', [VERSION, { path: '/etc/passwd', text: 'x' }], 'leads out of it'],
  ['the other slash', [VERSION, { path: 'resources\\..\\x', text: 'x' }], 'leads out of it'],
  ['a symlink', [VERSION, { path: FLAVOR, type: '2' }], 'no file and no folder'],
  ['a hard link', [VERSION, { path: FLAVOR, type: '1' }], 'no file and no folder'],
  ['a device', [VERSION, { path: FLAVOR, type: '3' }], 'no file and no folder'],
  ['a large object', [VERSION, { path: FLAVOR, text: 'x'.repeat(5000) }], 'more than an object can have'],
  ['one that says it is larger than it is', [VERSION, { path: FLAVOR, text: 'x', size: 4000 }], 'ends in the middle'],
  ['a size below zero', [VERSION, { path: FLAVOR, size: -8 }], 'a size that is no number'],
  ['a huge name', [VERSION, { path: 'x', type: 'L', size: 8 ** 10 }], 'longer than any can be'],
  [
    'a header that never ends',
    [VERSION, { path: 'x', type: 'x', text: '9 path=x\n' + '0 ' }],
    'a header in it is broken',
  ],
  [
    'a size in a second header',
    [VERSION, { path: 'x', type: 'x', text: '16 size=1000000\n' }],
    'larger than any object',
  ],
  ['too many entries', Array.from({ length: 1001 }, (_, n) => ({ path: `x${n}` })), 'more than 1000 entries'],
  ['deep JSON', [VERSION, { path: FLAVOR, text: deep(60) }], 'nested deeper'],
  ['no JSON', [VERSION, { path: FLAVOR, text: '{' }], 'is no JSON'],
  ['another kind', [VERSION, { path: FLAVOR, text: flavor('small').replace('"Flavor"', '"Volume"') }], 'is no Flavor'],
  ['no object', [VERSION, { path: FLAVOR, text: '[]' }], 'is no Flavor'],
  ['a spec that is none', [VERSION, { path: FLAVOR, text: flavor('small', { spec: 'x' }) }], 'is no Flavor'],
  [
    'a namespace of one that has none',
    [VERSION, { path: FLAVOR, text: flavor('small', { metadata: { name: 'small', namespace: 'x' } }) }],
    'than its path',
  ],
  ['a name that is none', [VERSION, { path: FLAVOR, text: flavor('../x') }], 'than its path'],
  [
    'the same twice',
    [VERSION, { path: FLAVOR, text: flavor('small') }, { path: FLAVOR, text: flavor('small') }],
    'twice',
  ],
  ['no backup', [{ path: FLAVOR, text: flavor('small') }], 'no backup'],
])('%s', (_, entries, message) => expect(read(entries)).rejects.toThrow(message))

test('more objects than are kept', async () => {
  const many = Array.from({ length: 20 }, (_, n) => ({
    path: `resources/flavors.nephele.dev/cluster/f${n}.json`,
    text: flavor(`f${n}`, { spec: { a: 'x'.repeat(2000) } }),
  }))
  await expect(read([VERSION, ...many])).rejects.toThrow('more than 20000 bytes of objects')
})

test('a bomb is left before it is unpacked', async () => {
  const file = join(folder, 'bomb.tar.gz')
  writeFileSync(file, gzipSync(tarOf([VERSION, { path: 'x', text: '\0'.repeat(50_000_000) }])))
  const before = process.memoryUsage().rss
  await expect(readArchive(file, BOUNDS)).rejects.toThrow('unpacks to more than 1000000 bytes')
  expect(process.memoryUsage().rss - before).toBeLessThan(30_000_000)
})

test('what is no archive', async () => {
  const file = join(folder, 'a')
  writeFileSync(file, 'text')
  await expect(readArchive(file)).rejects.toThrow('not compressed by gzip')
  writeFileSync(file, gzipSync('x'.repeat(512)))
  await expect(readArchive(file)).rejects.toThrow('no tar archive')
  writeFileSync(file, gzipSync(tarOf([VERSION])).subarray(0, 40))
  await expect(readArchive(file)).rejects.toThrow('or broken')
  await expect(readArchive(join(folder, 'none'))).rejects.toThrow('no such file')
  await expect(readArchive(folder)).rejects.toThrow('is a folder')
})

test.each([
  ['1', 0],
  ['{"a":[1,{}]}', 3],
  ['"[[["', 0],
  [String.raw`{"a":"\"[["}`, 1],
])('the depth of %s is %d', (text, depth) => expect(depthOf(text)).toBe(depth))
