// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { isConditionTrue, setCondition } from '../../../lib/conditions.ts'
import type { ObservedDocument, ObservedError, RunState } from '../../../lib/contract/documents.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import {
  answerOf,
  imagePresence,
  powerPresence,
  volumePresence,
  type Asked,
  type Presence,
} from '../../placed/observed-facts.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import { DETACH_PENDING } from './interfaces.ts'
import { RESIZE_PENDING } from './resize.ts'
import { REBUILD_PENDING } from './root-disk.ts'
import { setStage, type Stage } from './stages.ts'

type StateWord = NonNullable<NonNullable<Instance['status']>['state']>

/** What the node reports, in OpenStack's words. Other states are transitional: BUILD before the first start, else the word stays. */
const WORDS: Readonly<Record<string, StateWord>> = {
  running: 'ACTIVE',
  stopped: 'SHUTOFF',
  paused: 'PAUSED',
  suspended: 'SUSPENDED',
  crashed: 'ERROR',
}

const WANTED: Record<RunState, string> = {
  Running: 'running',
  Stopped: 'stopped',
  Paused: 'paused',
  Suspended: 'suspended',
}

export interface NodeReport {
  observed: ObservedDocument | undefined
  asked: Asked
  /** UIDs of the volumes in the machine's document. */
  volumes: readonly string[]
  /** Are all its ports plugged into the node's switch? */
  plugged: Presence
  /** Why a volume of the spec is not in the document. */
  unresolved: Outcome | undefined
  /** Why no packet passes at a port that is plugged. */
  unconnected?: Outcome | undefined
}

/** It has not answered yet. */
export function waitForNode(node: string): Extract<Outcome, { kind: 'wait' }> {
  return { kind: 'wait', reason: 'Building', message: `waiting for node ${node}` }
}

/**
 * Turns the node's report into status. What the report does not mention stays as it was. Pure but for `instance.status`.
 * @throws TerminalError for what the agent refused for good
 */
export function observeInstance(instance: Instance, report: NodeReport, now: Date): Outcome {
  const status = (instance.status ??= {})
  const answer = answerOf(report.observed, report.asked)
  const node = status.node ?? ''
  if (!answer || answer.state === 'gone') return waitForNode(node)
  const refusal = refusalOf(answer, { reason: 'Refused', message: `node ${node} refused the machine` })
  if (refusal) throw refusal
  const observed = answer
  recordFacts(instance, observed)
  const missing = recordStages(instance, { ...report, observed }, now)
  const wanted = WANTED[instance.spec.runState ?? 'Running']
  const resting = restingReason(instance, observed, wanted)
  if (resting !== undefined) {
    status.state = observed.state === 'crashed' ? 'ERROR' : 'SHUTOFF'
    const message = `the machine is off (${resting}); spec.restartPolicy does not start it again: set spec.runState to Stopped, then to Running`
    const off = { type: 'Booted', status: 'False', reason: resting, message } as const
    status.conditions = setCondition(status.conditions, off, instance.metadata.generation, now)
    return done
  }
  if (observed.state === wanted && missing === undefined) {
    status.state = wordOf(instance, observed) ?? 'BUILD'
    delete status.excludedNodes
    delete status.refusals
    return (observed.state === 'running' ? report.unconnected : undefined) ?? done
  }
  const word = wordOf(instance, observed)
  if (observed.state !== wanted && word !== undefined) status.state = word
  const failure = failureOf(answer, { reason: 'Failed', message: `node ${node} is trying again` })
  if (failure) return failure
  const { reason, message } = waitingFor(missing ?? 'Booted', observed.error, node)
  return waitFor(reason, message)
}

/** Off, or paused, a machine in rescue is that: `status.rescue` says the rest. */
function wordOf({ status }: Instance, { state }: ObservedDocument): StateWord | undefined {
  return state === 'running' && status?.rescue ? 'RESCUE' : WORDS[state]
}

function waitingFor(
  stage: Stage,
  error: ObservedError | undefined,
  node?: string,
): { reason: string; message: string } {
  const where = node === undefined ? '' : ` on node ${node}`
  const hint = error ? `: ${error.message}` : ''
  return { reason: error?.reason ?? WAITING[stage].reason, message: `${WAITING[stage].message}${where}${hint}` }
}

