// SPDX-License-Identifier: Apache-2.0
// A real file system that is frozen: whoever writes there waits in the kernel, and nothing calls it back.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exec } from '../../../../lib/exec.ts'
import { until } from '../../../../lib/time/until.ts'
import { createFilePool, type FilePool } from '../../testing/file-pool.ts'

const run = (...argv: [string, ...string[]]) => exec(argv, { timeoutMs: 10_000 })
const signal = () => AbortSignal.timeout(15_000)
/** More than libuv has threads in the process of a test. */
const TRIES = 8
let pool: FilePool
let words: boolean[]

beforeEach(async () => {
  pool = await createFilePool()
  words = []
  const disk = join(pool.dir, 'disk')
  await writeFile(disk, '')
  await truncate(disk, 64 * 2 ** 20)
  await run('mkfs.ext4', '-q', '-F', disk)
  await mkdir(pool.poolPath, { mode: 0o700 })
  await run('mount', '-o', 'loop', disk, pool.poolPath)
})
afterEach(async () => {
  await run('fsfreeze', '-u', pool.poolPath).catch(() => undefined)
  await run('umount', pool.poolPath)
  await pool[Symbol.asyncDispose]()
})

test('a pool whose disk hangs says so, and the agent goes on with all else', async () => {
  const calls = { mostAtOnce: 2, limitMs: 1000, onChange: (answers: boolean) => words.push(answers) }
  const driver = pool.createDriver({ calls })
  const make = (id: string) => driver.ensure({ id, sizeGiB: 1, format: 'raw' }, signal())
  await make('v0')
  const holder = await pool.holder('node-a')
  await driver.export('v0', [{ node: 'node-a', key: holder.key }], signal())
  thawLater(pool.poolPath)
  await run('fsfreeze', '-f', pool.poolPath)

  const made = Array.from({ length: TRIES }, (_, i: number) => make(`v${i + 1}`))
  const results = Promise.allSettled(made)
  const own = join(pool.dir, 'own')
  await inTime(writeFile(own, 'a machine that was started'))
  expect(await inTime(readFile(own, 'utf8'))).toBe('a machine that was started')

  const hung = { status: 'rejected', reason: expect.objectContaining({ reason: 'PoolUnresponsive' }) }
  expect(await inTime(results)).toEqual(made.map(() => hung))
  // What the inventory asks, although this one call would be answered: nothing is placed there.
  await expect(inTime(driver.stats())).rejects.toMatchObject({ reason: 'PoolUnresponsive' })
  await inTime(driver.unexport('v0', signal()))
  expect([words, await pool.pidOf('v0')]).toEqual([[false], undefined])

  await run('fsfreeze', '-u', pool.poolPath)
  await until(() => words.length === 2)
  expect(words).toEqual([false, true])
  expect(await Promise.all([make('v1'), make('v8')])).toMatchObject([{ id: 'v1' }, { id: 'v8' }])
}, 40_000)

/** By a process of its own: without a thread left this one could not even end its test. */
function thawLater(path: string): void {
  const child = spawn('sh', ['-c', 'sleep 12; fsfreeze -u "$1"', 'sh', path], { stdio: 'ignore', detached: true })
  child.unref()
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('not done after 8 s')), 8000).unref()
  })
  return Promise.race([work, late])
}
