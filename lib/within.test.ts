// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { getEventListeners } from 'node:events'
import { within } from './within.ts'

const never = new Promise<string>(() => undefined)
const aborted = (): AbortSignal => AbortSignal.abort(new Error('ended'))

test.each<[string, Promise<string>, Parameters<typeof within>[1], string]>([
  ['done', Promise.resolve('it'), { timeoutMs: 1000 }, 'it'],
  ['done, without any limit', Promise.resolve('it'), {}, 'it'],
  ['failed', Promise.reject(new Error('broken')), { timeoutMs: 1000 }, 'Error: broken'],
  ['late', never, { timeoutMs: 5 }, 'TimeoutError: no answer in time'],
  ['late, in words of its own', never, { timeoutMs: 5, late: () => new Error('asleep') }, 'Error: asleep'],
  ['ended before', never, { signal: aborted(), timeoutMs: 1000 }, 'Error: ended'],
])('%s', async (_, work, limit, expected) => {
  expect(await within(work, limit).catch(String)).toBe(expected)
})

test('ended meanwhile; what the work comes to later concerns nobody, and nothing is left behind', async () => {
  const end = new AbortController()
  const work = Promise.withResolvers<string>()
  const answer = within(work.promise, { signal: end.signal, timeoutMs: 60_000 })
  expect(getEventListeners(end.signal, 'abort')).toHaveLength(1)
  end.abort(new Error('ended'))
  await expect(answer).rejects.toThrow('ended')
  // Unhandled, it would end the process.
  work.reject(new Error('late failure'))
  const other = new AbortController()
  expect(await within(Promise.resolve(1), { signal: other.signal, timeoutMs: 60_000 })).toBe(1)
  expect(getEventListeners(other.signal, 'abort')).toHaveLength(0)
})
