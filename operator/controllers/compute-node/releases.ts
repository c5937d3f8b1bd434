// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { placementsOf } from '../../placed/placement.ts'
import { findResource } from '../../kind/document-kinds.ts'
import { MAX_RELEASES, type Release } from '../../placed/release-desk.ts'

/**
 * Keeps in the status the releases that this node has not confirmed although nobody waits for them any more, and drops the confirmed ones.
 * Tombstones that NATS lost are published again from this list.
 * @returns whether there are new releases, which other controllers wait to see saved
 */
export async function keepReleases(
  computeNode: ComputeNode,
  deps: Pick<OperatorDeps, 'bus' | 'caches' | 'releases' | 'writer'>,
): Promise<boolean> {
  const status = (computeNode.status ??= {})
  const { name } = computeNode.metadata
  const fresh = deps.releases.listNew(name, status.releases ?? [])
  const all = new Map<string, Release>()
  for (const release of [...(status.releases ?? []), ...fresh]) all.set(`${release.kind}.${release.uid}`, release)
  const kept: Release[] = []
  for (const release of all.values()) {
    if (isAnswered(name, release, deps) || isOwnedAgain(name, release, deps)) continue
    kept.push(release)
    const held = deps.bus.desired.find(name, release.kind, release.uid)
    // A document without a resource is replaced as well: that is how an administrator has a node release what a restore left behind.
    if (held && (held.tombstone || findResource(release.kind, release.uid, deps.caches))) continue
    await deps.bus.desired.publish(
      tombstoneOf(release.kind, objectOf(release, deps), name, release.epoch, deps.writer()),
    )
  }
  if (kept.length > 0) status.releases = kept.slice(0, MAX_RELEASES)
  else delete status.releases
  return fresh.some((release) => kept.slice(0, MAX_RELEASES).includes(release))
}

function isAnswered(node: string, { kind, uid, epoch }: Release, deps: Pick<OperatorDeps, 'bus'>): boolean {
  const observed = deps.bus.observed.find(kind, uid, node)
  return observed?.state === 'gone' && observed.versions.epoch >= epoch
}

/** The machine came back to this node under a newer epoch, and so has a document again; or the node is back, and its copy of an Image counts. */
function isOwnedAgain(node: string, { kind, uid, epoch }: Release, deps: Pick<OperatorDeps, 'caches'>): boolean {
  if (kind === 'imagecopy') {
    if (isConfirmedLost(node, deps)) return false
    const image = deps.caches.images.findByUid(uid)
    if (!image || image.metadata.deletionTimestamp !== undefined) return false
    return (image.status?.copies ?? []).some((copy) => copy.node === node && copy.epoch >= epoch)
  }
  if (kind !== 'instance') return false
  const instance = deps.caches.instances.findByUid(uid)
  return instance !== undefined && placementsOf(instance).some((p) => p.node === node && p.epoch > epoch)
}

/** Above any real generation: a node refuses one lower than it acted on, and for an object that is gone nobody knows which that was. */
const LAST_GENERATION = 2 ** 40

function objectOf(release: Release, deps: Pick<OperatorDeps, 'caches'>): KubeObject {
  const { uid, name, namespace } = release
  const known = findResource(release.kind, uid, deps.caches)
  if (known) return known
  return {
    metadata: {
      uid,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      resourceVersion: '',
      generation: LAST_GENERATION,
    },
  }
}
