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
  return { ...action, stage: 'finished', stageAtMs: nowMs, result: 'Succeeded' }
}

export function failed(action: ActionRecord, reason: string, message: string, nowMs: number): ActionRecord {
  return { ...action, stage: 'finished', stageAtMs: nowMs, result: 'Failed', reason, message }
}

export function unknown(action: ActionRecord, message: string, nowMs: number): ActionRecord {
  return { ...action, stage: 'finished', stageAtMs: nowMs, result: 'Unknown', message }
}

export function put(record: PowerRecord, action: ActionRecord): PowerRecord {
  const others = (record.actions ?? []).filter(({ uid }) => uid !== action.uid)
  return { ...record, actions: [...others, action].slice(-MOST_REMEMBERED) }
}

/** What was lost was not this document's. */
export function found(record: PowerRecord): PowerRecord {
  return record.actionsLost ? without(record, 'actionsLost') : record
}
