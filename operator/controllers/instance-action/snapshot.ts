// SPDX-License-Identifier: Apache-2.0
// A Snapshot: its Image is made before, and is whole in its store before it has succeeded (docs/decisions/0079).
import { IMAGE } from '../../../lib/api/kinds.ts'
import type { Image, Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { ObservedAction } from '../../../lib/contract/documents.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { isAlreadyExists, isConflict } from '../../../lib/kube/errors.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findAbsence } from '../../placed/absence.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isFinished } from '../common/finished.ts'
import { countWanted, isSurelyWhole, listWhole } from '../image/copy-places.ts'
import { ACTION_UID, MANAGED } from '../image/stored.ts'
import { findKept, isReportedWhole } from '../image/stored-on-nodes.ts'
import { findDefaultStore } from '../image-store/default-store.ts'
import { leftMsOf } from './deadline.ts'
import { finish, finishDone, MOST_CHARACTERS, type ActionRun } from './ends.ts'
import { imageNameOf, instanceKeyOf } from './kind.ts'
import { forgetWait, waitedMs } from './late-since.ts'
import { listSuperseded, snapshotImage } from './snapshot-image.ts'
import { findStateReset } from './state-reset.ts'
import { whyGone } from './why-gone.ts'

type SnapshotDeps = Pick<OperatorDeps, 'bus' | 'caches'>
type Status = NonNullable<InstanceAction['status']>
type Planned = Pick<Status, 'snapshot'>
type Refusal = { reason: string; message: string; isFinal: boolean }

/** Of the whole: so much is reading the disk. */
const READING_PERCENT = 50
const LOOK_MS = 1_000
const LATE_LOOK_MS = 10_000
/** So long after it is late nodes of its store are waited for, which may have all bytes. */
const GRACE_MS = 5 * 60_000

export function isSnapshot({ spec }: InstanceAction): boolean {
  return spec.type === 'Snapshot'
}

/** What it is given, or why not: its Image has to be there, let in, and have its nodes. */
export async function planSnapshot(
  action: InstanceAction,
  machine: Instance,
  { caches }: SnapshotDeps,
  { client, signal }: ActionRun,
): Promise<Planned | Refusal> {
  const wait = (reason: string, message: string): Refusal => ({ reason, message, isFinal: false })
  const named = action.spec.snapshot?.imageStoreRef?.name
  const store = named === undefined ? findDefaultStore(caches) : caches.imageStores.find(undefined, named)
  if (!store || store.metadata.deletionTimestamp !== undefined) {
    const message =
      named === undefined
        ? 'no ImageStore is the default one: an administrator sets spec.default of one, or name one in spec.snapshot.imageStoreRef'
        : `ImageStore ${named} in spec.snapshot.imageStoreRef does not exist: name another, or have it created`
    return wait('ImageStoreNotFound', message)
  }
  const { namespace = '' } = action.metadata
  const name = imageNameOf(action)
  let image = caches.images.find(namespace, name)
  if (!image) {
    const { image: of } = machine.status ?? {}
    const from = of && caches.images.find(of.namespace, of.name)
    const wanted = snapshotImage(
      action,
      machine,
      from?.metadata.uid === of?.uid ? from : undefined,
      store.metadata.name,
    )
    try {
      image = await client.create<Image>(IMAGE, wanted, { signal })
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      image = await client.find<Image>(IMAGE, { namespace, name }, { signal })
    }
  }
  if (image && isLeftOver(image, action, caches))
    return wait('ImagePending', `Image ${namespace}/${name} of an InstanceAction before it is being deleted`)
  if (image && image.metadata.labels?.[ACTION_UID] !== action.metadata.uid) {
    const message = `Image ${namespace}/${name} is there already: name another in spec.snapshot.imageName`
    return { reason: 'ImageExists', message, isFinal: true }
  }
  if (image?.metadata.deletionTimestamp !== undefined)
    return { reason: 'ImageDeleted', message: `Image ${namespace}/${name} was deleted meanwhile`, isFinal: true }
  if ((image?.status?.copies ?? []).length > 0 && image)
    return { snapshot: { imageName: name, imageUID: image.metadata.uid, imageStore: store.metadata.name } }
  const ready = findCondition(image?.status?.conditions, 'Ready')
  return wait(ready?.reason ?? 'ImagePending', ready?.message ?? `Image ${namespace}/${name} was not looked at yet`)
}

