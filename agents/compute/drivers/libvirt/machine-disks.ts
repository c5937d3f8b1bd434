// SPDX-License-Identifier: Apache-2.0
// The disks of a machine in libvirt's XML: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms
import { TerminalError } from '../../../../lib/errors.ts'
import { diskBusOf, keepsDiskNames } from '../../../../lib/image-properties.ts'
import { MAX_VOLUMES, type InstanceWant } from '../../instance-driver.ts'
import type { ComputePaths } from '../../paths.ts'
import { diskPaths } from './disk-paths.ts'
import {
  CONFIG_DRIVE_INDEX,
  diskName,
  EPHEMERAL_INDEX,
  fileDisk,
  FIRST_VOLUME_INDEX,
  otherName,
  SWAP_INDEX,
  volumeDisk,
  type DiskTarget,
  type FileDisk,
} from './disk-xml.ts'
import { busAfterNics } from './pci-ports.ts'
import type { XmlTree } from './xml-tree.ts'

/** Behind all others, where the rescue image asks for it. */
const LAST_INDEX = CONFIG_DRIVE_INDEX + 1
const LAST_PLACE = 4

/** The controller of disks on SCSI; that of SATA each machine has. Pure. */
export function diskControllers(properties: InstanceWant['properties']): XmlTree[] {
  return diskBusOf(properties) === 'scsi' ? [{ '@type': 'scsi', '@index': '0', '@model': 'virtio-scsi' }] : []
}

/**
 * In the order of their PCIe ports, by which a guest names them. A rescue disk comes first and all others move on by one, or it comes last: in either case one
 * disk more than there are ports before those of interfaces, which stay where they are (docs/decisions/0080). @throws TerminalError
 */
export function toDisks(want: InstanceWant, paths: ComputePaths): XmlTree[] {
  if (want.volumes.length > MAX_VOLUMES) {
    throw new TerminalError('TooManyVolumes', `a machine takes at most ${MAX_VOLUMES} volumes`)
  }
  const { rescue, uid, properties } = want
  const at = diskPaths(paths, want)
  const bus = diskBusOf(properties)
  const isLast = rescue !== undefined && keepsDiskNames(properties)
  const by = rescue !== undefined && !isLast ? 1 : 0
  // A device of its own there, other than on SCSI and SATA.
  const after = bus === 'virtio' ? { port: busAfterNics(want.nics) } : {}
  const target = (index: number, place: number): DiskTarget => ({
    dev: bus === 'virtio' ? diskName(index) : otherName(place),
    bus,
  })
  const root = fileDisk({
    ...{ path: at.root, format: 'qcow2', target: target(by, by), serial: uid },
    ...(rescue ? {} : { bootOrder: 1 }),
    backing: { path: at.base, format: want.root.format },
  })
  const boot: FileDisk | undefined = rescue &&
    at.rescue && {
      ...{ path: at.rescue.path, format: 'qcow2', serial: 'rescue', bootOrder: 1 },
      target: isLast ? target(LAST_INDEX, LAST_PLACE) : target(0, 0),
      ...{ backing: { path: at.rescue.base, format: rescue.format }, ...(isLast ? after : {}) },
    }
  const rescueDisks = boot ? [fileDisk(boot)] : []
  const own: FileDisk[] = []
  if (want.ephemeralGiB > 0)
    own.push({
      path: at.ephemeral,
      format: 'qcow2',
      target: target(EPHEMERAL_INDEX + by, 1 + by),
      serial: 'ephemeral0',
    })
  if (want.swapMiB > 0)
    own.push({ path: at.swap, format: 'raw', target: target(SWAP_INDEX + by, 2 + by), serial: 'swap0' })
  if (want.configDrive) {
    const index = CONFIG_DRIVE_INDEX + by
    own.push({
      ...{ path: at.configDrive, format: 'raw', serial: 'config-2', readonly: true },
      // No disk on SATA is read-only.
      target: bus === 'sata' ? { dev: diskName(index), bus: 'virtio' } : target(index, 3 + by),
      // Guests find it by its label, wherever it is.
      ...(by === 0 ? {} : after),
    })
  }
  return [
    ...(isLast ? [] : rescueDisks),
    root,
    ...want.volumes.map((volume, i) => volumeDisk(volume, FIRST_VOLUME_INDEX + by + i)),
    ...own.map(fileDisk),
    ...(isLast ? rescueDisks : []),
  ]
}
