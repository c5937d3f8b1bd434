// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws'
import { toEnd, type ConsoleChannel } from '../lib/console/console-channel.ts'
import { CLOSED_CODE, ENDED_CODE, OPENED } from '../lib/console/protocol.ts'
import { Read, toCloseReason } from '../lib/console/websocket.ts'
import { ReadWindow } from './read-window.ts'

/** A client that answers no ping for twice as long is gone. */
const PING_MS = 20_000

/**
 * Carries bytes between the two until one of them ends; keeps of either what one window holds. The socket is paused when it comes.
 * @param windowBytes of a client that says what it has read; undefined: it does not
 */
export function bridge(
  socket: WebSocket,
  channel: ConsoleChannel,
  windowBytes?: number,
  { pingMs = PING_MS }: { pingMs?: number } = {},
): void {
  let isAlive = true
  const pings = setInterval(() => {
    // While the guest does not read, nothing of the client is read, its pongs neither: the kernel finds out whether it is gone.
    if (socket.isPaused) isAlive = true
    if (!isAlive) {
      socket.terminate()
      return
    }
    isAlive = false
    socket.ping()
  }, pingMs)
  socket.on('pong', () => (isAlive = true))
  const window = windowBytes === undefined ? undefined : new ReadWindow(windowBytes)
  socket.on('message', (data, isBinary) => {
    if (window && !isBinary) {
      if (!follow(window, data as Buffer)) closeWith(socket, BAD_READ)
      return
    }
    if (channel.write(data)) return
    socket.pause()
    channel.once('drain', () => {
      isAlive = true
      socket.resume()
    })
  })
  socket.on('close', () => {
    clearInterval(pings)
    window?.close()
    channel.leave(toEnd(undefined))
    channel.resume()
  })
  socket.send(OPENED)
  socket.resume()
  void forward(channel, socket, window).then(
    () => closeWith(socket, channel.ended ?? toEnd(undefined)),
    (error: unknown) => closeWith(socket, toEnd(error as Error)),
  )
}

export function closeWith(socket: WebSocket, end: { reason: string; message: string }): void {
  // What is paused would not hear the other end's answer.
  socket.resume()
  socket.close(end.reason === 'Closed' ? CLOSED_CODE : ENDED_CODE, toCloseReason(end))
}

/** As fast as the client reads. */
async function forward(channel: ConsoleChannel, socket: WebSocket, window: ReadWindow | undefined): Promise<void> {
  for await (const chunk of channel as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + ((await window?.room()) ?? chunk.length))
      if (window?.isClosed) return
      window?.take(piece.length)
      await new Promise<void>((resolve, reject) => socket.send(piece, (error) => (error ? reject(error) : resolve())))
      at += piece.length
    }
  }
}

const BAD_READ = { reason: 'MessageUnknown', message: 'the client says that it has read what it cannot have read' }

/** @returns whether the client may say so */
function follow(window: ReadWindow, text: Buffer): boolean {
  try {
    return window.moveTo(Read.parse(JSON.parse(text.toString('utf8'))).read)
  } catch {
    return false
  }
}