/** It was made for another action, which makes it no more: its own controller deletes it. */
function isLeftOver(
  { metadata, status }: Image,
  { metadata: { uid } }: InstanceAction,
  caches: SnapshotDeps['caches'],
) {
  const { labels = {} } = metadata
  const isManaged = Object.entries(MANAGED).every(([key, value]) => labels[key] === value)
  if (!isManaged || labels[ACTION_UID] === uid || status?.sha256 !== undefined) return false
  const maker = caches.instanceActions.findByUid(labels[ACTION_UID] ?? '')
  return !maker || isFinished(maker)
}

/** From when its node was told, until all copies are whole. */
export async function followSnapshot(action: InstanceAction, deps: SnapshotDeps, run: ActionRun): Promise<Outcome> {
  if (action.spec.cancel === true) {
    const kept = await dropImage(action, deps, run)
    const message = `given up; ${kept ?? 'what was made of it is removed'}`
    return finish(action, 'Cancelled', { reason: 'Cancelled', message }, run)
  }
  const image = deps.caches.images.find(action.metadata.namespace, action.status?.snapshot?.imageName ?? '')
  if (!image || !isMade(image, action)) {
    if (await isStillThere(action, run)) return waitFor('ImagePending', 'its Image was made a moment ago', LOOK_MS)
    // The run before this one may have deleted it, and was not written.
    const isLate = leftMsOf(action, run.now) <= 0
    const why = isLate ? whyLate(action) : { reason: 'ImageDeleted', message: 'its Image was deleted meanwhile' }
    return fail(action, why, deps, run)
  }
  const isLate = leftMsOf(action, run.now) <= 0
  const outcome = await step(action, image, isLate, deps, run)
  if (isOver(action)) forgetWait(action.metadata.uid, deps.bus)
  if (outcome.kind !== 'wait' || isOver(action)) return outcome
  if (isLate) return { ...outcome, retryAfterMs: outcome.retryAfterMs ?? LATE_LOOK_MS }
  const leftMs = Math.max(1, leftMsOf(action, run.now))
  return { ...outcome, retryAfterMs: Math.min(leftMs, outcome.retryAfterMs ?? leftMs) }
}

function isMade({ metadata }: Image, { status }: InstanceAction): boolean {
  return metadata.uid === status?.snapshot?.imageUID && metadata.deletionTimestamp === undefined
}

/** In the store: our cache of Images may be behind the one of actions. */
async function isStillThere(action: InstanceAction, { client, signal }: ActionRun): Promise<boolean> {
  const { namespace = '' } = action.metadata
  const name = action.status?.snapshot?.imageName ?? ''
  const live = await client.find<Image>(IMAGE, { namespace, name }, { signal })
  return live !== undefined && isMade(live, action)
}

