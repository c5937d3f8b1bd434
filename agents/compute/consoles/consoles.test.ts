// SPDX-License-Identifier: Apache-2.0
// Who gets a console of this node, once, and what ends it.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ConsoleChannel } from '../../../lib/console/console-channel.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../../lib/console/frame.ts'
import { hashOfToken, type InstanceDocument } from '../../../lib/contract/documents.ts'
import { fromNodeConsole, toNodeConsole, type ConsoleSession } from '../../../lib/contract/subjects.ts'
import { TransientError } from '../../../lib/errors.ts'
import { createLogger } from '../../../lib/log.ts'
import { makeMemoryFolder } from '../../../lib/memory-folder.ts'
import { instanceDocument } from '../testing.ts'
import { Consoles } from './consoles.ts'
import { toLogStream } from './log-stream.ts'
import { UsedAccesses } from './used-accesses.ts'

const session = (n: number): ConsoleSession => ({
  node: 'n1',
  process: 'a'.repeat(32),
  session: String(n).padStart(32, '0'),
})
const machine = 'm-1'
let dir: string
let consoles: Consoles
let guests: Duplex[]
let whyNot: Error | undefined
let forced: boolean[]
let types: string[]
let log: Buffer
let nowMs: number
let said: Map<string, Frame[]>
let hear: (subject: string, data: Uint8Array) => void
let channels: Map<string, ConsoleChannel>

/** Longer than a window. */
const LOG = Buffer.from(`${'line\n'.repeat(200_000)}last line\n`)

/** Echoes what is typed, in capitals. */
class Guest extends Duplex {
  override _read(): void {
    // Pushed when it is typed.
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.push(chunk.toString().toUpperCase())
    done()
  }
}

function start(): void {
  consoles = new Consoles({
    ...{ node: 'n1', used: new UsedAccesses(join(dir, 'used')), log: createLogger('test', 'silent') },
    nowMs: () => nowMs,
    listen: (subject, heard) => {
      expect(subject).toBe('console.to.n1.*.*')
      hear = heard
    },
    say: (subject, data) => {
      const frame = decodeFrame(Buffer.from(data))
      said.set(subject, [...(said.get(subject) ?? []), frame])
      channels.get(subject)?.receive(frame)
    },
    open: async (_, { force, type }) => {
      forced.push(force)
      types.push(type)
      if (whyNot) throw whyNot
      if (type === 'Log') return toLogStream(log)
      const guest = new Guest()
      guests.push(guest)
      return guest
    },
  })
}

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-consoles-')
  nowMs = Date.parse('2026-01-01T00:00:00Z')
  ;[guests, forced, types, log, whyNot, said, channels] = [[], [], [], LOG, undefined, new Map(), new Map()]
  start()
})
afterEach(async () => {
  for (const channel of channels.values()) channel.destroy()
  consoles.stop()
  await rm(dir, { recursive: true, force: true })
})

function document(accesses: string[], epoch = 1): InstanceDocument {
  const plain = instanceDocument({})
  const grants = accesses.map((uid) => ({
    ...{
      uid,
      tokenSHA256: hashOfToken(`token of ${uid}`),
      notAfter: '2026-01-01T00:01:00Z',
      force: uid.startsWith('by-force'),
      ...(uid.endsWith('screen') ? { type: 'VNC' as const } : uid.endsWith('log') ? { type: 'Log' as const } : {}),
    },
  }))
  return { ...plain, uid: machine, versions: { ...plain.versions, epoch }, spec: { ...plain.spec, consoles: grants } }
}

function say(n: number, frame: Frame): void {
  hear(toNodeConsole(session(n)), encodeFrame(frame))
}
const frames = (n: number): Frame[] => said.get(fromNodeConsole(session(n))) ?? []

