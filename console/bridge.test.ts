// SPDX-License-Identifier: Apache-2.0
// Who is held for gone: who answers no ping, and nobody whose guest does not read.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { WebSocket, WebSocketServer } from 'ws'
import { ConsoleChannel, WINDOW_BYTES } from '../lib/console/console-channel.ts'
import { decodeFrame } from '../lib/console/frame.ts'
import { bridge } from './bridge.ts'

const PING_MS = 100
let server: WebSocketServer
let channel: ConsoleChannel
let client: WebSocket
let served: WebSocket
/** Bytes that have come to the node. */
let reached: number

beforeEach(async () => {
  reached = 0
  channel = new ConsoleChannel((message) => {
    const frame = decodeFrame(message)
    if (frame.type === 'data') reached += frame.bytes.length
  })
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
})
afterEach(() => {
  client.terminate()
  channel.destroy()
  server.close()
})

async function connect(options: { autoPong: boolean }): Promise<void> {
  const connected = once(server, 'connection') as Promise<[WebSocket]>
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
  client.on('error', () => undefined)
  const opened = once(client, 'message')
  ;[served] = await connected
  served.pause()
  bridge(served, channel, undefined, { pingMs: PING_MS })
  await opened
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isSo(); i++) await sleep(10)
  expect(isSo()).toBe(true)
}

test('a client that answers no ping is gone', async () => {
  await connect({ autoPong: false })
  await until(() => client.readyState === WebSocket.CLOSED)
})

test('a client whose guest does not read stays, and goes on when that does', async () => {
  await connect({ autoPong: true })
  for (let sent = 0; sent < 2 * WINDOW_BYTES; sent += 16_384) client.send(Buffer.alloc(16_384))
  await until(() => served.isPaused)
  await sleep(6 * PING_MS)
  expect([client.readyState, reached]).toEqual([WebSocket.OPEN, WINDOW_BYTES])
  channel.receive({ type: 'progress', sent: 0, limit: 4 * WINDOW_BYTES })
  await until(() => reached === 2 * WINDOW_BYTES)
  await sleep(4 * PING_MS)
  expect([client.readyState, served.isPaused]).toEqual([WebSocket.OPEN, false])
})
