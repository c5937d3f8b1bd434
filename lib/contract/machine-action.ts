// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once, and what its node says of it (docs/decisions/0064).
import { z } from 'zod'
import { SealedText } from '../pki/sealed.ts'
import { amount, firstOf, reason, text } from './bounds.ts'
import { sha256, uid } from './fields.ts'
import { USER_NAME } from './guest-password.ts'
import { ImageReader } from './image-copy.ts'
import { MachineImage } from './machine-image.ts'
import { MachineRescue } from './machine-rescue.ts'

/** Those that this version knows. A node that does not know a type says so (`UnsupportedAction`), and goes on with its machine. */
export const MACHINE_ACTIONS = [
  'SoftReboot',
  'HardReboot',
  'Reset',
  'CrashDump',
  'SetAdminPassword',
  'ResetState',
  'Rebuild',
  'Rescue',
  'Unrescue',
  'Snapshot',
] as const
export type MachineActionType = (typeof MACHINE_ACTIONS)[number]

/** What the password of an action is sealed for, in the document of its machine. */
export function passwordUse(actionUid: string): { kind: 'instance'; use: string } {
  return { kind: 'instance', use: `actions/${actionUid}/password` }
}

/**
 * The next root disk of a machine. It stands in the action alone: an agent that does not know of it goes on with the disk, and the image, that it has.
 */
export const MachineRebuild = z.looseObject({
  /** Its number: each that a machine is given on its node is higher than those before (`rootDisksGiven`). */
  rootDisk: z.int().min(1),
  image: MachineImage,
  /** The image asks for it, or the flavor. */
  requireKvm: z.boolean(),
  /** The ephemeral disk stays; absent: it is made anew. */
  preserveEphemeral: z.boolean().optional(),
})
export type MachineRebuild = z.infer<typeof MachineRebuild>

/** The root disk of a machine is copied, and served until the document does not ask for it any more. */
export const MachineSnapshot = z.looseObject({
  /** Of the Image that it is for: the name of the file. */
  imageUid: uid,
  quiesce: z.enum(['IfPossible', 'Required', 'Never']),
  /** The nodes of its ImageStore. */
  readers: z.array(ImageReader).max(16),
})
export type MachineSnapshot = z.infer<typeof MachineSnapshot>

/** In the document of its machine, until its end is known: a node that has done what has this UID does not do it again. */
export const MachineAction = z.looseObject({
  /** Of the InstanceAction. */
  uid,
  /** One of MACHINE_ACTIONS, or a later one. */
  type: z.string().max(64),
  /** RFC 3339: a node that has not begun by then does not begin any more. */
  notAfter: z.iso.datetime().max(64).optional(),
  /** Of a SoftReboot: how long the guest has to shut down before it is cut off. */
  softTimeoutSeconds: z.int().min(1).max(3600).optional(),
  /** Of a SetAdminPassword: whose password, and the password, which is sealed for the node (`passwordUse`). */
  userName: z.string().regex(USER_NAME).optional(),
  sealedPassword: SealedText.optional(),
  /** Of a Rebuild. */
  rebuild: MachineRebuild.optional(),
  /** Of a Rescue. */
  rescue: MachineRescue.optional(),
  /** Of an Unrescue: number of the rescue disk that it takes away. */
  rescueDisk: z.int().min(1).optional(),
  /** Of a Snapshot. */
  snapshot: MachineSnapshot.optional(),
})
export type MachineAction = z.infer<typeof MachineAction>

/** `Unknown`: interrupted right when it was done, so that nobody knows whether it was. */
const ActionResult = z.enum(['Succeeded', 'Failed', 'Unknown'])

const ActionStep = z.object({
  name: reason(),
  /** RFC 3339, the node's clock. */
  time: z.iso.datetime().max(64),
})

const MOST_ACTION_STEPS = 16

/** A copy of a root disk, as a whole file: a qcow2 without a backing file. */
export const CapturedDisk = z.object({ sha256, sizeBytes: amount(), virtualSizeBytes: amount() })
export type CapturedDisk = z.infer<typeof CapturedDisk>

/** How far it has come. */
export const ObservedAction = z.object({
  uid,
  steps: firstOf(ActionStep, MOST_ACTION_STEPS),
  /** Absent: it is under way. */
  result: ActionResult.optional(),
  /** Why it failed. */
  reason: reason().optional(),
  message: text(1024).optional(),
  /** Of a Snapshot that goes on: how far, and how much of the disk is still to be read. */
  progress: z.int().min(0).max(100).optional(),
  bytesLeft: amount().optional(),
  /** Of a Snapshot that was taken. */
  captured: CapturedDisk.optional(),
})
export type ObservedAction = z.infer<typeof ObservedAction>
