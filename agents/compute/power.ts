// SPDX-License-Identifier: Apache-2.0
// What to do about a machine's power: pure, from what is wanted, what is seen and what was done last.
import type { InstanceSpec } from '../../lib/contract/documents.ts'
import type { BackendInstance, PowerAction } from './drivers/driver.ts'

export type StoppedBecause = 'Requested' | 'GuestStopped' | 'Crashed' | 'HostRebooted'

/** Kept on the node: a hypervisor forgets why a machine is off when its daemon restarts. */
export interface PowerRecord {
  /** `starting`: the order was given, nobody saw it on yet. */
  phase: 'new' | 'starting' | 'on' | 'off'
  /** Boot of the host in which it was started last. */
  bootId?: string
  because?: StoppedBecause
  /** Crashes in a row, and the last start: a machine that falls over at once is not started in a circle. */
  crashes: number
  startedAtMs?: number
  shutdownAskedAtMs?: number
}

export const NEW_RECORD: PowerRecord = { phase: 'new', crashes: 0 }

export interface PowerInput {
  spec: Pick<InstanceSpec, 'runState' | 'restartPolicy' | 'offlineRestart'>
  bootId: string
  grantedBootId: string
  instance: Pick<BackendInstance, 'power' | 'offReason' | 'ioError'>
  record: PowerRecord
  nowMs: number
}

export interface PowerDecision {
  /** Written before the action is taken. */
  record: PowerRecord
  action?: PowerAction
  /** Look again after this long though nothing happens. */
  retryAfterMs?: number
}

export const SHUTDOWN_GRACE_MS = 60_000
const SHUTDOWN_LOOK_MS = 5_000
const RESTART_FIRST_MS = 2_000
const RESTART_MAX_MS = 300_000
/** A machine that ran this long before it crashed begins a new row. */
const STABLE_MS = 600_000
const RESUME_AFTER_IO_ERROR_MS = 10_000

export function decidePower(input: PowerInput): PowerDecision {
  const seen = observe(input)
  switch (input.spec.runState) {
    case 'Running':
      return decideRunning({ ...input, record: seen })
    case 'Stopped':
      return decideStopped({ ...input, record: seen })
    case 'Paused': {
      const { power } = input.instance
      if (power === 'paused') return { record: seen }
      return power === 'running' ? { record: seen, action: 'pause' } : decideStart({ ...input, record: seen })
    }
    case 'Suspended': {
      const isOn = input.instance.power === 'running' || input.instance.power === 'paused'
      return isOn ? { record: seen, action: 'save' } : { record: seen }
    }
    default:
      return input.spec.runState satisfies never
  }
}

/** The record, brought up to date with what is seen. */
function observe({ instance, record, bootId }: PowerInput): PowerRecord {
  const { power } = instance
  if (power === 'running' || power === 'paused') {
    const next: PowerRecord = { ...record, phase: 'on', bootId }
    delete next.because
    return next
  }
  if (power === 'saved') return { ...withoutShutdown(record), phase: 'off', because: 'Requested' }
  if (record.phase === 'on' || (record.phase === 'starting' && instance.offReason === 'guest')) {
    const because = whyOff(instance, record, bootId)
    return {
      ...withoutShutdown(record),
      phase: 'off',
      because,
      crashes: record.crashes + (because === 'Crashed' ? 1 : 0),
    }
  }
  return record
}

function whyOff(instance: PowerInput['instance'], record: PowerRecord, bootId: string): StoppedBecause {
  if (record.bootId !== bootId) return 'HostRebooted'
  if (record.shutdownAskedAtMs !== undefined) return 'Requested'
  return instance.offReason === 'guest' ? 'GuestStopped' : 'Crashed'
}

function decideRunning(input: PowerInput): PowerDecision {
  const { instance, record } = input
  if (instance.power === 'running') return { record: withoutShutdown(record) }
  if (instance.power === 'paused') {
    // A disk that failed may be back; the guest repeats the request when it is let on.
    if (instance.ioError) return { record, action: 'resume', retryAfterMs: RESUME_AFTER_IO_ERROR_MS }
    return { record, action: 'resume' }
  }
  return decideStart(input)
}

function decideStart(input: PowerInput): PowerDecision {
  const { spec, record, nowMs } = input
  const policy = spec.restartPolicy
  if (record.because === 'GuestStopped' && policy !== 'Always') return { record }
  if ((record.because === 'Crashed' || record.because === 'HostRebooted') && policy === 'Never') return { record }
  // Invariant 5: after a reboot of the host only a newer grant, or the document's word that nobody else runs it.
  if (input.grantedBootId !== input.bootId && !spec.offlineRestart) {
    return { record: { ...record, phase: 'off', because: 'HostRebooted' } }
  }
  const ranLong = record.startedAtMs !== undefined && nowMs - record.startedAtMs > STABLE_MS
  const crashes = ranLong ? Math.min(record.crashes, 1) : record.crashes
  if (record.because === 'Crashed' && record.startedAtMs !== undefined) {
    const dueMs = record.startedAtMs + Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(crashes, 20))
    if (nowMs < dueMs) return { record, retryAfterMs: dueMs - nowMs }
  }
  const next: PowerRecord = {
    ...withoutShutdown(record),
    phase: 'starting',
    bootId: input.bootId,
    crashes,
    startedAtMs: nowMs,
  }
  return { record: next, action: 'on' }
}

function decideStopped({ instance, record, nowMs }: PowerInput): PowerDecision {
  if (instance.power === 'off') return { record: { phase: 'off', because: 'Requested', crashes: 0 } }
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

function withoutShutdown(record: PowerRecord): PowerRecord {
  const next = { ...record }
  delete next.shutdownAskedAtMs
  return next
}