async function open(n: number, access: string, token = `token of ${access}`): Promise<ConsoleChannel> {
  const channel = new ConsoleChannel((message) => hear(toNodeConsole(session(n)), Buffer.from(message)))
  channel.on('error', () => undefined)
  channels.set(fromNodeConsole(session(n)), channel)
  say(n, { type: 'open', request: { machine, access, token } })
  await until(() => frames(n).some(({ type }) => type === 'opened' || type === 'end'))
  return channel
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !isSo(); i++) await sleep(5)
  expect(isSo()).toBe(true)
}
const states = (accesses: string[]) => consoles.observe(document(accesses)).map(({ state }) => state)
const endOf = (n: number): string | undefined =>
  frames(n)
    .flatMap((f) => (f.type === 'end' ? [f.end.reason] : []))
    .at(-1)

describe('a token', () => {
  test('opens the console that its machine’s document allows, once; the node says so', async () => {
    await consoles.allow(document(['a']))
    expect(states(['a'])).toEqual(['Waiting'])
    const changes: string[] = []
    consoles.onChange = (uid) => changes.push(uid)
    const channel = await open(1, 'a')
    let heard = ''
    channel.on('data', (chunk: Buffer) => (heard += chunk.toString()))
    channel.write('whoami\n')
    await until(() => heard === 'WHOAMI\n')
    expect([states(['a']), forced]).toEqual([['Open'], [false]])
    await open(2, 'a')
    expect(endOf(2)).toBe('AccessUsed')
    channel.end()
    await until(() => states(['a'])[0] === 'Closed')
    expect([guests[0]?.destroyed, changes]).toEqual([true, [machine, machine]])
    await open(3, 'a')
    expect(endOf(3)).toBe('AccessUsed')
    // Nor after a restart.
    start()
    await consoles.allow(document(['a']))
    expect(states(['a'])).toEqual(['Closed'])
    await open(4, 'a')
    expect([endOf(4), guests.length]).toEqual(['AccessUsed', 1])
  })

  test.each([
    ['another token', 'a', 'token of b', 'AccessUnknown'],
    ['no token at all', 'a', ' ', 'AccessUnknown'],
    ['an access that is not there', 'c', 'token of c', 'AccessUnknown'],
  ])('%s opens nothing', async (_, access, token, reason) => {
    await consoles.allow(document(['a', 'b']))
    await open(1, access, token)
    expect([endOf(1), guests, states(['a', 'b'])]).toEqual([reason, [], ['Waiting', 'Waiting']])
  })

  test('opens nothing from the end of its time on, nor where the machine has no document', async () => {
    await open(1, 'a')
    expect(endOf(1)).toBe('AccessUnknown')
    await consoles.allow(document(['a']))
    nowMs += 60_000
    await open(2, 'a')
    expect([endOf(2), guests]).toEqual(['AccessExpired', []])
  })

  test('is not used up when the console cannot be had; by force it is taken over', async () => {
    await consoles.allow(document(['a', 'by-force']))
    whyNot = new TransientError('ConsoleTaken', 'another has it')
    await open(1, 'a')
    expect([endOf(1), states(['a'])]).toEqual(['ConsoleTaken', ['Waiting']])
    whyNot = new Error('of /dev/pts/3')
    await open(2, 'a')
    expect(frames(2)).toEqual([
      { type: 'end', end: { reason: 'ConsoleFailed', message: expect.not.stringContaining('pts') } },
    ])
    whyNot = undefined
    await open(3, 'by-force')
    expect(forced).toEqual([false, false, true])
  })
})

