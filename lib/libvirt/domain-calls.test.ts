// SPDX-License-Identifier: Apache-2.0
// Who is asked when guests hang: a fake connection that answers when the test says so.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainCalls, type CallHow } from './domain-calls.ts'
import { isBusy, isUnanswered } from './error.ts'

const signal = new AbortController().signal
const GIVE_UP_MS = 20
let sent: string[]
let answer: Map<string, () => void>
const nameOf = (args: unknown): string => (args as { domain: { name: string } }).domain.name

beforeEach(() => {
  sent = []
  answer = new Map()
})

function callsWith(places: number, placesPerGroup = places) {
  const callToItsEnd = ((_: string, args: unknown) => {
    sent.push(nameOf(args))
    return new Promise((resolve) => answer.set(nameOf(args), () => resolve({})))
  }) as never
  const options = { socketPath: '', uri: '', places, placesPerGroup }
  return new DomainCalls(options, () => ({ callToItsEnd, close: () => undefined }))
}
const domain = (name: string) => ({ name, uuid: Buffer.from(name.padEnd(16)), id: 1 })
const ask = (calls: DomainCalls, name: string, how: CallHow = {}, timeoutMs = GIVE_UP_MS) =>
  calls.call('resume', { domain: domain(name) }, signal, timeoutMs, how)
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a guest that hangs', () => {
  test('takes one place, however often it is asked, and is told of at once from then on', async () => {
    const calls = callsWith(2)
    expect(isUnanswered(await errorOf(ask(calls, 'hung')))).toBe(true)
    const startedAt = performance.now()
    const again = await Promise.all(Array.from({ length: 10 }, () => errorOf(ask(calls, 'hung', {}, GIVE_UP_MS))))
    expect(again.every(isUnanswered)).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(GIVE_UP_MS)
    const healthy = ask(calls, 'healthy', {}, 5_000)
    await sleep(0)
    expect(sent).toEqual(['hung', 'healthy'])
    answer.get('healthy')!()
    await healthy
  })

  test('is asked again once it has answered what nobody waited for any more', async () => {
    const calls = callsWith(1)
    await errorOf(ask(calls, 'a'))
    answer.get('a')!()
    await sleep(0)
    const second = ask(calls, 'a', {}, 5_000)
    await sleep(0)
    expect(sent).toEqual(['a', 'a'])
    answer.get('a')!()
    await second
  })

  test('where those that hang hold every place, another was not asked, and nothing is said of it', async () => {
    const calls = callsWith(2)
    await Promise.all([errorOf(ask(calls, 'hung1')), errorOf(ask(calls, 'hung2'))])
    const error = await errorOf(ask(calls, 'healthy'))
    expect([isBusy(error), isUnanswered(error)]).toEqual([true, false])
    expect(sent).toEqual(['hung1', 'hung2'])
    // It gave up: its turn is not taken when there is one.
    answer.get('hung1')!()
    await sleep(0)
    expect(sent).toEqual(['hung1', 'hung2'])
    const healthy = ask(calls, 'healthy', {}, 5_000)
    await sleep(0)
    answer.get('healthy')!()
    await healthy
  })
})

test('a time limit runs from sending on, and the wait for a place has one of its own', async () => {
  const calls = callsWith(1)
  const first = ask(calls, 'a', {}, 5_000)
  let sentAt = 0
  const second = errorOf(ask(calls, 'b', { waitMs: 5_000, onSent: () => (sentAt = performance.now()) }, 50))
  await sleep(100)
  expect(sentAt).toBe(0)
  answer.get('a')!()
  await first
  expect(isUnanswered(await second)).toBe(true)
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(45)
})

test('one group leaves others a place, and whoever has least is served first', async () => {
  const calls = callsWith(3, 2)
  const all = ['a1', 'a2', 'a3', 'a4'].map((name) => ask(calls, name, { group: 'a' }, 5_000))
  await sleep(0)
  expect(sent).toEqual(['a1', 'a2'])
  all.push(ask(calls, 'b1', { group: 'b' }, 5_000))
  await sleep(0)
  expect(sent).toEqual(['a1', 'a2', 'b1'])
  all.push(ask(calls, 'b2', { group: 'b' }, 5_000), ask(calls, 'c1', { group: 'c' }, 5_000))
  await sleep(0)
  answer.get('a1')!()
  await sleep(0)
  expect(sent.at(-1)).toBe('c1')
  for (const name of ['a2', 'b1', 'c1', 'a3', 'b2', 'a4']) {
    answer.get(name)?.()
    await sleep(0)
  }
  for (const end of answer.values()) end()
  await Promise.all(all)
  expect(sent).toHaveLength(7)
})

test('a wait that is ended was not sent, and its turn goes to the next', async () => {
  const calls = callsWith(1)
  const first = ask(calls, 'a', {}, 5_000)
  const end = new AbortController()
  const ended = errorOf(ask(calls, 'b', { waitSignal: end.signal, waitMs: 5_000 }))
  const last = ask(calls, 'c', { waitMs: 5_000 }, 5_000)
  end.abort(new Error('ended'))
  expect(await ended).toMatchObject({ message: 'ended' })
  answer.get('a')!()
  await first
  await sleep(0)
  answer.get('c')!()
  await last
  expect(sent).toEqual(['a', 'c'])
})

test('a connection that is lost gives its places back', async () => {
  let lost = true
  const callToItsEnd = (() => (lost ? Promise.reject(new Error('lost')) : Promise.resolve({}))) as never
  const calls = new DomainCalls({ socketPath: '', uri: '', places: 1 }, () => ({
    callToItsEnd,
    close: () => undefined,
  }))
  expect(await errorOf(ask(calls, 'a'))).toMatchObject({ message: 'lost' })
  lost = false
  await ask(calls, 'a')
})
