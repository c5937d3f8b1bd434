// SPDX-License-Identifier: Apache-2.0
// What a node keeps of a machine's power, and what it makes of what it sees now. Pure.
import type { BackendInstance, OffReason } from './instance-driver.ts'
import { isPoweredOn } from './instance-driver.ts'

/** `HostRebooted`: the host ended it, by a reboot, a shutdown or a signal to its process; never the guest by itself. */
export const STOPPED_BECAUSE = ['Requested', 'GuestStopped', 'Crashed', 'HostRebooted'] as const
export type StoppedBecause = (typeof STOPPED_BECAUSE)[number]
/** Nobody asked for it: the restart policy answers. */
export type OwnEnd = Exclude<StoppedBecause, 'Requested'>

/** Kept on the node: a hypervisor forgets why a machine is off when its daemon restarts. */
export interface PowerRecord {
  /** `starting`: the order was given, nobody saw it on yet. */
  phase: 'new' | 'starting' | 'on' | 'off'
  /** Boot of the host in which it was started last. */
  bootId?: string
  because?: StoppedBecause
  /** Ends in a row that nobody asked for, and the last start: a machine that ends at once, however, is not started in a circle. */
  ends: number
  startedAtMs?: number
  /** What the end of the run before looked like when the start was ordered: that look is no news of this run. */
  offBefore?: OffReason
  /** When it was found off. */
  endedAtMs?: number
  shutdownAskedAtMs?: number
  /** When the guest was first asked, as against when that was decided: from here on it has its time. */
  shutdownSentAtMs?: number
  /** It is wanted on again; when it goes off soon, that was still what was asked for. */
  shutdownWithdrawn?: true
  /** How often it was started after such an end, since it was made here; and which the last one was. */
  restarts?: number
  restartedAfter?: OwnEnd
  /** Since a disk failed: how often it was let on again, and when last. */
  resumes?: number
  resumedAtMs?: number
}

export const NEW_RECORD: PowerRecord = { phase: 'new', ends: 0 }

/** What happened to a machine is told by these. */
export interface PowerSeen {
  bootId: string
  /** The host is on its way down: what ends now, it ends. */
  hostStopping: boolean
  instance: Pick<BackendInstance, 'power' | 'offReason' | 'ioError' | 'startLimitMs'>
  record: PowerRecord
  nowMs: number
}

/** A guest that was asked to shut down does so within this time, or not because of that. */
export const SHUTDOWN_GRACE_MS = 60_000
/** A machine that ran so long after its disk failed begins a new row. */
const HEALED_MS = 60_000

/** The record, brought up to date with what is seen. */
export function observePower(before: PowerSeen): PowerRecord {
  const seen = { ...before, record: forgetOldShutdown(before.record, before.nowMs) }
  const { instance, record, bootId, nowMs } = seen
  const { power } = instance
  if (power === 'saved') return { ...withoutShutdown(record), phase: 'off', because: 'Requested' }
  // Somebody's start is under way: nothing ran yet.
  if (instance.startLimitMs !== undefined) return record
  if (isPoweredOn(power)) {
    const next: PowerRecord = { ...seenOn(record), bootId }
    const isHealed = power === 'running' && nowMs - (record.resumedAtMs ?? nowMs) > HEALED_MS
    return isHealed ? without(next, 'resumes', 'resumedAtMs') : next
  }
  if (!hasEnded(seen)) return record
  const because = whyOff(seen)
  return {
    ...without(withoutShutdown(counted(record)), 'offBefore', 'resumes', 'resumedAtMs'),
    phase: 'off',
    because,
    endedAtMs: nowMs,
    ends: endsInARow(record, because, bootId),
  }
}

/** The record of one that was seen on, or whose start has succeeded. */
export function seenOn(record: PowerRecord): PowerRecord {
  return { ...without(counted(record), 'because', 'endedAtMs', 'offBefore'), phase: 'on' }
}

export function withoutShutdown(record: PowerRecord): PowerRecord {
  return without(record, 'shutdownAskedAtMs', 'shutdownSentAtMs', 'shutdownWithdrawn')
}

/** Wanted again, and on for so long since: when it goes off now, nobody has asked for it. */
export function forgetOldShutdown(record: PowerRecord, nowMs: number): PowerRecord {
  const { shutdownWithdrawn, shutdownAskedAtMs = 0, shutdownSentAtMs = shutdownAskedAtMs } = record
  return shutdownWithdrawn && nowMs - shutdownSentAtMs > SHUTDOWN_GRACE_MS ? withoutShutdown(record) : record
}

/** A reboot of the host is none of the machine's. */
function endsInARow(record: PowerRecord, because: StoppedBecause, bootId: string): number {
  if (because === 'Requested') return record.ends
  return record.bootId === bootId ? record.ends + 1 : 0
}

/** A start that was seen through, or seen to end, and that an end of its own had gone before. */
function counted(record: PowerRecord): PowerRecord {
  const { phase, because, restarts = 0 } = record
  if (phase !== 'starting' || because === undefined || because === 'Requested') return record
  return { ...record, restarts: restarts + 1, restartedAfter: because }
}

/** Looks of something that ran. */
export const RAN: ReadonlySet<OffReason> = new Set(['guest', 'host', 'crashed'])

/** Whether it was on since it was looked at last. A start that nobody saw through counts when something ran and ended since. */
function hasEnded({ instance, record }: PowerSeen): boolean {
  if (record.phase === 'on') return true
  const { offReason = 'unknown' } = instance
  return record.phase === 'starting' && offReason !== record.offBefore && RAN.has(offReason)
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
