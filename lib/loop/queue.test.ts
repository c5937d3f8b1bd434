// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { backoffMs } from '../time/backoff.ts'
import { systemClock } from '../time/clock.ts'
import { FakeClock, settle } from '../time/fake-clock.ts'
import { WorkQueue } from './queue.ts'
import { until } from '../time/until.ts'

describe('backoffMs', () => {
  test.each([
    [0, 0, 0],
    [1, 50, 100],
    [2, 100, 200],
    [4, 400, 800],
    [50, 5000, 10_000],
    [5000, 5000, 10_000],
  ])('after %i failures between %i and %i', (failures, least, most) => {
    const options = { baseMs: 100, capMs: 10_000 }
    expect(backoffMs(failures, options, () => 0)).toBe(least)
    expect(backoffMs(failures, options, () => 0.999999)).toBeLessThanOrEqual(most)
  })
})

/** Runs end when the test says so. */
function manualQueue(concurrency: number, clock = new FakeClock()) {
  const runs: { key: string; end: () => void; ended: boolean }[] = []
  const queue = new WorkQueue({
    clock,
    concurrency,
    random: () => 0,
    backoff: { baseMs: 100, capMs: 1000 },
    work: (key) =>
      new Promise((resolve) => {
        const end = () => {
          run.ended = true
          resolve()
        }
        const run = { key, ended: false, end }
        runs.push(run)
      }),
  })
  return { queue, runs, clock, open: () => runs.filter((r) => !r.ended) }
}

