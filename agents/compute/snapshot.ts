// SPDX-License-Identifier: Apache-2.0
// What of an action is a Snapshot's alone: a copy of the root disk, which is taken beside what the machine does (docs/decisions/0079). Pure.
import type { CapturedDisk, MachineAction } from '../../lib/contract/documents.ts'
import type { ActionRecord } from './action-record.ts'
import { whyTooLate } from './action-refusals.ts'
import { failed, put, stepped, succeeded } from './action-results.ts'
import { isPoweredOn, type BackendInstance } from './instance-driver.ts'
import type { PowerRecord } from './power-record.ts'

/** Of the copy that this process takes. `steps`: what was done of it. */
export type CaptureSeen = { steps: readonly string[] } &
  // In line behind those of other machines.
  (
    | { state: 'waiting' }
    // Until its disk is free the machine does not start: what is read then are its own files.
    | { state: 'running'; isDiskFree?: true }
    | { state: 'done'; captured: CapturedDisk }
    | { state: 'failed'; reason: string; message: string }
  )

export interface CaptureTurn {
  record: PowerRecord
  /** It begins now. */
  capture?: ActionRecord
  /** The machine stays off until then. */
  holdMs?: number
  lookAgainMs?: number
}

interface Seen {
  record: PowerRecord
  nowMs: number
  spec: { action?: Pick<MachineAction, 'uid' | 'notAfter'> | undefined }
  instance: Pick<BackendInstance, 'power'>
  capture?: CaptureSeen | undefined
}

/** It tells by itself when it is over. */
const LOOK_MS = 10_000

/** Recorded before anything of it is done. */
export function startCapturing(seen: Seen, action: ActionRecord): CaptureTurn {
  const capturing: ActionRecord = { ...action, stage: 'capturing', stageAtMs: seen.nowMs }
  return { record: put({ ...seen.record, hasCaptures: true }, capturing), capture: capturing }
}

/** In stage `capturing`. One that was interrupted is not taken again: it would be of another moment. */
export function goOnCapturing({ record, nowMs, spec, instance, capture }: Seen, started: ActionRecord): CaptureTurn {
  const action = (capture?.steps ?? []).reduce((before, name) => stepped(before, name, nowMs), started)
  const end = (reason: string, message: string) => ({ record: put(record, failed(action, reason, message, nowMs)) })
  if (spec.action?.uid !== action.uid) return end('Cancelled', 'it is not asked for any more')
  switch (capture?.state) {
    case 'done':
      return { record: put(record, { ...succeeded(action, nowMs), captured: capture.captured }) }
    case 'failed':
      return end(capture.reason, capture.message)
    case 'waiting':
    case 'running': {
      const late = capture.state === 'waiting' && whyTooLate(spec.action, nowMs)
      if (late) return end(late.reason, late.message)
      const going = action === started ? record : put(record, action)
      const isFree = isPoweredOn(instance.power) || capture.state === 'waiting' || capture.isDiskFree === true
      return isFree ? { record: going, lookAgainMs: LOOK_MS } : { record: going, holdMs: LOOK_MS }
    }
    case undefined:
      return end('SnapshotInterrupted', 'the agent of the node was started anew while it copied the disk')
    default:
      return capture satisfies never
  }
}
