// SPDX-License-Identifier: Apache-2.0
// What of the room for volumes and images is taken, and who waits for more. Pools and nodes are read when the page is asked for.
import { Gauge, type Registry } from 'prom-client'
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import type { Caches } from '../kind/row.ts'
import { VolumeCounts, type Waiting } from './volume-counts.ts'

type StorageCaches = Pick<Caches, 'clouds' | 'computeNodes' | 'storagePools' | 'volumeTypes'>

export function registerStorageMetrics(
  registry: Registry,
  caches: StorageCaches,
  volumes: Pick<Informer<Volume>, 'onChange'>,
): void {
  const counts = new VolumeCounts(volumes)
  new Gauge({
    name: 'nephele_storage_pool_gib',
    help: 'Room of a StoragePool on a node: total, free on its file system now, and promised to volumes',
    labelNames: ['pool', 'node', 'what'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { metadata, status } of caches.storagePools.list()) {
        for (const { node, totalGiB, freeGiB } of status?.nodes ?? []) {
          const labels = { pool: metadata.name, node }
          this.set({ ...labels, what: 'total' }, totalGiB)
          this.set({ ...labels, what: 'free' }, freeGiB)
          this.set({ ...labels, what: 'promised' }, 0)
        }
      }
      for (const [labels, gib] of counts.promised()) this.set({ ...labels, what: 'promised' }, gib)
    },
  })
  new Gauge({
    name: 'nephele_volumes_without_room',
    help: 'Volumes that wait with PoolFull, to be made or to grow, by the StoragePool that is full',
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { metadata } of caches.storagePools.list()) this.set({ pool: metadata.name }, 0)
      for (const [waiting, volumes] of counts.waiting()) this.inc({ pool: poolOf(waiting, caches) }, volumes)
    },
  })
  new Gauge({
    name: 'nephele_image_cache_gib',
    help: 'Images kept on a node, and the most that they may take there (spec.images.maxCachePercent of the Cloud)',
    labelNames: ['node', 'what'],
    registers: [registry],
    collect() {
      this.reset()
      const percent = caches.clouds.find(undefined, CLOUD_NAME)?.spec.images?.maxCachePercent
      for (const { metadata, status } of caches.computeNodes.list()) {
        const { imageCacheGiB, diskGiB } = status?.inventory ?? {}
        if (imageCacheGiB === undefined) continue
        this.set({ node: metadata.name, what: 'used' }, imageCacheGiB)
        if (percent !== undefined && diskGiB !== undefined)
          this.set({ node: metadata.name, what: 'max' }, Math.floor((diskGiB * percent) / 100))
      }
    },
  })
}

/** Of one that has no place yet the pool of its type; empty where even that is open. */
function poolOf(waiting: Waiting, { volumeTypes }: StorageCaches): string {
  if ('pool' in waiting) return waiting.pool
  const name = waiting.type
  const type = name === undefined ? volumeTypes.list().find((t) => t.spec.default) : volumeTypes.find(undefined, name)
  return type?.spec.storagePoolRef.name ?? ''
}
