// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../lib/time/fake-clock.ts'
import { DEFAULT_LOGIN_LINE, LoginLine, TooManyLogins, type LoginLineOptions } from './login-line.ts'
import { RefusedToken } from './token-review.ts'

const forEver = new AbortController().signal

/** Reviews end when a test says so, and how. */
function world(options: Partial<LoginLineOptions> = {}) {
  const clock = { ms: 0 }
  const line = new LoginLine({ ...DEFAULT_LOGIN_LINE, ...options }, () => clock.ms)
  const underWay: { who: string; end: (error?: Error) => void }[] = []
  const told: string[] = []
  const login = (address: string, who = address, deadline = forEver) =>
    void line
      .pass(address, deadline, () => {
        const { promise, resolve, reject } = Promise.withResolvers<undefined>()
        underWay.push({ who, end: (error) => (error ? reject(error) : resolve(undefined)) })
        return promise
      })
      .then(
        () => told.push(`${who} in`),
        (error: unknown) => told.push(`${who} ${error instanceof RefusedToken ? 'refused' : (error as Error).name}`),
      )
  const end = async (count = 1, error?: Error) => {
    for (const review of underWay.splice(0, count)) review.end(error)
    await settle()
  }
  return { clock, line, underWay, told, login, end, who: () => underWay.map(({ who }) => who).join('') }
}
const bad = () => new RefusedToken('bad')
const patience = (refusals: number) => ({ refusals, windowMs: 1_000, addresses: 10 })

describe('one address', () => {
  test('two thousand bad tokens at once are thirty reviews', async () => {
    const w = world()
    for (let i = 0; i < 2_000; i++) w.login('a')
    await settle()
    expect([w.underWay.length, w.told.length]).toEqual([30, 0])
    let reviews = 0
    while (w.underWay.length > 0) {
      reviews += w.underWay.length
      await w.end(w.underWay.length, bad())
    }
    expect(reviews).toBe(30)
    expect(w.told).toEqual(Array.from({ length: 2_000 }, () => 'a refused'))
    expect(w.line.waiting).toBe(0)
  })

  test('five hundred good ones come in, thirty at a time', async () => {
    const w = world()
    for (let i = 0; i < 500; i++) w.login('a')
    await settle()
    for (let left = 500; left > 0; left -= 10) {
      expect(w.underWay.length).toBe(Math.min(30, left))
      await w.end(10)
    }
    expect(w.told).toEqual(Array.from({ length: 500 }, () => 'a in'))
  })

  test('each bad one leaves room for one less; the window’s end gives all of it back', async () => {
    const w = world({ patience: patience(3) })
    for (const who of 'abcdefgh') w.login('x', who)
    await settle()
    expect(w.who()).toBe('abc')
    await w.end(1, bad())
    expect(w.who()).toBe('bc')
    await w.end(1, bad())
    expect(w.who()).toBe('c')
    await w.end()
    expect(w.who()).toBe('d')
    w.clock.ms = 1_000
    await w.end()
    expect(w.who()).toBe('efg')
  })

  test('who waited behind the last bad one is turned away with it, and nobody stands in the way of the next', async () => {
    const w = world({ patience: patience(1) })
    w.login('x', 'a')
    await settle()
    await w.end(1, bad())
    expect(w.told).toEqual(['a refused'])
    w.clock.ms = 1_000
    for (const who of 'bcd') w.login('x', who)
    await settle()
    await w.end(1, bad())
    expect([w.told.slice(1), w.line.waiting]).toEqual([['b refused', 'c refused', 'd refused'], 0])
    w.clock.ms = 2_000
    w.login('x', 'e')
    await settle()
    expect(w.who()).toBe('e')
  })

  test('what fails otherwise proves nothing', async () => {
    const w = world({ patience: patience(1) })
    for (const who of 'abc') w.login('x', who)
    await settle()
    await w.end(1, new Error('the apiserver is away'))
    expect(w.who()).toBe('b')
    await w.end(1, bad())
    expect(w.told).toEqual(['a Error', 'b refused', 'c refused'])
    w.login('x', 'd')
    w.login('y', 'e')
    await settle()
    expect([w.who(), w.told.at(-1)]).toEqual(['e', 'd refused'])
  })
})

describe('many addresses', () => {
  test('share the reviews, and take turns', async () => {
    const w = world({ atOnce: 2 })
    for (let i = 0; i < 4; i++) w.login('a')
    for (let i = 0; i < 3; i++) w.login('b')
    w.login('c')
    await settle()
    const order = [w.who()]
    for (let i = 0; i < 6; i++) {
      await w.end()
      order.push(w.who().slice(1))
    }
    expect(order).toEqual(['aa', 'a', 'b', 'c', 'a', 'b', 'b'])
  })

  test('the longest line makes room for others, and for itself none', async () => {
    const w = world({ atOnce: 1, waiting: 4 })
    for (const who of '012') w.login('a', who)
    for (const who of 'xy') w.login('b', who)
    await settle()
    w.login('a', '3')
    w.login('c', 'z')
    await settle()
    expect(w.told).toEqual(['3 TooManyLogins', '2 TooManyLogins'])
    for (const [address, who] of [
      ['d', 'u'],
      ['e', 'v'],
    ] as const) {
      w.login(address, who)
      await settle()
    }
    expect(w.told.slice(2)).toEqual(['y TooManyLogins', 'v TooManyLogins'])
    expect(w.line.waiting).toBe(4)
    const order = []
    while (w.underWay.length > 0) {
      order.push(w.who())
      await w.end()
    }
    expect(order.join('')).toBe('01xzu')
  })
})

test('who waited for too long is not reviewed any more', async () => {
  const w = world({ atOnce: 1 })
  const late = new AbortController()
  w.login('a', '1')
  w.login('a', '2', late.signal)
  w.login('b', '3', late.signal)
  w.login('a', '4')
  await settle()
  late.abort()
  await w.end()
  expect([w.who(), w.told]).toEqual(['4', ['1 in', '2 TooManyLogins']])
  await w.end()
  expect([w.who(), w.told.slice(2)]).toEqual(['', ['4 in', '3 TooManyLogins']])
  expect(w.line.waiting).toBe(0)
})

test('an error that is none of ours reaches who asked', async () => {
  const line = new LoginLine()
  await expect(line.pass('a', forEver, async () => Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError)
  await expect(line.pass('a', forEver, async () => 7)).resolves.toBe(7)
  expect(new TooManyLogins().message).toContain('try again')
})
