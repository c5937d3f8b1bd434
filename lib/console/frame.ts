// SPDX-License-Identifier: Apache-2.0
// What a message on the console subjects is: a byte that says which, and what follows it (docs/decisions/0077).
import { z } from 'zod'
import { uid } from '../contract/fields.ts'

/** Of data in one message. */
export const PIECE_BYTES = 32 * 1024
/** The longest message that is no data. */
const MOST_TEXT = 4096

const OpenRequest = z.object({
  /** UID of the machine. */
  machine: uid,
  /** UID of the ConsoleAccess. */
  access: uid,
  token: z.string().min(1).max(128),
})
export type OpenRequest = z.infer<typeof OpenRequest>

const End = z.object({ reason: z.string().regex(/^[A-Z][A-Za-z0-9]{0,63}$/), message: z.string().max(1024) })
/** Why a console is over. `Closed`: one of the two ends left. */
export type End = z.infer<typeof End>

export type Frame =
  | { type: 'open'; request: OpenRequest }
  | { type: 'opened' }
  /** @param at where in the stream the bytes begin */
  | { type: 'data'; at: number; bytes: Buffer }
  /** How far its sender has come, and up to where the other may send. */
  | { type: 'progress'; sent: number; limit: number }
  | { type: 'end'; end: End }

const TYPES = ['open', 'opened', 'data', 'progress', 'end'] as const
/** Of a position in a stream: enough for a gigabyte a second, for three days. */
const POSITION_BYTES = 6

/** @throws when it is none, such as from a peer of another make */
export function decodeFrame(message: Uint8Array): Frame {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const type = TYPES[bytes[0] ?? TYPES.length]
  const body = bytes.subarray(1)
  switch (type) {
    case 'open':
      return { type, request: OpenRequest.parse(parseText(body)) }
    case 'opened':
      return { type }
    case 'data':
      if (body.length <= POSITION_BYTES || body.length > POSITION_BYTES + PIECE_BYTES)
        throw new FrameError('data of impossible length')
      return { type, at: body.readUIntBE(0, POSITION_BYTES), bytes: body.subarray(POSITION_BYTES) }
    case 'progress':
      if (body.length < 2 * POSITION_BYTES) throw new FrameError('progress without positions')
      return { type, sent: body.readUIntBE(0, POSITION_BYTES), limit: body.readUIntBE(POSITION_BYTES, POSITION_BYTES) }
    case 'end':
      return { type, end: End.parse(parseText(body)) }
    case undefined:
      throw new FrameError('no frame of a console')
    default:
      return type satisfies never
  }
}

export function encodeFrame(frame: Frame): Buffer {
  const head = Buffer.from([TYPES.indexOf(frame.type)])
  switch (frame.type) {
    case 'open':
      return Buffer.concat([head, Buffer.from(JSON.stringify(frame.request))])
    case 'opened':
      return head
    case 'data':
      return Buffer.concat([head, positions(frame.at), frame.bytes])
    case 'progress':
      return Buffer.concat([head, positions(frame.sent, frame.limit)])
    case 'end':
      return Buffer.concat([head, Buffer.from(JSON.stringify(frame.end))])
    default:
      return frame satisfies never
  }
}

class FrameError extends Error {
  override name = 'FrameError'
}

function parseText(body: Buffer): unknown {
  if (body.length > MOST_TEXT) throw new FrameError('a text that is too long')
  return JSON.parse(body.toString('utf8'))
}

function positions(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * POSITION_BYTES)
  values.forEach((value, i) => out.writeUIntBE(value, i * POSITION_BYTES, POSITION_BYTES))
  return out
}
