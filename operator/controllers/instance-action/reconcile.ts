// SPDX-License-Identifier: Apache-2.0
import { INSTANCE_ACTION } from '../../../lib/api/kinds.ts'
import type { InstanceAction } from '../../../lib/api/types.ts'
import type { ObservedAction } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isOlder } from '../../kind/is-older.ts'
import { findAbsence } from '../../placed/absence.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { expire, finish as markFinished, isFinished, ttlMsOf } from '../common/finished.ts'
import { deadlineOf } from './deadline.ts'
import { recallPassword } from './given.ts'
import { instanceKeyOf } from './kind.ts'
import { findUnready } from './unready.ts'

type Status = NonNullable<InstanceAction['status']>
type Deps = Pick<OperatorDeps, 'adminPasswords' | 'bus' | 'caches'>
type ActionRun = Pick<Run, 'client' | 'signal' | 'now' | 'event'>
type Finished = Extract<NonNullable<Status['state']>, 'Succeeded' | 'Failed' | 'Cancelled'>

/** How long it waits, once it is its turn, for a machine that is not there or not ready: it must not happen when nobody expects it any more. */
const PATIENCE_MS = 60_000
const DEFAULT_TTL_SECONDS = 604_800
/** Of a condition. */
const MOST_CHARACTERS = 1024

/** Pending until it is its turn and its machine is ready; Running once that is written, from where on its node may do it; and one of three ends. */
export async function reconcileInstanceAction(action: InstanceAction, deps: Deps, run: ActionRun): Promise<Outcome> {
  if (action.metadata.deletionTimestamp !== undefined) return done
  if (isFinished(action)) return expire(action, INSTANCE_ACTION, run, DEFAULT_TTL_SECONDS)
  const status = (action.status ??= {})
  status.state ??= 'Pending'
  const outcome = await (status.state === 'Running' ? follow(action, deps, run) : begin(action, deps, run))
  if (isFinished(action)) deps.adminPasswords.forget(action.metadata.uid)
  return outcome
}

async function begin(action: InstanceAction, deps: Deps, run: ActionRun): Promise<Outcome> {
  if (action.spec.cancel === true)
    return finish(action, 'Cancelled', { reason: 'Cancelled', message: 'given up before it began' }, run)
  const ahead = findAhead(action, deps)
  if (ahead) {
    const what = `InstanceAction ${ahead.metadata.name} (${ahead.spec.type}, ${ahead.status?.state ?? 'Pending'})`
    return waitFor('ActionInProgress', `one at a time is done to a machine: waiting for ${what}`)
  }
  const leftMs = turnOf(action, deps) + PATIENCE_MS - run.now.getTime()
  const waitAWhile = (outcome: Outcome): Outcome => {
    if (outcome.kind !== 'wait') return outcome
    const { retryAfterMs = leftMs } = outcome
    return leftMs <= 0
      ? finish(action, 'Failed', outcome, run)
      : { ...outcome, retryAfterMs: Math.min(leftMs, retryAfterMs) }
  }
  const key = instanceKeyOf(action)
  const machine = deps.caches.instances.findByKey(key)
  if (!machine) {
    const message = `Instance ${key} in spec.instanceRef does not exist: create it, and this goes on by itself`
    return waitAWhile(waitFor('InstanceNotFound', message))
  }
  if (machine.metadata.deletionTimestamp !== undefined)
    return waitAWhile(waitFor('InstanceDeleting', `Instance ${key} in spec.instanceRef is being deleted`))
  const unready = findUnready(action, machine)
  if (unready?.isFinal) return finish(action, 'Failed', unready, run)
  if (unready) return waitAWhile(waitFor(unready.reason, unready.message))
  const { node = '', epoch = 0 } = machine.status ?? {}
  const absent = findAbsence(node, { held: 'the machine', noun: 'InstanceAction' }, deps)
  if (absent) return waitAWhile(absent)
  const lacks = await findLacking(action, { node, instanceUID: machine.metadata.uid }, deps, run)
  if (lacks) return waitAWhile(lacks)
  Object.assign((action.status ??= {}), {
    ...{ state: 'Running', startTime: run.now.toISOString() },
    ...{ node, epoch, instanceUID: machine.metadata.uid },
  } satisfies Status)
  // Written before the machine's document says it.
  return saved
}

/** Why what it needs beside the machine cannot be had. */
async function findLacking(
  action: InstanceAction,
  place: { node: string; instanceUID: string },
  { adminPasswords, caches }: Deps,
  run: ActionRun,
): Promise<Outcome | undefined> {
  if (action.spec.type !== 'SetAdminPassword') return undefined
  const sealingKey = caches.computeNodes.find(undefined, place.node)?.status?.sealingKey
  return adminPasswords.prepare(action, { ...place, sealingKey }, run)
}

/** One that has begun, or that was made before. */
function findAhead(action: InstanceAction, { caches }: Deps): InstanceAction | undefined {
  const others = caches.instanceActions
    .listBy('instance', instanceKeyOf(action))
    .filter(({ metadata }) => metadata.uid !== action.metadata.uid)
  return (
    others.find(({ status }) => status?.state === 'Running') ??
    others.find((other) => isOlder(other, action) && other.metadata.deletionTimestamp === undefined)
  )
}

