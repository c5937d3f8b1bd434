// SPDX-License-Identifier: Apache-2.0
// An Image whose bytes are kept in an ImageStore, under its own UID: made by a Snapshot (docs/decisions/0079).
import { IMAGE, INSTANCE_ACTION } from '../../../lib/api/kinds.ts'
import type { Image, InstanceAction } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { listNames } from '../../kind/holders.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { releaseFrom } from '../../placed/release.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isFinished } from '../common/finished.ts'
import { listWhole, mayLetGo, planCopies } from './copy-places.ts'
import { publishCopies, publishImage, type Bytes } from './publish.ts'
import { isStored } from './source-of.ts'
import { findKept, type Kept } from './stored-on-nodes.ts'
import { nodesToldOf } from './told.ts'

export const MANAGED = { 'app.kubernetes.io/managed-by': 'nephele' }
/** By it the operator knows what it made for an action before both could name each other. */
export const ACTION_UID = 'nephele.dev/instance-action-uid'

export type ImageDeps = Pick<OperatorDeps, 'caches' | 'bus' | 'releases' | 'regression' | 'writer'>

const LOOK_MS = 1_000
/** No watch announces that a node is heard again, or has a release on record. */
const LOST_LOOK_MS = 60_000

export type StoredRun = Pick<Run, 'client' | 'event' | 'signal'>

export async function reconcileStored(image: Image, deps: ImageDeps, run: StoredRun): Promise<Outcome> {
  const status = (image.status ??= {})
  status.state ??= 'queued'
  const abandoned = await dropAbandoned(image, deps, run)
  if (abandoned) return abandoned
  const by = findWriter(image, deps)
  if (status.sha256 === undefined && by?.status?.snapshot?.sha256 === undefined) {
    const kept = await findKept(image, deps, by)
    if (kept?.kind === 'known') return take(image, kept)
  }
  const placed = await place(image, by, deps)
  if (placed) return placed
  for (const { node, epoch } of status.copies ?? []) {
    const regressed = deps.regression.check(image, { kind: 'imagecopy', node, epoch }, deps.writer())
    if (regressed) return regressed
  }
  const { sha256 = by?.status?.snapshot?.sha256, sizeBytes = by?.status?.snapshot?.sizeBytes } = status
  if (sha256 === undefined || sizeBytes === undefined) {
    return waitFor('Capturing', `InstanceAction ${by?.metadata.name ?? ''} has not copied the disk yet`)
  }
  if (status.sha256 === undefined) status.state = 'importing'
  const before = (status.copies ?? []).map(({ ready }) => ready)
  await publishCopies(image, { sha256, sizeBytes }, deps, { by })
  const trouble = observe(image, { sha256, sizeBytes }, deps, run)
  if (status.sha256 === undefined) return trouble
  // Who is told to fetch it asks for a copy that is recorded as whole.
  if (before.some((ready, i) => ready !== status.copies?.[i]?.ready)) return saved
  for (const node of nodesToldOf(image, deps)) await publishImage(image, node, deps)
  const again = listLost(image, deps).length > 0 ? { retryAfterMs: LOST_LOOK_MS } : {}
  if (listWhole(image, deps).length === 0) {
    // Machines go on: nodes that have it in their cache still do.
    status.state = 'importing'
    return { ...trouble, ...again }
  }
  status.state = 'active'
  delete status.progress
  return { ...done, ...again }
}

function listLost({ status }: Image, deps: Pick<ImageDeps, 'caches'>): string[] {
  return (status?.copies ?? []).map(({ node }) => node).filter((node) => isConfirmedLost(node, deps))
}

/** Before any node says more of it. */
function whyNoneWhole(image: Image, deps: Pick<ImageDeps, 'caches'>): Outcome {
  if (image.status?.sha256 === undefined) return waitFor('Storing', 'waiting for the nodes of its store')
  if ((image.status.copies ?? []).length === 0)
    return waitFor('ImageDataMissing', 'no node has a copy of it any more: delete it, and make another')
  const lost = listLost(image, deps)
  if (lost.length === 0) return waitFor('Storing', 'no node of its store has a whole copy')
  return waitFor(
    'NodeLost',
    `its bytes are on ${listNames(lost)}, confirmed lost, and no other node has a whole copy: they are there again once spec.lost of that ComputeNode is removed; if it is gone for good, delete the Image`,
  )
}

/** Of one that no action makes, and no node keeps: also before there is room for it in its project. @throws TerminalError */
export async function dropAbandoned(
  image: Image,
  deps: Pick<ImageDeps, 'bus' | 'caches'>,
  run: StoredRun,
): Promise<Outcome | undefined> {
  if (!isStored(image) || image.status?.sha256 !== undefined || findWriter(image, deps)) return undefined
  const kept = await findKept(image, deps)
  if (kept) return kept.kind === 'unclear' ? kept.outcome : undefined
  return abandon(image, run)
}

/** Its status was restored from before it was whole, or not at all: what its nodes have is the Image. */
function take(image: Image, { bytes, copies }: Extract<Kept, { kind: 'known' }>): Outcome {
  const status = (image.status ??= {})
  const others = (status.copies ?? []).filter(({ node }) => !copies.some((copy) => copy.node === node))
  const epoch = Math.max(status.epoch ?? 0, ...copies.map((copy) => copy.epoch))
  Object.assign(status, { ...bytes, epoch, copies: [...others, ...copies], state: 'importing' })
  return saved
}

