// SPDX-License-Identifier: Apache-2.0
// What a node keeps of a machine's power, and what it makes of what it sees now. Pure.
import type { BackendInstance } from './drivers/driver.ts'
import { isPoweredOn } from './drivers/driver.ts'

/** `HostRebooted`: the host ended it, by a reboot, a shutdown or a signal to its process; never the guest by itself. */
export const STOPPED_BECAUSE = ['Requested', 'GuestStopped', 'Crashed', 'HostRebooted'] as const
export type StoppedBecause = (typeof STOPPED_BECAUSE)[number]

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
  /** When it was found off. */
  endedAtMs?: number
  shutdownAskedAtMs?: number
  /** Since a disk failed: how often it was let on again, and when last. */
  resumes?: number
  resumedAtMs?: number
}

export const NEW_RECORD: PowerRecord = { phase: 'new', crashes: 0 }

/** What happened to a machine is told by these. */
export interface PowerSeen {
  bootId: string
  /** The host is on its way down: what ends now, it ends. */
  hostStopping: boolean
  instance: Pick<BackendInstance, 'power' | 'offReason' | 'ioError'>
  record: PowerRecord
  nowMs: number
}

/** A guest that was asked to shut down does so within this time, or not because of that. */
export const SHUTDOWN_GRACE_MS = 60_000
/** A machine that ran so long after its disk failed begins a new row. */
const HEALED_MS = 60_000

/** The record, brought up to date with what is seen. */
export function observePower(seen: PowerSeen): PowerRecord {
  const { instance, record, bootId, nowMs } = seen
  const { power } = instance
  if (power === 'saved') return { ...without(record, 'shutdownAskedAtMs'), phase: 'off', because: 'Requested' }
  if (isPoweredOn(power)) {
    const next: PowerRecord = { ...without(record, 'because', 'endedAtMs'), phase: 'on', bootId }
    const isHealed = power === 'running' && nowMs - (record.resumedAtMs ?? nowMs) > HEALED_MS
    return isHealed ? without(next, 'resumes', 'resumedAtMs') : next
  }
  if (!hasEnded(seen)) return record
  const because = whyOff(seen)
  return {
    ...without(record, 'shutdownAskedAtMs', 'resumes', 'resumedAtMs'),
    phase: 'off',
    because,
    endedAtMs: nowMs,
    crashes: record.crashes + (because === 'Crashed' ? 1 : 0),
  }
}

/** Whether it was on since it was looked at last. A start that nobody saw through counts when something ran and ended. */
function hasEnded({ instance, record }: PowerSeen): boolean {
  if (record.phase === 'on') return true
  return record.phase === 'starting' && ['guest', 'host', 'crashed'].includes(instance.offReason ?? 'unknown')
}

function whyOff({ instance, record, bootId, hostStopping }: PowerSeen): StoppedBecause {
  if (record.bootId !== bootId) return 'HostRebooted'
  if (record.shutdownAskedAtMs !== undefined) return 'Requested'
  // libvirt-guests asks the guests, and systemd ends what is left: both look like ends of another kind.
  if (hostStopping || instance.offReason === 'host') return 'HostRebooted'
  return instance.offReason === 'guest' ? 'GuestStopped' : 'Crashed'
}

export function without(record: PowerRecord, ...fields: (keyof PowerRecord)[]): PowerRecord {
  const dropped = new Set<string>(fields)
  return Object.fromEntries(Object.entries(record).filter(([field]) => !dropped.has(field))) as unknown as PowerRecord
}
