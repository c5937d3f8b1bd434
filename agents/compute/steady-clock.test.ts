// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { openSteadyClock } from './steady-clock.ts'

const HOUR = 3_600_000
let dir: string
let wallMs = 0
let monotonicMs = 0
const clocks = { wallMs: () => wallMs, monotonicMs: () => monotonicMs }
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-clock-')
  wallMs = 100 * HOUR
  monotonicMs = 1_000
})
afterEach(() => rm(dir, { recursive: true }))

test('what sets the host’s clock makes no hours, neither in this agent nor in the next of this boot', async () => {
  const first = await openSteadyClock(dir, 'b1', clocks)
  expect(first()).toBe(100 * HOUR)
  wallMs -= 2 * HOUR
  monotonicMs += 5_000
  expect(first()).toBe(100 * HOUR + 5_000)
  const next = await openSteadyClock(dir, 'b1', clocks)
  wallMs += 7 * HOUR
  monotonicMs += 1_000
  expect(next()).toBe(100 * HOUR + 6_000)
  expect(first()).toBe(next())
})

test('the first of a boot makes the folder that the reboot took', async () => {
  const runDir = join(dir, 'run', 'nephele')
  const first = await openSteadyClock(runDir, 'b1', clocks)
  wallMs += HOUR
  expect((await openSteadyClock(runDir, 'b1', clocks))()).toBe(first())
})

test('another boot, or a file that cannot be read, begins with the time as it is', async () => {
  await openSteadyClock(dir, 'b1', clocks)
  wallMs += HOUR
  monotonicMs = 3
  expect((await openSteadyClock(dir, 'b2', clocks))()).toBe(101 * HOUR)
  await writeFile(join(dir, 'clock.json'), '{"bootId":"b2"')
  wallMs += HOUR
  expect((await openSteadyClock(dir, 'b2', clocks))()).toBe(102 * HOUR)
})
