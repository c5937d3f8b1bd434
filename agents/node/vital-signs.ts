// SPDX-License-Identifier: Apache-2.0
// What the kubelet's probes ask of the agent, which serves no port of its node: two files in a folder of its pod.
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../lib/log.ts'
import type { Clock } from '../../lib/time/clock.ts'
import { pause } from '../../lib/time/clock.ts'

const BEAT_MS = 10_000

export interface VitalSignsOptions {
  folder: string
  /** Whether it hears the bus and knows its roles. One that fails is the ComputeNode's to say: it must not keep an upgrade from going on. */
  isReady: () => boolean
  clock: Clock
  signal: AbortSignal
  log: Pick<Logger, 'warn'>
}

/**
 * Until the signal aborts: touches `alive` every ten seconds, which a process that is stopped or busy for ever does not; `ready` is there while
 * the agent is. Both are gone in the end. Never rejects: what cannot be written (a full disk) is told once, and is no reason to end an agent,
 * which may be what frees the disk.
 */
export async function showVitalSigns({ folder, isReady, clock, signal, log }: VitalSignsOptions): Promise<void> {
  const [alive, ready] = [join(folder, 'alive'), join(folder, 'ready')]
  let hasFailed = false
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work()
      hasFailed = false
    } catch (err) {
      if (!hasFailed) log.warn({ err, folder }, 'the probes of the kubelet cannot be answered')
      hasFailed = true
    }
  }
  const clear = () => attempt(() => Promise.all([alive, ready].map((file) => rm(file, { force: true }))))
  await clear()
  while (!signal.aborted) {
    await attempt(async () => {
      await mkdir(folder, { recursive: true })
      await writeFile(alive, '')
      const now = new Date()
      await utimes(alive, now, now)
      await (isReady() ? writeFile(ready, '') : rm(ready, { force: true }))
    })
    await pause(clock, isReady() ? BEAT_MS : BEAT_MS / 10, signal)
  }
  await clear()
}
