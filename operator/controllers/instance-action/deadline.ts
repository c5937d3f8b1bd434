// SPDX-License-Identifier: Apache-2.0
import type { InstanceAction } from '../../../lib/api/types.ts'

/** What a node that works needs for the slowest of them, but for the time of the guest: it gives up a start after five minutes. */
const DEFAULT_SECONDS = 600
/** A disk is read, and sent to the nodes of its store. */
const SNAPSHOT_SECONDS = 21_600
/** As the node has it (agents/compute/machine-action.ts). */
const SOFT_TIMEOUT_SECONDS = 120

/** How long one that has begun may go on. Pure. */
export function deadlineSecondsOf({ spec }: InstanceAction): number {
  if (spec.type === 'Snapshot') return spec.activeDeadlineSeconds ?? SNAPSHOT_SECONDS
  return spec.activeDeadlineSeconds ?? DEFAULT_SECONDS + guestSeconds(spec)
}

/** Until when. Pure. */
export function deadlineMsOf(action: InstanceAction): number {
  const { status, metadata } = action
  return Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '') + deadlineSecondsOf(action) * 1000
}

export function leftMsOf(action: InstanceAction, now: Date): number {
  return deadlineMsOf(action) - now.getTime()
}

function guestSeconds(spec: InstanceAction['spec']): number {
  if (spec.type !== 'Reboot' || isHard(spec)) return 0
  return spec.reboot?.softTimeoutSeconds ?? SOFT_TIMEOUT_SECONDS
}

export function isHard({ type, reboot }: InstanceAction['spec']): boolean {
  return type === 'Reboot' && reboot?.type === 'Hard'
}
