// SPDX-License-Identifier: Apache-2.0
// As much of DNS messages as a forwarder has to know: the header and the one question. RFC 1035 section 4, RFC 6891. Pure.

const HEADER_BYTES = 12
/** A question fits far below; what is longer is no question. */
export const MOST_BYTES = 4096
const MOST_NAME_BYTES = 255
const MOST_LABEL_BYTES = 63
const CLASS_IN = 1
const ZONE_TRANSFERS: readonly number[] = [251, 252]

export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  absentName: 3,
  notImplemented: 4,
  refused: 5,
} as const
export type Rcode = (typeof RCODE)[keyof typeof RCODE]

export interface Query {
  bytes: Buffer
  id: number
  /** Lower case, without a dot at the end; empty for the root. */
  name: string
  /** Where the question ends. */
  questionEnd: number
}

/** Undefined for what is no question at all: a response, or bytes. A question that nobody may ask is answered by its rcode. */
export function readQuery(bytes: Buffer): { query: Query; refused?: Rcode } | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MOST_BYTES) return undefined
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0x8000) !== 0) return undefined
  const id = bytes.readUInt16BE(0)
  const header = { bytes, id, name: '', questionEnd: HEADER_BYTES }
  // Updates and notifications would reach the node's servers in the node's name.
  if (((flags >> 11) & 15) !== 0) return { query: header, refused: RCODE.notImplemented }
  const question = bytes.readUInt16BE(4) === 1 ? readQuestion(bytes) : undefined
  if (!question) return { query: header, refused: RCODE.formatError }
  const { type, class: of, ...rest } = question
  const query = { bytes, id, ...rest }
  const isAllowed = of === CLASS_IN && !ZONE_TRANSFERS.includes(type)
  return isAllowed ? { query } : { query, refused: RCODE.refused }
}

function readQuestion(bytes: Buffer): { name: string; type: number; class: number; questionEnd: number } | undefined {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length > MOST_LABEL_BYTES || at + length - HEADER_BYTES > MOST_NAME_BYTES)
      return undefined
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const questionEnd = at + 5
  if (questionEnd > bytes.length) return undefined
  const name = labels.join('.').toLowerCase()
  return { name, type: bytes.readUInt16BE(at + 1), class: bytes.readUInt16BE(at + 3), questionEnd }
}

/** An answer of our own, without records. */
export function toAnswer({ bytes, questionEnd }: Query, rcode: Rcode): Buffer {
  const answer = Buffer.from(bytes.subarray(0, questionEnd))
  const recursionDesired = bytes.readUInt16BE(2) & 0x0100
  answer.writeUInt16BE(0x8080 | recursionDesired | rcode, 2)
  answer.writeUInt16BE(questionEnd > HEADER_BYTES ? 1 : 0, 4)
  answer.fill(0, 6, HEADER_BYTES)
  return answer
}

/** The same message under another number: the one that the asker chose says nothing to a server, nor a server's to the asker. */
export function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(id, 0)
  return copy
}

/** Whether a server's message answers this query as it was sent: its number, and the same question. */
export function isAnswerTo(sent: Buffer, questionEnd: number, answer: Buffer): boolean {
  if (answer.length < questionEnd || answer.readUInt16BE(0) !== sent.readUInt16BE(0)) return false
  if ((answer.readUInt16BE(2) & 0xf800) !== 0x8000 || answer.readUInt16BE(4) !== 1) return false
  const [asked, answered] = [sent, answer].map((bytes) =>
    bytes.toString('latin1', HEADER_BYTES, questionEnd).toLowerCase(),
  )
  return asked === answered
}

export function rcodeOf(answer: Buffer): number {
  return answer.readUInt16BE(2) & 15
}

/** The name exists, without such a record. */
export function asEmpty(answer: Buffer): Buffer {
  const copy = Buffer.from(answer)
  copy.writeUInt16BE(copy.readUInt16BE(2) & 0xfff0, 2)
  return copy
}
