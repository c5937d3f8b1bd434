// SPDX-License-Identifier: Apache-2.0
// What a console process and its clients say to each other on a WebSocket, beside the guest's bytes (binary messages).
import { z } from 'zod'

/** The first message, of the client: not a part of the URL, which proxies log. */
export const Hello = z.object({
  token: z.string().min(1).max(128),
  /**
   * How many bytes may be on their way to a client that says by `Read` what it has read: a browser takes all that comes, and keeps it. Absent: what
   * slows the guest down is the connection itself.
   */
  window: z.int().min(4096).max(16_777_216).optional(),
})
export type Hello = z.infer<typeof Hello>

/** A text of such a client: how many bytes it has read since the beginning. */
export const Read = z.object({ read: z.int().min(0) })

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