async function step(
  action: InstanceAction,
  image: Image,
  isLate: boolean,
  deps: SnapshotDeps,
  run: ActionRun,
): Promise<Outcome> {
  const wanted = countWanted(image, deps)
  const ready = listWhole(image, deps).length
  if (ready > 0 && image.status?.sha256 !== undefined && (ready >= wanted || isLate))
    return succeed(action, image, ready, deps, run)
  // A store that was restored is of a time before its nodes had done it: what they have counts, however late it is.
  if (action.status?.snapshot?.sha256 === undefined && findSaid(action, deps)?.result !== undefined)
    return read(action, deps, run)
  const mayWait = !isLate || waitedMs(action.metadata.uid, run.now, deps.bus) < GRACE_MS
  // What its Image takes by itself, after a restore, is waited for however late it is; else the word of nodes alone does not hold it up for ever.
  const isTaken = action.status?.snapshot?.sha256 === undefined
  if (ready === 0 && (isTaken || mayWait) && isReportedWhole(image, deps, action))
    return waitFor('Storing', 'a node of its store has it, which its Image does not say yet')
  if (isLate && !(mayWait && isUnanswered(action, image, deps))) return fail(action, whyLate(action), deps, run)
  const gone = ready > 0 ? undefined : (whyLost(action, deps) ?? whyNoneLeft(action, deps))
  if (gone !== undefined) return fail(action, { reason: 'SnapshotInterrupted', message: gone }, deps, run)
  if (action.status?.snapshot?.sha256 === undefined) return read(action, deps, run)
  const stalled = findCondition(image.status?.conditions, 'Stalled')
  if (stalled?.status === 'True') return fail(action, stalled, deps, run)
  const { progress = 0 } = image.status ?? {}
  showProgress(action, READING_PERCENT + (progress * (100 - READING_PERCENT)) / 100)
  return waitFor('Storing', `the disk was read; ${ready} of ${wanted} copies are whole`)
}

function whyLate({ status }: InstanceAction) {
  const message = `its time was over before Image ${status?.snapshot?.imageName ?? ''} was whole`
  return { reason: 'DeadlineExceeded', message }
}

/** The disk was read, and a node of its store that is heard has not said at all whether it has the bytes. */
function isUnanswered({ status }: InstanceAction, image: Image, { bus }: SnapshotDeps): boolean {
  if (status?.snapshot?.sha256 === undefined) return false
  return (image.status?.copies ?? []).some(
    ({ node }) =>
      bus.heartbeats.pulse(node) === 'up' && bus.observed.find('imagecopy', image.metadata.uid, node) === undefined,
  )
}

/** What the machine's node has recorded of it. */
function findSaid({ metadata, status }: InstanceAction, { bus }: SnapshotDeps): ObservedAction | undefined {
  const said = bus.observed.find('instance', status?.instanceUID ?? '', status?.node ?? '')?.facts.action
  return said?.uid === metadata.uid ? said : undefined
}

/** Reading the disk, which its node does. */
async function read(action: InstanceAction, deps: SnapshotDeps, run: ActionRun): Promise<Outcome> {
  const status = (action.status ??= {})
  const { node = '', instanceUID = '' } = status
  const report = deps.bus.observed.find('instance', instanceUID, node)
  const said = findSaid(action, deps)
  if (said) status.steps = said.steps
  if (said?.result === 'Succeeded' && said.captured && status.snapshot) {
    Object.assign(status.snapshot, said.captured)
    delete status.bytesLeft
    return saved
  }
  if (said?.result !== undefined) {
    const { reason = 'SnapshotInterrupted', message = 'the node does not say why' } = said
    return fail(action, { reason, message }, deps, run)
  }
  const absent = findAbsence(node, { held: 'the machine', noun: 'InstanceAction' }, deps)
  if (absent) return absent
  const { progress, bytesLeft } = said ?? {}
  if (progress !== undefined) showProgress(action, (progress * READING_PERCENT) / 100)
  if (bytesLeft !== undefined && status.progressPercent !== undefined)
    status.bytesLeft = coarse(bytesLeft, status.bytesLeft)
  const how = said ? `node ${node} reads the disk` : `waiting for node ${node} to begin`
  const why = report?.error === undefined ? '' : `; of the machine it says: ${report.error.message}`
  return waitFor('ActionRunning', `${how}${why}`.slice(0, MOST_CHARACTERS))
}

/**
 * The oldest backups go before it is called done, so that a kill in between leaves none of them: those that it surely stands for. What stays
 * now goes with the next.
 */
