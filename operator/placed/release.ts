// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../lib/api/types.ts'
import { DOCUMENTS, type DocumentKind } from '../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import type { PlacedDeps } from './placed-deps.ts'
import type { Placement } from './placement.ts'
import { tombstoneOf } from './document-header.ts'
import { isReleaseOnRecord, MAX_RELEASES } from './release-desk.ts'

type ReleaseDeps = Pick<PlacedDeps, 'bus' | 'caches' | 'releases' | 'writer'>

/**
 * Has the node released it? Either it has confirmed this release or a later one, or it is confirmed lost and its ComputeNode keeps the
 * release in case it returns (invariant 4). For a cached image it is enough that the ComputeNode keeps the release. The tombstone stays on
 * the bus until nobody needs the answer (tombstone-collector.ts).
 */
export function hasReleased(placement: Placement, deps: Pick<PlacedDeps, 'bus' | 'caches'>): boolean {
  const { kind, object, node, epoch } = placement
  if (hasConfirmed(placement, deps)) return true
  const computeNode = deps.caches.computeNodes.find(undefined, node)
  // A ComputeNode is removed only when nothing but cached images is left on it.
  if (!computeNode) return isCopy(kind)
  const isKept = isReleaseOnRecord(computeNode, { kind, uid: object.metadata.uid, epoch })
  if (computeNode.spec.lost === undefined) return isKept && isCopy(kind)
  // If the list is full, the tombstone on the bus has to do.
  return isKept || !hasRoom(computeNode)
}

/** Has the node itself reported the release? */
export function hasConfirmed({ kind, object, node, epoch }: Placement, { bus }: Pick<PlacedDeps, 'bus'>): boolean {
  const observed = bus.observed.find(kind, object.metadata.uid, node)
  return observed?.state === 'gone' && observed.versions.epoch >= epoch
}

/** Nothing depends on the removal of a copy (a cached image), so a node that is away need not confirm it. */
function isCopy(kind: DocumentKind): boolean {
  return DOCUMENTS[kind].holds === 'copy'
}

/**
 * Makes a node release an object: publishes a tombstone, then waits for the node's `gone` or for somebody to confirm the node lost.
 * Idempotent. @returns undefined once it is released
 */
export async function releaseFrom(placement: Placement, deps: ReleaseDeps): Promise<Outcome | undefined> {
  const { kind, object, node, epoch, userDataBase64 } = placement
  const computeNode = deps.caches.computeNodes.find(undefined, node)
  const isReleased = hasReleased(placement, deps)
  // A node that need not confirm (it left, or its list of releases is full) may come back while the object's document is still there.
  const left = deps.bus.desired.find(node, kind, object.metadata.uid)
  const isLeftBehind = left?.tombstone === false && left.versions.epoch <= epoch
  if (isReleased && !isLeftBehind) return undefined
  const tombstone = tombstoneOf(kind, object, node, epoch, deps.writer())
  await deps.bus.desired.publish(userDataBase64 === undefined ? tombstone : { ...tombstone, userDataBase64 })
  if (isReleased) return undefined
  const isSilent = deps.bus.heartbeats.pulse(node) === 'silent'
  if (computeNode && (computeNode.spec.lost !== undefined || (isSilent && isCopy(kind) && hasRoom(computeNode)))) {
    const { uid, namespace, name } = object.metadata
    deps.releases.request(node, { kind, uid, ...(namespace === undefined ? {} : { namespace }), name, epoch })
    return waitFor('Releasing', `recording the release in ComputeNode ${node}`)
  }
  if (isSilent || !computeNode) {
    return waitFor('NodeSilent', silentMessage(node, computeNode !== undefined, deps))
  }
  return waitFor('Releasing', `waiting for node ${node} to release it`)
}

function hasRoom({ status }: ComputeNode): boolean {
  return (status?.releases ?? []).length < MAX_RELEASES
}

function silentMessage(node: string, isKnown: boolean, deps: ReleaseDeps): string {
  if (!isKnown) return `node ${node} has no ComputeNode: bring the node back, so that it can release what it holds`
  const ageMs = deps.bus.heartbeats.ageMs(node)
  const since = ageMs === undefined ? '' : roughly(ageMs)
  return (
    `node ${node} has not been heard${since} and must confirm the release. ` +
    `If it is off for good, set spec.lost: Confirmed on ComputeNode ${node}`
  )
}

/** Coarse on purpose: a message that changed on every run would cause a write on every run. */
function roughly(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 1) return ''
  if (minutes < 60) return ' for more than a minute'
  return minutes < 24 * 60 ? ' for more than an hour' : ' for more than a day'
}
