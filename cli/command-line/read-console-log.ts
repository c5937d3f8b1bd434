// SPDX-License-Identifier: Apache-2.0
import { WebSocket } from 'ws'
import { CLOSED_CODE, CONSOLE_PROTOCOL } from '../../lib/console/protocol.ts'
import type { Access } from './console-access.ts'
import { UsageError } from './command.ts'

/** More than a node sends: of more, the newest is kept. */
const MOST_BYTES = 4 * 2 ** 20

/** What the console at this URL says until it ends. @throws UsageError when it ends otherwise than at its end */
export async function readConsoleLog({ url, token }: Access, signal: AbortSignal): Promise<Buffer> {
  const socket = new WebSocket(url.replace(/^https:/, 'wss:'), CONSOLE_PROTOCOL, { perMessageDeflate: false })
  const over = Promise.withResolvers<undefined>()
  const pieces: Buffer[] = []
  let length = 0
  const fail = (why: string): void => over.reject(new UsageError(`the console log cannot be read: ${why}`))
  socket.on('error', (error) => fail(`${new URL(url).host} does not answer: ${error.message}`))
  socket.on('close', (code, reason) => {
    if (code === CLOSED_CODE) over.resolve(undefined)
    else fail(reason.length === 0 ? `the connection was lost (${code})` : reason.toString())
  })
  socket.on('open', () => socket.send(JSON.stringify({ token })))
  socket.on('message', (message, isBinary) => {
    if (!isBinary) return
    pieces.push(message as Buffer)
    length += (message as Buffer).length
    while (length - (pieces[0]?.length ?? length) >= MOST_BYTES) length -= pieces.shift()?.length ?? 0
  })
  const leave = (): void => socket.terminate()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await over.promise
    return Buffer.concat(pieces)
  } finally {
    signal.removeEventListener('abort', leave)
    socket.terminate()
  }
}
