// SPDX-License-Identifier: Apache-2.0
import { NODE_LABELS } from '../../../lib/api/kinds.ts'
import type { KubeNode, StoragePool } from '../../../lib/api/types.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'

type PoolNode = NonNullable<NonNullable<StoragePool['status']>['nodes']>[number]
type Selecting = Pick<StoragePool['spec'], 'nodeSelector'>

export function reconcileStoragePool(pool: StoragePool, deps: Pick<OperatorDeps, 'caches' | 'bus'>): Outcome {
  const status = (pool.status ??= {})
  const { name } = pool.metadata
  if (pool.metadata.deletionTimestamp !== undefined) {
    return waitForHolders('storagePools', pool, deps.caches) ?? released
  }
  const nodes = deps.caches.nodes
    .list()
    .filter((node) => isServedBy(pool, node))
    .map((node) => node.metadata.name)
    .sort()
  const seen = nodes.flatMap((node) => findFolderOn('pools', node, name, status.nodes, deps) ?? [])
  status.nodes = keepUnlessMoved(status.nodes ?? [], seen)
  const working = seen.filter((n) => n.error === undefined)
  // A lost node is not expected to beat, and so never counts as silent.
  const isUp = working.some(({ node }) => !isConfirmedLost(node, deps) && deps.bus.heartbeats.pulse(node) !== 'silent')
  status.state = isUp ? 'up' : 'down'
  if (nodes.length === 0)
    return waitFor(
      'NoStorageNode',
      'no node serves it: label one with nephele.dev/storage=true (and spec.nodeSelector)',
    )
  const broken = seen.find((n) => n.error !== undefined)
  if (broken) return waitFor('PoolBroken', `node ${broken.node}: ${broken.error ?? ''}`)
  if (working.length > 0 && !isUp)
    return waitFor(
      'NodeSilent',
      `${listNames(working.map(({ node }) => node))} not heard: its volumes go on when one is back`,
    )
  return seen.length > 0 ? done : waitFor('PoolNotReported', `waiting for node ${nodes.join(', ')} to report the pool`)
}

export function isServedBy(pool: { spec: Selecting }, node: KubeNode): boolean {
  const labels = node.metadata.labels ?? {}
  if (labels[NODE_LABELS.storage] !== 'true') return false
  return Object.entries(pool.spec.nodeSelector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
}

export function pathOf(pool: StoragePool): string {
  return pool.spec.file?.path ?? `/var/lib/nephele/volumes/${pool.metadata.name}`
}

/** The pool, or store, as the node reports it; as last reported while NATS has no inventory, or one without pools. */
export function findFolderOn(
  list: 'pools' | 'imageStores',
  node: string,
  name: string,
  last: readonly PoolNode[] | undefined,
  deps: Pick<OperatorDeps, 'bus'>,
): PoolNode | undefined {
  const inventory = deps.bus.inventory.find(node)
  const folders = inventory?.[list]
  if (!folders) return last?.find((n) => n.node === node)
  const found = folders.find((folder) => folder.name === name)
  if (!found) return undefined
  const { totalGiB, freeGiB, error } = found
  return { node, totalGiB, freeGiB, ...(error === undefined ? {} : { error: error.slice(0, 255) }) }
}

/** Keeps the old free space unless it changed by 2%: it changes with guests' writes, and a status write each time breaks invariant 7. */
export function keepUnlessMoved(old: readonly PoolNode[], seen: PoolNode[]): PoolNode[] {
  return seen.map((now) => {
    const before = old.find((n) => n.node === now.node)
    if (before?.totalGiB !== now.totalGiB || before.error !== now.error) return now
    return Math.abs(before.freeGiB - now.freeGiB) * 50 < now.totalGiB ? before : now
  })
}
