// SPDX-License-Identifier: Apache-2.0
// Files as qemu-img makes them, and files that are made to keep whoever reads them busy.
import { mkdtemp, open, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import { qemuPrograms } from '../storage/testing/qemu-programs.ts'
import { inspectInWorker } from './inspection.ts'

const MIB = 2 ** 20
let dir: string
let programs: Awaited<ReturnType<typeof qemuPrograms>>
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-inspect-'))
  programs = await qemuPrograms(join(dir, 'bin'))
}, 120_000)
afterAll(() => rm(dir, { recursive: true, force: true }))

const signal = () => AbortSignal.timeout(30_000)
const img = (...args: string[]) => exec([programs['qemu-img'], ...args], { timeoutMs: 30_000 })
const io = (file: string, ...commands: string[]) =>
  exec([programs['qemu-io'], '-f', 'qcow2', ...commands.flatMap((c) => ['-c', c]), file], { timeoutMs: 30_000 })
const sizeOf = async (format: 'raw' | 'qcow2', file: string) =>
  (await inspectInWorker({ path: file, format }, signal())).virtualSizeBytes

describe('what qemu-img makes', () => {
  const SOME = ['write -P 1 0 64k', 'write -P 2 40m 3k', 'write -P 3 1m 100k']
  test.each<[string, string[], string[]]>([
    ['an empty disk', [], []],
    ['a disk with data', [], SOME],
    ['version 2', ['compat=0.10'], SOME],
    ['extended L2 entries', ['extended_l2=on', 'cluster_size=128k'], SOME],
    ['extended L2 entries and nothing in them', ['extended_l2=on'], []],
    ['small clusters', ['cluster_size=512'], SOME],
    ['large clusters', ['cluster_size=2M'], SOME],
    ['extended L2 entries in large clusters', ['extended_l2=on', 'cluster_size=2M'], SOME],
    ['preallocated metadata', ['preallocation=metadata'], SOME],
    ['preallocated metadata, extended', ['preallocation=metadata', 'extended_l2=on'], SOME],
    ['lazy refcounts', ['lazy_refcounts=on'], SOME],
    ['zero clusters', [], [...SOME, 'write -z 2m 1m', 'discard 0 64k']],
  ])('%s is sound', async (_name, options, commands) => {
    const file = join(dir, 'made.qcow2')
    await rm(file, { force: true })
    await img('create', '-q', '-f', 'qcow2', ...options.flatMap((o) => ['-o', o]), file, '64M')
    if (commands.length > 0) await io(file, ...commands)
    await img('check', '-q', '-f', 'qcow2', file)
    expect(await sizeOf('qcow2', file)).toBe(64 * MIB)
  })

  test.each<[string, string[]]>([
    ['converted', []],
    ['compressed', ['-c']],
    ['compressed, extended', ['-c', '-o', 'extended_l2=on']],
    ['compressed by zstd', ['-c', '-o', 'compression_type=zstd']],
    ['extended', ['-o', 'extended_l2=on']],
  ])('%s is sound', async (_name, options) => {
    const [from, file] = [join(dir, 'from.qcow2'), join(dir, 'converted.qcow2')]
    await img('create', '-q', '-f', 'qcow2', from, '64M')
    await io(from, ...SOME)
    await img('convert', '-f', 'qcow2', '-O', 'qcow2', ...options, from, file)
    expect(await sizeOf('qcow2', file)).toBe(64 * MIB)
  })

  test('a disk that was made larger is sound', async () => {
    const file = join(dir, 'grown.qcow2')
    await img('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=4k', file, '1M')
    await img('resize', '-q', '-f', 'qcow2', file, '4G')
    await io(file, 'write -P 1 3g 64k')
    expect(await sizeOf('qcow2', file)).toBe(4096 * MIB)
  })

  test('a file that ends inside its last cluster is sound, as qemu-img check has it; without that cluster it is cut off', async () => {
    const file = join(dir, 'short.qcow2')
    await img('create', '-q', '-f', 'qcow2', file, '64M')
    await io(file, 'write -P 1 0 256k')
    const { size } = await stat(file)
    const last = Math.floor((size - 1) / 65536) * 65536
    await truncate(file, last + 4096)
    await img('check', '-q', '-f', 'qcow2', file)
    expect(await sizeOf('qcow2', file)).toBe(64 * MIB)
    await truncate(file, last)
    await expect(sizeOf('qcow2', file)).rejects.toMatchObject({ reason: 'ImageFormatMismatch' })
  })
})

describe('a file that keeps its reader busy', () => {
  const CLUSTER = 2 * MIB
  /** Every entry of the L1 table names a table: the same one, or each its own. */
  async function bomb(entries: number, distinct: boolean): Promise<string> {
    const path = join(dir, `bomb-${entries}-${distinct}`)
    const head = Buffer.alloc(512)
    head.writeUInt32BE(0x514649fb, 0)
    head.writeUInt32BE(3, 4)
    head.writeUInt32BE(21, 20)
    // What so many entries hold: 2^18 clusters each.
    head.writeBigUInt64BE(BigInt(entries) * 2n ** 39n, 24)
    head.writeUInt32BE(entries, 36)
    head.writeBigUInt64BE(BigInt(2 * CLUSTER), 40)
    head.writeBigUInt64BE(BigInt(CLUSTER), 48)
    head.writeUInt32BE(1, 56)
    head.writeUInt32BE(4, 96)
    head.writeUInt32BE(104, 100)
    const l1 = Buffer.alloc(entries * 8)
    for (let i = 0; i < entries; i++) l1.writeBigUInt64BE(BigInt((distinct ? 3 + i : 3) * CLUSTER), i * 8)
    const file = await open(path, 'w')
    await file.write(head, 0, head.length, 0)
    await file.write(l1, 0, l1.length, 2 * CLUSTER)
    const l2 = Buffer.alloc(CLUSTER)
    for (let i = 0; i < CLUSTER; i += 8) l2.writeBigUInt64BE(BigInt(3 * CLUSTER), i)
    for (let i = 0; i < (distinct ? entries : 1); i++) await file.write(l2, 0, CLUSTER, (3 + i) * CLUSTER)
    await file.close()
    return path
  }

  test('by naming one table many times: it is read once', async () => {
    const startedAt = performance.now()
    // 64 TiB, the largest disk there may be. At 67 ms a table this took 9 s.
    expect(await sizeOf('qcow2', await bomb(128, false))).toBe(2 ** 46)
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  test('by many tables: nobody waits but the inspection, which ends at its deadline', async () => {
    const path = await bomb(64, true)
    const ticks: number[] = []
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      ticks.push(now - last)
      last = now
    }, 5)
    try {
      await expect(inspectInWorker({ path, format: 'qcow2' }, signal(), 120)).rejects.toMatchObject({
        reason: 'ImageInspectionTimedOut',
      })
    } finally {
      clearInterval(timer)
    }
    // The thread of the agent had its turns all the while.
    expect(ticks.length).toBeGreaterThan(5)
  })

  test('whoever stops waiting ends it', async () => {
    const stop = new AbortController()
    const path = await bomb(64, true)
    const inspection = inspectInWorker({ path, format: 'qcow2' }, stop.signal)
    stop.abort(new Error('gone'))
    await expect(inspection).rejects.toThrow('gone')
  })
})
