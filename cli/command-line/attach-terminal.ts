// SPDX-License-Identifier: Apache-2.0
import type { Readable, Writable } from 'node:stream'
import { WebSocket } from 'ws'
import { CLOSED_CODE, CONSOLE_PROTOCOL } from '../../lib/console/protocol.ts'

export interface Terminal {
  input: Readable & { isTTY?: boolean; setRawMode?: (isRaw: boolean) => unknown }
  output: Writable
}

export interface AttachOptions {
  /** Of the ConsoleAccess. */
  url: string
  token: string
  /** Of the machine, for people. */
  name: string
  print: (line: string) => void
  signal: AbortSignal
  terminal?: Terminal
}

/** Ctrl-], as telnet and virsh have it. */
const LEAVE = 0x1d
/** What stays before the network, when it is slow. */
const MOST_BUFFERED = 64 * 1024

/**
 * The console in this terminal, which hands over each key as it is pressed, until it is left or over. Input that is no terminal is piped in,
 * and its end leaves the console open: what the guest answers is still to be seen. @returns the exit code
 */
export async function attachTerminal(options: AttachOptions): Promise<number> {
  const { url, token, name, print, signal, terminal = { input: process.stdin, output: process.stdout } } = options
  const socket = new WebSocket(url.replace(/^https:/, 'wss:'), CONSOLE_PROTOCOL, { perMessageDeflate: false })
  const over = Promise.withResolvers<{ code: number; reason: string }>()
  socket.on('error', (error) =>
    over.resolve({ code: 1006, reason: `${new URL(url).host} does not answer: ${error.message}` }),
  )
  socket.on('close', (code, reason) => over.resolve({ code, reason: reason.toString() }))
  socket.on('open', () => socket.send(JSON.stringify({ token })))
  const leave = (): void => socket.close(CLOSED_CODE)
  signal.addEventListener('abort', leave, { once: true })
  let detach = (): void => undefined
  socket.on('message', (message, isBinary) => {
    const data = message as Buffer
    if (isBinary) {
      if (terminal.output.write(data)) return
      socket.pause()
      terminal.output.once('drain', () => socket.resume())
    } else {
      print(`console of ${name}: Ctrl-] leaves it`)
      detach = readKeys(terminal, socket, leave)
    }
  })
  try {
    const { code, reason } = await over.promise
    if (code === CLOSED_CODE) return 0
    detach()
    print(`\nconsole of ${name}: ${reason === '' ? `the connection was lost (${code})` : reason}`)
    return 1
  } finally {
    detach()
    signal.removeEventListener('abort', leave)
  }
}

/** @returns gives the terminal back */
function readKeys({ input }: Terminal, socket: WebSocket, leave: () => void): () => void {
  const isTerminal = input.isTTY === true
  if (isTerminal) input.setRawMode?.(true)
  const onKeys = (keys: Buffer): void => {
    const at = isTerminal ? keys.indexOf(LEAVE) : -1
    const typed = at < 0 ? keys : keys.subarray(0, at)
    if (typed.length > 0) socket.send(typed, () => input.resume())
    if (at >= 0) leave()
    else if (socket.bufferedAmount > MOST_BUFFERED) input.pause()
  }
  input.on('data', onKeys)
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    input.off('data', onKeys)
    if (isTerminal) input.setRawMode?.(false)
    input.pause()
  }
}
