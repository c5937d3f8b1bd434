// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { releaseFrom } from '../../placed/release.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import { publishImage } from './publish.ts'
import { isStored } from './source-of.ts'
import { reconcileStored, type ImageDeps, type StoredRun } from './stored.ts'
import { listHolders } from './stored-on-nodes.ts'
import { nodesToldOf } from './told.ts'

export async function reconcileImage(image: Image, deps: ImageDeps, run: StoredRun): Promise<Outcome> {
  const status = (image.status ??= {})
  if (image.metadata.deletionTimestamp !== undefined) return removeImage(image, deps)
  const { architecture = 'x86_64' } = image.spec
  if (architecture !== 'x86_64')
    throw new TerminalError(
      'UnsupportedArchitecture',
      `spec.architecture is ${architecture}, and nodes run machines of x86_64 alone: make an Image of software for that`,
    )
  if (isStored(image)) return reconcileStored(image, deps, run)
  const { importNode } = status
  if (importNode === undefined || (status.sha256 === undefined && isAway(importNode, deps))) {
    const node = chooseImportNode(deps)
    if (node === undefined && importNode === undefined) {
      status.state = 'queued'
      return waitFor('NoImageNode', 'no live node imports images: label one with nephele.dev/image=true')
    }
    if (node !== undefined) {
      Object.assign(status, { importNode: node, epoch: (status.epoch ?? 0) + 1, state: 'importing' })
      return saved
    }
  }
  const node = status.importNode ?? ''
  const regressed = deps.regression.check(image, { kind: 'image', node, epoch: status.epoch ?? 0 }, deps.writer())
  if (regressed) return regressed
  // Nodes that only cache the image are told of a changed source too.
  for (const other of nodesToldOf(image, deps)) await publishImage(image, other, deps)
  await publishImage(image, node, deps)
  const observed = deps.bus.observed.find('image', image.metadata.uid, node)
  const outcome = observe(image, answerOf(observed, askedOf(image, status.epoch, deps.writer())), run)
  refuseOtherDigest(image)
  return outcome
}

/** Called after publishing, so that the image's machines go on with what was imported. @throws TerminalError */
function refuseOtherDigest({ spec, status }: Image): void {
  if (spec.sha256 === undefined || status?.sha256 === undefined || spec.sha256 === status.sha256) return
  throw new TerminalError(
    'ImageDigestMismatch',
    `spec.sha256 says ${spec.sha256}, but the image was imported with ${status.sha256}, and machines go on with that: write this digest into spec.sha256, or make a new Image for other bytes`,
  )
}

function observe(image: Image, answer: ObservedDocument | undefined, run: Pick<Run, 'event'>): Outcome {
  const status = (image.status ??= {})
  // Once imported an image stays usable, whatever happens to the importing node's copy.
  const wasImported = status.sha256 !== undefined
  const refusal = refusalOf(answer, { reason: 'ImageRefused', message: 'the image cannot be used' })
  if (refusal) {
    const { reason, message } = refusal
    if (findCondition(status.conditions, 'Stalled')?.reason !== reason)
      run.event({ type: 'Warning', reason, action: 'Import', note: message })
    throw refusal
  }
  if (answer?.state === 'ready') {
    const { sha256, virtualSizeBytes, sizeBytes } = answer.facts
    if (sha256 === undefined) return waitFor('Importing', 'waiting for the digest')
    if (!wasImported) run.event({ type: 'Normal', reason: 'Imported', action: 'Import', note: `sha256 ${sha256}` })
    status.sha256 ??= sha256
    if (virtualSizeBytes !== undefined) status.virtualSizeBytes = virtualSizeBytes
    if (sizeBytes !== undefined) status.sizeBytes = sizeBytes
    return activate(image)
  }
  if (wasImported) return activate(image)
  const failure = failureOf(answer, { reason: 'ImportFailed', message: 'the import failed and is tried again' })
  if (failure) return failure
  const { importNode = '' } = status
  if (!answer || answer.state === 'gone') return waitFor('Importing', `waiting for node ${importNode}`)
  status.state = 'importing'
  status.progress = coarse(answer.progress)
  return waitFor('Importing', `node ${importNode} downloads it`)
}

function activate(image: Image): Outcome {
  const status = (image.status ??= {})
  status.state = 'active'
  delete status.progress
  return done
}

/** In steps of ten percent, as each step is a write. */
function coarse(percent = 0): number {
  return Math.floor(percent / 10) * 10
}

async function removeImage(image: Image, deps: ImageDeps): Promise<Outcome> {
  const status = (image.status ??= {})
  status.state = 'deleting'
  const inUse = waitForHolders('images', image, deps.caches)
  if (inUse) return inUse
  const nodes = new Set([...nodesToldOf(image, deps), ...(status.importNode === undefined ? [] : [status.importNode])])
  let waiting: Outcome | undefined
  for (const node of nodes) {
    const placement = { kind: 'image' as const, object: image, node, epoch: status.epoch ?? 0 }
    waiting = (await releaseFrom(placement, deps)) ?? waiting
  }
  for (const { node, epoch } of status.copies ?? [])
    waiting = (await releaseFrom({ kind: 'imagecopy', object: image, node, epoch }, deps)) ?? waiting
  const unknown = isStored(image) ? await releaseUnknown(image, deps) : undefined
  waiting = unknown ?? waiting
  if (waiting) return waiting
  await releaseUnasked(image, nodes, deps)
  return released
}

/** Copies that its status does not have, as after a restore. A node that was told to keep one has to answer; what others say is not waited for. */
async function releaseUnknown(image: Image, deps: ImageDeps): Promise<Outcome | undefined> {
  const known = new Set((image.status?.copies ?? []).map(({ node }) => node))
  let waiting: Outcome | undefined
  for (const { node, epoch, told } of listHolders(image, deps)) {
    if (known.has(node)) continue
    if (told) waiting = (await releaseFrom({ kind: 'imagecopy', object: image, node, epoch }, deps)) ?? waiting
    else await deps.bus.desired.publish(tombstoneOf('imagecopy', image, node, epoch, deps.writer()))
  }
  return waiting
}

/**
 * Sends a tombstone to nodes that report a copy but have no document of it, as after a restore. Nobody waits for the answer: otherwise any
 * node could keep an Image for ever by naming its UID.
 */
async function releaseUnasked(image: Image, told: ReadonlySet<string>, deps: ImageDeps): Promise<void> {
  const { uid } = image.metadata
  for (const { node, state } of deps.bus.observed.findAll('image', uid)) {
    if (told.has(node) || state === 'gone') continue
    await deps.bus.desired.publish(tombstoneOf('image', image, node, image.status?.epoch ?? 0, deps.writer()))
  }
}

function isAway(node: string, deps: ImageDeps): boolean {
  const computeNode = deps.caches.computeNodes.find(undefined, node)
  return !computeNode || computeNode.spec.lost !== undefined || deps.bus.heartbeats.pulse(node) === 'silent'
}

/** Spreads imports: the live image node with the fewest of them. Pure. */
function chooseImportNode(deps: ImageDeps): string | undefined {
  const nodes = deps.caches.computeNodes
    .list()
    .filter((n) => n.status?.roles?.includes('image') === true && n.metadata.deletionTimestamp === undefined)
    .map((n) => n.metadata.name)
    .filter((name) => deps.bus.heartbeats.pulse(name) === 'up' && !isAway(name, deps))
  const load = (node: string) => deps.caches.images.countBy('importNode', node)
  return nodes.sort((a, b) => load(a) - load(b) || (a < b ? -1 : 1))[0]
}
