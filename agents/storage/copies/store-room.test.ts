// SPDX-License-Identifier: Apache-2.0
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { makeMemoryFolder } from '../../../lib/memory-folder.ts'
import { KEEP_FREE_BYTES, StoreRoom } from './store-room.ts'

const MIB = 2 ** 20
const full = { reason: 'StoreFull' }
let dir: string
let free: number
let room: StoreRoom
const draft = (name: string) => join(dir, name)

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-room-')
  free = KEEP_FREE_BYTES + 10 * MIB
  room = new StoreRoom(async () => free)
})
afterEach(() => rm(dir, { recursive: true }))

test('what one file was promised, another is not; it is again once that is over', async () => {
  await room.reserve(draft('a'), 6 * MIB)
  await expect(room.reserve(draft('b'), 6 * MIB)).rejects.toMatchObject(full)
  await room.reserve(draft('b'), 4 * MIB)
  await expect(room.reserve(draft('b'), 1)).rejects.toMatchObject(full)
  room.release(draft('a'))
  await room.reserve(draft('b'), 6 * MIB)
})

test('of two at the same time not both are let in', async () => {
  const asked = await Promise.allSettled(['a', 'b'].map((name) => room.reserve(draft(name), 6 * MIB)))
  expect(asked.some(({ status }) => status === 'rejected')).toBe(true)
})

test('what is written of it is not counted twice, nor what there was before', async () => {
  await writeFile(draft('a'), '')
  await truncate(draft('a'), 2 * MIB)
  await room.reserve(draft('a'), 6 * MIB)
  await truncate(draft('a'), 5 * MIB)
  free -= 3 * MIB
  await room.reserve(draft('b'), 4 * MIB)
  await expect(room.reserve(draft('c'), 1)).rejects.toMatchObject(full)
})

test('another store has its own', async () => {
  await mkdir(draft('other'))
  await room.reserve(draft('a'), 10 * MIB)
  await room.reserve(draft('other/a'), 10 * MIB)
})
