// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once: how far it has come, kept in the machine's power record. Pure. Each step is recorded before it is taken, so
// that after a kill at any point it goes on from there, or is said to be of unknown outcome (docs/decisions/0064).
import type { MachineAction } from '../../lib/contract/documents.ts'
import type { ObservedAction, RunState } from '../../lib/contract/documents.ts'
import { numberOf, type ActionRecord, type Deed } from './action-record.ts'
import { isPoweredOn } from './instance-driver.ts'
import { failed, found, put, stepped, succeeded, unknown } from './action-results.ts'
import { observePower, without, withoutShutdown, type PowerRecord, type PowerSeen } from './power-record.ts'
import {
  findRebuilt,
  goOnMaking,
  REBUILD_SHUTDOWN_MS,
  startMaking,
  taken,
  whyNotRebuilt,
  type RebuildSeen,
  type RebuildTurn,
} from './rebuild.ts'
import { goOnCapturing, startCapturing, type CaptureSeen, type CaptureTurn } from './snapshot.ts'
import { settled } from './which-root-disk.ts'
import { findRefusal, isObeyed, otherRunState, whyTooLate } from './action-refusals.ts'
import { forgetFailures } from './state-reset.ts'

interface ActionSeen extends PowerSeen {
  spec: { runState: RunState; action?: MachineAction | undefined; rootDisksGiven?: number | undefined }
  /** Where the next root disk of a rebuild is looked at. */
  rebuild?: RebuildSeen | undefined
  capture?: CaptureSeen | undefined
}

/** Why a run did not come to the power of its machine; `isTerminal`: only another document helps. */
export interface ActionTrouble {
  reason: string
  message: string
  isTerminal: boolean
}

interface ActionTurn extends RebuildTurn, CaptureTurn {
  /** Instead of what the run state asks for. */
  stop?: { action: 'shutdown' | 'off'; retryAfterMs: number }
  deed?: Deed
  /** Beside what the run state asks for. */
  lookAgainMs?: number
}

/** Nova's wait_soft_reboot_seconds. */
const SOFT_TIMEOUT_MS = 120_000
/** After that a machine that does not start is no longer the action's concern: it is tried again, and its own report says why not. */
const START_PATIENCE_MS = 300_000
const LOOK_MS = 5_000
/** So long before its deadline a node says what it knows, instead of leaving it unknown. */
const TELLING_MS = 5_000
/** A machine that has just been cut off is brought up to date with its document by another run before it starts. */
const SOON_MS = 1
export function findAction(
  { actions }: Pick<PowerRecord, 'actions'>,
  uid: string | undefined,
): ActionRecord | undefined {
  return actions?.find((action) => action.uid === uid)
}

export function findUnderWay({ actions }: PowerRecord): ActionRecord | undefined {
  return actions?.find(({ stage }) => stage !== 'finished')
}

