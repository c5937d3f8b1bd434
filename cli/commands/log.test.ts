// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { ENDED_CODE, CLOSED_CODE, OPENED } from '../../lib/console/protocol.ts'
import type { Context } from '../command-line/command.ts'
import { printLog } from './log.ts'

let server: WebSocketServer
let answer: (socket: WebSocket) => void
let token: string
let made: KubeObject[]

beforeEach(async () => {
  ;[made, token] = [[], '']
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (socket) =>
    socket.once('message', (message: Buffer) => {
      token = String(message)
      socket.send(OPENED)
      answer(socket)
    }),
  )
  await new Promise((resolve) => server.once('listening', resolve))
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const context = (more: Partial<Context> = {}): Context => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/log/n/m/a`
  const status = { state: 'Ready', url, tokenSecretRef: { name: 't' } }
  return {
    client: {
      find: async ({ kind }: ResourceKind) =>
        kind === 'Secret' ? { data: { token: Buffer.from('x').toString('base64') } } : { metadata: {} },
      create: async (_: ResourceKind, object: KubeObject) => (made.push(object), object),
      review: async () => ({ status: { userInfo: { username: 'ada' } } }),
      listPage: async () => ({ metadata: { resourceVersion: '1' }, items: [{ ...made[0], status }] }),
    } as unknown as Context['client'],
    ...{ namespace: 'team', timeoutMs: 1000, isForced: false, signal: new AbortController().signal },
    progress: () => undefined,
    ...more,
  } as Context
}

async function run(more: Partial<Context> = {}, isTTY = false): Promise<{ code: number; said: Buffer }> {
  const pieces: Buffer[] = []
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pieces.push(Buffer.from(chunk))
      done()
    },
  })
  const code = await printLog(context(more), 'web', Object.assign(output, { isTTY }))
  return { code, said: Buffer.concat(pieces) }
}

const says =
  (...pieces: Buffer[]) =>
  (socket: WebSocket): void => {
    for (const piece of pieces) socket.send(piece)
    socket.close(CLOSED_CODE)
  }

test('what it has said is handed on as it is', async () => {
  const said = Buffer.from([0x1b, 0x5b, 0x31, 0x6d, 0xff, 0x0d, 0x0a])
  answer = says(said.subarray(0, 3), said.subarray(3))
  expect(await run()).toEqual({ code: 0, said })
  expect([token, made]).toMatchObject([
    JSON.stringify({ token: 'x' }),
    [{ spec: { type: 'Log', instanceRef: { name: 'web' } }, metadata: { name: expect.stringMatching(/^web-log-/) } }],
  ])
})

test('to a terminal goes plain text', async () => {
  answer = says(Buffer.from('\u001b[31mred\u001b[0m\r\nnext\n'))
  expect((await run({}, true)).said.toString()).toBe('red\nnext\n')
})

test('the last lines', async () => {
  answer = says(Buffer.from('a\nb\n'), Buffer.from('c\nd\n'))
  expect((await run({ lines: 2 })).said.toString()).toBe('c\nd\n')
})

test('of more than a node sends the newest is kept', async () => {
  const piece = (sign: string): Buffer => Buffer.alloc(2 ** 20, sign)
  answer = says(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(piece))
  const { said } = await run()
  expect([said.length, said.at(0), said.at(-1)]).toEqual([4 * 2 ** 20, 'd'.charCodeAt(0), 'g'.charCodeAt(0)])
})

test.each([
  ['that it is refused', (socket: WebSocket) => socket.close(ENDED_CODE, 'AccessUsed: it was'), 'AccessUsed: it was'],
  ['that it breaks', (socket: WebSocket) => socket.terminate(), 'the connection was lost (1006)'],
])('nothing is printed and %s is told', async (_, ends, message) => {
  answer = (socket) => {
    socket.send(Buffer.from('half'))
    ends(socket)
  }
  await expect(run()).rejects.toThrow(message)
})

test('Ctrl-C ends it', async () => {
  const interrupted = new AbortController()
  answer = () => interrupted.abort()
  await expect(run({ signal: interrupted.signal })).rejects.toThrow('the connection was lost')
})
