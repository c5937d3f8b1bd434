// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { BlockResize, MonitorCommand } from '../../../../lib/libvirt/constants.ts'
import { LibvirtError, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { VolumeWant } from '../../instance-driver.ts'
import { volumeAlias } from './disk-xml.ts'
import type { LiveVolume } from './live-xml.ts'

const GIB = 2n ** 30n
const ATTEMPTS = 20
const PAUSE_MS = 100

/** Makes a machine that is on see the new size of volumes that have grown. Never shrinks one. */
export async function growVolumes(
  client: LibvirtCaller,
  domain: DomainRef,
  live: readonly LiveVolume[],
  want: readonly VolumeWant[],
  signal: AbortSignal,
): Promise<void> {
  for (const { uid, sizeGiB } of want) {
    const disk = live.find((volume) => volume.uid === uid)
    if (!disk || sizeGiB === undefined) continue
    const size = BigInt(sizeGiB) * GIB
    const { capacity } = await client.call('blockInfo', { domain, path: disk.target, flags: 0 }, signal)
    if (capacity < size) await grow(client, { domain, disk, size }, signal)
  }
}

interface Growth {
  domain: DomainRef
  disk: LiveVolume
  size: bigint
}

/**
 * NBD negotiates the size when a client connects. The server has dropped QEMU's connection in order to grow; QEMU notices, and reconnects,
 * only at its next request. A busy guest issues one by itself; for an idle one a block is read here.
 * @throws TransientError when the new size is not seen in time
 */
async function grow(client: LibvirtCaller, { domain, disk, size }: Growth, signal: AbortSignal): Promise<void> {
  let refused: unknown
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await client.call('blockResize', { domain, disk: disk.target, size, flags: BlockResize.bytes }, signal)
      return
    } catch (error) {
      if (!(error instanceof LibvirtError)) throw error
      refused = error
    }
    // Started but not awaited: a server that is down must not block this run; the read waits in QEMU.
    if (attempt % 5 === 0) await readOneBlock(client, domain, disk, signal)
    await pause(PAUSE_MS, signal)
  }
  throw new TransientError('VolumeResizeFailed', 'the machine has not taken the new size of its volume yet', {
    cause: refused,
  })
}

/** libvirt has no call that reads from a network disk. */
async function readOneBlock(client: LibvirtCaller, domain: DomainRef, disk: LiveVolume, signal: AbortSignal) {
  const command = `qemu-io -d /machine/peripheral/${volumeAlias(disk.uid)}/virtio-backend "aio_read -q 0 512"`
  await client.call('qemuMonitorCommand', { domain, command, flags: MonitorCommand.human }, signal)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal.addEventListener('abort', abort, { once: true })
  })
}
