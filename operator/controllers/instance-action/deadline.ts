// SPDX-License-Identifier: Apache-2.0
import type { InstanceAction } from '../../../lib/api/types.ts'

/** What a node that works needs for the slowest of them, but for the time of the guest: it gives up a start after five minutes. */
const DEFAULT_SECONDS = 600
/** As the node has it (agents/compute/machine-action.ts). */
const SOFT_TIMEOUT_SECONDS = 120

/** Until when one that has begun may go on. Pure. */
export function deadlineOf({ spec, status, metadata }: InstanceAction): { ms: number; seconds: number } {
  const seconds = spec.activeDeadlineSeconds ?? DEFAULT_SECONDS + guestSeconds(spec)
  return { ms: Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '') + seconds * 1000, seconds }
}

function guestSeconds(spec: InstanceAction['spec']): number {
  if (spec.type !== 'Reboot' || isHard(spec)) return 0
  return spec.reboot?.softTimeoutSeconds ?? SOFT_TIMEOUT_SECONDS
}

export function isHard({ type, reboot }: InstanceAction['spec']): boolean {
  return type === 'Reboot' && reboot?.type === 'Hard'
}