/** What the node says of it. */
export function toObservedAction({ uid, steps, result, reason, message, captured }: ActionRecord): ObservedAction {
  return {
    ...{ uid, steps },
    ...(result === undefined ? {} : { result }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(captured === undefined ? {} : { captured }),
  }
}

/** The next step of the action under way, or of the one that its document asks for and that was never begun. */
export function takeAction(seen: ActionSeen): ActionTurn {
  const turn = takeTurn(seen)
  const { record } = turn
  const { action, rootDisksGiven } = seen.spec
  const isAsked = action !== undefined && makesDisk(action) && !findAction(record, action.uid)
  return isAsked || findUnderWay(record) ? turn : { ...turn, record: settled(record, rootDisksGiven) }
}

function makesDisk({ type }: Pick<MachineAction, 'type'>): boolean {
  return type === 'Rebuild' || type === 'Rescue'
}

function takeTurn(seen: ActionSeen): ActionTurn {
  const reset = resetState(seen)
  if (reset) return { record: reset }
  const underWay = findUnderWay(seen.record)
  if (underWay) return goOn(seen, underWay)
  const { record } = seen
  const { action } = seen.spec
  // A start that nobody of us waits for: it is over soon.
  if (!action || findAction(record, action.uid) || seen.instance.startLimitMs !== undefined)
    return { record: action ? record : found(record) }
  return begin(seen, action)
}

/**
 * The same, with what is observed, of a run that did not come to the power of its machine, which is off, or is refused as it is: what began ends in time, and what
 * cannot begin is said.
 */
export function takeActionUnpowered(
  seen: ActionSeen,
  trouble: ActionTrouble,
): Pick<ActionTurn, 'record' | 'lookAgainMs'> {
  const { nowMs } = seen
  const reset = resetState(seen)
  if (reset) return { record: reset }
  if (isPoweredOn(seen.instance.power)) return { record: giveUp(seen, trouble) }
  // Only a run that comes to the power of its machine takes a copy.
  if (isSnapshotAsked(seen) && whyTooLate(seen.spec.action, nowMs) === undefined)
    return { record: seen.record, lookAgainMs: LOOK_MS }
  // Its disks would have been made by this run.
  const wasMaking = findUnderWay(seen.record)?.stage === 'rebuilding'
  const { record, lookAgainMs, holdMs, make } = takeAction({ ...seen, record: observePower(seen) })
  const underWay = findUnderWay(record)
  if (
    trouble.isTerminal &&
    underWay &&
    (underWay.stage === 'starting' || (wasMaking && underWay.stage === 'rebuilding'))
  )
    return { record: put(record, failed(underWay, 'StartFailed', toStartFailed(`: ${trouble.message}`), nowMs)) }
  // The run that follows is one in which they are made.
  const makeMs = wasMaking ? LOOK_MS : SOON_MS
  const againMs = make ? makeMs : (holdMs ?? lookAgainMs)
  return { record, ...(againMs === undefined ? {} : { lookAgainMs: againMs }) }
}

function isSnapshotAsked(seen: ActionSeen): seen is ActionSeen & { spec: { action: MachineAction } } {
  const { action } = seen.spec
  return action?.type === 'Snapshot' && !findUnderWay(seen.record) && !findAction(seen.record, action.uid)
}

/** Before all others, since what hangs holds them up; nothing but the record is changed by it, so that it may as well be done twice. */
function resetState(seen: ActionSeen): PowerRecord | undefined {
  const { nowMs } = seen
  const { action } = seen.spec
  let { record } = seen
  if (action?.type !== 'ResetState' || findAction(record, action.uid)) return undefined
  const late = whyTooLate(action, nowMs)
  if (late) return put(found(record), failed(toRecord(action, nowMs), late.reason, late.message, nowMs))
  const started = findUnderWay(record)
  record = (started && findRebuilt(seen, started)) ?? record
  const underWay = findUnderWay(record)
  const message = 'it was given up by a ResetState: it may have been done, or not'
  const free = underWay ? put(record, unknown(underWay, message, nowMs)) : record
  return put(forgetFailures(found(free)), succeeded(stepped(toRecord(action, nowMs), 'StateReset', nowMs), nowMs))
}

function giveUp(seen: ActionSeen, { reason, message, isTerminal }: ActionTrouble): PowerRecord {
  const { record, spec, nowMs } = seen
  const underWay = findUnderWay(record)
  const rebuilt = underWay && findRebuilt(seen, underWay)
  if (rebuilt) return rebuilt
  const asked = spec.action && !findAction(record, spec.action.uid) ? toRecord(spec.action, nowMs) : undefined
  const action = underWay ?? asked
  return action && isTerminal ? put(record, failed(action, reason, message, nowMs)) : record
}

/** After the call of a deed. @param failure undefined: it was carried out */
export function afterDeed(
  record: PowerRecord,
  failure: { isKnown: boolean; reason: string; message: string } | undefined,
  nowMs: number,
): PowerRecord {
  const action = findUnderWay(record)
  if (action?.stage !== 'acting') return record
  if (!failure) return put(record, succeeded(stepped(action, DEEDS[action.type]?.step ?? 'Done', nowMs), nowMs))
  const { isKnown, reason, message } = failure
  return put(record, isKnown ? failed(action, reason, message, nowMs) : unknown(action, message, nowMs))
}

/** Those that are a call, and the step that it is. */
const DEEDS: Readonly<Record<string, { deed: Deed; step: string }>> = {
  Reset: { deed: 'reset', step: 'Reset' },
  CrashDump: { deed: 'crashDump', step: 'InterruptSent' },
  SetAdminPassword: { deed: 'setAdminPassword', step: 'PasswordSet' },
}

/** For messages. */
const WHAT: Readonly<Record<string, string>> = { Rebuild: 'rebuild', Rescue: 'rescue', Unrescue: 'unrescue' }

function toRecord(asked: MachineAction, nowMs: number): ActionRecord {
  const { uid, type, softTimeoutSeconds, notAfter, rebuild, rescue, rescueDisk, snapshot } = asked
  const usualMs = makesDisk(asked) || type === 'Unrescue' ? REBUILD_SHUTDOWN_MS : SOFT_TIMEOUT_MS
  return {
    ...(type === 'Rebuild' && rebuild ? { rebuild } : {}),
    ...(type === 'Rescue' && rescue ? { rescue } : {}),
    ...(type === 'Unrescue' && rescueDisk !== undefined ? { rescueDisk } : {}),
    ...(snapshot ? { snapshot: { imageUid: snapshot.imageUid, quiesce: snapshot.quiesce } } : {}),
    ...(notAfter === undefined ? {} : { notAfterMs: Date.parse(notAfter) }),
    ...{ uid, type, steps: [], stage: 'acting', stageAtMs: nowMs },
    softTimeoutMs: softTimeoutSeconds === undefined ? usualMs : softTimeoutSeconds * 1000,
  }
}

function begin(seen: ActionSeen, asked: MachineAction): ActionTurn {
  const { nowMs, instance } = seen
  const { type } = asked
  const action = toRecord(asked, nowMs)
  if (seen.record.actionsLost) {
    const message = 'the node’s record of what was done to the machine could not be read: it may have been done before'
    return { record: put(found(seen.record), unknown(action, message, nowMs)) }
  }
  const refusal = whyTooLate(asked, nowMs) ?? findRefusal(seen, asked)
  if (refusal) return { record: put(seen.record, failed(action, refusal.reason, refusal.message, nowMs)) }
  if (type === 'Snapshot') return beginSnapshot(seen, action)
  const deed = DEEDS[type]
  if (deed) return { record: put(seen.record, action), deed: deed.deed }
  const notNow = makesDisk(asked) ? whyNotRebuilt(seen, action, asked) : undefined
  if (notNow?.reason !== undefined)
    return { record: put(seen.record, failed(action, notNow.reason, notNow.message, nowMs)) }
  if (notNow) return { record: seen.record, lookAgainMs: LOOK_MS }
  const record = withoutShutdown(seen.record)
  if (instance.power === 'off') return onceOff(seen, action)
  const stopping = { ...action, stage: 'stopping' as const }
  return goOn({ ...seen, record: put(record, stopping) }, stopping)
}

function beginSnapshot(seen: ActionSeen, action: ActionRecord): ActionTurn {
  if (action.snapshot) return startCapturing(seen, action)
  const message = 'the node was not told what it is for'
  return { record: put(seen.record, failed(action, 'UnsupportedAction', message, seen.nowMs)) }
}

function goOn(seen: ActionSeen, action: ActionRecord): ActionTurn {
  if (action.stage === 'capturing') return goOnCapturing(seen, action)
  const { record, nowMs, spec } = seen
  if (action.stage === 'acting') {
    const message = 'the agent of the node was interrupted right when it was done: it may have been, or not'
    return { record: put(record, unknown(action, message, nowMs)) }
  }
  const rebuilt = findRebuilt(seen, action)
  if (rebuilt) return { record: rebuilt }
  if (!isObeyed(action.type, spec.runState)) {
    const { reason, message } = otherRunState(spec.runState)
    const what = WHAT[action.type] ?? 'reboot'
    return { record: put(record, failed(action, reason, `${message} now, which ended the ${what}`, nowMs)) }
  }
  if (seen.instance.startLimitMs !== undefined) return { record }
  if (action.stage === 'stopping') return stop(seen, action)
  if (action.stage !== 'rebuilding') return spec.runState === 'Running' ? start(seen, action) : staysOff(seen, action)
  if (seen.instance.power === 'off') return goOnMaking(seen, action)
  // It was started by others.
  const stopping: ActionRecord = { ...action, stage: 'stopping', stageAtMs: nowMs }
  return stop({ ...seen, record: put(record, stopping) }, stopping)
}

/** As if it had been asked to stop: its restart policy has no say. */
function onceOff(seen: ActionSeen, action: ActionRecord): ActionTurn {
  const { nowMs } = seen
  const off: PowerRecord = { ...withoutShutdown(seen.record), because: 'Requested', ends: 0 }
  if (numberOf(action) !== undefined) {
    const record = startMaking(off, action, nowMs)
    return goOnMaking({ ...seen, record }, findUnderWay(record) ?? action)
  }
  const starting: ActionRecord = { ...action, stage: 'starting', stageAtMs: nowMs }
  // In one write: there is never a doubt which disk it boots from.
  const next = action.type === 'Unrescue' ? { ...without(off, 'rescue'), hasSpareDisks: true as const } : off
  return goOn({ ...seen, record: put(next, starting) }, starting)
}

/** It is to be off: from which disk it will start is settled. */
function staysOff(seen: ActionSeen, action: ActionRecord): ActionTurn {
  const { record, nowMs, instance } = seen
  // Started by others, from another disk than that which was made.
  if (numberOf(action) !== undefined && isPoweredOn(instance.power)) return start(seen, action)
  return { record: taken(record, action, nowMs) }
}

function stop(seen: ActionSeen, action: ActionRecord): ActionTurn {
  const { record, nowMs, instance } = seen
  if (instance.power === 'off') return onceOff(seen, stepped(action, 'PoweredOff', nowMs))
  const { shutdownAskedAtMs, shutdownSentAtMs } = record
  const isAsked = shutdownAskedAtMs !== undefined
  const endMs = (shutdownSentAtMs ?? shutdownAskedAtMs ?? nowMs) + action.softTimeoutMs
  // A guest that is not running cannot be asked.
  if (action.type !== 'HardReboot' && instance.power === 'running' && nowMs < endMs) {
    const asking = isAsked
      ? record
      : put({ ...record, shutdownAskedAtMs: nowMs }, stepped(action, 'ShutdownAsked', nowMs))
    return { record: asking, stop: { action: 'shutdown', retryAfterMs: Math.min(endMs - nowMs, LOOK_MS) } }
  }
  // That it goes off is wanted: it must not look like an end of its own.
  const forced = put({ ...record, shutdownAskedAtMs: shutdownAskedAtMs ?? nowMs }, stepped(action, 'ForcedOff', nowMs))
  return { record: forced, stop: { action: 'off', retryAfterMs: SOON_MS } }
}

function start({ record, nowMs, instance }: ActionSeen, action: ActionRecord): ActionTurn {
  if (numberOf(action) !== undefined && isPoweredOn(instance.power)) {
    const message = `the machine was started from root disk ${instance.rootDisk ?? 'unknown'} meanwhile, by others`
    return { record: put(record, failed(action, 'StartFailed', message, nowMs)) }
  }
  if (instance.power === 'running') return { record: put(record, succeeded(stepped(action, 'Started', nowMs), nowMs)) }
  const patienceMs = patienceOf(action)
  const leftMs = action.stageAtMs + patienceMs - nowMs
  if (leftMs > 0) return { record, lookAgainMs: leftMs }
  const message = toStartFailed(` within ${Math.round(patienceMs / 1000)} s: its conditions say why`)
  return { record: put(record, failed(action, 'StartFailed', message, nowMs)) }
}

/** From when it was off. After its deadline nobody waits any more. */
function patienceOf({ notAfterMs = Infinity, stageAtMs }: ActionRecord): number {
  const untilDeadlineMs = notAfterMs - TELLING_MS - stageAtMs
  return untilDeadlineMs > 0 ? Math.min(START_PATIENCE_MS, untilDeadlineMs) : START_PATIENCE_MS
}

function toStartFailed(why: string): string {
  return `the machine is off, and has not started${why}`
}
