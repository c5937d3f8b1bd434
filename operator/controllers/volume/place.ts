// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, Volume, VolumeType } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { isPublicTo } from '../../kind/resolve.ts'
import { listNames } from '../../kind/holders.ts'
import { DEFAULT_OVERCOMMIT_PERCENT, roomOn, type RoomDeps } from './room.ts'

export const POOL_FULL = 'PoolFull'

type PlaceDeps = RoomDeps & { caches: Pick<Caches, 'volumeTypes' | 'storagePools'> }

export type PlaceChoice = { ok: true; node: string; pool: string } | { ok: false; reason: string; message: string }

/**
 * Chooses the pool by the volume's type, then that pool's live node with the most room (room.ts), and promises the room at once.
 */
export function choosePlace(volume: Volume, deps: PlaceDeps, isAlive: (node: string) => boolean): PlaceChoice {
  const choice = findPlace(volume, deps, isAlive)
  if (!choice.ok) deps.volumePromises.withdraw(volume)
  else deps.volumePromises.make(volume.metadata.uid, { ...choice, sizeGiB: volume.spec.sizeGiB })
  return choice
}

function findPlace(volume: Volume, deps: PlaceDeps, isAlive: (node: string) => boolean): PlaceChoice {
  const { caches } = deps
  const type = findType(volume, caches)
  if (!type.ok) return type
  const poolName = type.type.spec.storagePoolRef.name
  const pool = caches.storagePools.find(undefined, poolName)
  if (!pool || pool.metadata.deletionTimestamp !== undefined) {
    return {
      ok: false,
      reason: 'StoragePoolNotFound',
      message: `StoragePool ${poolName} of VolumeType ${type.type.metadata.name} does not exist: create it`,
    }
  }
  const nodes = (pool.status?.nodes ?? [])
    .filter((n) => n.error === undefined && isAlive(n.node))
    .map((n) => ({ node: n.node, roomGiB: roomOn(n, pool, volume, deps) }))
    .sort((a, b) => b.roomGiB - a.roomGiB || (a.node < b.node ? -1 : 1))
  const best = nodes[0]
  if (!best) return { ok: false, reason: 'NoStorageNode', message: whyNoNode(pool, isAlive) }
  if (best.roomGiB < volume.spec.sizeGiB) {
    const message = whyFull(pool, { roomGiB: best.roomGiB, wantedGiB: volume.spec.sizeGiB })
    return { ok: false, reason: POOL_FULL, message }
  }
  return { ok: true, node: best.node, pool: poolName }
}

export function whyFull(pool: StoragePool, { roomGiB, wantedGiB }: { roomGiB: number; wantedGiB: number }): string {
  const percent = pool.spec.overcommitPercent ?? DEFAULT_OVERCOMMIT_PERCENT
  return `StoragePool ${pool.metadata.name} can promise at most ${Math.max(0, roomGiB)} GiB more on one node, ${wantedGiB} wanted: delete volumes, add disk, or raise its spec.overcommitPercent (${percent})`
}

function whyNoNode({ metadata, status }: StoragePool, isAlive: (node: string) => boolean): string {
  const silent = (status?.nodes ?? []).map((n) => n.node).filter((node) => !isAlive(node))
  const help = 'label one with nephele.dev/storage=true'
  if (silent.length === 0) return `no node serves StoragePool ${metadata.name}: ${help}`
  return `StoragePool ${metadata.name} is served by ${listNames(silent)}, not heard now or about to leave: bring a node back, or ${help}`
}

type TypeChoice = { ok: true; type: VolumeType } | { ok: false; reason: string; message: string }

function findType(volume: Volume, caches: Pick<Caches, 'volumeTypes'>): TypeChoice {
  const name = volume.spec.volumeTypeRef?.name
  const { namespace = '' } = volume.metadata
  if (name !== undefined) {
    const type = caches.volumeTypes.find(undefined, name)
    if (type && isPublicTo(type.spec, namespace)) return { ok: true, type }
    return {
      ok: false,
      reason: 'VolumeTypeNotFound',
      message: `VolumeType ${name} in spec.volumeTypeRef does not exist or is not shared with namespace ${namespace} (its spec.sharedWith): create it`,
    }
  }
  const defaults = caches.volumeTypes
    .list()
    .filter(({ spec, metadata }) => spec.default === true && metadata.deletionTimestamp === undefined)
    .filter(({ spec }) => isPublicTo(spec, namespace))
  const type = defaults.sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1))[0]
  if (type) return { ok: true, type }
  return {
    ok: false,
    reason: 'NoDefaultVolumeType',
    message: `no VolumeType that namespace ${namespace} may use has spec.default: true: name one in spec.volumeTypeRef`,
  }
}

function ageOf({ metadata }: VolumeType): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.uid}`
}
