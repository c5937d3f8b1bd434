// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { settle } from '../../lib/time/fake-clock.ts'
import { SharedWork } from './shared-work.ts'

/** Work that ends when the test says so. */
function world(parallel: number) {
  const work = new SharedWork<string>(parallel)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const join = (key: string, owner: string, signal = new AbortController().signal) =>
    work
      .join(key, { owner, signal, onProgress: () => undefined }, async (progress) => {
        begun.push(key)
        await new Promise<void>((resolve, reject) => {
          ends.set(key, resolve)
          progress.signal.addEventListener('abort', () => reject(new Error('left')), { once: true })
        })
        return key
      })
      .catch(() => 'left')
  return { work, begun, join, end: (key: string) => ends.get(key)?.() }
}

test('an owner leaves places to others, and gets them back when nobody wants them', async () => {
  const { begun, join, end } = world(4)
  for (const key of ['a1', 'a2', 'a3', 'a4']) void join(key, 'a')
  await settle()
  expect(begun).toEqual(['a1', 'a2'])
  void join('b1', 'b')
  await settle()
  expect(begun).toEqual(['a1', 'a2', 'b1'])
  end('b1')
  end('a1')
  await settle()
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3'])
})

test('who holds least is next, not who waits longest', async () => {
  const { begun, join, end } = world(2)
  void join('a1', 'a')
  void join('c1', 'c')
  void join('a2', 'a')
  void join('b1', 'b')
  await settle()
  end('c1')
  await settle()
  expect(begun).toEqual(['a1', 'c1', 'b1'])
})

test('work that everybody left while it waited is never begun, and keeps nobody from beginning it anew', async () => {
  const { begun, join, end, work } = world(1)
  const stop = new AbortController()
  void join('a1', 'a')
  const left = join('b1', 'b', stop.signal)
  await settle()
  stop.abort(new Error('gone'))
  expect(await left).toBe('left')
  await settle()
  expect(work.isRunning('b1')).toBe(false)
  const again = join('b1', 'b')
  end('a1')
  await settle()
  end('b1')
  expect(await again).toBe('b1')
  expect(begun).toEqual(['a1', 'b1'])
})