describe('a screen', () => {
  beforeEach(() => consoles.allow(document(['a', 'screen', 'other-screen', 'by-force-screen'])))

  test('is opened by an access of its type, and reported as one', async () => {
    await open(1, 'screen')
    await open(2, 'a')
    expect([types, endOf(1), endOf(2)]).toEqual([['VNC', 'Serial'], undefined, undefined])
    expect(consoles.observe(document(['a', 'screen']))).toEqual([
      { uid: 'a', state: 'Open' },
      { uid: 'screen', state: 'Open', type: 'VNC' },
    ])
  })

  test('is had by one at a time: another is refused without being used, and one by force ends it', async () => {
    await open(1, 'screen')
    await open(2, 'other-screen')
    expect([endOf(2), states(['other-screen'])]).toEqual(['ConsoleTaken', ['Waiting']])
    await open(3, 'by-force-screen')
    expect([endOf(1), guests[0]?.destroyed, endOf(3)]).toEqual(['ConsoleClosed', true, undefined])
    await consoles.allow(document(['a', 'other-screen']))
    await open(4, 'other-screen')
    expect(endOf(4)).toBeUndefined()
  })

  test('that is about to be opened is had already', async () => {
    const [one, other] = [1, 2].map((n) => open(n, n === 1 ? 'screen' : 'other-screen'))
    await Promise.all([one, other])
    expect([endOf(1), endOf(2), guests.length]).toEqual([undefined, 'ConsoleTaken', 1])
  })
})

describe('a log', () => {
  test('is read to its end, by as many as have a token, each once; what is typed goes nowhere', async () => {
    await consoles.allow(document(['a', 'log', 'other-log']))
    await open(1, 'a')
    for (const [n, access] of [
      [2, 'log'],
      [3, 'other-log'],
    ] as const) {
      let read = ''
      const channel = await open(n, access)
      channel.on('data', (chunk: Buffer) => (read += chunk.toString()))
      channel.write('typed')
      await until(() => channel.destroyed)
      expect([read.length, read.endsWith('last line\n'), channel.ended]).toEqual([
        LOG.length,
        true,
        { reason: 'Closed', message: 'this is the end of the log' },
      ])
      await until(() => states([access])[0] === 'Closed')
    }
    expect([types, endOf(1)]).toEqual([['Serial', 'Log', 'Log'], undefined])
    await open(4, 'log')
    expect(endOf(4)).toBe('AccessUsed')
  })

  test('that is empty ends at once', async () => {
    await consoles.allow(document(['empty-log']))
    log = Buffer.alloc(0)
    const channel = await open(1, 'empty-log')
    channel.resume()
    await until(() => channel.destroyed)
    expect(channel.ended?.reason).toBe('Closed')
  })
})

describe('an open console ends', () => {
  beforeEach(async () => {
    await consoles.allow(document(['a']))
    await open(1, 'a')
  })

  test.each([
    ['when its access goes', () => consoles.allow(document([])), 'AccessWithdrawn'],
    ['when the machine gets another epoch', () => consoles.allow(document(['a'], 2)), 'AccessWithdrawn'],
    ['when the machine goes', () => consoles.forget(machine), 'AccessWithdrawn'],
    ['when the agent stops', async () => consoles.stop(), 'AgentStopping'],
    ['when the guest’s end of it is gone', async () => void guests[0]?.push(null), 'ConsoleClosed'],
    ['when it breaks', async () => void guests[0]?.destroy(new Error('x')), 'ConsoleClosed'],
  ])('%s', async (_, happens, reason) => {
    await happens()
    await until(() => endOf(1) === reason && guests[0]?.destroyed === true)
  })

  test('and not by another document of its machine', async () => {
    await consoles.allow(document(['a', 'b']))
    expect([endOf(1), states(['a', 'b'])]).toEqual([undefined, ['Open', 'Waiting']])
  })
})

test('what belongs to no console is told so, once each time, and an end is not answered', async () => {
  say(9, { type: 'progress', sent: 0, limit: 1 })
  expect(endOf(9)).toBe('SessionUnknown')
  say(8, { type: 'end', end: { reason: 'Closed', message: '' } })
  hear('console.to.n1.x', Buffer.from([3]))
  hear(toNodeConsole(session(7)), Buffer.from([77]))
  expect([frames(8), frames(7)]).toEqual([[], []])
})
