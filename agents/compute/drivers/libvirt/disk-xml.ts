// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../../../lib/errors.ts'
import type { DiskBus } from '../../../../lib/image-properties.ts'
import { MAX_VOLUMES, type VolumeWant } from '../../instance-driver.ts'
import { addressOnBus } from './pci-ports.ts'
import { writeXml, type XmlTree } from './xml-tree.ts'

/**
 * Seconds for which a guest's requests wait for a storage daemon to come back; then the machine is paused with its requests pending
 * (ON_ERROR). Each later resume fails at once until the daemon is back.
 */
const NBD_RECONNECT_SECONDS = 600

/**
 * Storage errors of a volume are never passed to the guest, which would take its file system for broken. The machine is paused instead, and
 * the request is repeated when it resumes (QEMU's werror and rerror).
 */
const ON_ERROR = { '@error_policy': 'stop', '@rerror_policy': 'stop' } as const
/** The longest serial number that virtio-blk has; udev makes /dev/disk/by-id/virtio-<serial> of it. */
const SERIAL_CHARACTERS = 20
const VOLUME_ALIAS = 'ua-vol-'

/** The volume's device alias in libvirt and QEMU, in the domain XML and in events. */
export const volumeAlias = (uid: string): string => `${VOLUME_ALIAS}${uid}`
export const volumeOfAlias = (alias: string): string | undefined =>
  alias.startsWith(VOLUME_ALIAS) ? alias.slice(VOLUME_ALIAS.length) : undefined

/** What the guest sees a disk as. */
export interface DiskTarget {
  dev: string
  bus: DiskBus
}

/** sda, …: of the machine's own disks where they are on another bus. Six have a place on a machine's SATA controller. */
export const otherName = (place: number): string => `sd${String.fromCharCode(97 + place)}`

/** vda, …, vdz, vdaa, … */
export function diskName(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26))
  return index < 26 ? `vd${letter}` : `vd${String.fromCharCode(96 + Math.floor(index / 26))}${letter}`
}

/** Volumes are /dev/vdb to /dev/vdy; the machine's other disks follow after all of them. */
export const FIRST_VOLUME_INDEX = 1
export const EPHEMERAL_INDEX = FIRST_VOLUME_INDEX + MAX_VOLUMES
export const SWAP_INDEX = EPHEMERAL_INDEX + 1
export const CONFIG_DRIVE_INDEX = EPHEMERAL_INDEX + 2

export interface FileDisk {
  path: string
  format: 'raw' | 'qcow2'
  target: DiskTarget
  serial: string
  readonly?: boolean
  bootOrder?: number
  /** Of the PCIe port, on virtio; absent: the first that is free. */
  port?: number
  /** Set explicitly, so that libvirt and QEMU do not probe the image's own header. */
  backing?: { path: string; format: 'raw' | 'qcow2' }
}

export function fileDisk(disk: FileDisk): XmlTree {
  return {
    '@type': 'file',
    '@device': 'disk',
    driver: { '@name': 'qemu', '@type': disk.format, '@discard': 'unmap' },
    source: { '@file': disk.path },
    backingStore: disk.backing
      ? {
          '@type': 'file',
          format: { '@type': disk.backing.format },
          // Shared by machines: libvirt must not chown it to QEMU's user, which could then write to it.
          source: { '@file': disk.backing.path, seclabel: { '@model': 'dac', '@relabel': 'no' } },
          backingStore: {},
        }
      : {},
    target: { '@dev': disk.target.dev, '@bus': disk.target.bus },
    ...(disk.readonly ? { readonly: {} } : {}),
    serial: disk.serial.slice(0, SERIAL_CHARACTERS),
    ...(disk.bootOrder === undefined ? {} : { boot: { '@order': String(disk.bootOrder) } }),
    ...(disk.port === undefined ? {} : { address: addressOnBus(disk.port) }),
  }
}

/** @param index of the guest's device name; only a hint: guests find their volumes by serial number */
export function volumeDisk(volume: VolumeWant, index: number): XmlTree {
  const common = {
    target: { '@dev': diskName(index), '@bus': 'virtio' },
    serial: volume.uid.slice(0, SERIAL_CHARACTERS),
    alias: { '@name': volumeAlias(volume.uid) },
  }
  const { connection } = volume
  if (connection.protocol === 'file') {
    if (!connection.path.startsWith('/')) throw new TerminalError('VolumeUnsafe', 'the volume has no absolute path')
    return {
      '@type': 'file',
      '@device': 'disk',
      driver: { '@name': 'qemu', '@type': connection.format, ...ON_ERROR, '@discard': 'unmap' },
      source: { '@file': connection.path },
      backingStore: {},
      ...common,
    }
  }
  return {
    '@type': 'network',
    '@device': 'disk',
    driver: { '@name': 'qemu', '@type': 'raw', ...ON_ERROR, '@discard': 'unmap' },
    source: {
      '@protocol': 'nbd',
      '@name': connection.exportName,
      '@tls': connection.tls ? 'yes' : 'no',
      ...(connection.tls && connection.tlsHostname !== undefined ? { '@tlsHostname': connection.tlsHostname } : {}),
      host: { '@name': connection.host, '@port': String(connection.port) },
      reconnect: { '@delay': String(volume.reconnectSeconds ?? NBD_RECONNECT_SECONDS) },
    },
    ...common,
  }
}

/** One disk, as attach and detach take it. */
export function toVolumeXml(volume: VolumeWant, index: number): string {
  return writeXml({ disk: volumeDisk(volume, index) })
}

/** The minimum by which libvirt finds the device to detach. */
export function toDetachXml(volume: { alias: string; target: string }): string {
  return writeXml({
    disk: {
      '@type': 'file',
      '@device': 'disk',
      target: { '@dev': volume.target, '@bus': 'virtio' },
      alias: { '@name': volume.alias },
    },
  })
}
