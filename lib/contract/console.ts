// SPDX-License-Identifier: Apache-2.0
// Who may open a console of a machine, and what its node says of it (docs/decisions/0077).
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { sha256, uid } from './fields.ts'

/** Of accesses that one machine's document may have. */
export const MOST_CONSOLES = 8

/** The first serial port, the screen with keyboard and mouse, or what the serial port has said so far. */
export const ConsoleType = z.enum(['Serial', 'VNC', 'Log'])
export type ConsoleType = z.infer<typeof ConsoleType>

/** In the document of the machine, until the access has ended. */
export const ConsoleGrant = z.looseObject({
  /** Of the ConsoleAccess. */
  uid,
  /** Of the token (`hashOfToken`). */
  tokenSHA256: sha256,
  /** RFC 3339: one that is not open by then is opened no more. */
  notAfter: z.iso.datetime().max(64),
  /** Whether it takes the console over from whoever has it open. */
  force: z.boolean(),
  /** Absent: Serial. */
  type: ConsoleType.optional(),
})
export type ConsoleGrant = z.infer<typeof ConsoleGrant>

/** `Waiting`: the node knows of it; `Closed`: it was open, and is opened no more. */
export const ConsoleState = z.enum(['Waiting', 'Open', 'Closed'])
export type ConsoleState = z.infer<typeof ConsoleState>

/** Of each access in the machine's document. `type`: which one the node would open; absent: Serial, the only one that older agents know. */
export const ObservedConsole = z.object({ uid, state: ConsoleState, type: ConsoleType.optional() })
export type ObservedConsole = z.infer<typeof ObservedConsole>

/** What documents and status have of a token. Whoever reads them can open nothing with it. */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
