// SPDX-License-Identifier: Apache-2.0
// Which root disk a machine has on its node. The first has the number 0; each rebuild makes one with a higher number beside it, and the former is whole
// until the machine has started from the next (docs/decisions/0066). Pure.
import type { InstanceSpec, MachineRebuild } from '../../lib/contract/documents.ts'
import type { Making } from './action-record.ts'
import { FIRST_DISKS, type BackendInstance } from './instance-driver.ts'
import type { PowerRecord } from './power-record.ts'
import type { RootDisk } from './root-disk.ts'

type Says = Pick<InstanceSpec, 'image' | 'requireKvm'>
type Defined = Pick<BackendInstance, 'rootDisk' | 'ephemeralDisk' | 'rescueDisk'>

/**
 * The one that the machine has. What its document says of the image counts while that is the same: an operator that does not know yet, or any more,
 * what was made here is not followed.
 */
export function presentRootDisk({ rootDisk: made, rescue }: PowerRecord, { image, requireKvm }: Says): RootDisk {
  const own = made && made.image.uid !== image.uid ? made : { disks: made?.disks ?? FIRST_DISKS, image, requireKvm }
  return rescue ? { ...own, rescue } : own
}

/** The one that it is to be defined with: the next, once that is made. */
export function rootDiskOf(record: PowerRecord, says: Says): RootDisk {
  const present = presentRootDisk(record, says)
  const starting = record.actions?.find(({ stage }) => stage === 'starting')
  return starting ? withMade(present, starting) : present
}

/** With the disk that an action makes, if it makes one. */
export function withMade(present: RootDisk, { rebuild, rescue }: Making): RootDisk {
  if (rebuild) return nextRootDisk(present, rebuild)
  return rescue ? { ...present, rescue } : present
}

/** The number of that. */
export function rootDiskNumberOf({ actions, rootDisk }: Pick<PowerRecord, 'actions' | 'rootDisk'>): number {
  const next = actions?.find(({ stage }) => stage === 'starting')?.rebuild
  return next?.rootDisk ?? rootDisk?.disks.root ?? 0
}

type Present = Pick<PowerRecord, 'actions' | 'rescue'>

/** The number of the rescue disk that it is to be defined with; 0: none. */
export function rescueDiskNumberOf({ actions, rescue }: Present): number {
  const next = actions?.find(({ stage }) => stage === 'starting')?.rescue
  return next?.disk ?? rescue?.disk ?? 0
}

/** Whether it is defined with those that it has to be; also where that is not known. */
export function isDefinedAsRecorded({ rootDisk, rescueDisk = 0 }: Defined, record: PowerRecord): boolean {
  if (rootDisk === undefined) return true
  return rootDisk === rootDiskNumberOf(record) && rescueDisk === rescueDiskNumberOf(record)
}

/** The one that a rebuild makes. */
export function nextRootDisk({ disks }: RootDisk, rebuild: MachineRebuild): RootDisk {
  const { image, requireKvm, rootDisk, preserveEphemeral } = rebuild
  return {
    disks: { root: rootDisk, ephemeral: preserveEphemeral ? disks.ephemeral : rootDisk },
    ...{ image, requireKvm },
  }
}

/**
 * A record that could not be read does not say which disks the machine has; its definition does. What that was made from the document has to say: the
 * driver refuses a disk on another image.
 */
export function recovered(
  record: PowerRecord,
  found: Defined | undefined,
  { image, requireKvm, rescue }: Says & Pick<InstanceSpec, 'rescue'>,
): PowerRecord {
  const { rootDisk: root = 0, ephemeralDisk: ephemeral = root, rescueDisk } = found ?? {}
  if (!record.actionsLost) return record
  // Of a copy of its disk, too, there may be something left: files, a job, a guest that is frozen.
  const lost: PowerRecord = { ...record, hasCaptures: true }
  const own: PowerRecord =
    lost.rootDisk || root === 0 ? lost : { ...lost, rootDisk: { disks: { root, ephemeral }, image, requireKvm } }
  if (own.rescue || rescueDisk === undefined) return own
  // One that nobody knows any more goes once the machine is off.
  const known = settled({ ...own, hasSpareDisks: true }, rescueDisk)
  return rescue?.disk === rescueDisk ? { ...known, rescue } : known
}

/** Up to which number it is known which disks were made, and which never will be. */
export function settledRootDisk({
  rootDisk,
  rootDisksSettled = 0,
}: Pick<PowerRecord, 'rootDisk' | 'rootDisksSettled'>): number {
  return Math.max(rootDisk?.disks.root ?? 0, rootDisksSettled)
}

/** With nothing under way, what was given so far and is asked for no more is not made any more, whatever comes late. */
export function settled(record: PowerRecord, given: number | undefined): PowerRecord {
  if (given === undefined || given <= settledRootDisk(record)) return record
  return { ...record, rootDisksSettled: given }
}
