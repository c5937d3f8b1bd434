// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { setCondition } from '../../../lib/conditions.ts'
import type { ObservedDocument, RunState } from '../../../lib/contract/documents.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { InstanceParts } from './document.ts'
import { setStage, type Stage } from './stages.ts'

type StateWord = NonNullable<NonNullable<Instance['status']>['state']>

/** What the node reports, in OpenStack's words. Others are on their way: BUILD before the first start, else as before. */
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

export interface NodeWord {
  observed: ObservedDocument | undefined
  /** Names of ports that are not plugged yet. */
  unplugged: readonly string[]
}

/**
 * The node's word, turned into status. Pure but for `instance.status`.
 * @throws TerminalError what the agent refused for ever
 */
export function observeInstance(instance: Instance, parts: InstanceParts, word: NodeWord, now: Date): Outcome {
  const status = (instance.status ??= {})
  const observed = current(instance, word.observed)
  const node = status.node ?? ''
  if (!observed) return waitFor('Building', `waiting for node ${node}`)
  if (observed.state === 'refused') {
    throw new TerminalError(
      observed.error?.reason ?? 'Refused',
      observed.error?.message ?? `node ${node} refused the machine`,
    )
  }
  recordFacts(instance, parts, observed)
  const missing = recordStages(instance, parts, { observed, unplugged: word.unplugged }, now)
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
    status.state = WORDS[observed.state] ?? 'BUILD'
    delete status.excludedNodes
    return done
  }
  if (observed.state !== wanted && WORDS[observed.state] !== undefined) status.state = WORDS[observed.state]
  if (observed.state === 'failed') {
    return waitFor(observed.error?.reason ?? 'Failed', observed.error?.message ?? `node ${node} is trying again`)
  }
  const stage = missing ?? 'Booted'
  const hint = observed.error ? `: ${observed.error.message}` : ''
  return waitFor(observed.error?.reason ?? WAITING[stage].reason, `${WAITING[stage].message} on node ${node}${hint}`)
}

const WAITING: Record<Stage, { reason: string; message: string }> = {
  Admitted: { reason: 'Building', message: 'waiting' },
  Scheduled: { reason: 'Building', message: 'waiting' },
  ImageCached: { reason: 'CachingImage', message: 'waiting for the image' },
  NetworkAttached: { reason: 'AttachingNetwork', message: 'waiting for the interfaces' },
  VolumesAttached: { reason: 'AttachingVolumes', message: 'waiting for the volumes' },
  Booted: { reason: 'PowerChanging', message: 'waiting for the machine to reach its run state' },
}

/** A word about an older placement or spec counts for nothing. */
function current(instance: Instance, observed: ObservedDocument | undefined): ObservedDocument | undefined {
  const { epoch } = instance.status ?? {}
  if (observed?.versions.epoch !== epoch) return undefined
  return observed && observed.versions.generation >= (instance.metadata.generation ?? 0) && observed.state !== 'gone'
    ? observed
    : undefined
}

function recordFacts(instance: Instance, parts: InstanceParts, observed: ObservedDocument): void {
  const status = (instance.status ??= {})
  if (observed.state === 'running') status.startedAt = observed.facts.startedAt ?? observed.since
  const pending = [
    ...(observed.facts.pendingChanges ?? []),
    ...(parts.admitted.isResizePending ? ['spec.flavorRef'] : []),
  ]
  if (pending.length > 0) status.pendingChanges = pending.slice(0, 16)
  else delete status.pendingChanges
}

/** @returns the first stage that is not reached */
function recordStages(
  instance: Instance,
  parts: InstanceParts,
  word: { observed: ObservedDocument; unplugged: readonly string[] },
  now: Date,
): Stage | undefined {
  const { observed, unplugged } = word
  const isUp = ['running', 'paused'].includes(observed.state)
  const attached = new Set(observed.facts.volumesAttached ?? [])
  const isOff = (instance.spec.runState ?? 'Running') === 'Stopped' || observed.state === 'suspended'
  const reached: Record<Exclude<Stage, 'Admitted' | 'Scheduled'>, boolean> = {
    // A machine that is there, on or off, has its disk.
    ImageCached: WORDS[observed.state] !== undefined || observed.facts.stages?.includes('ImageCached') === true,
    NetworkAttached: isOff || unplugged.length === 0,
    VolumesAttached: isOff || parts.volumes.every(({ volume }) => attached.has(volume.metadata.uid)),
    Booted: isUp || observed.state === 'suspended',
  }
  let missing: Stage | undefined
  for (const stage of ['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'] as const) {
    if (reached[stage]) setStage(instance, stage, true, now)
    else if (!(isOff && stage === 'Booted')) {
      missing ??= stage
      setStage(instance, stage, waitFor(WAITING[stage].reason, WAITING[stage].message), now)
    }
  }
  if (isOff && !reached.Booted) {
    setStage(instance, 'Booted', waitFor('Stopped', 'the machine is off, as spec.runState wants it'), now)
  }
  return missing
}

/** Why a machine that should run stays off by its restart policy; undefined when it is to be started, or not off. */
function restingReason(instance: Instance, observed: ObservedDocument, wanted: string): string | undefined {
  if (wanted !== 'running' || !['stopped', 'crashed'].includes(observed.state)) return undefined
  const because = observed.facts.stoppedBecause
  const policy = instance.spec.restartPolicy ?? 'OnFailure'
  if (because === undefined || policy === 'Always') return undefined
  if (policy === 'Never') return because
  return because === 'GuestStopped' ? because : undefined
}
