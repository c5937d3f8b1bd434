// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { FakeClock } from '../../lib/time/fake-clock.ts'
import { showVitalSigns } from './vital-signs.ts'

let folder: string
let warned = 0
const log = { warn: () => void (warned += 1) }
beforeEach(() => void (folder = join(mkdtempSync(join(tmpdir(), 'nephele-signs-')), 'signs')))
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

const files = () => readdirSync(folder).sort()
async function until(is: () => boolean): Promise<void> {
  for (let left = 200; left > 0 && !is(); left--) await setTimeout(10)
}

test('alive is touched at each beat, ready is there while it is, and nothing stays behind', async () => {
  const [clock, end] = [new FakeClock(), new AbortController()]
  let isReady = false
  const shown = showVitalSigns({ folder, isReady: () => isReady, clock, signal: end.signal, log })
  await until(() => clock.pending > 0)
  expect(files()).toEqual(['alive'])
  isReady = true
  await clock.advance(1_000)
  await until(() => files().length === 2 && clock.pending > 0)
  expect(files()).toEqual(['alive', 'ready'])
  utimesSync(join(folder, 'alive'), 1, 1)
  isReady = false
  await clock.advance(9_999)
  expect(statSync(join(folder, 'alive')).mtimeMs).toBe(1_000)
  await clock.advance(1)
  await until(() => files().length === 1 && clock.pending > 0)
  expect([files(), statSync(join(folder, 'alive')).mtimeMs > 1_000]).toEqual([['alive'], true])
  end.abort()
  await shown
  expect(files()).toEqual([])
})

test('what an earlier process left says nothing of this one', async () => {
  const [clock, end] = [new FakeClock(), new AbortController()]
  end.abort()
  mkdirSync(folder)
  writeFileSync(join(folder, 'ready'), '')
  await showVitalSigns({ folder, isReady: () => false, clock, signal: end.signal, log })
  expect(files()).toEqual([])
})

test('what cannot be written is told once and ends nothing; when it can be again, it is', async () => {
  const [clock, end] = [new FakeClock(), new AbortController()]
  writeFileSync(folder, 'a file in its place')
  warned = 0
  const shown = showVitalSigns({ folder, isReady: () => true, clock, signal: end.signal, log })
  for (let beat = 0; beat < 3; beat++) {
    await until(() => clock.pending > 0)
    await clock.advance(10_000)
  }
  expect(warned).toBe(1)
  rmSync(folder)
  await until(() => clock.pending > 0)
  await clock.advance(10_000)
  await until(() => existsSync(folder) && files().length === 2)
  expect(files()).toEqual(['alive', 'ready'])
  end.abort()
  await shown
})
