// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws'
import { toEnd, type ConsoleChannel } from '../lib/console/console-channel.ts'
import { CLOSED_CODE, ENDED_CODE, OPENED, toCloseReason } from '../lib/console/websocket.ts'

/** A client that answers no ping for twice as long is gone. */
const PING_MS = 20_000

/** Carries bytes between the two until one of them ends; keeps of either what one window holds. The socket is paused when it comes. */
export function bridge(socket: WebSocket, channel: ConsoleChannel): void {
  let isAlive = true
  const pings = setInterval(() => {
    if (!isAlive) {
      socket.terminate()
      return
    }
    isAlive = false
    socket.ping()
  }, PING_MS)
  socket.on('pong', () => (isAlive = true))
  socket.on('message', (data) => {
    if (channel.write(data)) return
    socket.pause()
    channel.once('drain', () => socket.resume())
  })
  socket.on('close', () => {
    clearInterval(pings)
    channel.leave(toEnd(undefined))
    channel.resume()
  })
  socket.send(OPENED)
  socket.resume()
  void forward(channel, socket).then(
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
async function forward(channel: ConsoleChannel, socket: WebSocket): Promise<void> {
  for await (const chunk of channel) {
    await new Promise<void>((resolve, reject) =>
      socket.send(chunk as Buffer, (error) => (error ? reject(error) : resolve())),
    )
  }
}
