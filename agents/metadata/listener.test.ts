// SPDX-License-Identifier: Apache-2.0
// What a child says in which order; a real one in a real namespace: metadata-server.integration.test.ts.
import { afterEach, describe, expect, test } from '@jest/globals'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { createServer, type Server } from 'node:net'
import { takeSocket } from './listener.ts'

const TAKEN = 'listen EADDRINUSE: address already in use 169.254.169.254:80'

function childOf(): { child: EventEmitter & { stderr: EventEmitter }; taken: Promise<Server> } {
  const child = Object.assign(new EventEmitter(), { stderr: new EventEmitter() })
  return { child, taken: takeSocket(child as unknown as ChildProcess) }
}
const opened: Server[] = []
afterEach(() => opened.splice(0).forEach((server) => server.close()))
const listening = () =>
  new Promise<Server>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
    opened.push(server)
  })

describe('a socket that a child hands over', () => {
  test.each<[string, (child: EventEmitter, server: Server) => void]>([
    ['before it ends', (c, s) => c.emit('message', { listening: true }, s) && c.emit('exit', 0)],
    ['and of whose end one hears first', (c, s) => c.emit('exit', 0) && c.emit('message', { listening: true }, s)],
    [
      'and then is killed',
      (c, s) => c.emit('message', { listening: true }, s) && c.emit('error', new Error('aborted')),
    ],
  ])('%s', async (_, happen) => {
    const { child, taken } = childOf()
    const server = await listening()
    child.on('exit', () => undefined)
    happen(child, server)
    child.emit('close', 0)
    expect(await taken).toBe(server)
    expect(server.listening).toBe(true)
  })

  test.each<[string, (child: ReturnType<typeof childOf>['child']) => void, string]>([
    ['ended without one', (c) => c.emit('close', 1), 'code 1: '],
    ['was killed', (c) => c.emit('close', null), 'code none: '],
    ['could not be started', (c) => c.emit('error', new Error('ENOENT')), 'ENOENT'],
    ['says why', (c) => c.emit('message', { error: TAKEN }), TAKEN],
    ['says nothing', (c) => c.emit('message', {}), 'the child sent no socket'],
    [
      'complains',
      (c) => {
        c.stderr.emit('data', Buffer.from('nsenter: cannot open'))
        c.emit('close', 1)
      },
      'code 1: nsenter: cannot open',
    ],
  ])('none of a child that %s', async (_, happen, why) => {
    const { child, taken } = childOf()
    happen(child)
    await expect(taken).rejects.toMatchObject({ message: 'listening in a namespace', cause: { message: why } })
  })

  test('that comes when it is given up is closed: the address is free for the next', async () => {
    const { child, taken } = childOf()
    const server = await listening()
    child.emit('error', new Error('aborted'))
    child.emit('message', { listening: true }, server)
    await expect(taken).rejects.toThrow('listening in a namespace')
    expect(server.listening).toBe(false)
  })
})
