// SPDX-License-Identifier: Apache-2.0
// On which nodes of its store an Image is kept.
import type { Image, ImageStore } from '../../../lib/api/types.ts'
import { listNames } from '../../kind/holders.ts'
import { isConfirmedLost, isStaying } from '../../placed/lost-node.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import type { OperatorDeps } from '../common/deps.ts'

type Copies = NonNullable<NonNullable<Image['status']>['copies']>
type PlaceDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/** Of the schema. */
const MOST_COPIES = 16
const STORE_TROUBLE = new Set(['StoreFull', 'StoreNotOnNode', 'StoreUnavailable', 'PoolUnavailable'])

/** Copies with all bytes, on nodes that nobody has given up. Pure. */
export function listWhole({ status }: Image, deps: Pick<PlaceDeps, 'caches'>): Copies {
  return (status?.copies ?? []).filter(({ node, ready }) => ready === true && !isConfirmedLost(node, deps))
}

/**
 * What cannot be undone asks for more: for a node that this process has heard, while the bus is not in doubt, in which nobody falls silent.
 * Pure.
 */
export function isSurelyWhole(image: Image, deps: PlaceDeps): boolean {
  const { heartbeats } = deps.bus
  if (!heartbeats.health().healthy) return false
  return listWhole(image, deps).some(
    ({ node }) => heartbeats.pulse(node) === 'up' && heartbeats.ageMs(node) !== undefined,
  )
}

/**
 * Whether the copy of a node that was given up may be released: not while it may be the only one, as such a node can be repaired. Disks that
 * were destroyed have none. Pure.
 */
export function mayLetGo(image: Image, node: string, deps: PlaceDeps): boolean {
  if (image.status?.sha256 === undefined) return true
  if (deps.caches.computeNodes.find(undefined, node)?.spec.lost === 'Wiped') return true
  return isSurelyWhole(image, deps)
}

/** Not whole, on a node that is silent or whose store does not take it now. It may do so later: nothing is released for that. Pure. */
function isStuck({ metadata: { uid } }: Image, { node, epoch, ready }: Copies[number], { bus }: PlaceDeps): boolean {
  if (ready === true) return false
  if (bus.heartbeats.pulse(node) === 'silent') return true
  const report = bus.observed.find('imagecopy', uid, node)
  return report?.state === 'failed' && report.versions.epoch >= epoch && STORE_TROUBLE.has(report.error?.reason ?? '')
}

/**
 * Most free room first: how large it will be nobody knows before. Pure.
 * @param isMaking while it is made, and where a node was lost, another node is chosen for each whose copy does not come about, up to twice as
 * many as are wanted; else its own node is waited for
 */
export function planCopies(
  image: Image,
  store: ImageStore,
  deps: PlaceDeps,
  { isMaking }: { isMaking: boolean },
): { copies: Copies; why?: string } {
  const { copies = [] } = image.status ?? {}
  const isShort = isMaking || copies.some(({ node }) => isConfirmedLost(node, deps))
  const staying = copies.filter((copy) => !isConfirmedLost(copy.node, deps) && !(isShort && isStuck(image, copy, deps)))
  const wanted = store.spec.copies ?? 1
  const missing = Math.min(wanted - staying.length, Math.min(MOST_COPIES, 2 * wanted) - copies.length)
  if (missing <= 0) return { copies }
  const taken = new Set(copies.map(({ node }) => node))
  const free = (store.status?.nodes ?? [])
    .filter(({ node, error }) => error === undefined && !taken.has(node) && isStaying(node, deps))
    .filter(({ node }) => deps.bus.heartbeats.pulse(node) !== 'silent')
    .sort((a, b) => b.freeGiB - a.freeGiB || (a.node < b.node ? -1 : 1))
    .filter(({ freeGiB }) => freeGiB > 0)
    .slice(0, missing)
  const { uid } = image.metadata
  const added = free.map(({ node }) => ({
    node,
    epoch: nextEpoch({ kind: 'imagecopy', uid, node }, image.status?.epoch, deps),
  }))
  return { copies: [...copies, ...added], ...(free.length === 0 ? { why: whyNone(store) } : {}) }
}

/** How many copies have to be whole: one that does not come about is not waited for where another node was chosen. Pure. */
export function countWanted(image: Image, { caches }: Pick<PlaceDeps, 'caches'>): number {
  const staying = (image.status?.copies ?? []).filter(({ node }) => !isConfirmedLost(node, { caches })).length
  const store = caches.imageStores.find(undefined, image.spec.source.snapshot?.imageStoreRef.name ?? '')
  return store ? Math.min(staying, store.spec.copies ?? 1) : staying
}

function whyNone({ metadata, status }: ImageStore): string {
  const nodes = (status?.nodes ?? []).map(({ node }) => node)
  const help = 'label one with nephele.dev/storage=true'
  if (nodes.length === 0) return `no node serves ImageStore ${metadata.name}: ${help}`
  return `ImageStore ${metadata.name} is served by ${listNames(nodes)}, and none has room, works and is heard now: its status says why`
}