/** The action that makes it, as both say. */
function findWriter(image: Image, { caches }: Pick<ImageDeps, 'caches'>): InstanceAction | undefined {
  const { namespace } = image.metadata
  const action = caches.instanceActions.find(namespace, image.spec.source.snapshot?.instanceActionRef.name ?? '')
  return action && isWriter(action, image) ? action : undefined
}

function isWriter(action: InstanceAction, { metadata: { uid, name, labels } }: Image): boolean {
  if (action.spec.type !== 'Snapshot' || isFinished(action) || action.metadata.deletionTimestamp !== undefined)
    return false
  const { snapshot } = action.status ?? {}
  if (snapshot) return snapshot.imageUID === uid
  // Another one may have had its name before.
  const isMadeFor = labels?.[ACTION_UID] === action.metadata.uid
  return isMadeFor && (action.spec.snapshot?.imageName ?? action.metadata.name) === name
}

/**
 * Nothing half made is left; what a user wrote is the user's. It is looked for in the store: our cache of actions may be behind the one of Images.
 * @throws TerminalError
 */
async function abandon(image: Image, { client, signal }: StoredRun): Promise<Outcome> {
  const { namespace = '', name, uid, labels = {} } = image.metadata
  const why = 'no InstanceAction of type Snapshot that goes on makes it'
  if (labels['app.kubernetes.io/managed-by'] !== MANAGED['app.kubernetes.io/managed-by'])
    throw new TerminalError('SnapshotAbandoned', `${why}: delete it; a Snapshot makes its Image itself`)
  const ref = { namespace, name: image.spec.source.snapshot?.instanceActionRef.name ?? '' }
  const live = await client.find<InstanceAction>(INSTANCE_ACTION, ref, { signal })
  if (live && isWriter(live, image))
    return waitFor('Capturing', `InstanceAction ${live.metadata.name} was made a moment ago`, LOOK_MS)
  await client.remove(IMAGE, { namespace, name }, { preconditions: { uid }, signal })
  return waitFor('SnapshotAbandoned', `${why}: it is deleted`)
}

async function place(image: Image, by: InstanceAction | undefined, deps: ImageDeps): Promise<Outcome | undefined> {
  const status = (image.status ??= {})
  const lost = (status.copies ?? []).filter(({ node }) => isConfirmedLost(node, deps) && mayLetGo(image, node, deps))
  for (const { node, epoch } of lost)
    if (!(await releaseFrom({ kind: 'imagecopy', object: image, node, epoch }, deps)))
      status.copies = (status.copies ?? []).filter((copy) => copy.node !== node)
  // Nobody has what another copy would be made from.
  if (status.sha256 !== undefined && !by && listWhole(image, deps).length === 0) return undefined
  const name = image.spec.source.snapshot?.imageStoreRef.name ?? ''
  const store = deps.caches.imageStores.find(undefined, name)
  const has = (status.copies ?? []).length
  if (!store || store.metadata.deletionTimestamp !== undefined) {
    const message = `ImageStore ${name} in spec.source.snapshot.imageStoreRef does not exist: create it`
    return has > 0 ? undefined : waitFor('ImageStoreNotFound', message)
  }
  const { copies, why } = planCopies(image, store, deps, { isMaking: by !== undefined })
  if (copies.length === has) return has > 0 ? undefined : waitFor('NoStorageNode', why ?? 'no node has room')
  Object.assign(status, { copies, epoch: Math.max(status.epoch ?? 0, ...copies.map(({ epoch }) => epoch)) })
  return saved
}

/** What the nodes say of their copies; the first that is whole makes it usable. @throws TerminalError where none can be */
function observe(image: Image, { sha256, sizeBytes }: Bytes, deps: ImageDeps, run: StoredRun): Outcome {
  const status = (image.status ??= {})
  const { uid } = image.metadata
  let outcome = whyNoneWhole(image, deps)
  let refused: TerminalError | undefined
  for (const copy of status.copies ?? []) {
    if (isConfirmedLost(copy.node, deps)) continue
    const answer = answerOf(
      deps.bus.observed.find('imagecopy', uid, copy.node),
      askedOf(image, copy.epoch, deps.writer()),
    )
    if (answer?.state === 'ready') {
      copy.ready = true
      const { virtualSizeBytes } = answer.facts
      if (virtualSizeBytes !== undefined) status.virtualSizeBytes = virtualSizeBytes
      if (status.sha256 !== undefined) continue
      Object.assign(status, { sha256, sizeBytes })
      run.event({ type: 'Normal', reason: 'Imported', action: 'Import', note: `sha256 ${sha256}` })
      continue
    }
    // Of one that is there once, only the node's own word says that it is not any more.
    if (answer?.state === 'failed' || answer?.state === 'refused') delete copy.ready
    const refusal = refusalOf(answer, { reason: 'ImageRefused', message: `node ${copy.node} cannot keep it` })
    refused ??= refusal
    if (refusal) outcome = waitFor(refusal.reason, refusal.message)
    outcome = failureOf(answer, { reason: 'ImportFailed', message: 'it is tried again' }) ?? outcome
    if (answer?.progress !== undefined && status.sha256 === undefined) {
      status.progress = Math.floor(answer.progress / 10) * 10
    }
  }
  if (refused && status.sha256 === undefined) throw refused
  return outcome
}
