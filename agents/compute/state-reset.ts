// SPDX-License-Identifier: Apache-2.0
import { without, type PowerRecord } from './power-record.ts'

/**
 * The record without what keeps a machine off, or has it wait, because of what failed before: its run state is tried again as for the first time. That
 * the guest shut down by itself is no failure, and how often it was restarted is history. Pure.
 */
export function forgetFailures(record: PowerRecord): PowerRecord {
  const { because } = record
  const hasFailed = because === 'Crashed' || because === 'HostRebooted'
  return {
    ...without(record, 'resumes', 'resumedAtMs', 'endedAtMs'),
    ...(hasFailed ? { because: 'Requested' } : {}),
    ends: 0,
  }
}
