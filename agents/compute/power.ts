// SPDX-License-Identifier: Apache-2.0
// What to do about a machine's power: pure, from what is wanted, what is seen and what was done last.
import type { InstanceSpec } from '../../lib/contract/documents.ts'
import { isPoweredOn, type PowerAction } from './instance-driver.ts'
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
  spec: Pick<InstanceSpec, 'runState' | 'restartPolicy' | 'offlineRestart'>
  grantedBootId: string
}

export interface PowerDecision {
  /** Written before the action is taken. */
  record: PowerRecord
  action?: PowerAction
  /** Look again after this long though nothing happens. */
  retryAfterMs?: number
}

const SHUTDOWN_LOOK_MS = 5_000
/** A guest that could not even be asked for so long loses its power like one that was: every stop ends. */
const UNSENT_LIMIT_MS = 300_000
const RESTART_FIRST_MS = 2_000
const RESTART_MAX_MS = 300_000
/** A machine that ran this long before it ended begins a new row. */
const STABLE_MS = 600_000
const RESUME_FIRST_MS = 2_000
const RESUME_MAX_MS = 60_000
/** What the host ended is not started at once: most often more of it is to come. */
const HOST_ENDED_HOLD_MS = 15_000
const HOST_STOPPING_LOOK_MS = 10_000

export function decidePower(input: PowerInput): PowerDecision {
  const record = withdrawShutdown(observePower(input), input)
  const seen = { ...input, record }
  const { power, startLimitMs } = input.instance
  if (startLimitMs !== undefined) return decideStarting(seen, startLimitMs)
  switch (input.spec.runState) {
    case 'Running':
      return decideRunning(seen)
    case 'Stopped':
      return decideStopped(seen)
    case 'Paused':
      if (power === 'paused') return { record }
      if (power === 'sleeping') return { record, action: 'wake' }
      return power === 'running' ? { record, action: 'pause' } : decideStart(seen)
    case 'Suspended':
      // What sleeps cannot be saved so that it runs when it comes back.
      if (power === 'sleeping') return { record, action: 'wake' }
      return isPoweredOn(power) ? { record, action: 'save' } : { record }
    default:
      return input.spec.runState satisfies never
  }
}

/** An order of a process that is gone, which nobody would take back: it has the time of any other. */
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

/** A disk that failed may be back; the guest repeats the request when it is let on, and stands again at once when it is not. */
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
  // Started now it would be ended again, in the middle of its boot.
  if (input.hostStopping) return { record, retryAfterMs: HOST_STOPPING_LOOK_MS }
  // Invariant 5: after a reboot of the host only a newer grant, or the document's word that nobody else runs it.
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

/** Only of what could be taken for an end of the run that begins. */
function lookBefore({ offReason }: PowerInput['instance']): Pick<PowerRecord, 'offBefore'> {
  return offReason !== undefined && RAN.has(offReason) ? { offBefore: offReason } : {}
}

/** Whatever ended it, in this boot: quick ends are followed by ever later starts. */
function notBefore({ because, startedAtMs, endedAtMs, bootId }: PowerRecord, ends: number, boot: string): number {
  if (because === undefined || because === 'Requested' || bootId !== boot) return 0
  const backOffMs = ends === 0 ? 0 : backOff(RESTART_FIRST_MS, RESTART_MAX_MS, ends)
  const rowMs = startedAtMs === undefined ? 0 : startedAtMs + backOffMs
  const holdMs = because === 'HostRebooted' && endedAtMs !== undefined ? endedAtMs + HOST_ENDED_HOLD_MS : 0
  return Math.max(rowMs, holdMs)
}

function decideStopped({ instance, record, nowMs }: PowerInput): PowerDecision {
  if (instance.power === 'off') return { record: { ...countsOf(record), phase: 'off', because: 'Requested', ends: 0 } }
  // A machine that does not run its guest cannot shut it down.
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
  // Asked again: a guest that was still booting missed the first time; or it never was, for an agent that ended in between.
  return { record, action: 'shutdown', retryAfterMs: Math.min(leftMs, SHUTDOWN_LOOK_MS) }
}

/** What is known once an action has succeeded. Pure. */
export function afterAction(record: PowerRecord, action: PowerAction, nowMs: number): PowerRecord {
  if (action === 'on') return seenOn(record)
  if (action !== 'shutdown') return record
  return record.shutdownSentAtMs === undefined ? { ...record, shutdownSentAtMs: nowMs } : record
}

function countsOf({ restarts, restartedAfter }: PowerRecord): Pick<PowerRecord, 'restarts' | 'restartedAfter'> {
  return {
    ...(restarts === undefined ? {} : { restarts }),
    ...(restartedAfter === undefined ? {} : { restartedAfter }),
  }
}

function backOff(firstMs: number, maxMs: number, times: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(times, 20))
}
