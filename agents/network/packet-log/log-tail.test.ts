// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogTail } from './log-tail.ts'

let dir: string
let file: string
let tail: LogTail
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-tail-'))
  file = join(dir, 'log')
  tail = new LogTail(file)
})
afterEach(async () => {
  await tail.close()
  await rm(dir, { recursive: true })
})
const lines = async () => (await tail.read()).lines

test('what comes after the first look, whole lines alone', async () => {
  await writeFile(file, 'old\n')
  expect(await lines()).toEqual([])
  await appendFile(file, 'one\ntw')
  expect(await lines()).toEqual(['one'])
  await appendFile(file, 'o\nthree\n')
  expect(await lines()).toEqual(['two', 'three'])
  expect(await lines()).toEqual([])
})

test('a file that comes later is read from its beginning', async () => {
  expect(await lines()).toEqual([])
  await writeFile(file, 'one\n')
  expect(await lines()).toEqual(['one'])
})

test('moved away and made anew: the end of the one, and the other', async () => {
  await writeFile(file, '')
  await lines()
  await appendFile(file, 'before\n')
  await rename(file, `${file}.1`)
  await writeFile(file, 'after\n')
  expect(await lines()).toEqual(['before', 'after'])
  await appendFile(file, 'more\n')
  expect(await lines()).toEqual(['more'])
})

test('emptied in its place: from the beginning', async () => {
  await writeFile(file, 'a long line that was there\n')
  await lines()
  await truncate(file)
  await appendFile(file, 'new\n')
  expect(await lines()).toEqual(['new'])
})

test('more than can be read at once is passed over, and a line without end is not kept', async () => {
  await writeFile(file, '')
  await lines()
  await appendFile(file, `${'x'.repeat(99)}\n`.repeat(20_000))
  const read = await tail.read()
  expect(read.isBeyond).toBe(true)
  expect(read.lines.length).toBeLessThan(6_000)
  expect((await tail.read()).isBeyond).toBe(false)
  await appendFile(file, 'y'.repeat(400_000))
  expect(await lines()).toEqual([])
  await appendFile(file, '\nend\n')
  const [cut, end] = await lines()
  expect(cut!.length).toBeLessThanOrEqual(4_096)
  expect(end).toBe('end')
})
