// SPDX-License-Identifier: Apache-2.0
// Decides what to do about a machine's power. Pure: from the wanted state, the observed state and the record of what was done.
import type { InstanceSpec } from '../../lib/contract/documents.ts'
import { isPoweredOn, type PowerAction } from './instance-driver.ts'
import type { ActionRecord, Deed, Making } from './action-record.ts'
import { takeAction } from './machine-action.ts'
import type { RebuildSeen } from './rebuild.ts'
import type { CaptureSeen } from './snapshot.ts'
import { isDefinedAsRecorded } from './which-root-disk.ts'
import {
  forgetOldShutdown,
  observePower,
  RAN,
  seenOn,
  SHUTDOWN_GRACE_MS,
  without,
  withoutShutdown,
  type PowerRecord,
  type PowerSeen,
} from './power-record.ts'

export interface PowerInput extends PowerSeen {
  spec: Pick<InstanceSpec, 'runState' | 'restartPolicy' | 'offlineRestart' | 'action' | 'rootDisksGiven'>
  grantedBootId: string
  rebuild?: RebuildSeen | undefined
  /** How far the copy of its root disk is that this process takes; undefined: it takes none. */
  capture?: CaptureSeen | undefined
}

export interface PowerDecision {
  /** Stored before the action is taken. */
  record: PowerRecord
  action?: PowerAction
  /** In place of it. */
  deed?: Deed
  /** In place of it: the disks of a rebuild, or of a rescue. */
  make?: Making
  /** Beside it: the root disk is to be copied from now on. */
  capture?: ActionRecord
  /** Look again after this time even if nothing happens. */
  retryAfterMs?: number
}

const SHUTDOWN_LOOK_MS = 5_000
/** It is defined anew by the next run. */
const SOON_MS = 1
/** A guest that could not even be asked for this long is destroyed like one that did not react: every stop ends. */
const UNSENT_LIMIT_MS = 300_000
const RESTART_FIRST_MS = 2_000
const RESTART_MAX_MS = 300_000
/** After running this long, earlier ends no longer count. */
const STABLE_MS = 600_000
const RESUME_FIRST_MS = 2_000
const RESUME_MAX_MS = 60_000
/** A machine that the host ended is not restarted at once: usually the host is about to end more. */
const HOST_ENDED_HOLD_MS = 15_000
const HOST_STOPPING_LOOK_MS = 10_000

export function decidePower(input: PowerInput): PowerDecision {
  const turn = takeAction({ ...input, record: observePower(input) })
  if (turn.stop) return { record: turn.record, ...turn.stop }
  if (turn.capture) return { record: turn.record, capture: turn.capture }
  if (turn.deed) return { record: turn.record, deed: turn.deed }
  if (turn.holdMs !== undefined) return { record: turn.record, retryAfterMs: turn.holdMs }
  if (turn.make) return { record: turn.record, make: turn.make }
  const { power } = input.instance
  // It goes back to the disk that it had, or was given up right now: it does not start from another one than its record says.
  if (power === 'off' && !isDefinedAsRecorded(input.instance, turn.record))
    return { record: turn.record, retryAfterMs: SOON_MS }
  const decision = decideByRunState({ ...input, record: withdrawShutdown(turn.record, input) })
  const { lookAgainMs } = turn
  if (lookAgainMs === undefined) return decision
  return { ...decision, retryAfterMs: Math.min(lookAgainMs, decision.retryAfterMs ?? lookAgainMs) }
}

function decideByRunState(seen: PowerInput): PowerDecision {
  const { record, spec } = seen
  const { power, startLimitMs } = seen.instance
  if (startLimitMs !== undefined) return decideStarting(seen, startLimitMs)
  switch (spec.runState) {
    case 'Running':
      return decideRunning(seen)
    case 'Stopped':
      return decideStopped(seen)
    case 'Paused':
      if (power === 'paused') return { record }
      if (power === 'sleeping') return { record, action: 'wake' }
      return power === 'running' ? { record, action: 'pause' } : decideStart(seen)
    case 'Suspended':
      // A sleeping guest would still sleep when restored from a save: it is woken first.
      if (power === 'sleeping') return { record, action: 'wake' }
      return isPoweredOn(power) ? { record, action: 'save' } : { record }
    default:
      return spec.runState satisfies never
  }
}

/** A start ordered by a process that is gone, so that nobody would roll it back: it gets the same time limit as any other. */
function decideStarting({ spec, record, nowMs, bootId }: PowerInput, startLimitMs: number): PowerDecision {
  if (spec.runState === 'Stopped') return { record, action: 'off' }
  if (record.phase !== 'starting' || record.startedAtMs === undefined) {
    const next: PowerRecord = { ...record, phase: 'starting', bootId, startedAtMs: nowMs }
    return { record: next, retryAfterMs: startLimitMs }
  }
  const leftMs = record.startedAtMs + startLimitMs - nowMs
  return leftMs > 0 ? { record, retryAfterMs: leftMs } : { record, action: 'off' }
}

function withdrawShutdown(record: PowerRecord, { spec, nowMs }: PowerInput): PowerRecord {
  const isWithdrawn = spec.runState !== 'Stopped' && record.shutdownAskedAtMs !== undefined
  return isWithdrawn ? forgetOldShutdown({ ...record, shutdownWithdrawn: true }, nowMs) : record
}

