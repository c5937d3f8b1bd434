// SPDX-License-Identifier: Apache-2.0
// Lists that a bridge answers in parts (OpenFlow: multipart messages).
import { TYPE } from './message-types.ts'
import type { OpenFlowConnection, OpenFlowMessage } from './openflow-connection.ts'

const MORE_FOLLOWS = 1

export interface Part<T> {
  entries: T[]
  isLast: boolean
}

/**
 * One part of a list whose entries begin with their length, of 16 bits. Pure.
 * @param kind of the list, as it was asked for
 * @param least bytes of an entry
 * @returns undefined: it is another message
 */
export function readPart<T>(
  { type, body }: OpenFlowMessage,
  kind: number,
  least: number,
  read: (entry: Buffer) => T,
): Part<T> | undefined {
  if (type !== TYPE.multipartReply || body.length < 8 || body.readUInt16BE(0) !== kind) return undefined
  const entries: T[] = []
  for (let rest = body.subarray(8); rest.length >= least;) {
    const length = rest.readUInt16BE(0)
    if (length < least || length > rest.length) break
    entries.push(read(rest.subarray(0, length)))
    rest = rest.subarray(length)
  }
  return { entries, isLast: (body.readUInt16BE(2) & MORE_FOLLOWS) === 0 }
}

/**
 * @param read as the connection's version has them
 * @returns what the bridge answers, all its parts together
 */
export async function listAll<T>(
  connection: OpenFlowConnection,
  request: Buffer,
  signal: AbortSignal,
  read: (message: OpenFlowMessage) => Part<T> | undefined,
): Promise<T[]> {
  const entries: T[] = []
  connection.send(TYPE.multipartRequest, request)
  await connection.next((message) => {
    const part = read(message)
    if (part) entries.push(...part.entries)
    return part?.isLast === true ? true : undefined
  }, signal)
  return entries
}
