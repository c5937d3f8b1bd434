// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { Cloud, ComputeNode, StoragePool, Volume, VolumeType } from '../../lib/api/types.ts'
import { setCondition } from '../../lib/conditions.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import { resourceKindOf } from '../kind/row.ts'
import { registerStorageMetrics } from './storage-metrics.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'

const cluster = { namespace: '' }

test('pools, volumes that wait for room, and image caches, as they are when the page is asked for', async () => {
  const w = memoryWorld()
  const registry = new Registry()
  const volumes = w.stores.volumes.asInformer(resourceKindOf('volumes')) as unknown as Informer<Volume>
  registerStorageMetrics(registry, w.deps.caches, volumes)
  const read = async () =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('nephele_'))
      .sort()
  expect(await read()).toEqual([])

  const nodes = [{ node: 's1', totalGiB: 100, freeGiB: 70 }]
  w.put('storagePools', stored<StoragePool>('files', { driver: 'file' }, { ...cluster, status: { nodes } }))
  w.put('volumeTypes', stored<VolumeType>('std', { storagePoolRef: { name: 'files' }, default: true }, cluster))
  w.put('clouds', stored<Cloud>('default', { images: { maxCachePercent: 40 } }, cluster))
  const inventory = { diskGiB: 51, imageCacheGiB: 7 }
  w.put('computeNodes', stored<ComputeNode>('c1', {}, { ...cluster, status: { inventory } }))
  w.put('computeNodes', stored<ComputeNode>('c2', {}, cluster))
  const full = setCondition([], { type: 'Ready', status: 'False', reason: 'PoolFull', message: 'm' }, 1, w.run.now)
  const placed = { node: 's1', pool: 'files', sizeGiB: 10 }
  w.put('volumes', stored<Volume>('a', { sizeGiB: 10 }, { status: placed }))
  const growing = stored<Volume>('b', { sizeGiB: 900 }, { status: { ...placed, grantedGiB: 20, conditions: full } })
  w.put('volumes', growing)
  w.put('volumes', stored<Volume>('c', { sizeGiB: 900 }, { status: { conditions: full } }))
  expect(await read()).toEqual([
    'nephele_image_cache_gib{node="c1",what="max"} 20',
    'nephele_image_cache_gib{node="c1",what="used"} 7',
    'nephele_storage_pool_gib{pool="files",node="s1",what="free"} 70',
    'nephele_storage_pool_gib{pool="files",node="s1",what="promised"} 30',
    'nephele_storage_pool_gib{pool="files",node="s1",what="total"} 100',
    'nephele_volumes_without_room{pool="files"} 2',
  ])

  // A scrape walks pools and nodes, and no volumes: they are counted as they change.
  w.stores.volumes.list = () => {
    throw new Error('all volumes were read')
  }
  w.put('volumes', { ...growing, status: { ...growing.status, grantedGiB: 25 } })
  expect(await read()).toContain('nephele_storage_pool_gib{pool="files",node="s1",what="promised"} 35')
  w.drop('volumes', growing)
  expect(await read()).toEqual(
    expect.arrayContaining([
      'nephele_storage_pool_gib{pool="files",node="s1",what="promised"} 10',
      'nephele_volumes_without_room{pool="files"} 1',
    ]),
  )
})