function decideRunning(input: PowerInput): PowerDecision {
  const { instance, nowMs, record } = input
  if (instance.power === 'running') return { record }
  if (instance.power === 'sleeping') return { record, action: 'wake' }
  if (instance.power === 'paused') return instance.ioError ? decideResume(record, nowMs) : { record, action: 'resume' }
  return decideStart(input)
}

/** The disk may be back: a resumed guest repeats its request, and is paused again at once when the disk still fails. */
function decideResume(record: PowerRecord, nowMs: number): PowerDecision {
  const resumes = record.resumes ?? 0
  const again = backOff(RESUME_FIRST_MS, RESUME_MAX_MS, resumes - 1)
  const leftMs = record.resumedAtMs === undefined ? 0 : record.resumedAtMs + again - nowMs
  if (leftMs > 0) return { record, retryAfterMs: leftMs }
  const next = { ...record, resumes: resumes + 1, resumedAtMs: nowMs }
  return { record: next, action: 'resume', retryAfterMs: backOff(RESUME_FIRST_MS, RESUME_MAX_MS, resumes) }
}

function decideStart(input: PowerInput): PowerDecision {
  const { spec, record, nowMs, instance } = input
  const policy = spec.restartPolicy
  if (record.because === 'GuestStopped' && policy !== 'Always') return { record }
  if ((record.because === 'Crashed' || record.because === 'HostRebooted') && policy === 'Never') return { record }
  // If started now, it would be stopped again in the middle of its boot.
  if (input.hostStopping) return { record, retryAfterMs: HOST_STOPPING_LOOK_MS }
  // Invariant 5: after a reboot of the host only on a newer grant, or when the document allows it because nobody else can run it.
  if (input.grantedBootId !== input.bootId && !spec.offlineRestart) {
    return { record: { ...record, phase: 'off', because: 'HostRebooted' } }
  }
  const ranLong = record.startedAtMs !== undefined && nowMs - record.startedAtMs > STABLE_MS
  const ends = ranLong ? Math.min(record.ends, 1) : record.ends
  const dueMs = notBefore(record, ends, input.bootId)
  if (nowMs < dueMs) return { record, retryAfterMs: dueMs - nowMs }
  const next: PowerRecord = {
    ...without(withoutShutdown(record), 'endedAtMs', 'offBefore'),
    ...lookBefore(instance),
    phase: 'starting',
    bootId: input.bootId,
    ends,
    startedAtMs: nowMs,
  }
  return { record: next, action: 'on' }
}

/** Only a reason that could be mistaken for the end of the new run. */
function lookBefore({ offReason }: PowerInput['instance']): Pick<PowerRecord, 'offBefore'> {
  return offReason !== undefined && RAN.has(offReason) ? { offBefore: offReason } : {}
}

/** The earliest next start in this boot, whatever ended the last run: quick ends are followed by ever later starts. */
function notBefore({ because, startedAtMs, endedAtMs, bootId }: PowerRecord, ends: number, boot: string): number {
  if (because === undefined || because === 'Requested' || bootId !== boot) return 0
  const backOffMs = ends === 0 ? 0 : backOff(RESTART_FIRST_MS, RESTART_MAX_MS, ends)
  const rowMs = startedAtMs === undefined ? 0 : startedAtMs + backOffMs
  const holdMs = because === 'HostRebooted' && endedAtMs !== undefined ? endedAtMs + HOST_ENDED_HOLD_MS : 0
  return Math.max(rowMs, holdMs)
}

function decideStopped({ instance, record, nowMs }: PowerInput): PowerDecision {
  if (instance.power === 'off') return { record: { ...lastingOf(record), phase: 'off', because: 'Requested', ends: 0 } }
  // A guest that is not running cannot be asked to shut down.
  if (instance.power !== 'running') return { record, action: 'off' }
  const { shutdownAskedAtMs, shutdownSentAtMs } = record
  if (shutdownAskedAtMs === undefined || record.shutdownWithdrawn) {
    const asked = { ...withoutShutdown(record), shutdownAskedAtMs: nowMs }
    return { record: asked, action: 'shutdown', retryAfterMs: SHUTDOWN_LOOK_MS }
  }
  const endMs =
    shutdownSentAtMs === undefined ? shutdownAskedAtMs + UNSENT_LIMIT_MS : shutdownSentAtMs + SHUTDOWN_GRACE_MS
  const leftMs = endMs - nowMs
  if (leftMs <= 0) return { record, action: 'off' }
  // Asked again: a guest that was still booting missed the request, or an agent was killed before it asked.
  return { record, action: 'shutdown', retryAfterMs: Math.min(leftMs, SHUTDOWN_LOOK_MS) }
}

/** The record after an action has succeeded. Pure. */
export function afterAction(record: PowerRecord, action: PowerAction, nowMs: number): PowerRecord {
  if (action === 'on') return seenOn(record)
  if (action !== 'shutdown') return record
  return record.shutdownSentAtMs === undefined ? { ...record, shutdownSentAtMs: nowMs } : record
}

const LASTING = [
  ...([
    'restarts',
    'restartedAfter',
    'actions',
    'actionsLost',
    'rootDisk',
    'rootDisksSettled',
    'rescue',
    'hasSpareDisks',
    'hasCaptures',
  ] as const),
]
type Lasting = Pick<PowerRecord, (typeof LASTING)[number]>

function lastingOf(record: PowerRecord): Lasting {
  return Object.fromEntries(LASTING.flatMap((field) => (record[field] === undefined ? [] : [[field, record[field]]])))
}

function backOff(firstMs: number, maxMs: number, times: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(times, 20))
}
