// SPDX-License-Identifier: Apache-2.0
// From a WebSocket to a guest and back, over a real bus with the cloud's accounts, call-out and permissions.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { WebSocket, type ClientOptions } from 'ws'
import { Consoles } from '../agents/compute/consoles/consoles.ts'
import { UsedAccesses } from '../agents/compute/consoles/used-accesses.ts'
import { WINDOW_BYTES } from '../lib/console/console-channel.ts'
import { CONSOLE_PROTOCOL } from '../lib/console/protocol.ts'
import { createLogger } from '../lib/log.ts'
import { makeMemoryFolder } from '../lib/memory-folder.ts'
import type { NatsConnection } from '../lib/nats/connect.ts'
import type { TestServer } from '../lib/nats/test-server.ts'
import { ConsoleServer } from './console-server.ts'
import { NodeConsoles } from './node-consoles.ts'
import { connectAgent, connectConsole, documentOf, startBus, TEST_PAGE } from './testing/bus.ts'
import { Guest, patternAt, PERIOD } from './testing/guest.ts'

const ORIGIN = 'https://console.test'
const MACHINE = 'm-1'
const log = createLogger('test', process.env['LOG_LEVEL'] ?? 'silent')

let bus: TestServer
let consoleNc: NatsConnection
let agentNc: NatsConnection
let otherNc: NatsConnection
let dir: string
let consoles: Consoles
let agentSubscription: { unsubscribe(): void } | undefined
let guests: Guest[]
let isMute = false
let server: ConsoleServer
let nodeConsoles: NodeConsoles
let sockets: WebSocket[]

beforeAll(async () => {
  bus = await startBus(log)
  consoleNc = await connectConsole(bus)
  agentNc = await connectAgent(bus, 'n1.example')
  otherNc = await connectAgent(bus, 'n2')
}, 60_000)
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]()
})

