// SPDX-License-Identifier: Apache-2.0
// What wakes a volume besides its own report, its node and its pool.
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { volume as volumeOfMachine } from '../instance/kind.ts'
import { listFreed } from './held-back.ts'
import { listUnplaced, listWaitingFor } from './waiting.ts'

export function volumeWatches(deps: OperatorDeps, informers: OperatorInformers): Watch[] {
  const { volumes, storagePools } = deps.caches
  const keysBy = (index: string, value: string) => volumes.listBy(index, value).map(keyOfObject)
  const unplaced = (type: string) => listUnplaced(type, deps.caches).map(keyOfObject)
  const waitingFor = (pool: string) => listWaitingFor(pool, deps.caches).map(keyOfObject)
  return [
    // The volumes that the machine names, and those that it still has but no longer names.
    watchOf(informers.instances, (instance) => [
      ...targetKeysOf(volumeOfMachine, instance),
      ...keysBy('attachedTo', instance.metadata.uid),
    ]),
    watchOf(informers.volumeTypes, ({ metadata }) => [...unplaced(metadata.name), ...unplaced('')]),
    // When a volume goes, others may get its room.
    watchOf(informers.volumes, ({ status, metadata }) =>
      metadata.deletionTimestamp === undefined || status?.pool === undefined ? [] : waitingFor(status.pool),
    ),
    watchOf(informers.storagePools, (pool) => waitingFor(pool.metadata.name)),
    // Besides the volumes on the node, those that may be placed there once it is heard again: its pools do not change then.
    watchOf(informers.computeNodes, ({ metadata: { name } }) => [
      // A node that is given up holds nothing any more.
      ...keysBy('usedOn', name),
      ...listFreed(deps).map(keyOfObject),
      ...storagePools
        .list()
        .filter((pool) => pool.status?.nodes?.some((n) => n.node === name))
        .flatMap((pool) => waitingFor(pool.metadata.name)),
      // The volumes that its machines have: the node's key may change, or the node may be lost.
      ...deps.caches.instances.listBy('node', name).flatMap(({ metadata }) => keysBy('attachedTo', metadata.uid)),
    ]),
  ]
}

export function volumeSources(deps: OperatorDeps): Source[] {
  const { bus, caches } = deps
  const keysBy = (index: string, value: string): ObjectKey[] => caches.volumes.listBy(index, value).map(keyOfObject)
  return [
    ({ enqueue }) =>
      bus.heartbeats.onChange((nodes) => {
        for (const node of nodes) for (const key of keysBy('node', node)) enqueue(key)
      }),
    // The node may have answered before we heard that the machine's document was stored.
    ({ enqueue }) =>
      bus.desired.onVolumes(({ uid }) => {
        for (const key of keysBy('attachedTo', uid)) enqueue(key)
      }),
    // Reports on the machine that has the volume, or may have it.
    ({ enqueue }) =>
      bus.observed.onChange(({ kind, uid }) => {
        if (kind !== 'instance') return
        for (const key of keysBy('attachedTo', uid)) enqueue(key)
        for (const volume of listFreed(deps)) enqueue(keyOfObject(volume))
      }),
    ({ enqueue }) =>
      deps.volumePromises.onWithdrawn((pool) => {
        for (const volume of listWaitingFor(pool, caches)) enqueue(keyOfObject(volume))
      }),
  ]
}
