// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { BusMemory } from '../bus/bus.ts'
import type { Caches } from '../kind/row.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How long an administrator may need to look through what a restore left on nodes. */
const AFTER_RESTORE_MS = 7 * DAY_MS
/** An unnoticed restore begins with a new leader, and that proves it within seconds if it can be proved at all. */
const AFTER_LEADER_MS = HOUR_MS

export interface RestoreDeps {
  bus: { memory: BusMemory }
  caches: Pick<Caches, 'clouds'>
}

/**
 * How much longer it is plausible that resources and bus lost machines that nodes run (docs/decisions/0028). Any of these opens the window:
 *
 * | what                                                                 | lasts    |
 * |----------------------------------------------------------------------|----------|
 * | the present incarnation: the Cloud is new, or was restored           | 7 days   |
 * | the bus's streams were made: it lost all that it held, or is new     | 7 days   |
 * | this leadership                                                      | one hour |
 *
 * Pure. @returns milliseconds; 0 when the window is closed
 */
export function restoreWindowMs(deps: RestoreDeps, now: Date): number {
  const leaderMs = deps.bus.memory.followedFrom.getTime() + AFTER_LEADER_MS - now.getTime()
  return Math.max(knownLossWindowMs(deps, now), leaderMs)
}

/** The same without the leadership, which tells of no loss. Pure. @returns milliseconds; 0 when the window is closed */
export function knownLossWindowMs({ bus, caches }: RestoreDeps, now: Date): number {
  const since = caches.clouds.find(undefined, CLOUD_NAME)?.status?.incarnationSince
  const { madeAt } = bus.memory
  const ends = [
    since === undefined ? 0 : Date.parse(since) + AFTER_RESTORE_MS,
    madeAt === undefined ? 0 : madeAt.getTime() + AFTER_RESTORE_MS,
  ]
  return Math.max(0, Math.max(...ends) - now.getTime())
}
