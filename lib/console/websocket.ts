// SPDX-License-Identifier: Apache-2.0
// What a console process and its clients say to each other on a WebSocket, beside the guest's bytes (binary messages).
import { z } from 'zod'

export const CONSOLE_PROTOCOL = 'nephele-console.v1'

/** The first message, of the client: not a part of the URL, which proxies log. */
export const Hello = z.object({ token: z.string().min(1).max(128) })
export type Hello = z.infer<typeof Hello>

/** The answer, once the console is open. */
export const OPENED = JSON.stringify({ state: 'Open' })

/** Close codes: it is over as it should be, or for a reason, which the frame names: `ConsoleTaken: another …`. */
export const CLOSED_CODE = 1000
export const ENDED_CODE = 4000
/** Of a close frame. */
const MOST_BYTES = 123

/** As a close frame has it. Pure. */
export function toCloseReason({ reason, message }: { reason: string; message: string }): string {
  const text = Buffer.from(`${reason}: ${message}`)
  // A letter that is cut in two would make the frame invalid.
  return text.length <= MOST_BYTES
    ? text.toString()
    : text
        .subarray(0, MOST_BYTES)
        .toString()
        .replace(/\uFFFD+$/, '')
}