describe('WorkQueue', () => {
  test('holds what comes before start', () => {
    const { queue, runs } = manualQueue(2)
    queue.add('a')
    expect([runs, queue.depth, queue.idle]).toEqual([[], 1, false])
    queue.start()
    expect(runs.map((r) => r.key)).toEqual(['a'])
  })

  test('a key added while it runs runs once more, after', async () => {
    const { queue, runs } = manualQueue(4)
    queue.start()
    queue.add('a')
    queue.add('a')
    queue.add('a')
    expect(runs).toHaveLength(1)
    runs[0]!.end()
    await settle()
    expect(runs).toHaveLength(2)
    runs[1]!.end()
    await settle()
    expect(runs).toHaveLength(2)
    expect(queue.idle).toBe(true)
  })

  test('a run that leaves its slot lets the next begin at once, one for each, and is not run twice itself', async () => {
    const { queue, runs } = manualQueue(1)
    queue.start()
    for (const key of ['a', 'b', 'c']) queue.add(key)
    const begun = () => runs.map(({ key }) => key)
    /** In a turn of its own, of which a slow machine has not used up the time. */
    const leave = async (key: string) => {
      await settle()
      queue.leaveSlot(key)
    }
    await leave('c')
    expect(begun()).toEqual(['a'])
    await leave('a')
    expect(begun()).toEqual(['a', 'b'])
    await leave('a')
    expect(begun()).toEqual(['a', 'b'])
    expect([queue.depth, queue.running]).toEqual([1, 2])
    // It had no slot any more: its end frees none.
    runs[0]!.end()
    await settle()
    expect(begun()).toEqual(['a', 'b'])
    runs[1]!.end()
    await settle()
    expect(begun()).toEqual(['a', 'b', 'c'])
    queue.add('c')
    await leave('c')
    expect(begun()).toEqual(['a', 'b', 'c'])
    runs[2]!.end()
    await settle()
    expect(begun()).toEqual(['a', 'b', 'c', 'c'])
  })

  test('of several delays the earliest counts, and a run takes the others back', async () => {
    const { queue, runs, clock } = manualQueue(1)
    queue.start()
    queue.addAfter('a', 500)
    queue.addAfter('a', 100)
    queue.addAfter('a', 900)
    await clock.advance(99)
    expect(runs).toHaveLength(0)
    await clock.advance(1)
    expect(runs).toHaveLength(1)
    runs[0]!.end()
    await clock.advance(5000)
    expect(runs).toHaveLength(1)
    queue.addAfter('a', 500)
    queue.add('a')
    await settle()
    expect([runs.length, clock.pending]).toEqual([2, 0])
    runs[1]!.end()
    await clock.advance(5000)
    expect(runs).toHaveLength(2)
  })

  test('back-off doubles, is reset by success and never sooner than the server asked', () => {
    const { queue } = manualQueue(1)
    expect([queue.retry('a'), queue.retry('a'), queue.retry('a')]).toEqual([50, 100, 200])
    expect(queue.retry('b')).toBe(50)
    queue.forget('a')
    expect(queue.retry('a', 7000)).toBe(7000)
  })

  test('smaller priorities go first, equal ones in order', async () => {
    const seen: string[] = []
    const queue = new WorkQueue({
      clock: new FakeClock(),
      concurrency: 1,
      priority: (key) => (key.startsWith('low') ? 9 : 0),
      work: async (key) => void seen.push(key),
    })
    for (const key of ['low1', 'b', 'low2', 'a']) queue.add(key)
    queue.start()
    await settle()
    expect(seen).toEqual(['b', 'a', 'low1', 'low2'])
  })

  test('a key that is wanted sooner moves up and runs once', async () => {
    const seen: string[] = []
    const queue = new WorkQueue({ clock: new FakeClock(), concurrency: 1, work: async (key) => void seen.push(key) })
    queue.add('a', 10)
    queue.add('b', 10)
    queue.add('b')
    queue.add('b', 20)
    queue.add('c', 5)
    queue.add('c', 1)
    queue.start()
    await settle()
    expect([seen, queue.idle]).toEqual([['b', 'c', 'a'], true])
  })

  test('close waits for what runs and starts nothing more', async () => {
    const { queue, runs, clock } = manualQueue(1)
    queue.start()
    // Once there was nothing to do: that was not the end.
    queue.add('earlier')
    runs[0]!.end()
    await settle()
    runs.length = 0
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    let closed = false
    const closing = queue.close().then(() => (closed = true))
    await clock.advance(100)
    expect(closed).toBe(false)
    runs[0]!.end()
    await closing
    queue.add('d')
    queue.addAfter('e', 10)
    expect([queue.depth, queue.idle]).toEqual([0, true])
    await clock.advance(100)
    expect(runs.map((r) => r.key)).toEqual(['a'])
    expect(clock.pending).toBe(0)
  })

  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key }),
    fc.record({ do: fc.constant('after' as const), key, ms: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ do: fc.constant('retry' as const), key }),
    fc.record({ do: fc.constant('end' as const), nth: fc.nat(9) }),
    fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 200 }) }),
  )

  test('never two runs of a key, never more than allowed, and every add is followed by a run that begins after it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const { queue, runs, clock, open } = manualQueue(concurrency)
          queue.start()
          const addedAtRun = new Map<string, number>()
          const check = () => {
            const keys = open().map((r) => r.key)
            expect(new Set(keys).size).toBe(keys.length)
            expect(keys.length).toBeLessThanOrEqual(concurrency)
          }
          for (const s of steps) {
            switch (s.do) {
              case 'add':
                addedAtRun.set(s.key, runs.length)
                queue.add(s.key)
                break
              case 'after':
                addedAtRun.set(s.key, runs.length)
                queue.addAfter(s.key, s.ms)
                break
              case 'retry':
                queue.retry(s.key)
                break
              case 'end':
                open()[s.nth]?.end()
                await settle()
                break
              case 'time':
                await clock.advance(s.ms)
                break
            }
            check()
          }
          // Let everything end: the queue must come to rest with each add answered.
          for (let i = 0; i < 100 && !queue.idle; i++) {
            open().forEach((r) => r.end())
            await clock.advance(2000)
            check()
          }
          expect(queue.idle).toBe(true)
          for (const [k, from] of addedAtRun) expect(runs.slice(from).map((r) => r.key)).toContain(k)
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)
})

test('runs that wait for nothing let answers and timers through', async () => {
  const queue = new WorkQueue({
    clock: systemClock,
    concurrency: 8,
    work: async () => {
      const untilMs = performance.now() + 0.1
      while (performance.now() < untilMs);
    },
  })
  for (let i = 0; i < 2000; i++) queue.add(`ns/${i}`)
  queue.start()
  await new Promise((resolve) => setTimeout(resolve, 1))
  expect(queue.depth).toBeGreaterThan(1000)
  await until(() => queue.idle)
})
