// SPDX-License-Identifier: Apache-2.0
// The disks of a machine in libvirt's XML: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms
import { TerminalError } from '../../../../lib/errors.ts'
import { keepsDiskNames } from '../../../../lib/image-properties.ts'
import { MAX_VOLUMES, type InstanceWant } from '../../instance-driver.ts'
import type { ComputePaths } from '../../paths.ts'
import { diskPaths } from './disk-paths.ts'
import {
  CONFIG_DRIVE_INDEX,
  EPHEMERAL_INDEX,
  fileDisk,
  FIRST_VOLUME_INDEX,
  SWAP_INDEX,
  volumeDisk,
  type FileDisk,
} from './disk-xml.ts'
import { busAfterNics } from './pci-ports.ts'
import type { XmlTree } from './xml-tree.ts'

/** Behind all others, where the rescue image asks for it. */
const LAST_INDEX = CONFIG_DRIVE_INDEX + 1

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
  const isLast = rescue !== undefined && keepsDiskNames(properties)
  const by = rescue !== undefined && !isLast ? 1 : 0
  const after = { bus: busAfterNics(want.nics) }
  const root = fileDisk({
    ...{ path: at.root, format: 'qcow2', index: by, serial: uid },
    ...(rescue ? {} : { bootOrder: 1 }),
    backing: { path: at.base, format: want.root.format },
  })
  const boot: FileDisk | undefined = rescue &&
    at.rescue && {
      ...{ path: at.rescue.path, format: 'qcow2', index: isLast ? LAST_INDEX : 0, serial: 'rescue', bootOrder: 1 },
      ...{ backing: { path: at.rescue.base, format: rescue.format }, ...(isLast ? after : {}) },
    }
  const rescueDisks = boot ? [fileDisk(boot)] : []
  const own: FileDisk[] = []
  if (want.ephemeralGiB > 0)
    own.push({ path: at.ephemeral, format: 'qcow2', index: EPHEMERAL_INDEX + by, serial: 'ephemeral0' })
  if (want.swapMiB > 0) own.push({ path: at.swap, format: 'raw', index: SWAP_INDEX + by, serial: 'swap0' })
  if (want.configDrive) {
    const drive = { path: at.configDrive, index: CONFIG_DRIVE_INDEX + by, serial: 'config-2', readonly: true }
    // Guests find it by its label, wherever it is.
    own.push({ ...drive, format: 'raw', ...(by === 0 ? {} : after) })
  }
  return [
    ...(isLast ? [] : rescueDisks),
    root,
    ...want.volumes.map((volume, i) => volumeDisk(volume, FIRST_VOLUME_INDEX + by + i)),
    ...own.map(fileDisk),
    ...(isLast ? rescueDisks : []),
  ]
}