/** Since when nothing is ahead of it. */
function turnOf(action: InstanceAction, { caches }: Deps): number {
  const ends = caches.instanceActions
    .listBy('finishedOf', instanceKeyOf(action))
    .map(({ status }) => Date.parse(status?.completionTime ?? ''))
  return Math.max(Date.parse(action.metadata.creationTimestamp ?? ''), ...ends.filter((ms) => !Number.isNaN(ms)))
}

async function follow(action: InstanceAction, deps: Deps, run: ActionRun): Promise<Outcome> {
  const status = (action.status ??= {})
  const { node = '', epoch = 0, instanceUID } = status
  const report = deps.bus.observed.find('instance', instanceUID ?? '', node)
  const said = report?.facts.action?.uid === action.metadata.uid ? report.facts.action : undefined
  if (said) status.steps = said.steps
  if (said?.result !== undefined) return finishAs(action, said, run)
  const machine = deps.caches.instances.findByKey(instanceKeyOf(action))
  const gone = whyGone(machine, { node, epoch, instanceUID })
  if (gone !== undefined) return finishUnknown(action, `${gone}: whether it was done is not known`, run)
  const { ms, seconds } = deadlineOf(action)
  const leftMs = ms - run.now.getTime()
  if (leftMs <= 0) {
    const message = `node ${node} has not said within ${seconds} s what came of it${afterLast(status)}: it may have been done`
    return finishUnknown(action, message, run)
  }
  const outcome = await whileRunning(
    action,
    { isBegun: said !== undefined, trouble: report?.error?.message },
    deps,
    run,
  )
  if (outcome.kind !== 'wait') return outcome
  return { ...outcome, retryAfterMs: Math.min(leftMs, outcome.retryAfterMs ?? leftMs) }
}

/** @param said what the node has said of it, and of its machine */
async function whileRunning(
  action: InstanceAction,
  said: { isBegun: boolean; trouble: string | undefined },
  deps: Deps,
  run: ActionRun,
): Promise<Outcome> {
  const { node = '', instanceUID = '' } = action.status ?? {}
  const absent = findAbsence(node, { held: 'the machine', noun: 'InstanceAction' }, deps)
  if (absent) return absent
  if (!said.isBegun && !(await recallPassword(action, deps))) {
    const lacks = await findLacking(action, { node, instanceUID }, deps, run)
    if (lacks) return whileLacking(action, lacks, run)
  }
  const why = said.trouble === undefined ? '' : `; of the machine it says: ${said.trouble}`
  const how = said.isBegun ? `node ${node} is at it${afterLast(action.status)}` : `waiting for node ${node} to begin`
  return waitFor('ActionRunning', `${how}${why}`.slice(0, MOST_CHARACTERS))
}

function afterLast(status: Status | undefined): string {
  const last = status?.steps?.at(-1)?.name
  return last === undefined ? '' : `, after ${last}`
}

/** The bus has lost it, and the Secret is not what it was: the node may have been told before. */
function whileLacking(action: InstanceAction, lacks: Outcome, run: ActionRun): Outcome {
  if (lacks.kind !== 'wait') return lacks
  const leftMs = Date.parse(action.status?.startTime ?? '') + PATIENCE_MS - run.now.getTime()
  if (leftMs > 0) return { ...lacks, retryAfterMs: Math.min(leftMs, lacks.retryAfterMs ?? leftMs) }
  const message = `${lacks.message}; the node may have been told before: whether it was done is not known`
  return finishUnknown(action, message.slice(0, MOST_CHARACTERS), run)
}

function finishUnknown(action: InstanceAction, message: string, run: ActionRun): Outcome {
  return finish(action, 'Failed', { reason: 'OutcomeUnknown', message }, run)
}

function whyGone(
  machine:
    { metadata: { uid: string; deletionTimestamp?: string }; status?: { node?: string; epoch?: number } } | undefined,
  { node, epoch, instanceUID }: { node: string; epoch: number; instanceUID: string | undefined },
): string | undefined {
  if (machine?.metadata.uid !== instanceUID) return 'the machine is gone'
  if (machine?.metadata.deletionTimestamp !== undefined) return 'the machine is being deleted'
  if (machine?.status?.node !== node || (machine.status.epoch ?? 0) !== epoch)
    return `the machine has left node ${node}`
  return undefined
}

function finishAs(action: InstanceAction, { result, reason, message }: ObservedAction, run: ActionRun): Outcome {
  if (result === 'Succeeded') return finish(action, 'Succeeded', { reason: 'Succeeded', message: 'done' }, run)
  const unsaid = 'the node does not say why'
  const why = { reason: result === 'Unknown' ? 'OutcomeUnknown' : (reason ?? 'Failed'), message: message ?? unsaid }
  return finish(action, 'Failed', why, run)
}

function finish(
  action: InstanceAction,
  state: Finished,
  { reason, message }: { reason: string; message: string },
  { now, event }: ActionRun,
): Outcome {
  markFinished(action, state, now)
  const { type, instanceRef, requestedBy } = action.spec
  const by = requestedBy === undefined ? '' : `, asked for by ${requestedBy},`
  const note = `${type} of Instance ${instanceRef.name}${by}: ${message}`.slice(0, MOST_CHARACTERS)
  event({ type: state === 'Failed' ? 'Warning' : 'Normal', reason: state, action: action.spec.type, note })
  return state === 'Succeeded'
    ? { kind: 'done', retryAfterMs: ttlMsOf(action, DEFAULT_TTL_SECONDS) }
    : waitFor(reason, message, ttlMsOf(action, DEFAULT_TTL_SECONDS))
}
