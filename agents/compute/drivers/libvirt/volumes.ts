// SPDX-License-Identifier: Apache-2.0
import { lstat, realpath } from 'node:fs/promises'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { Affect } from '../../../../lib/libvirt/constants.ts'
import { isDeviceMissing, isOperationInvalid, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isMissing } from '../../../../lib/durable-files.ts'
import type { VolumeWant } from '../driver.ts'
import { diskName, FIRST_VOLUME_INDEX, LAST_VOLUME_INDEX, toDetachXml, toVolumeXml } from './disk-xml.ts'
import type { LiveDomain, LiveVolume } from './live-xml.ts'

export interface VolumePlan {
  attach: { volume: VolumeWant; index: number }[]
  detach: LiveVolume[]
}

/** What to change so that the machine has exactly these volumes; each new one gets the first free name. Pure. */
export function planVolumes(live: LiveDomain, want: readonly VolumeWant[]): VolumePlan {
  const wanted = new Set(want.map((volume) => volume.uid))
  const has = new Set(live.volumes.map((volume) => volume.uid))
  const taken = new Set(live.targets)
  const attach: VolumePlan['attach'] = []
  for (const volume of want) {
    if (has.has(volume.uid)) continue
    let index = FIRST_VOLUME_INDEX
    while (taken.has(diskName(index))) index++
    if (index > LAST_VOLUME_INDEX)
      throw new TerminalError('TooManyVolumes', 'no device name is free for another volume')
    taken.add(diskName(index))
    attach.push({ volume, index })
  }
  return { attach, detach: live.volumes.filter((volume) => !wanted.has(volume.uid)) }
}

/** Hot-plugs. A detach is asked for; it is done when the guest lets go, which an event tells. */
export async function applyVolumePlan(
  client: LibvirtClient,
  domain: DomainRef,
  plan: VolumePlan,
  signal: AbortSignal,
): Promise<void> {
  const flags = Affect.live | Affect.config
  for (const volume of plan.detach) {
    try {
      await client.call('detachDevice', { domain, xml: toDetachXml(volume), flags }, signal)
    } catch (error) {
      // "Already in the process of unplug" is what a second request gets while the guest takes its time.
      if (!isDeviceMissing(error) && !isOperationInvalid(error) && !String(error).includes('in the process of unplug'))
        throw error
    }
  }
  for (const { volume, index } of plan.attach) {
    await checkVolumePath(volume)
    await client.call('attachDevice', { domain, xml: toVolumeXml(volume, index), flags }, signal)
  }
}

/** A path that is handed to a guest is a regular file and leads through no link. */
export async function checkVolumePath(volume: VolumeWant): Promise<void> {
  const { connection } = volume
  if (connection.protocol !== 'file') return
  try {
    const found = await lstat(connection.path)
    if (found.isFile() && (await realpath(connection.path)) === connection.path) return
  } catch (error) {
    if (isMissing(error)) throw new TransientError('VolumeMissing', `volume ${volume.uid} is not on this node yet`)
    throw error
  }
  throw new TerminalError('VolumeUnsafe', `volume ${volume.uid} is not a regular file of its pool`)
}
