// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once: how far it has come, kept in the machine's power record. Pure. Each step is recorded before it is taken, so
// that after a kill at any point it goes on from there, or is said to be of unknown outcome (docs/decisions/0064).
import { MACHINE_ACTIONS, type MachineAction, type MachineActionType } from '../../lib/contract/documents.ts'
import type { ObservedAction, RunState } from '../../lib/contract/documents.ts'
import type { ActionRecord, Deed } from './action-record.ts'
import { isPoweredOn } from './instance-driver.ts'
import { failed, found, put, stepped, succeeded, unknown } from './action-results.ts'
import { observePower, withoutShutdown, type PowerRecord, type PowerSeen } from './power-record.ts'
import { forgetFailures } from './state-reset.ts'

interface ActionSeen extends PowerSeen {
  spec: { runState: RunState; action?: MachineAction | undefined }
}

/** Why a run did not come to the power of its machine; `isTerminal`: only another document helps. */
export interface ActionTrouble {
  reason: string
  message: string
  isTerminal: boolean
}

interface ActionTurn {
  record: PowerRecord
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
export function toObservedAction({ uid, steps, result, reason, message }: ActionRecord): ObservedAction {
  return {
    ...{ uid, steps },
    ...(result === undefined ? {} : { result }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  }
}

/** The next step of the action under way, or of the one that its document asks for and that was never begun. */
export function takeAction(seen: ActionSeen): ActionTurn {
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
  const { record, lookAgainMs } = takeAction({ ...seen, record: observePower(seen) })
  const starting = findUnderWay(record)
  if (starting?.stage === 'starting' && trouble.isTerminal)
    return { record: put(record, failed(starting, 'StartFailed', toStartFailed(`: ${trouble.message}`), nowMs)) }
  return { record, ...(lookAgainMs === undefined ? {} : { lookAgainMs }) }
}

/** Before all others, since what hangs holds them up; nothing but the record is changed by it, so that it may as well be done twice. */
function resetState({ spec: { action }, record, nowMs }: ActionSeen): PowerRecord | undefined {
  if (action?.type !== 'ResetState' || findAction(record, action.uid)) return undefined
  const late = whyTooLate(action, nowMs)
  if (late) return put(found(record), failed(toRecord(action, nowMs), late.reason, late.message, nowMs))
  const underWay = findUnderWay(record)
  const message = 'it was given up by a ResetState: it may have been done, or not'
  const free = underWay ? put(record, unknown(underWay, message, nowMs)) : record
  return put(forgetFailures(found(free)), succeeded(stepped(toRecord(action, nowMs), 'StateReset', nowMs), nowMs))
}

function giveUp({ record, spec, nowMs }: ActionSeen, { reason, message, isTerminal }: ActionTrouble): PowerRecord {
  const underWay = findUnderWay(record)
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

function toRecord({ uid, type, softTimeoutSeconds, notAfter }: MachineAction, nowMs: number): ActionRecord {
  return {
    ...(notAfter === undefined ? {} : { notAfterMs: Date.parse(notAfter) }),
    ...{ uid, type, steps: [], stage: 'acting', stageAtMs: nowMs },
    softTimeoutMs: softTimeoutSeconds === undefined ? SOFT_TIMEOUT_MS : softTimeoutSeconds * 1000,
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
  const refusal = whyTooLate(asked, nowMs) ?? findRefusal(seen, type)
  if (refusal) return { record: put(seen.record, failed(action, refusal.reason, refusal.message, nowMs)) }
  const deed = DEEDS[type]
  if (deed) return { record: put(seen.record, action), deed: deed.deed }
  const record = withoutShutdown(seen.record)
  if (instance.power === 'off') {
    // As if it had been asked to stop: its restart policy has no say.
    const starting = { ...action, stage: 'starting' as const }
    return goOn({ ...seen, record: put({ ...record, because: 'Requested', ends: 0 }, starting) }, starting)
  }
  const stopping = { ...action, stage: 'stopping' as const }
  return goOn({ ...seen, record: put(record, stopping) }, stopping)
}

/** What was asked for long ago, of a node that was silent since, is expected by nobody. */
function whyTooLate({ notAfter }: MachineAction, nowMs: number): { reason: string; message: string } | undefined {
  if (notAfter === undefined || nowMs <= Date.parse(notAfter)) return undefined
  const message = `it was not begun: its time was over at ${notAfter}, and by the clock of the node it is ${new Date(nowMs).toISOString()}`
  return { reason: 'DeadlineExceeded', message }
}

function findRefusal({ spec, instance }: ActionSeen, type: string): { reason: string; message: string } | undefined {
  if (!MACHINE_ACTIONS.includes(type as MachineActionType))
    return { reason: 'UnsupportedAction', message: `the agent of the node does not know ${type}: update it` }
  if (spec.runState !== 'Running') return otherRunState(spec.runState)
  if (type === 'HardReboot' || instance.power === 'running') return undefined
  const help = type === 'SoftReboot' ? ': a hard reboot ends, and starts, it in any state' : ''
  return { reason: 'InstanceNotRunning', message: `the machine is ${instance.power}${help}` }
}

function otherRunState(runState: RunState): { reason: string; message: string } {
  return { reason: 'RunStateChanged', message: `spec.runState of the machine is ${runState}` }
}

function goOn(seen: ActionSeen, action: ActionRecord): ActionTurn {
  const { record, nowMs, spec } = seen
  if (action.stage === 'acting') {
    const message = 'the agent of the node was interrupted right when it was done: it may have been, or not'
    return { record: put(record, unknown(action, message, nowMs)) }
  }
  if (spec.runState !== 'Running') {
    const { reason, message } = otherRunState(spec.runState)
    return { record: put(record, failed(action, reason, `${message} now, which ended the reboot`, nowMs)) }
  }
  if (seen.instance.startLimitMs !== undefined) return { record }
  return action.stage === 'stopping' ? stop(seen, action) : start(seen, action)
}

function stop(seen: ActionSeen, action: ActionRecord): ActionTurn {
  const { record, nowMs, instance } = seen
  if (instance.power === 'off') {
    const starting: ActionRecord = { ...stepped(action, 'PoweredOff', nowMs), stage: 'starting', stageAtMs: nowMs }
    const off = put({ ...withoutShutdown(record), because: 'Requested', ends: 0 }, starting)
    return start({ ...seen, record: off }, starting)
  }
  const { shutdownAskedAtMs, shutdownSentAtMs } = record
  const isAsked = shutdownAskedAtMs !== undefined
  const endMs = (shutdownSentAtMs ?? shutdownAskedAtMs ?? nowMs) + action.softTimeoutMs
  // A guest that is not running cannot be asked.
  if (action.type === 'SoftReboot' && instance.power === 'running' && nowMs < endMs) {
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
