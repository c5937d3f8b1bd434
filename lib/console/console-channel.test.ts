// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, jest, test } from '@jest/globals'
import { ConsoleChannel, ConsoleEnded, WINDOW_BYTES } from './console-channel.ts'
import { decodeFrame, encodeFrame, PIECE_BYTES } from './frame.ts'

type Drop = (message: Buffer) => boolean

/** Two ends of a bus that keeps order, delivers later, and loses what `drop` says. */
function pair(drop: Drop = () => false) {
  const errors: Record<'left' | 'right', unknown> = { left: undefined, right: undefined }
  const ends: ConsoleChannel[] = []
  const end = (to: () => ConsoleChannel | undefined) =>
    new ConsoleChannel((message) => {
      // A copy: the bus owns its buffers.
      const copy = Buffer.from(message)
      if (!drop(copy)) queueMicrotask(() => to()?.receive(decodeFrame(copy)))
    })
  ends.push(end(() => ends[1]))
  ends.push(end(() => ends[0]))
  const [left, right] = ends as [ConsoleChannel, ConsoleChannel]
  left.on('error', (error) => (errors.left = error))
  right.on('error', (error) => (errors.right = error))
  made.push(left, right)
  return { left, right, errors }
}

const made: ConsoleChannel[] = []
afterEach(() => {
  for (const one of made.splice(0)) one.destroy()
  jest.useRealTimers()
})

function pattern(bytes: number): Buffer {
  const out = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) out[i] = (i * 31 + (i >> 8)) & 255
  return out
}

async function readAll(channel: ConsoleChannel): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of channel) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

test('what is written arrives whole and in order, many windows of it, both ways at once', async () => {
  const { left, right } = pair()
  const [there, back] = [pattern(5 * WINDOW_BYTES + 7), pattern(3 * WINDOW_BYTES)]
  left.write(there)
  right.write(back, () => left.end())
  const [heard, answered] = await Promise.all([readAll(right), readAll(left)])
  expect([heard.equals(there), answered.equals(back)]).toEqual([true, true])
  expect(right.ended).toEqual({ reason: 'Closed', message: 'the console was closed' })
})

test('a reader that does not read keeps one window in memory, and nothing more is sent to it', async () => {
  let sent = 0
  const { left, right } = pair((message) => {
    const frame = decodeFrame(message)
    if (frame.type === 'data') sent += frame.bytes.length
    return false
  })
  let isTaken = false
  left.write(pattern(4 * WINDOW_BYTES), () => (isTaken = true))
  for (let i = 0; i < 100; i++) await turn()
  expect([sent, right.readableLength, isTaken]).toEqual([WINDOW_BYTES, WINDOW_BYTES, false])
  right.resume()
  for (let i = 0; i < 100; i++) await turn()
  expect([sent, right.readableLength, isTaken]).toEqual([4 * WINDOW_BYTES, 0, true])
})

test('a reader that was slow gets all that was sent before the other end left', async () => {
  const { left, right } = pair()
  const text = pattern(PIECE_BYTES + 1)
  left.write(text)
  left.leave({ reason: 'ConsoleClosed', message: 'the machine stopped' })
  for (let i = 0; i < 10; i++) await turn()
  expect((await readAll(right)).equals(text)).toBe(true)
  expect(right.ended).toEqual({ reason: 'ConsoleClosed', message: 'the machine stopped' })
})

test('who still writes when the other end leaves is let go', async () => {
  const { left, right, errors } = pair()
  right.write(pattern(3 * WINDOW_BYTES))
  await turn()
  left.end()
  left.resume()
  right.resume()
  await new Promise((resolve) => right.on('close', resolve))
  expect(errors).toEqual({ left: undefined, right: undefined })
})

