// SPDX-License-Identifier: Apache-2.0
// How what is done to a machine once goes on and ends in its record. Pure.
import type { ActionRecord } from './action-record.ts'
import { without, type PowerRecord } from './power-record.ts'

/** So many are remembered: an operator that goes back to an earlier one, with a restored store, does not have it repeated. */
const MOST_REMEMBERED = 16

/** Once: a step that is taken again, after a kill in between, is still one. */
export function stepped(action: ActionRecord, name: string, nowMs: number): ActionRecord {
  if (action.steps.some((step) => step.name === name)) return action
  return { ...action, steps: [...action.steps, { name, time: new Date(nowMs).toISOString() }] }
}

export function succeeded(action: ActionRecord, nowMs: number): ActionRecord {
  return { ...finished(action, nowMs), result: 'Succeeded' }
}

export function failed(action: ActionRecord, reason: string, message: string, nowMs: number): ActionRecord {
  return { ...finished(action, nowMs), result: 'Failed', reason, message: `${message}${keptDisk(action)}` }
}

export function unknown(action: ActionRecord, message: string, nowMs: number): ActionRecord {
  return { ...finished(action, nowMs), result: 'Unknown', message: `${message}${keptDisk(action)}` }
}

/** What a disk was to be made from need not be remembered with what was done. */
function finished(action: ActionRecord, nowMs: number): ActionRecord {
  const over: ActionRecord = { ...action, stage: 'finished', stageAtMs: nowMs }
  delete over.rebuild
  delete over.rescue
  delete over.rescueDisk
  return over
}

/** A rebuild, or a rescue, that does not come to its end goes back. */
function keptDisk({ rebuild, rescue, stage }: ActionRecord): string {
  return (rebuild ?? rescue) && (stage === 'rebuilding' || stage === 'starting')
    ? '; the machine keeps the disks that it had'
    : ''
}

export function put(record: PowerRecord, action: ActionRecord): PowerRecord {
  const others = (record.actions ?? []).filter(({ uid }) => uid !== action.uid)
  return { ...record, actions: [...others, action].slice(-MOST_REMEMBERED) }
}

/** What was lost was not this document's. */
export function found(record: PowerRecord): PowerRecord {
  return record.actionsLost ? without(record, 'actionsLost') : record
}
