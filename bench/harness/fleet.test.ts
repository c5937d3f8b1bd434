// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fleet } from './fleet.ts'

let dir: string
let fleet: Fleet | undefined
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleet-'))
})
afterEach(async () => {
  await fleet?.stop()
  await rm(dir, { recursive: true, force: true })
})

const config = { nodes: [], tokenDir: '', address: { servers: [], caFile: '' }, isHeld: false }

/** Agents that do as this program says. */
async function start(program: string): Promise<Fleet> {
  const file = join(dir, 'program.mjs')
  await writeFile(file, program)
  fleet = await Fleet.start(dir, config, file)
  return fleet
}
const CONNECTED = 'process.send({ connected: true }); process.on("message", () => process.send({ beats: 7 }));'

test('agents whose process ends after they were connected are a failure, with its code', async () => {
  const { failed } = await start(`${CONNECTED} setTimeout(() => process.exit(3), 50)`)
  await expect(failed).rejects.toThrow('the fake agents failed: their process ended with 3')
})

test('agents whose process is killed are a failure', async () => {
  const { failed, pid } = await start(CONNECTED)
  process.kill(pid, 'SIGKILL')
  await expect(failed).rejects.toThrow('their process ended with SIGKILL')
})

test('an agent that says that it is lost is a failure, and whoever waits for an answer hears of it', async () => {
  const lost = 'process.on("message", () => process.send({ lost: "fake-1: its connection was closed" }));'
  const lone = await start(`process.send({ connected: true }); ${lost}`)
  await expect(lone.countBeats()).rejects.toThrow('fake-1: its connection was closed')
  await expect(lone.failed).rejects.toThrow('fake-1: its connection was closed')
})

test('agents that end before they are connected do not start', async () => {
  await expect(start('process.exit(5)')).rejects.toThrow('their process ended with 5')
})

test('agents that are stopped have not failed', async () => {
  const stopped = await start(CONNECTED)
  expect(await stopped.countBeats()).toBe(7)
  await stopped.stop()
  const outcome = await Promise.race([stopped.failed.catch(() => 'failed'), Promise.resolve('nothing')])
  expect(outcome).toBe('nothing')
})
