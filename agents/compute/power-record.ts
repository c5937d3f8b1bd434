// SPDX-License-Identifier: Apache-2.0
// What a node remembers of a machine's power, and how observations change it. Pure.
import type { MachineRescue } from '../../lib/contract/documents.ts'
import type { BackendInstance, OffReason } from './instance-driver.ts'
import type { ActionRecord } from './action-record.ts'
import { isPoweredOn } from './instance-driver.ts'
import type { RootDisk } from './root-disk.ts'

/** `HostRebooted`: the host ended it, by a reboot, a shutdown or a signal to QEMU; the guest did not end by itself. */
export const STOPPED_BECAUSE = ['Requested', 'GuestStopped', 'Crashed', 'HostRebooted'] as const
export type StoppedBecause = (typeof STOPPED_BECAUSE)[number]
/** Unrequested ends, which the restart policy decides about. */
export type OwnEnd = Exclude<StoppedBecause, 'Requested'>

/** Kept on the node: a hypervisor forgets why a machine is off when its daemon restarts. */
export interface PowerRecord {
  /** `starting`: the start was ordered, but the machine has not been seen on yet. */
  phase: 'new' | 'starting' | 'on' | 'off'
  /** The host boot in which it was last started. */
  bootId?: string
  because?: StoppedBecause
  /** Consecutive unrequested ends; with the time of the last start it makes a machine that ends at once start ever later. */
  ends: number
  startedAtMs?: number
  /** The off reason that was seen when the start was ordered: seeing it again does not mean that this run has ended. */
  offBefore?: OffReason
  /** When it was found off. */
  endedAtMs?: number
  shutdownAskedAtMs?: number
  /** When the guest was first asked to shut down (not when that was decided): its grace time starts here. */
  shutdownSentAtMs?: number
  /** The machine is wanted on again; if it goes off soon, the earlier request was the cause. */
  shutdownWithdrawn?: true
  /** How often it was restarted after an unrequested end, since it was made on this node; and the cause of the last one. */
  restarts?: number
  restartedAfter?: OwnEnd
  /** Resumes since a disk failed, and the time of the last one. */
  resumes?: number
  resumedAtMs?: number
  /** What was done to it once, the latest last, and what is under way. */
  actions?: ActionRecord[]
  /** The record could not be read: an action of its document may have been done. */
  actionsLost?: true
  /** Of the last rebuild; absent: its first one. */
  rootDisk?: RootDisk
  /** Up to this number no other root disk will be made any more. */
  rootDisksSettled?: number
  /** What it boots from in place of its root disk, until an Unrescue. */
  rescue?: MachineRescue
  /** There may be disks beside those that it has. */
  hasSpareDisks?: true
  /** There may be copies of its root disk beside them, or the guest's file systems may be frozen for one. */
  hasCaptures?: true
}

export const NEW_RECORD: PowerRecord = { phase: 'new', ends: 0 }

/** The observations that a machine's history is derived from. */
export interface PowerSeen {
  bootId: string
  /** The host is shutting down: it is the cause of what ends now. */
  hostStopping: boolean
  instance: Pick<BackendInstance, 'power' | 'offReason' | 'ioError' | 'startLimitMs' | 'rootDisk' | 'rescueDisk'>
  record: PowerRecord
  nowMs: number
}

/** If a guest that was asked to shut down goes off within this time, the request was the cause. */
export const SHUTDOWN_GRACE_MS = 60_000
/** After running this long, a machine counts as recovered from its failed disk. */
const HEALED_MS = 60_000

/** The record, updated with what is observed. */
export function observePower(before: PowerSeen): PowerRecord {
  const seen = { ...before, record: forgetOldShutdown(before.record, before.nowMs) }
  const { instance, record, bootId, nowMs } = seen
  const { power } = instance
  if (power === 'saved') return { ...withoutShutdown(record), phase: 'off', because: 'Requested' }
  // A start is in progress: nothing has run yet.
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

/** The record of a machine that was seen on, or whose start succeeded. */
export function seenOn(record: PowerRecord): PowerRecord {
  return { ...without(counted(record), 'because', 'endedAtMs', 'offBefore'), phase: 'on' }
}

export function withoutShutdown(record: PowerRecord): PowerRecord {
  return without(record, 'shutdownAskedAtMs', 'shutdownSentAtMs', 'shutdownWithdrawn')
}

/** Forgets a withdrawn shutdown once its grace time is over: if the machine goes off after that, nobody asked for it. */
export function forgetOldShutdown(record: PowerRecord, nowMs: number): PowerRecord {
  const { shutdownWithdrawn, shutdownAskedAtMs = 0, shutdownSentAtMs = shutdownAskedAtMs } = record
  return shutdownWithdrawn && nowMs - shutdownSentAtMs > SHUTDOWN_GRACE_MS ? withoutShutdown(record) : record
}

/** A host reboot does not count against the machine. */
function endsInARow(record: PowerRecord, because: StoppedBecause, bootId: string): number {
  if (because === 'Requested') return record.ends
  return record.bootId === bootId ? record.ends + 1 : 0
}

/** Counts the restart when a start that followed an unrequested end succeeded, or is seen to have ended. */
function counted(record: PowerRecord): PowerRecord {
  const { phase, because, restarts = 0 } = record
  if (phase !== 'starting' || because === undefined || because === 'Requested') return record
  return { ...record, restarts: restarts + 1, restartedAfter: because }
}

/** Off reasons which say that something ran. */
export const RAN: ReadonlySet<OffReason> = new Set(['guest', 'host', 'crashed'])

/** Whether it ran since the last look. A start whose outcome nobody saw counts when something has run and ended since. */
function hasEnded({ instance, record }: PowerSeen): boolean {
  if (record.phase === 'on') return true
  const { offReason = 'unknown' } = instance
  return record.phase === 'starting' && offReason !== record.offBefore && RAN.has(offReason)
}

function whyOff({ instance, record, bootId, hostStopping }: PowerSeen): StoppedBecause {
  if (record.bootId !== bootId) return 'HostRebooted'
  if (record.shutdownAskedAtMs !== undefined) return 'Requested'
  // libvirt-guests asks the guests and systemd kills the rest: both look like ends of another kind.
  if (hostStopping || instance.offReason === 'host') return 'HostRebooted'
  return instance.offReason === 'guest' ? 'GuestStopped' : 'Crashed'
}

export function without(record: PowerRecord, ...fields: (keyof PowerRecord)[]): PowerRecord {
  const dropped = new Set<string>(fields)
  return Object.fromEntries(Object.entries(record).filter(([field]) => !dropped.has(field))) as unknown as PowerRecord
}