async function succeed(
  action: InstanceAction,
  image: Image,
  ready: number,
  { bus, caches }: SnapshotDeps,
  run: ActionRun,
): Promise<Outcome> {
  const { backup } = action.spec.snapshot ?? {}
  const { namespace = '', name, uid } = image.metadata
  const old =
    backup && isSurelyWhole(image, { bus, caches })
      ? listSuperseded(
          caches.images
            .list()
            .filter((other) => other.metadata.namespace === namespace && isSurelyWhole(other, { bus, caches })),
          { instanceUid: action.status?.instanceUID ?? '', ...backup, made: uid },
        ).filter(({ spec }) => spec.deletionProtection !== true)
      : []
  for (const { metadata } of old)
    await run.client.remove(
      IMAGE,
      { namespace, name: metadata.name },
      { preconditions: { uid: metadata.uid }, signal: run.signal },
    )
  const all = countWanted(image, { caches })
  const some = ready < all ? `; ${ready} of ${all} copies are whole so far` : ''
  const gone =
    old.length === 0 ? '' : `; older backups were deleted: ${old.map(({ metadata }) => metadata.name).join(', ')}`
  action.status = { ...action.status, progressPercent: 100 }
  return finishDone(action, `Image ${name}${some}${gone}`.slice(0, MOST_CHARACTERS), run)
}

function whyLost(action: InstanceAction, { caches }: SnapshotDeps): string | undefined {
  const { node = '', epoch = 0, instanceUID } = action.status ?? {}
  const gone = whyGone(caches.instances.findByKey(instanceKeyOf(action)), { node, epoch, instanceUID })
  if (gone !== undefined) return gone
  const reset = findStateReset(instanceUID ?? '', caches)
  return reset && `InstanceAction ${reset.metadata.name} (ResetState) gave it up`
}

/** The disk was read, and nobody who has the bytes is left. */
function whyNoneLeft({ status }: InstanceAction, deps: SnapshotDeps): string | undefined {
  const { node = '' } = status ?? {}
  return isConfirmedLost(node, deps) ? `node ${node}, which alone has its bytes, is confirmed lost` : undefined
}

async function fail(
  action: InstanceAction,
  { reason, message }: { reason: string; message: string },
  deps: SnapshotDeps,
  run: ActionRun,
): Promise<Outcome> {
  const kept = await dropImage(action, deps, run)
  const what = `${message}: ${kept ?? 'no Image was made'}`.slice(0, MOST_CHARACTERS)
  return finish(action, 'Failed', { reason, message: what }, run)
}

/**
 * One with a copy that is whole would stay; one without is dropped by its own controller, once the end is written. It goes before that, so that
 * a kill in between leaves none. @returns why it is kept
 */
async function dropImage(
  { metadata: { namespace = '' }, status }: InstanceAction,
  deps: SnapshotDeps,
  { client, signal }: ActionRun,
): Promise<string | undefined> {
  const { imageName: name, imageUID: uid } = status?.snapshot ?? {}
  if (name === undefined || uid === undefined) return undefined
  const image = deps.caches.images.find(namespace, name)
  if (image?.metadata.uid !== uid) return undefined
  if (image.status?.sha256 === undefined && !(await findKept(image, deps))) return undefined
  if (image.spec.deletionProtection === true) return `Image ${name} has spec.deletionProtection, and is kept`
  try {
    await client.remove(IMAGE, { namespace, name }, { preconditions: { uid }, signal })
  } catch (error) {
    // Another one has its name now.
    if (!isConflict(error)) throw error
  }
  return undefined
}

function isOver({ status }: InstanceAction): boolean {
  return status?.completionTime !== undefined
}

/** In steps, as each is a write. */
function showProgress(action: InstanceAction, percent: number): void {
  ;(action.status ??= {}).progressPercent = Math.floor(percent / 10) * 10
}

function coarse(bytes: number, before: number | undefined): number {
  return before !== undefined && Math.abs(before - bytes) * 10 < before ? before : bytes
}
