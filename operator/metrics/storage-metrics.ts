// SPDX-License-Identifier: Apache-2.0
// What of the room for volumes and images is taken, and who waits for more. Read from the caches when the page is asked for.
import { Gauge, type Registry } from 'prom-client'
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { Caches } from '../kind/row.ts'
import { POOL_FULL } from '../controllers/volume/place.ts'
import { grantedOf } from '../controllers/volume/granted-size.ts'

type StorageCaches = Pick<Caches, 'clouds' | 'computeNodes' | 'storagePools' | 'volumeTypes' | 'volumes'>

export function registerStorageMetrics(registry: Registry, caches: StorageCaches): void {
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
      for (const volume of caches.volumes.list()) {
        const { node, pool } = volume.status ?? {}
        if (node !== undefined && pool !== undefined) this.inc({ pool, node, what: 'promised' }, grantedOf(volume))
      }
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
      for (const volume of caches.volumes.list()) {
        if (findCondition(volume.status?.conditions, 'Ready')?.reason === POOL_FULL)
          this.inc({ pool: poolOf(volume, caches) })
      }
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
function poolOf({ spec, status }: Volume, { volumeTypes }: StorageCaches): string {
  if (status?.pool !== undefined) return status.pool
  const name = spec.volumeTypeRef?.name
  const type = name === undefined ? volumeTypes.list().find((t) => t.spec.default) : volumeTypes.find(undefined, name)
  return type?.spec.storagePoolRef.name ?? ''
}
