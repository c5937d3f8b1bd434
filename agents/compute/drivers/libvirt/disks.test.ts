// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { exec } from '../../../../lib/exec.ts'
import { instanceWant } from '../testing.ts'
import { diskPaths } from './disk-paths.ts'
import { readQcow2Size } from './disk-size.ts'
import { ensureDisks } from './disks.ts'

const GIB = 2 ** 30
let dataDir: string
let calls: string[]
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'nephele-disks-'))
  calls = []
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const signal = new AbortController().signal
/** qemu-img, as far as the header goes. */
const run = (async (argv: readonly string[]) => {
  calls.push(argv[1] ?? '')
  const path = argv.at(-2) ?? ''
  const header = Buffer.alloc(104)
  header.writeUInt32BE(0x514649fb, 0)
  header.writeBigUInt64BE(BigInt(argv.at(-1) ?? 0), 24)
  await writeFile(path, header)
  return { stdout: '', stderr: '' }
}) as unknown as typeof exec

async function ensure(gib: number, more: { ephemeralGiB?: number; swapMiB?: number } = {}, isDefined = true) {
  const want = instanceWant({ root: { sha256: 'ab'.repeat(32), format: 'qcow2', sizeBytes: gib * GIB }, ...more })
  const at = diskPaths({ dataDir, runDir: dataDir }, { ...want, uid: 'u1' })
  calls = []
  await ensureDisks({ ...want, uid: 'u1' }, at, isDefined, run, signal)
  return at
}

test('disks grow with the machine’s size and never shrink; what has it is not touched', async () => {
  const at = await ensure(2, { ephemeralGiB: 1 }, false)
  expect(calls).toEqual(['create', 'create'])
  await ensure(2, { ephemeralGiB: 1 })
  expect(calls).toEqual([])
  await ensure(5, { ephemeralGiB: 3 })
  expect(calls).toEqual(['resize', 'resize'])
  expect([await readQcow2Size(at.root), await readQcow2Size(at.ephemeral)]).toEqual([5 * GIB, 3 * GIB])
  await ensure(1, { ephemeralGiB: 1 })
  expect(calls).toEqual([])
  expect(await readQcow2Size(at.root)).toBe(5 * GIB)
})

test('swap of another size is made anew, and goes with a size without one', async () => {
  const at = await ensure(1, { swapMiB: 1 }, false)
  await writeFile(at.swap, Buffer.alloc(2 ** 20, 7))
  await ensure(1, { swapMiB: 1 })
  expect((await readFile(at.swap))[0]).toBe(7)
  await ensure(1, { swapMiB: 2 })
  expect((await stat(at.swap)).size).toBe(2 * 2 ** 20)
  expect((await readFile(at.swap)).subarray(4086, 4096).toString()).toBe('SWAPSPACE2')
  await ensure(1, { swapMiB: 0 })
  await expect(stat(at.swap)).rejects.toMatchObject({ code: 'ENOENT' })
})

test.each([
  ['absent', undefined, undefined],
  ['cut off', Buffer.alloc(20), undefined],
  ['of another format', Buffer.alloc(104), undefined],
])('the size of a disk that is %s is not known', async (_, content, size) => {
  const path = join(dataDir, 'disk')
  if (content) await writeFile(path, content)
  expect(await readQcow2Size(path)).toBe(size)
})
