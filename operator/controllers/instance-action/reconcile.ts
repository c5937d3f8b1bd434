// SPDX-License-Identifier: Apache-2.0
import { INSTANCE_ACTION } from '../../../lib/api/kinds.ts'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isOlder } from '../../kind/is-older.ts'
import { findAbsence } from '../../placed/absence.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { expire, isFinished } from '../common/finished.ts'
import { leftMsOf } from './deadline.ts'
import {
  afterLast,
  DEFAULT_TTL_SECONDS,
  finish,
  finishAs,
  finishLate,
  finishUnknown,
  MOST_CHARACTERS,
  type ActionRun,
} from './ends.ts'
import { recallPassword } from './given.ts'
import { instanceKeyOf } from './kind.ts'
import { planRebuild, type Planned, type Refusal } from './rebuild.ts'
import { planRescue, planUnrescue, rescueDiskOf } from './rescue.ts'
import { findStateReset, followReset, isStateReset, placeOfReset } from './state-reset.ts'
import { followSnapshot, isSnapshot, planSnapshot } from './snapshot.ts'
import { findUnready } from './unready.ts'
import { whyGone } from './why-gone.ts'

type Status = NonNullable<InstanceAction['status']>
type Deps = Pick<OperatorDeps, 'adminPasswords' | 'bus' | 'caches' | 'scheduler'>

/** How long it waits, once it is its turn, for a machine that is not there or not ready: it must not happen when nobody expects it any more. */
const PATIENCE_MS = 60_000
/** An Image that its machine names may come meanwhile. */
const LOOK_MS = 2_000

/** Pending until it is its turn and its machine is ready; Running once that is written, from where on its node may do it; and one of three ends. */
export async function reconcileInstanceAction(action: InstanceAction, deps: Deps, run: ActionRun): Promise<Outcome> {
  if (action.metadata.deletionTimestamp !== undefined) return done
  if (isFinished(action)) return expire(action, INSTANCE_ACTION, run, DEFAULT_TTL_SECONDS)
  const status = (action.status ??= {})
  status.state ??= 'Pending'
  const outcome = await goOn(action, deps, run)
  if (isFinished(action)) deps.adminPasswords.forget(action.metadata.uid)
  return outcome
}

async function goOn(action: InstanceAction, deps: Deps, run: ActionRun): Promise<Outcome> {
  if (action.status?.state !== 'Running') return begin(action, deps, run)
  if (isSnapshot(action)) return followSnapshot(action, deps, run)
  return isStateReset(action) ? followReset(action, deps, run) : follow(action, deps, run)
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
  if (isStateReset(action)) return give(action, machine, placeOfReset(machine, deps), run)
  const unready = findUnready(action, machine, rescueDiskOf(machine, deps) !== undefined)
  if (unready?.isFinal) return finish(action, 'Failed', unready, run)
  if (unready) return waitAWhile(waitFor(unready.reason, unready.message))
  const { node = '', epoch = 0 } = machine.status ?? {}
  const absent = findAbsence(node, { held: 'the machine', noun: 'InstanceAction' }, deps)
  if (absent) return waitAWhile(absent)
  const lacks = await findLacking(action, { node, instanceUID: machine.metadata.uid }, deps, run)
  if (lacks) return waitAWhile(lacks)
  const plan = isSnapshot(action) ? await planSnapshot(action, machine, deps, run) : planDisk(action, machine, deps)
  if (!('reason' in plan)) return give(action, machine, { node, epoch, ...plan }, run)
  const { reason, message } = plan
  return plan.isFinal ? finish(action, 'Failed', plan, run) : waitAWhile(waitFor(reason, message, LOOK_MS))
}

/** What it is given of disks, if it is about any; or why not. */
function planDisk(action: InstanceAction, machine: Instance, deps: Deps): Planned | Refusal {
  if (action.spec.type === 'Rebuild') return planRebuild(machine, deps)
  if (action.spec.type === 'Rescue') return planRescue(action, machine, deps)
  return action.spec.type === 'Unrescue' ? planUnrescue(machine, deps) : {}
}

/** Written before the machine's document says it. */
function give(
  action: InstanceAction,
  { metadata }: Instance,
  given: Pick<Status, 'node' | 'epoch' | 'image' | 'rootDisk' | 'snapshot'>,
  { now }: ActionRun,
): Outcome {
  const begun: Status = { state: 'Running', startTime: now.toISOString(), instanceUID: metadata.uid, ...given }
  Object.assign((action.status ??= {}), begun)
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

/** One that has begun, or that was made before. A ResetState waits for none but another: it ends what has begun. */
function findAhead(action: InstanceAction, { caches }: Deps): InstanceAction | undefined {
  const others = caches.instanceActions
    .listBy('instance', instanceKeyOf(action))
    .filter((other) => other.metadata.uid !== action.metadata.uid && (!isStateReset(action) || isStateReset(other)))
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
  const reset = findStateReset(instanceUID ?? '', deps.caches)
  if (reset) {
    const message = `InstanceAction ${reset.metadata.name} (ResetState) gave it up${afterLast(status)}: it may have been done`
    return finishUnknown(action, message, run)
  }
  const leftMs = leftMsOf(action, run.now)
  if (leftMs <= 0) return finishLate(action, `node ${node}`, run)
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

/** The bus has lost it, and the Secret is not what it was: the node may have been told before. */
function whileLacking(action: InstanceAction, lacks: Outcome, run: ActionRun): Outcome {
  if (lacks.kind !== 'wait') return lacks
  const leftMs = Date.parse(action.status?.startTime ?? '') + PATIENCE_MS - run.now.getTime()
  if (leftMs > 0) return { ...lacks, retryAfterMs: Math.min(leftMs, lacks.retryAfterMs ?? leftMs) }
  const message = `${lacks.message}; the node may have been told before: whether it was done is not known`
  return finishUnknown(action, message.slice(0, MOST_CHARACTERS), run)
}
