// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once, and what its node says of it (docs/decisions/0064).
import { z } from 'zod'
import { SealedText } from '../pki/sealed.ts'
import { firstOf, reason, text } from './bounds.ts'
import { uid } from './fields.ts'
import { USER_NAME } from './guest-password.ts'

/** Those that this version knows. A node that does not know a type says so (`UnsupportedAction`), and goes on with its machine. */
export const MACHINE_ACTIONS = [
  'SoftReboot',
  'HardReboot',
  'Reset',
  'CrashDump',
  'SetAdminPassword',
  'ResetState',
] as const
export type MachineActionType = (typeof MACHINE_ACTIONS)[number]

/** What the password of an action is sealed for, in the document of its machine. */
export function passwordUse(actionUid: string): { kind: 'instance'; use: string } {
  return { kind: 'instance', use: `actions/${actionUid}/password` }
}

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

/** How far it has come. */
export const ObservedAction = z.object({
  uid,
  steps: firstOf(ActionStep, MOST_ACTION_STEPS),
  /** Absent: it is under way. */
  result: ActionResult.optional(),
  /** Why it failed. */
  reason: reason().optional(),
  message: text(1024).optional(),
})
export type ObservedAction = z.infer<typeof ObservedAction>