const WAITING: Record<Stage, { reason: string; message: string }> = {
  Admitted: { reason: 'Building', message: 'waiting' },
  Scheduled: { reason: 'Building', message: 'waiting' },
  ImageCached: { reason: 'CachingImage', message: 'waiting for the image' },
  NetworkAttached: { reason: 'AttachingNetwork', message: 'waiting for the interfaces' },
  VolumesAttached: { reason: 'AttachingVolumes', message: 'waiting for the volumes' },
  Booted: { reason: 'PowerChanging', message: 'waiting for the machine to reach its run state' },
}

function recordFacts(instance: Instance, observed: ObservedDocument): void {
  const status = (instance.status ??= {})
  if (observed.facts.restarts !== undefined) status.restarts = observed.facts.restarts
  if (observed.state === 'running') status.startedAt = observed.facts.startedAt ?? observed.since
  const pending = [
    ...(isConditionTrue(status.conditions, RESIZE_PENDING) ? ['spec.flavorRef'] : []),
    ...(isConditionTrue(status.conditions, REBUILD_PENDING) ? ['spec.imageRef'] : []),
    ...(isConditionTrue(status.conditions, DETACH_PENDING) ? ['spec.networks'] : []),
  ]
  if (pending.length > 0) status.pendingChanges = pending
  else delete status.pendingChanges
}

/** @returns the first stage that is not reached */
function recordStages(
  instance: Instance,
  report: NodeReport & { observed: ObservedDocument },
  now: Date,
): Stage | undefined {
  const { observed } = report
  const isOff = (instance.spec.runState ?? 'Running') === 'Stopped' || observed.state === 'suspended'
  const reached = stagesSaid(report, isOff)
  let missing: Stage | undefined
  for (const stage of ['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'] as const) {
    const wasReached = isConditionTrue(instance.status?.conditions, stage)
    if (reached[stage] === 'present') setStage(instance, stage, lackOf(stage, report) ?? true, now)
    else if (reached[stage] === 'unknown' && wasReached) continue
    else if (!(isOff && stage === 'Booted')) {
      // The node's error is about the first stage that it cannot reach.
      const { reason, message } = missing === undefined ? waitingFor(stage, observed.error) : WAITING[stage]
      missing ??= stage
      setStage(instance, stage, waitFor(reason, message), now)
    }
  }
  if (report.unresolved) setStage(instance, 'VolumesAttached', report.unresolved, now)
  if (isOff && reached.Booted === 'absent') {
    setStage(instance, 'Booted', waitFor('Stopped', 'the machine is off, as spec.runState wants it'), now)
  }
  return missing
}

/** What is the matter with a stage that the node has reached. */
function lackOf(stage: Stage, { observed, unconnected }: NodeReport): Outcome | undefined {
  return stage === 'NetworkAttached' && observed?.state === 'running' ? unconnected : undefined
}

function stagesSaid(
  { observed, asked, volumes, plugged }: NodeReport & { observed: ObservedDocument },
  isOff: boolean,
): Record<Exclude<Stage, 'Admitted' | 'Scheduled'>, Presence> {
  const attached = volumes.map((uid) => volumePresence(observed, uid, asked))
  return {
    // A machine that exists, on or off, has its root disk.
    ImageCached: WORDS[observed.state] === undefined ? imagePresence(observed, asked) : 'present',
    NetworkAttached: isOff ? 'present' : plugged,
    VolumesAttached: isOff || attached.every((said) => said === 'present') ? 'present' : worst(attached),
    Booted: powerPresence(observed, asked),
  }
}

function worst(said: readonly Presence[]): Presence {
  return said.includes('absent') ? 'absent' : 'unknown'
}

/** Why the restart policy leaves off a machine that should run; undefined if it is to be started or is not off. */
function restingReason(instance: Instance, observed: ObservedDocument, wanted: string): string | undefined {
  if (wanted !== 'running' || !['stopped', 'crashed'].includes(observed.state)) return undefined
  const because = observed.facts.stoppedBecause
  const policy = instance.spec.restartPolicy ?? 'OnFailure'
  if (because === undefined || policy === 'Always') return undefined
  if (policy === 'Never') return because
  return because === 'GuestStopped' ? because : undefined
}
