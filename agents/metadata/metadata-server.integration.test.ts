// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { createLogger } from '../../lib/log.ts'
import type { MetadataSource } from './content.ts'
import { MetadataServer } from './metadata-server.ts'

/** Loopback has many addresses: each stands for a guest of the network `net`. */
const source = {
  instance: { uid: 'vm', name: 'vm', spec: { hostname: 'vm', image: { uid: 'i' }, publicKeys: [], metadata: {} } },
  ports: [],
} as unknown as MetadataSource

describe('MetadataServer against hostile guests', () => {
  let listener: Server
  let metadata: MetadataServer
  beforeAll(async () => {
    metadata = new MetadataServer({
      find: (_network, address) => (address === '127.0.0.9' ? undefined : source),
      log: createLogger('test', 'silent'),
      limits: {
        requestTimeoutMs: 500,
        connectionsPerGuest: 3,
        connectionsPerNetwork: 5,
        burst: 20,
        requestsPerSecond: 1,
      },
    })
    listener = createServer((socket) => metadata.accept('net', socket)).listen(0, '0.0.0.0')
    await once(listener, 'listening')
  })
  afterAll(() => {
    listener.close()
    metadata.close()
  })

  const dial = (guest: string) => {
    const socket = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', localAddress: guest })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('error', () => undefined)
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
    return { socket, closed }
  }
  const ask = async (guest: string, request: string): Promise<string> => {
    const { socket, closed } = dial(guest)
    socket.write(request)
    return closed
  }
  const GET = 'GET /latest/meta-data/hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'

  test('the address decides, no header does', async () => {
    expect(await ask('127.0.0.2', `${GET}\r\n`)).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\nvm$/)
    expect(await ask('127.0.0.9', `${GET}X-Forwarded-For: 127.0.0.2\r\nX-Instance-ID: vm\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 404/,
    )
  })
  test.each([
    ['a write', `${GET.replace('GET', 'PUT')}\r\n`, 405],
    ['a body', `${GET.replace('GET', 'POST')}Content-Length: 1000000000\r\n\r\n`, 405],
    ['many headers', `${GET}${'X: yyyyyyyyyyyyyyyy\r\n'.repeat(2000)}\r\n`, undefined],
    ['not HTTP', '\x16\x03\x01\x00\xff\r\n\r\n', undefined],
    ['smuggling', `${GET}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, undefined],
  ])('%s', async (_what, request, status) => {
    const answer = await ask('127.0.0.3', request)
    if (status === undefined) expect(answer).not.toMatch(/^HTTP\/1.1 200/)
    else expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}`))
  })
  test('a request that never ends is closed', async () => {
    const { socket, closed } = dial('127.0.0.4')
    socket.write('GET / HTTP/1.1\r\nX: ')
    const drip = setInterval(() => socket.write('y'), 50)
    await closed
    clearInterval(drip)
  })
  test('connections of one guest are few, and others still come through', async () => {
    const held = [1, 2, 3].map(() => dial('127.0.0.5'))
    await Promise.all(held.map(({ socket }) => once(socket, 'connect')))
    expect(await ask('127.0.0.5', `${GET}\r\n`)).toBe('')
    expect(await ask('127.0.0.6', `${GET}\r\n`)).toMatch(/ 200 /)
    for (const { socket, closed } of held) {
      socket.destroy()
      await closed
    }
  })
  test('a guest in a loop slows down itself alone', async () => {
    const answers: string[] = []
    for (let i = 0; i < 25; i++) answers.push((await ask('127.0.0.7', `${GET}\r\n`)).slice(9, 12))
    expect(answers.filter((status) => status === '200').length).toBeLessThanOrEqual(21)
    expect(answers.at(-1)).toBe('429')
    expect(await ask('127.0.0.8', `${GET}\r\n`)).toMatch(/ 200 /)
  })
})
