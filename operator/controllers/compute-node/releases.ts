// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { placementsOf } from '../../placed/placement.ts'
import { findResource } from '../../kind/document-kinds.ts'
import { MAX_RELEASES, type Release } from '../../placed/release-desk.ts'

/**
 * Keeps in the status what this node has not confirmed although nobody waits for it any longer, and forgets what it has confirmed.
 * Tombstones that NATS lost are published again from here.
 * @returns whether there are new ones, which others wait to see written
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
    // Without a resource nobody else can take it back: an administrator has the node release what a restore left behind.
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

/** The machine came back to this node under a newer epoch, whose document says all. */
function isOwnedAgain(node: string, { kind, uid, epoch }: Release, deps: Pick<OperatorDeps, 'caches'>): boolean {
  if (kind !== 'instance') return false
  const instance = deps.caches.instances.findByUid(uid)
  return instance !== undefined && placementsOf(instance).some((p) => p.node === node && p.epoch > epoch)
}

/** A node refuses a generation lower than the one it acted on. Of an object that is gone nobody knows that one: above any real generation. */
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
