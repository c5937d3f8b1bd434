// SPDX-License-Identifier: Apache-2.0
// What to do about a machine's power: pure, from what is wanted, what is seen and what was done last.
import type { InstanceSpec } from '../../lib/contract/documents.ts'
import { isPoweredOn, type PowerAction } from './drivers/driver.ts'
import { observePower, SHUTDOWN_GRACE_MS, without, type PowerRecord, type PowerSeen } from './power-record.ts'

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
  const record = observePower(input)
  const seen = { ...input, record }
  const { power } = input.instance
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

function decideRunning(input: PowerInput): PowerDecision {
  const { instance, nowMs } = input
  const record = forgetOldShutdown(input.record, nowMs)
  if (instance.power === 'running') return { record }
  if (instance.power === 'sleeping') return { record, action: 'wake' }
  if (instance.power === 'paused') return instance.ioError ? decideResume(record, nowMs) : { record, action: 'resume' }
  return decideStart({ ...input, record })
}

/** Wanted again before it was off: when it goes off now, that was still what was asked for, and it is started. */
function forgetOldShutdown(record: PowerRecord, nowMs: number): PowerRecord {
  const askedAtMs = record.shutdownAskedAtMs
  return askedAtMs !== undefined && nowMs - askedAtMs > SHUTDOWN_GRACE_MS
    ? without(record, 'shutdownAskedAtMs')
    : record
}

/** A disk that failed may be back; the guest repeats the request when it is let on, and stands again at once when it is not. */
function decideResume(record: PowerRecord, nowMs: number): PowerDecision {
  const resumes = record.resumes ?? 0
  const waitMs = resumes === 0 ? 0 : backOff(RESUME_FIRST_MS, RESUME_MAX_MS, resumes - 1)
  const leftMs = (record.resumedAtMs ?? 0) + waitMs - nowMs
  if (leftMs > 0) return { record, retryAfterMs: leftMs }
  const next = { ...record, resumes: resumes + 1, resumedAtMs: nowMs }
  return { record: next, action: 'resume', retryAfterMs: backOff(RESUME_FIRST_MS, RESUME_MAX_MS, resumes) }
}

function decideStart(input: PowerInput): PowerDecision {
  const { spec, record, nowMs } = input
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
    ...without(record, 'shutdownAskedAtMs', 'endedAtMs'),
    phase: 'starting',
    bootId: input.bootId,
    ends,
    startedAtMs: nowMs,
  }
  return { record: next, action: 'on' }
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
  if (record.shutdownAskedAtMs === undefined) {
    return { record: { ...record, shutdownAskedAtMs: nowMs }, action: 'shutdown', retryAfterMs: SHUTDOWN_LOOK_MS }
  }
  const leftMs = record.shutdownAskedAtMs + SHUTDOWN_GRACE_MS - nowMs
  if (leftMs <= 0) return { record, action: 'off' }
  // Asked again: a guest that was still booting missed the first time.
  return { record, action: 'shutdown', retryAfterMs: Math.min(leftMs, SHUTDOWN_LOOK_MS) }
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