function startAgent(): void {
  consoles?.stop()
  consoles = new Consoles({
    ...{ node: 'n1.example', used: new UsedAccesses(join(dir, 'used')), log },
    listen: (subject, heard) => {
      agentSubscription = agentNc.subscribe(subject, { callback: (_, { subject: at, data }) => heard(at, data) })
    },
    say: (subject, data) => {
      if (!isMute) agentNc.publish(subject, data)
    },
    open: async () => {
      const guest = new Guest()
      guests.push(guest)
      return guest
    },
  })
}

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-console-')
  ;[guests, sockets] = [[], []]
  startAgent()
  await consoles.allow(documentOf(MACHINE, ['a', 'b']))
  nodeConsoles = new NodeConsoles(consoleNc, log)
  server = new ConsoleServer({
    ...{ origin: ORIGIN, listen: { host: '127.0.0.1', port: 0 }, consoles: nodeConsoles, log },
    page: TEST_PAGE,
    readTls: () => ({
      cert: readFileSync(join(bus.dir, 'server.crt')),
      key: readFileSync(join(bus.dir, 'server.key')),
    }),
  })
  await server.listen()
  await Promise.all([agentNc.flush(), consoleNc.flush()])
})
afterEach(async () => {
  for (const socket of sockets) socket.terminate()
  consoles.stop()
  agentSubscription?.unsubscribe()
  nodeConsoles.stop()
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

interface Client {
  socket: WebSocket
  chunks: Buffer[]
  closed: Promise<string>
}

function dial(access: string, options: ClientOptions = {}, path = `/serial/n1_example/${MACHINE}/${access}`): Client {
  const socket = new WebSocket(`wss://localhost:${server.port}${path}`, CONSOLE_PROTOCOL, {
    ...{ perMessageDeflate: false, rejectUnauthorized: false },
    ...options,
  })
  sockets.push(socket)
  const chunks: Buffer[] = []
  socket.on('message', (data, isBinary) => {
    if (isBinary) chunks.push(data as Buffer)
  })
  const closed = new Promise<string>((resolve) => {
    socket.on('close', (code, reason) => resolve(`${code} ${reason.toString()}`))
    socket.on('error', (error) => resolve(error.message))
  })
  return { socket, chunks, closed }
}

async function open(access: string, options: ClientOptions = {}): Promise<Client> {
  const client = dial(access, options)
  await once(client.socket, 'open')
  client.socket.send(JSON.stringify({ token: `token of ${access}` }))
  const [answer, isBinary] = (await once(client.socket, 'message')) as [Buffer, boolean]
  expect([answer.toString(), isBinary]).toEqual(['{"state":"Open"}', false])
  return client
}

async function until(isSo: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end && !isSo();) await sleep(5)
  expect(isSo()).toBe(true)
}
const text = ({ chunks }: Client): string => Buffer.concat(chunks).toString()

describe('a console in a client', () => {
  test('what is typed reaches the guest, and its answer the client; leaving frees it', async () => {
    const client = await open('a', { headers: { origin: ORIGIN } })
    client.socket.send('root')
    await until(() => text(client) === '<root>')
    client.socket.close(1000)
    expect(await client.closed).toBe('1000 ')
    await until(() => guests[0]?.destroyed === true && nodeConsoles.open === 0)
  })

  test('64 MiB at more than 8 MiB/s, without a byte lost', async () => {
    const client = await open('a')
    const round = 16 * 1024 * 1024
    let received = 0
    let isGood = true
    client.socket.removeAllListeners('message')
    client.socket.on('message', (message) => {
      const data = message as Buffer
      if (!data.equals(patternAt(received, data.length))) isGood = false
      received += data.length
    })
    const rates: number[] = []
    // The machine has other work: one good round says what it can do.
    for (let i = 1; i <= 4; i++) {
      const begin = performance.now()
      guests[0]?.speak(round)
      await until(() => received >= i * round, 60_000)
      rates.push(16_000 / (performance.now() - begin))
    }
    console.log(`MiB/s from guest to client: ${rates.map((rate) => rate.toFixed(1)).join(', ')}`)
    expect([received, isGood]).toEqual([4 * round, true])
    expect(Math.max(...rates)).toBeGreaterThan(8)
  }, 90_000)

  test('a client that does not read slows its guest down, and nobody keeps what it has not read', async () => {
    const client = await open('a')
    client.socket.pause()
    guests[0]?.speak(64 * 1024 * 1024)
    await sleep(2_000)
    const first = guests[0]?.said ?? 0
    await sleep(1_000)
    // What two windows, the kernel's buffers on the loopback and the streams between take.
    expect(guests[0]?.said).toBe(first)
    expect(first).toBeLessThan(2 * WINDOW_BYTES + 8 * 1024 * 1024)
    // It is alive, though: others are served meanwhile.
    const other = await open('b')
    other.socket.send('x')
    await until(() => text(other) === '<x>')
    client.socket.resume()
    await until(() => (guests[0]?.said ?? 0) > first)
  }, 30_000)

  test('ends with a reason when its access goes, when the machine stops, and when the agent is restarted', async () => {
    const withdrawn = await open('a')
    await consoles.allow(documentOf(MACHINE, ['b']))
    expect(await withdrawn.closed).toMatch(/^4000 AccessWithdrawn: /)
    const stopped = await open('b')
    guests[1]?.push('last words')
    guests[1]?.push(null)
    expect(await stopped.closed).toMatch(/^4000 ConsoleClosed: /)
    expect(text(stopped)).toBe('last words')
    await consoles.allow(documentOf(MACHINE, ['c']))
    const restarted = await open('c')
    // Killed: it says nothing.
    agentSubscription?.unsubscribe()
    isMute = true
    startAgent()
    isMute = false
    await agentNc.flush()
    restarted.socket.send('x')
    expect(await restarted.closed).toMatch(/^4000 SessionUnknown: /)
  })

  test('is of one use, and one process’s restart does not change that', async () => {
    const client = await open('a')
    client.socket.close()
    await client.closed
    const again = dial('a')
    await once(again.socket, 'open')
    again.socket.send('{"token":"token of a"}')
    expect(await again.closed).toMatch(/^4000 AccessUsed: /)
  })
})

describe('refused is', () => {
  test.each([
    [
      'a page of another origin',
      { headers: { origin: 'https://evil.test' } },
      undefined,
      'Unexpected server response: 403',
    ],
    ['an origin that is no page’s', { headers: { origin: 'null' } }, undefined, 'Unexpected server response: 403'],
    ['a path that names no console', {}, '/serial/n1/../x', 'Unexpected server response: 404'],
    ['a node that is none', {}, '/serial/N.1/m-1/a', 'Unexpected server response: 404'],
    ['a subject', {}, '/serial/*/m-1/a', 'Unexpected server response: 404'],
  ])('%s', async (_, options, path, says) => {
    expect(await dial('a', options, path).closed).toContain(says)
    expect(guests).toEqual([])
  })

  test.each([
    ['another token', '{"token":"token of b"}', 'AccessUnknown'],
    ['no token', '{}', 'TokenMissing'],
    ['what is no JSON', 'token of a', 'TokenMissing'],
  ])('%s', async (_, message, reason) => {
    const client = dial('a')
    await once(client.socket, 'open')
    client.socket.send(message)
    expect(await client.closed).toMatch(new RegExp(`^4000 ${reason}: `))
    expect(guests).toEqual([])
  })

  test.each([
    ['GET', '/', 404, "default-src 'none'"],
    ['GET', '/page/page.html', 404, "default-src 'none'"],
    ['GET', '/page/../console.js', 404, "default-src 'none'"],
    ['GET', '/page/console.js', 200, "default-src 'none'"],
    ['POST', '/serial/n1/m/a', 405, "default-src 'none'"],
    ['GET', '/serial/n1/m/a', 200, 'connect-src wss://console.test;'],
  ])(
    '%s %s is answered by %s, with headers that let a browser load nothing of others',
    async (method, path, status, policy) => {
      const call = request({
        ...{ host: 'localhost', port: server.port, path, method },
        rejectUnauthorized: false,
      }).end()
      const [response] = (await once(call, 'response')) as [IncomingMessage]
      response.resume()
      expect(response.statusCode).toBe(status)
      expect(response.headers['content-security-policy']).toContain(policy)
      expect(response.headers['content-security-policy']).not.toMatch(/unsafe|\*|https:/)
      expect(response.headers['referrer-policy']).toBe('no-referrer')
    },
  )

  test('a nonce is of one answer', async () => {
    const nonces = [1, 2].map(async () => {
      const call = request(`https://localhost:${server.port}/serial/n1/m/a`, { rejectUnauthorized: false }).end()
      const [response] = (await once(call, 'response')) as [IncomingMessage]
      const body = (await response.toArray()).join('')
      const [, nonce] = /nonce-([\w-]+)'/.exec(String(response.headers['content-security-policy'])) ?? []
      expect(body).toContain(`nonce="${nonce}"`)
      return nonce
    })
    const [one, other] = await Promise.all(nonces)
    expect(one).not.toBe(other)
  })
})

describe('a client that says what it has read', () => {
  async function openWith(window: number): Promise<Client> {
    const client = dial('a')
    await once(client.socket, 'open')
    client.socket.send(JSON.stringify({ token: 'token of a', window }))
    await once(client.socket, 'message')
    return client
  }

  test('is sent no more than it has room for', async () => {
    const client = await openWith(10_000)
    guests[0]?.speak(30_000)
    await until(() => text(client).length >= 10_000)
    await sleep(200)
    const lengths = () => Buffer.concat(client.chunks).length
    expect(lengths()).toBe(10_000)
    client.socket.send('{"read":4000}')
    await until(() => lengths() === 14_000)
    client.socket.send('{"read":14000}')
    client.socket.send(Buffer.from('{"read":0}'))
    await until(() => lengths() === 24_000)
    expect(guests[0]?.heard).toBe('{"read":0}')
  })

  test.each(['{"read":99999}', '{"read":-1}', 'x'])('and lies is shut out: %s', async (lie) => {
    const client = await openWith(10_000)
    client.socket.send(lie)
    expect(await client.closed).toMatch(/^4000 MessageUnknown: /)
    await until(() => guests[0]?.destroyed === true)
  })
})

describe('on the bus', () => {
  const session = `${'a'.repeat(32)}.${'b'.repeat(32)}`
  async function refusals(nc: NatsConnection, act: () => void): Promise<string[]> {
    const found: string[] = []
    const statuses = nc.status()[Symbol.asyncIterator]()
    const watch = (async () => {
      for (;;) {
        const { value, done } = await statuses.next()
        if (done) return
        if (value.type === 'error') found.push(value.error.message)
      }
    })()
    act()
    await nc.flush()
    await nc.flush()
    void statuses.return?.()
    await Promise.race([watch, Promise.resolve()])
    return found
  }
  const mayPublish = async (nc: NatsConnection, subject: string) =>
    !(await refusals(nc, () => nc.publish(subject, 'x'))).some((said) => said.includes(`"${subject}"`))
  async function maySubscribe(nc: NatsConnection, subject: string): Promise<boolean> {
    let refused = false
    const subscription = nc.subscribe(subject, { callback: (error) => void (refused ||= error !== null) })
    await nc.flush()
    await nc.flush()
    subscription.unsubscribe()
    return !refused
  }

  test('an agent hears what goes to its node, and speaks as its node alone', async () => {
    expect(await maySubscribe(otherNc, 'console.to.n2.*.*')).toBe(true)
    expect(await mayPublish(otherNc, `console.from.n2.${session}`)).toBe(true)
    for (const subject of ['console.to.n1_example.*.*', 'console.to.*.*.*', 'console.from.*.*.*', 'console.>'])
      expect([subject, await maySubscribe(otherNc, subject)]).toEqual([subject, false])
    for (const subject of [
      `console.from.n1_example.${session}`,
      `console.to.n1_example.${session}`,
      `console.to.n2.${session}`,
    ])
      expect([subject, await mayPublish(otherNc, subject)]).toEqual([subject, false])
  })

  test('a console process speaks to agents and hears them, and nothing else', async () => {
    expect(await mayPublish(consoleNc, `console.to.n1_example.${session}`)).toBe(true)
    expect(await maySubscribe(consoleNc, 'console.from.*.*.*')).toBe(true)
    for (const subject of [
      '$KV.desired.n1.instance.u',
      '$KV.observed.n1.instance.u',
      'beat.n1',
      '$JS.API.INFO',
      'nodes.API.CONSUMER.INFO.KV_desired.n-n1',
      `console.from.n1.${session}`,
      'events._cloud.a.instance',
    ])
      expect([subject, await mayPublish(consoleNc, subject)]).toEqual([subject, false])
    for (const subject of ['beat.*', '$KV.>', 'events.>', 'console.to.*.*.*', '>', '_INBOX_n2.>'])
      expect([subject, await maySubscribe(consoleNc, subject)]).toEqual([subject, false])
  })

  test('another node cannot speak for the one of the console', async () => {
    const client = await open('a')
    let subject = ''
    const spy = consoleNc.subscribe('console.from.*.*.*', {
      callback: (_, message) => void (subject = message.subject),
    })
    client.socket.send('x')
    await until(() => text(client) === '<x>' && subject !== '')
    spy.unsubscribe()
    const forged = Buffer.from(`${String.fromCharCode(4)}{"reason":"Closed","message":"forged"}`)
    otherNc.publish(subject.replace('n1_example', 'n2'), forged)
    await otherNc.flush()
    client.socket.send('y')
    await until(() => text(client) === '<x><y>')
  })

  test('when the bus is away for a moment, a console goes on or says that bytes were lost; it shows none that are not whole', async () => {
    const client = await open('a')
    client.socket.send('before')
    await until(() => text(client) === '<before>')
    await bus.kill()
    guests[0]?.speak(200_000)
    await sleep(300)
    await bus.run()
    const ended = await Promise.race([client.closed, sleep(25_000, 'open', { ref: false })])
    if (ended === 'open') await until(() => Buffer.concat(client.chunks).length === 200_008)
    else expect(ended).toMatch(/^4000 (BytesLost|PeerSilent|SessionUnknown): /)
    const after = Buffer.concat(client.chunks).subarray(8)
    for (let at = 0; at < after.length; at += PERIOD) {
      const piece = after.subarray(at, at + PERIOD)
      expect(piece.equals(patternAt(at, piece.length))).toBe(true)
    }
  }, 60_000)
})
