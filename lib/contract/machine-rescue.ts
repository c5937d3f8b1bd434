// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { MachineImage } from './machine-image.ts'

/** The disk that a machine in rescue boots from, beside its own (docs/decisions/0080). */
export const MachineRescue = z.looseObject({
  /** Its number: of the same sequence as those of root disks. */
  disk: z.int().min(1),
  image: MachineImage,
  /** The image asks for it, or the flavor. */
  requireKvm: z.boolean(),
  /** At least; the image may be larger. */
  sizeGiB: z.int().min(0),
})
export type MachineRescue = z.infer<typeof MachineRescue>
