// SPDX-License-Identifier: Apache-2.0
import type { MachineImage, MachineRescue } from '../../lib/contract/documents.ts'
import type { DiskNumbers } from './instance-driver.ts'

/** A root disk of a machine, and what it was made from; with what it boots from instead. */
export interface RootDisk {
  disks: DiskNumbers
  image: MachineImage
  /** Refuse to run where there is only emulation: the image asks for it, or the flavor. */
  requireKvm: boolean
  rescue?: MachineRescue
}
