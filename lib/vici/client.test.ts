// SPDX-License-Identifier: Apache-2.0
// A charon that answers by a script.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ViciClient, ViciError } from './client.ts'
import { decodeMessage, encodeMessage, type ViciSection } from './message.ts'

let dir: string
let server: Server
let answer: (type: number, name: string, message: ViciSection, socket: Socket) => void
const events: [string, ViciSection][] = []
let closed = 0
const send = (socket: Socket, type: number, message: ViciSection = {}, name?: string) => {
  const tag = name === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.of(name.length), Buffer.from(name)])
  const packet = Buffer.concat([Buffer.of(type), tag, encodeMessage(message)])
  const header = Buffer.alloc(4)
  header.writeUInt32BE(packet.length)
  // In pieces, as a stream may come.
  socket.write(header.subarray(0, 2))
  socket.write(Buffer.concat([header.subarray(2), packet]))
}
const connect = () =>
  ViciClient.connect(join(dir, 'vici'), {
    timeoutMs: 300,
    onEvent: (name, message) => events.push([name, message]),
    onClose: () => closed++,
  })

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nephele-vici-'))
  events.length = closed = 0
  server = createServer((socket) => {
    let unread = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      unread = Buffer.concat([unread, bytes])
      while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE()) {
        const packet = unread.subarray(4, 4 + unread.readUInt32BE())
        unread = unread.subarray(4 + packet.length)
        const end = 2 + packet.readUInt8(1)
        answer(packet.readUInt8(), packet.subarray(2, end).toString(), decodeMessage(packet.subarray(end)), socket)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(join(dir, 'vici'), resolve))
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(dir, { recursive: true })
})

test('requests wait for each other, and events come in between', async () => {
  answer = (type, name, message, socket) => {
    if (type === 3) {
      send(socket, 5)
      return
    }
    send(socket, 7, { of: name }, 'list-sa')
    setTimeout(() => send(socket, 1, { name, ...message }), 10)
  }
  const client = await connect()
  await client.subscribe('list-sa')
  const both = await Promise.all([client.request('one', { a: 'x' }), client.request('two')])
  expect(both).toMatchObject([{ name: 'one', a: 'x' }, { name: 'two' }])
  expect(events).toMatchObject([
    ['list-sa', { of: 'one' }],
    ['list-sa', { of: 'two' }],
  ])
  client.close()
})

test('a no is an error with the reason; a command that it does not know is one; the next request goes on', async () => {
  answer = (_, name, __, socket) => {
    if (name === 'unknown') send(socket, 2)
    else send(socket, 1, name === 'no' ? { success: 'no', errmsg: 'not found' } : { success: 'yes' })
  }
  const client = await connect()
  await expect(client.request('no')).rejects.toThrow(new ViciError('no', 'not found'))
  await expect(client.request('unknown')).rejects.toThrow('does not know')
  await expect(client.request('yes')).resolves.toMatchObject({ success: 'yes' })
  client.close()
})

test.each<[string, (socket: Socket) => void, string]>([
  ['does not answer', () => undefined, 'does not answer'],
  ['ends', (socket) => socket.destroy(), 'closed'],
  ['sends a segment of no length', (socket) => socket.write(Buffer.alloc(8)), 'wrong length'],
  ['sends what is no packet', (socket) => send(socket, 9), 'type 9'],
])('one that %s: the connection is over, and its owner hears of it once', async (_, act, says) => {
  answer = (...[, , , socket]) => act(socket)
  const client = await connect()
  await expect(client.request('version')).rejects.toThrow(says)
  await expect(client.request('version')).rejects.toThrow(says)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect([client.isOpen, closed]).toEqual([false, 1])
})

test('nobody listens', async () => {
  await expect(ViciClient.connect(join(dir, 'nobody'), { timeoutMs: 100 })).rejects.toThrow('ENOENT')
})