test('lost bytes end it, in the middle and at the end alike', async () => {
  let dropped = 0
  const middle = pair((message) => decodeFrame(message).type === 'data' && dropped++ === 0)
  middle.left.write('lost')
  middle.left.write('not lost')
  await new Promise((resolve) => middle.right.on('close', resolve))
  expect(middle.errors.right).toMatchObject({ reason: 'BytesLost' })
  // The other end hears why.
  await turn()
  expect(middle.left.ended).toMatchObject({ reason: 'BytesLost' })

  jest.useFakeTimers()
  const tail = pair((message) => decodeFrame(message).type === 'data')
  tail.left.write('the last word')
  await jest.advanceTimersByTimeAsync(5_001)
  expect(tail.errors.right).toMatchObject({ reason: 'BytesLost' })
})

test('a window that was moved is told again, should the word have been lost', async () => {
  jest.useFakeTimers()
  let isLosing = true
  const { left, right, errors } = pair((message) => isLosing && decodeFrame(message).type === 'progress')
  let isTaken = false
  right.resume()
  left.write(pattern(2 * WINDOW_BYTES), () => (isTaken = true))
  await jest.advanceTimersByTimeAsync(1_000)
  expect(isTaken).toBe(false)
  isLosing = false
  await jest.advanceTimersByTimeAsync(5_001)
  expect([isTaken, errors]).toEqual([true, { left: undefined, right: undefined }])
})

test('an end that hears nothing any more says so', async () => {
  jest.useFakeTimers({ doNotFake: [] })
  const { left, errors } = pair(() => true)
  await jest.advanceTimersByTimeAsync(14_000)
  expect(errors.left).toBeUndefined()
  await jest.advanceTimersByTimeAsync(7_000)
  expect(errors.left).toMatchObject({ reason: 'PeerSilent' })
  expect(left.destroyed).toBe(true)
})

test('a peer that sends beyond the window, or what is none, is not kept', async () => {
  const { right, errors } = pair()
  for (let at = 0; at < WINDOW_BYTES; at += PIECE_BYTES)
    right.receive({ type: 'data', at, bytes: Buffer.alloc(PIECE_BYTES) })
  expect(right.destroyed).toBe(false)
  right.receive({ type: 'data', at: WINDOW_BYTES, bytes: Buffer.from('x') })
  await turn()
  expect(errors.right).toMatchObject({ reason: 'WindowExceeded' })
  const zeros = Buffer.alloc(PIECE_BYTES + 8)
  for (const bad of [
    Buffer.alloc(0),
    Buffer.from([9]),
    Buffer.from([2, 1]),
    Buffer.from([3, 1, 2]),
    Buffer.concat([Buffer.from([2]), zeros]),
  ])
    expect(() => decodeFrame(bad)).toThrow()
  for (const text of [
    '{',
    '{"machine":"../x","access":"a","token":"t"}',
    `{"machine":"m","access":"a","token":"${'t'.repeat(200)}"}`,
  ])
    expect(() => decodeFrame(Buffer.concat([Buffer.from([0]), Buffer.from(text)]))).toThrow()
})

test('an error with a reason of ours is told in its words, any other is not', async () => {
  const { left, right } = pair()
  left.destroy(new Error('the path /secret'))
  await turn()
  expect(right.ended).toEqual({ reason: 'ConsoleFailed', message: expect.stringContaining('log') })
  expect(right.ended?.message).not.toContain('secret')
  const other = pair()
  other.left.destroy(new ConsoleEnded({ reason: 'ConsoleTaken', message: 'taken' }))
  await turn()
  await turn()
  expect(other.right.ended).toEqual({ reason: 'ConsoleTaken', message: 'taken' })
})

test('frames are what they were', () => {
  const frames = [
    { type: 'open', request: { machine: 'm-1', access: 'a-1', token: 't' } },
    { type: 'opened' },
    { type: 'data', at: 2 ** 40 + 1, bytes: Buffer.from('é') },
    { type: 'progress', sent: 2 ** 41, limit: 2 ** 42 },
    { type: 'end', end: { reason: 'Closed', message: 'bye' } },
  ] as const
  for (const frame of frames) expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
})
