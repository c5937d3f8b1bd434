// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../lib/time/until.ts'
import { writeHealth } from './health-file.ts'
import { PresenceWatch, showPresence } from './presence.ts'

const QUICK = { graceMs: 200, retryMs: 10 }
let folder: string
let stop: AbortController
let ending: Promise<void>[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'presence-'))
  stop = new AbortController()
  ending = []
})
afterEach(async () => {
  stop.abort()
  await Promise.all(ending)
  await rm(folder, { recursive: true, force: true })
})

function watch() {
  const said: (string | undefined)[] = []
  const presence: PresenceWatch = new PresenceWatch(folder, () => said.push(presence.awaySince), QUICK)
  ending.push(presence.run(stop.signal))
  return { presence, said, untilAway: () => until(() => presence.awaySince, 'away', 5000, 10) }
}
/** `end`, as of its process: those who have come are let go. */
async function start(): Promise<{ end: () => void }> {
  const server = await showPresence(folder)
  const open = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => open.add(socket))
  return {
    end: () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

test('one that ends is away after a while, since when it ended, and is back when another comes', async () => {
  const first = await start()
  const { presence, said, untilAway } = watch()
  await sleep(2 * QUICK.graceMs)
  expect(said).toEqual([])
  first.end()
  await untilAway()
  expect(said).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)])
  await start()
  await until(() => presence.awaySince === undefined || undefined, 'back', 5000, 10)
  expect(said).toHaveLength(2)
})

test('a restart is no news, nor is an upgrade, in which the next one is there before the first goes', async () => {
  const first = await start()
  const { said } = watch()
  await sleep(50)
  first.end()
  await sleep(QUICK.graceMs / 4)
  const second = await start()
  await sleep(2 * QUICK.graceMs)
  const third = await start()
  second.end()
  await sleep(2 * QUICK.graceMs)
  expect(said).toEqual([])
  third.end()
})

test('one that never came is away', async () => {
  const { untilAway } = watch()
  await untilAway()
})

test('of one from before there was a socket nothing is said', async () => {
  await writeHealth(folder, { from: 'node', upstreams: [] })
  const { said } = watch()
  await sleep(3 * QUICK.graceMs)
  expect(said).toEqual([])
})

test('what is no socket is nobody', async () => {
  await writeFile(join(folder, 'present.sock'), '')
  const { untilAway } = watch()
  await untilAway()
})
