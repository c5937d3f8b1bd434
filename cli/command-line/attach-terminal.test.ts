// SPDX-License-Identifier: Apache-2.0
// The terminal's side of a console, against a real WebSocket of another make than the console process's.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { WebSocketServer, type WebSocket } from 'ws'
import { attachTerminal } from './attach-terminal.ts'

let http: ReturnType<typeof createServer>
let sockets: WebSocketServer
let url: string
let input: PassThrough & { isTTY?: boolean; setRawMode?: (isRaw: boolean) => unknown }
let output: PassThrough
let raw: boolean[]
let said: string[]
let shown: string
let stop: AbortController

beforeEach(async () => {
  http = createServer()
  sockets = new WebSocketServer({ server: http, handleProtocols: () => 'nephele-console.v1' })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/serial/n/m/a`
  ;[input, output, raw, said, shown] = [new PassThrough(), new PassThrough(), [], [], '']
  stop = new AbortController()
  Object.assign(input, { isTTY: true, setRawMode: (isRaw: boolean) => raw.push(isRaw) })
  output.on('data', (chunk: Buffer) => (shown += chunk.toString()))
})
afterEach(() => {
  for (const socket of sockets.clients) socket.terminate()
  sockets.close()
  http.close()
})

const attach = () =>
  attachTerminal({
    ...{ url, token: 'the token', name: 'web', signal: stop.signal, terminal: { input, output } },
    print: (line) => said.push(line),
  })

/** The other end: what it hears, after it has said that the console is open. */
async function serve(): Promise<{ socket: WebSocket; heard: () => string }> {
  const [socket] = (await once(sockets, 'connection')) as [WebSocket]
  const [hello] = (await once(socket, 'message')) as [Buffer]
  expect(JSON.parse(hello.toString())).toEqual({ token: 'the token' })
  const chunks: Buffer[] = []
  socket.on('message', (data) => chunks.push(data as Buffer))
  socket.send('{"state":"Open"}')
  return { socket, heard: () => Buffer.concat(chunks).toString() }
}
async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !isSo(); i++) await sleep(5)
  expect(isSo()).toBe(true)
}

test('keys go as they are pressed, Ctrl-C too, up to Ctrl-], which gives the terminal back', async () => {
  const attached = attach()
  const { socket, heard } = await serve()
  await until(() => said.length > 0)
  expect([raw, said]).toEqual([[true], ['console of web: Ctrl-] leaves it']])
  socket.send(Buffer.from('login: '))
  await until(() => shown === 'login: ')
  input.write('ls\x03')
  input.write('x\x1dnot sent')
  expect(await attached).toBe(0)
  await until(() => heard() === 'ls\x03x')
  expect(raw).toEqual([true, false])
})

test('what is no terminal is piped in, with any byte, and its end does not end the console', async () => {
  delete input.isTTY
  const attached = attach()
  const { socket, heard } = await serve()
  input.end('a\x1db')
  await until(() => heard() === 'a\x1db')
  socket.send(Buffer.from('answer'))
  await until(() => shown === 'answer')
  expect(raw).toEqual([])
  socket.close(1000)
  expect(await attached).toBe(0)
})

test.each([
  [
    'a reason',
    (socket: WebSocket) => socket.close(4000, 'ConsoleTaken: another has it'),
    'ConsoleTaken: another has it',
  ],
  ['none', (socket: WebSocket) => socket.terminate(), 'the connection was lost (1006)'],
])('an end with %s is told, with code 1', async (_, end, says) => {
  const attached = attach()
  const { socket } = await serve()
  await until(() => raw.length === 1)
  end(socket)
  expect(await attached).toBe(1)
  expect([raw, said.at(-1)]).toEqual([[true, false], `\nconsole of web: ${says}`])
})

test('who is not there is named', async () => {
  url = 'ws://127.0.0.1:1/serial/n/m/a'
  expect(await attach()).toBe(1)
  expect(said[0]).toMatch(/^\nconsole of web: 127\.0\.0\.1:1 does not answer: /)
})

test('a slow terminal slows the other end down', async () => {
  const attached = attach()
  const { socket } = await serve()
  await until(() => raw.length === 1)
  output.removeAllListeners('data')
  output.pause()
  let buffered = 0
  for (let i = 0; i < 400; i++) {
    socket.send(Buffer.alloc(64 * 1024))
    if (i % 20 === 0) await sleep(5)
    buffered = socket.bufferedAmount
  }
  // What the kernel takes on the loopback is some megabytes.
  expect(buffered).toBeGreaterThan(1024 * 1024)
  expect(output.readableLength).toBeLessThan(1024 * 1024)
  stop.abort()
  output.resume()
  await attached
})
