// SPDX-License-Identifier: Apache-2.0
import type { ImageStore } from '../../../lib/api/types.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findFolderOn, isServedBy, keepUnlessMoved } from '../storage-pool/reconcile.ts'

export function reconcileImageStore(store: ImageStore, deps: Pick<OperatorDeps, 'caches' | 'bus'>): Outcome {
  const status = (store.status ??= {})
  const { name } = store.metadata
  if (store.metadata.deletionTimestamp !== undefined)
    return waitForHolders('imageStores', store, deps.caches) ?? released
  const nodes = deps.caches.nodes
    .list()
    .filter((node) => isServedBy(store, node))
    .map((node) => node.metadata.name)
    .sort()
  const seen = nodes.flatMap((node) => findFolderOn('imageStores', node, name, status.nodes, deps) ?? [])
  status.nodes = keepUnlessMoved(status.nodes ?? [], seen)
  const working = seen.filter(({ error }) => error === undefined)
  const isHeard = (node: string) => !isConfirmedLost(node, deps) && deps.bus.heartbeats.pulse(node) !== 'silent'
  const isUp = working.some(({ node }) => isHeard(node))
  status.state = isUp ? 'up' : 'down'
  if (nodes.length === 0)
    return waitFor(
      'NoStorageNode',
      'no node serves it: label one with nephele.dev/storage=true (and spec.nodeSelector)',
    )
  const broken = seen.find(({ error }) => error !== undefined)
  if (broken) return waitFor('StoreBroken', `node ${broken.node}: ${broken.error ?? ''}`)
  if (working.length > 0 && !isUp)
    return waitFor('NodeSilent', `${listNames(working.map(({ node }) => node))} not heard: it goes on when one is back`)
  if (seen.length === 0) return waitFor('StoreNotReported', `waiting for node ${nodes.join(', ')} to report the store`)
  const { copies = 1 } = store.spec
  return nodes.length < copies
    ? waitFor(
        'TooFewNodes',
        `spec.copies is ${copies}, and ${nodes.length} nodes serve it: label more, or ask for fewer`,
      )
    : done
}

export function pathOfStore({ spec, metadata }: ImageStore): string {
  return spec.file?.path ?? `/var/lib/nephele/image-stores/${metadata.name}`
}
