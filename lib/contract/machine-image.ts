// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { sha256, uid } from './fields.ts'

/** What a root disk is made from. */
export const MachineImage = z.looseObject({
  /** Of the Image. */
  uid,
  sha256,
  format: z.enum(['raw', 'qcow2']),
  properties: z.record(z.string(), z.string()),
})
export type MachineImage = z.infer<typeof MachineImage>
