// SPDX-License-Identifier: Apache-2.0
import { lstat, realpath } from 'node:fs/promises'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { Affect } from '../../../../lib/libvirt/constants.ts'
import {
  isDeviceMissing,
  isOperationInvalid,
  isOutOfSlots,
  isUnplugPending,
  type DomainRef,
} from '../../../../lib/libvirt/error.ts'
import { isMissing } from '../../../../lib/durable-files.ts'
import { MAX_VOLUMES, type VolumeWant } from '../../instance-driver.ts'
import { diskName, FIRST_VOLUME_INDEX, toDetachXml, toVolumeXml } from './disk-xml.ts'
import type { LiveDomain, LiveVolume } from './live-xml.ts'
import type { CheckVolumeServer } from './volume-server.ts'

/** QEMU attaches a disk at once, unless it waits for a server that has become silent since it was probed. */
const PLUG_TIMEOUT_MS = 20_000

export interface VolumePlan {
  attach: { volume: VolumeWant; index: number }[]
  detach: LiveVolume[]
  /** Volumes for which no device name is free until another one is detached. */
  waiting: VolumeWant[]
}

/** Plans the changes after which the machine has exactly these volumes; each new one gets the first free device name. Pure. */
export function planVolumes(
  live: Pick<LiveDomain, 'volumes' | 'targets' | 'rescueDisk'>,
  want: readonly VolumeWant[],
): VolumePlan {
  const wanted = new Set(want.map((volume) => volume.uid))
  const has = new Set(live.volumes.map((volume) => volume.uid))
  const taken = new Set(live.targets)
  const attach: VolumePlan['attach'] = []
  const waiting: VolumeWant[] = []
  // Of a machine in rescue its own root disk has one of them.
  const end = FIRST_VOLUME_INDEX + MAX_VOLUMES + (live.rescueDisk === undefined ? 0 : 1)
  for (const volume of want) {
    if (has.has(volume.uid)) continue
    let index = FIRST_VOLUME_INDEX
    while (taken.has(diskName(index))) index++
    if (index >= end) {
      waiting.push(volume)
      continue
    }
    taken.add(diskName(index))
    attach.push({ volume, index })
  }
  return { attach, detach: live.volumes.filter((volume) => !wanted.has(volume.uid)), waiting }
}

export interface Plugging {
  client: LibvirtCaller
  domain: DomainRef
  checkServer: CheckVolumeServer
}

/**
 * Hot-plugs and detaches. A detach is only requested: it is done when the guest releases the device, which an event reports. A booting
 * guest misses the request, so it is repeated at each run. Every change is tried, whichever of them fail.
 * @returns the failures
 */
export async function applyVolumePlan(plug: Plugging, plan: VolumePlan, signal: AbortSignal): Promise<unknown[]> {
  const failures: unknown[] = []
  const attempt = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      signal.throwIfAborted()
      failures.push(error)
    }
  }
  for (const volume of plan.detach) await attempt(() => detach(plug, volume, signal))
  for (const { volume, index } of plan.attach) await attempt(() => attach(plug, volume, index, signal))
  if (plan.waiting.length > 0) {
    const message = `a machine takes at most ${MAX_VOLUMES} volumes, including those that its guest has not released yet`
    failures.push(new TransientError('TooManyVolumes', message))
  }
  return failures
}

async function attach(plug: Plugging, volume: VolumeWant, index: number, signal: AbortSignal): Promise<void> {
  const { client, domain, checkServer } = plug
  const { connection } = volume
  await checkVolumePath(volume)
  if (connection.protocol === 'nbd') await checkServer(connection, signal)
  const flags = Affect.live | Affect.config
  try {
    await client.call('attachDevice', { domain, xml: toVolumeXml(volume, index), flags }, signal, PLUG_TIMEOUT_MS)
  } catch (error) {
    if (!isOutOfSlots(error)) throw error
    throw new TransientError(
      'NoFreeSlot',
      'the machine has no free slot for another volume: it was started by an older agent; stop it and start it again',
      { cause: error },
    )
  }
}

/**
 * Detaches from the definition and from the guest. The first call removes it from the definition whatever the guest does; from then on
 * libvirt refuses to do both together, and only the guest is asked.
 */
async function detach({ client, domain }: Plugging, volume: LiveVolume, signal: AbortSignal): Promise<void> {
  const xml = toDetachXml(volume)
  const ask = async (flags: number): Promise<'asked' | 'missing'> => {
    try {
      await client.call('detachDevice', { domain, xml, flags }, signal, PLUG_TIMEOUT_MS)
    } catch (error) {
      if (isDeviceMissing(error)) return 'missing'
      // The guest has not released it yet; or the machine went off, and has no disks any more.
      if (!isUnplugPending(error) && !isOperationInvalid(error)) throw error
    }
    return 'asked'
  }
  if ((await ask(Affect.live | Affect.config)) === 'missing') await ask(Affect.live)
}

/** A path given to a guest must be a regular file, reached through no symbolic link. */
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
