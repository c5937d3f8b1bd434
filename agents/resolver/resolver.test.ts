// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from '@jest/globals'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, Socket, type AddressInfo, type Server } from 'node:net'
import { createLogger } from '../../lib/log.ts'
import { FrameReader, toFrame } from './frames.ts'
import { RCODE, rcodeOf } from './message.ts'
import { Resolver, type ResolverLimits } from './resolver.ts'
import { TcpService } from './tcp-service.ts'
import { answerTo, question } from './testing/questions.ts'
import { readResolvConf, Upstreams } from './upstreams.ts'

const open: { close(): void }[] = []
afterEach(() => open.splice(0).forEach((one) => one.close()))
const log = createLogger('test', 'silent')
const lan = { networkUid: 'lan', address: '10.0.0.5', domain: 'team.example' }

/** A name server on a loopback address. @param reply undefined: it says nothing */
async function server(
  address: string,
  reply: (asked: Buffer) => Buffer | undefined,
  port = 0,
): Promise<{ port: number; asked: Buffer[] }> {
  const asked: Buffer[] = []
  const socket: UdpSocket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    asked.push(bytes)
    const answer = reply(bytes)
    if (answer) socket.send(answer, from.port, from.address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  open.push(socket)
  const tcp: Server = createServer((peer) => {
    const frames = new FrameReader((bytes) => {
      const answer = reply(bytes)
      if (answer) peer.write(toFrame(answer))
    })
    peer.on('data', (chunk) => frames.push(chunk))
    peer.on('error', () => undefined)
  })
  tcp.listen(socket.address().port, address)
  await once(tcp, 'listening')
  open.push(tcp)
  return { port: socket.address().port, asked }
}

function resolverOf(port: number, addresses: string[], limits: Partial<ResolverLimits> = {}): Resolver {
  const upstreams = new Upstreams(port)
  upstreams.set(addresses)
  return new Resolver({ upstreams, log, limits: { serverTimeoutMs: 100, ...limits } })
}
const says = (address: string) => (asked: Buffer) => answerTo(asked, { address })
const lastBytes = (answer: Buffer | undefined) => answer?.subarray(-4).join('.')

describe('what is asked', () => {
  test.each(['udp', 'tcp'] as const)(
    'is answered by the node’s server, under the asker’s number: %s',
    async (transport) => {
      const { port, asked } = await server('127.0.0.2', says('192.0.2.1'))
      const answer = await resolverOf(port, ['127.0.0.2']).answer(question('www.example', { id: 4711 }), lan, transport)
      expect([answer?.readUInt16BE(0), lastBytes(answer)]).toEqual([4711, '192.0.2.1'])
      for (const bytes of asked) expect(bytes.subarray(2)).toEqual(question('www.example').subarray(2))
    },
  )
  test('the next server is asked where the first says nothing, which comes last from then on', async () => {
    const first = await server('127.0.0.2', () => undefined)
    await server('127.0.0.3', says('192.0.2.3'), first.port)
    const resolver = resolverOf(first.port, ['127.0.0.2', '127.0.0.3'])
    for (let n = 0; n < 3; n++)
      expect(lastBytes(await resolver.answer(question('a.example'), lan, 'udp'))).toBe('192.0.2.3')
    expect(first.asked).toHaveLength(1)
  })
  test('what answers another question counts for nothing', async () => {
    const { port } = await server('127.0.0.2', () => answerTo(question('evil.example'), { address: '6.6.6.6' }))
    expect(rcodeOf((await resolverOf(port, ['127.0.0.2']).answer(question('a.example'), lan, 'udp'))!)).toBe(
      RCODE.serverFailure,
    )
  })
  test('for a network on a ProviderNetwork that names servers these are asked, and no others', async () => {
    const { port, asked } = await server('127.0.0.2', says('192.0.2.1'))
    const own = await server('127.0.0.3', says('192.0.2.2'), port)
    const upstreams = new Upstreams(port)
    const named = new Map([
      ['dc', ['127.0.0.3']],
      ['closed', []],
    ])
    upstreams.set(['127.0.0.2'], named, ['another'])
    const resolver = new Resolver({ upstreams, log, limits: { serverTimeoutMs: 100 } })
    const ask = (providerNetwork?: string) =>
      resolver.answer(question('a.example'), { ...lan, ...(providerNetwork ? { providerNetwork } : {}) }, 'udp')
    expect(lastBytes(await ask('dc'))).toBe('192.0.2.2')
    expect(asked).toHaveLength(0)
    expect(lastBytes(await ask())).toBe('192.0.2.1')
    expect(lastBytes(await ask('another'))).toBe('192.0.2.1')
    // One of which nothing is known may be closed.
    for (const name of ['closed', 'unknown']) expect(rcodeOf((await ask(name))!)).toBe(RCODE.serverFailure)
    expect([asked.length, own.asked.length]).toEqual([2, 1])
    // An agent that does not tell them apart.
    upstreams.set(['127.0.0.2'], named)
    expect(lastBytes(await ask('unknown'))).toBe('192.0.2.1')
  })
  test('without a server it fails at once', async () => {
    expect(rcodeOf((await resolverOf(53, []).answer(question('a.example'), lan, 'udp'))!)).toBe(RCODE.serverFailure)
  })
  test('of the network’s own domain a name that is unknown outside has no records; of another it is not there', async () => {
    const { port } = await server('127.0.0.2', (asked) => answerTo(asked, { rcode: RCODE.absentName }))
    const resolver = resolverOf(port, ['127.0.0.2'])
    const rcodes = ['db.team.example', 'db.example'].map(async (name) =>
      rcodeOf((await resolver.answer(question(name), lan, 'udp'))!),
    )
    expect(await Promise.all(rcodes)).toEqual([RCODE.noError, RCODE.absentName])
  })
  test('of a private domain nobody outside hears', async () => {
    const { port, asked } = await server('127.0.0.2', says('6.6.6.6'))
    const inside = { ...lan, domain: 'nephele.internal' }
    const answer = await resolverOf(port, ['127.0.0.2']).answer(question('db.nephele.internal'), inside, 'udp')
    expect([rcodeOf(answer!), answer?.readUInt16BE(6), asked.length]).toEqual([RCODE.noError, 0, 0])
  })
})

describe('who asks too much', () => {
  const few = {
    requestsPerSecond: 1,
    burst: 2,
    sureRequestsPerSecond: 1,
    sureBurst: 2,
    networkPerSecond: 1,
    networkBurst: 5,
  }
  const ask = (resolver: Resolver, address: string) =>
    resolver.answer(question('a.nephele.internal'), { ...lan, address, domain: 'nephele.internal' }, 'udp')
  test('hears nothing, and slows down no other; not even under many addresses those of another network', async () => {
    const resolver = resolverOf(53, [], few)
    const heard = []
    for (const guest of ['1', '1', '1', '2', '3', '4']) heard.push((await ask(resolver, guest)) !== undefined)
    expect(heard).toEqual([true, true, false, true, true, false])
    expect(await resolver.answer(question('b.example'), { ...lan, networkUid: 'wan' }, 'udp')).toBeDefined()
  })
  test('has so many open, and others still theirs', async () => {
    const { port } = await server('127.0.0.2', () => undefined)
    const resolver = resolverOf(port, ['127.0.0.2'], { openPerGuest: 2, openPerNetwork: 3 })
    const waiting = ['1', '1', '2'].map((address) => resolver.answer(question('a.example'), { ...lan, address }, 'udp'))
    expect(await resolver.answer(question('a.example'), { ...lan, address: '1' }, 'udp')).toBeUndefined()
    // The guest with most gives way to others of its network, at once.
    const others = ['2', '3'].map((address) => resolver.answer(question('a.example'), { ...lan, address }, 'udp'))
    expect(rcodeOf((await waiting[0])!)).toBe(RCODE.serverFailure)
    waiting.push(...others)
    const other = resolver.answer(question('a.example'), { ...lan, networkUid: 'wan' }, 'udp')
    for (const answer of await Promise.all([...waiting, other])) expect(rcodeOf(answer!)).toBe(RCODE.serverFailure)
    expect(await resolver.answer(question('a.example'), { ...lan, address: '1' }, 'udp')).toBeDefined()
  })
  test.each(['udp', 'tcp'] as const)('gives way to another network when all places wait: %s', async (transport) => {
    const silent = (asked: Buffer) => asked.includes('evil')
    const { port } = await server('127.0.0.2', (asked) => (silent(asked) ? undefined : says('192.0.2.1')(asked)))
    const limits = { open: 4, sureOpenPerNetwork: 1, serverTimeoutMs: 300 }
    const resolver = resolverOf(port, ['127.0.0.2'], limits)
    const waiting = [1, 2, 3, 4].map((id) => resolver.answer(question('evil.example', { id }), lan, transport))
    const answer = await resolver.answer(question('a.example'), { ...lan, networkUid: 'wan' }, transport)
    expect(lastBytes(answer)).toBe('192.0.2.1')
    const first = (await Promise.race(waiting))!
    expect([first.readUInt16BE(0), rcodeOf(first)]).toEqual([1, RCODE.serverFailure])
    await Promise.all(waiting)
  })
})

describe('over TCP', () => {
  const service = new TcpService(async (message) => answerTo(message))
  const dial = async (of = service) => {
    const listener = createServer((socket) => of.accept('lan', '10.0.0.5', socket)).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    open.push(listener)
    return () => connect((listener.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined)
  }
  test('several questions of one connection, in pieces', async () => {
    const socket = (await dial())()
    const answers: number[] = []
    const frames = new FrameReader((answer) => answers.push(answer.readUInt16BE(0)))
    socket.on('data', (chunk) => frames.push(chunk))
    const bytes = Buffer.concat([1, 2].map((id) => toFrame(question('a.example', { id }))))
    socket.write(bytes.subarray(0, 40))
    socket.write(bytes.subarray(40))
    while (answers.length < 2) await once(socket, 'data')
    expect(answers).toEqual([1, 2])
    socket.destroy()
  })
  test('a guest has a few connections', async () => {
    const connectOne = await dial()
    const held = Array.from({ length: 9 }, connectOne)
    const closed = held.map((socket) => new Promise((resolve) => socket.once('close', () => resolve(socket))))
    expect(held).toContain(await Promise.race(closed))
    for (const socket of held) socket.destroy()
  })
  test('a connection with too many questions at once ends, and the rest of them are not looked at', async () => {
    let asked = 0
    const slow = new TcpService(() => (asked++, new Promise(() => undefined)))
    const socket = (await dial(slow))()
    socket.write(Buffer.concat(Array.from({ length: 1000 }, () => toFrame(Buffer.alloc(12)))))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(asked).toBe(64)
  })
  test('a guest, and a network, has so many new connections a second', () => {
    const many = new TcpService(async () => undefined)
    const opened = (networkUid: string, address: string): boolean => {
      const socket = new Socket()
      many.accept(networkUid, address, socket)
      const isOpen = !socket.destroyed
      socket.destroy()
      socket.emit('close')
      return isOpen
    }
    const count = (networkUid: string, addresses: number) =>
      Array.from({ length: 1000 }, (_, i) => opened(networkUid, String(i % addresses))).filter(Boolean).length
    const [guest, network] = [count('lan', 1), count('wan', 100)]
    expect([guest >= 64, guest < 128, network >= 256, network < 400]).toEqual([true, true, true, true])
    expect(opened('other', '1')).toBe(true)
  })
  test('all networks together have so many connections: whoever has most loses its oldest', () => {
    const full = new TcpService(async () => undefined)
    const accept = (networkUid: string, guest: number): Socket => {
      const socket = new Socket()
      full.accept(networkUid, String(guest), socket)
      return socket
    }
    const of = (networkUid: string) => Array.from({ length: 128 }, (_, i) => accept(networkUid, i % 16))
    const held = ['n1', 'n2', 'n3', 'n4'].map(of)
    const other = accept('other', 1)
    expect([other.destroyed, held.flat().filter(({ destroyed }) => destroyed)]).toEqual([false, [held[0]?.[0]]])
    for (const socket of [other, ...held.flat()]) socket.destroy()
  })
  test('all networks together have so much unread: whoever has most loses a connection', async () => {
    const service = new TcpService(async () => Buffer.alloc(0xffff))
    const open = (networkUid: string, guest: number) => {
      const socket = new Socket()
      // As of a guest that reads nothing.
      socket._write = () => undefined
      service.accept(networkUid, String(guest), socket)
      return {
        socket,
        ask: (n: number) => Array.from({ length: n }, () => socket.emit('data', toFrame(Buffer.alloc(12)))),
      }
    }
    const reader = open('other', 1)
    reader.ask(2)
    const held = ['n1', 'n2'].flatMap((uid) => Array.from({ length: 128 }, (_, i) => open(uid, i % 16)))
    for (const { ask } of held) ask(4)
    await new Promise((resolve) => setImmediate(resolve))
    const sockets = [reader, ...held].map(({ socket }) => socket).filter(({ destroyed }) => !destroyed)
    const unread = sockets.reduce((sum, { writableLength }) => sum + writableLength, 0)
    expect([unread <= 32 << 20, unread > 31 << 20, reader.socket.destroyed]).toEqual([true, true, false])
    for (const socket of sockets) socket.destroy()
  })
})

test('a resolv.conf: three servers, and no other words', () => {
  const text =
    '# x\nsearch a.b\n nameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver x\nnameserver 10.0.0.3 # y\nnameserver 10.0.0.4\n'
  expect(readResolvConf(text)).toEqual(['10.0.0.2', 'fe80::1%eth0', '10.0.0.3'])
})
