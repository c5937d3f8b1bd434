// SPDX-License-Identifier: Apache-2.0
import type { Instance, Volume } from '../../../lib/api/types.ts'
import type { VolumeConnection } from '../../../lib/contract/documents.ts'
import { found, missing, resolve, type Found } from '../common/references.ts'
import type { InstanceDeps } from './reconcile.ts'

export interface AttachableVolume {
  volume: Volume
  connection: VolumeConnection
  /** What its node serves; a running machine takes the new size when it is told. */
  sizeGiB: number | undefined
}

/**
 * Step 11 of the flow. The volume controller decides who has a volume, and its node opens the export to this machine's node; only
 * when the node said so under that decision's epoch do the connection data go into the machine's document.
 */
export function resolveVolumes(
  instance: Instance,
  deps: Pick<InstanceDeps, 'caches' | 'bus'>,
): Found<AttachableVolume[]> {
  const volumes: AttachableVolume[] = []
  for (const [i, { volumeRef }] of (instance.spec.volumes ?? []).entries()) {
    const field = `spec.volumes[${i}].volumeRef`
    const volume = resolve({
      cache: deps.caches.volumes,
      kind: 'Volume',
      ref: volumeRef,
      from: instance.metadata.namespace ?? '',
      field,
      isKept: true,
    })
    if (!volume.ok) return volume
    const { attachedTo, node, epoch = 0 } = volume.object.status ?? {}
    if (attachedTo && attachedTo.uid !== instance.metadata.uid) {
      return missing('VolumeInUse', `Volume ${volumeRef.name} in ${field} is attached to Instance ${attachedTo.name}`)
    }
    if (attachedTo?.node !== instance.status?.node || node === undefined) {
      return missing('VolumeNotReady', `waiting for Volume ${volumeRef.name}${reasonOf(volume.object)}`)
    }
    const observed = deps.bus.observed.find('volume', volume.object.metadata.uid, node)
    const { connection, sizeGiB } = observed?.facts ?? {}
    if (observed?.state !== 'available' || observed.versions.epoch < epoch || !connection) {
      return missing('VolumeNotReady', `waiting for node ${node} to export Volume ${volumeRef.name}`)
    }
    volumes.push({ volume: volume.object, connection, sizeGiB })
  }
  return found(volumes)
}

function reasonOf(volume: Volume): string {
  const ready = volume.status?.conditions?.find((c) => c.type === 'Ready')
  return ready && ready.status !== 'True' ? `: ${ready.reason}: ${ready.message}` : ''
}
