// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { NamespaceLine } from './namespace-line.ts'

const keysOf = (namespace: string, n: number) => Array.from({ length: n }, (_, i) => `${namespace}/${i}`)
function lineOf(...keys: readonly (string | readonly [string, number])[]): NamespaceLine {
  const line = new NamespaceLine()
  keys.forEach((key, i) => (typeof key === 'string' ? line.add(key, i, 0) : line.add(key[0], i, key[1])))
  return line
}
function drain(line: NamespaceLine): string[] {
  const taken: string[] = []
  for (let next = line.take(); next; next = line.take()) taken.push(next[0])
  return taken
}

describe('NamespaceLine', () => {
  test('namespaces take turns, each its own in the order they came; objects of the cluster are one of them', () => {
    expect(drain(lineOf(...keysOf('many', 4), 'node-1', 'one/a', 'node-2', 'two/b'))).toEqual([
      ...['many/0', 'node-1', 'one/a', 'two/b', 'many/1', 'node-2', 'many/2', 'many/3'],
    ])
  })

  test('who comes late to a namespace of thousands waits for one', () => {
    const line = lineOf(...keysOf('many', 5000))
    for (let i = 0; i < 100; i++) line.take()
    line.add('one/a', 100, 0)
    expect([line.take()?.[0], line.take()?.[0]]).toEqual(['many/100', 'one/a'])
  })

  test('smaller priorities go first, and the others have every fourth place, in turn', () => {
    const of = (namespace: string, priority: number) => keysOf(namespace, 8).map((key) => [key, priority] as const)
    const order = drain(lineOf(...of('rest', 10), ...of('plain', 0), ...of('gone', -1)))
    expect(order.slice(0, 8)).toEqual([
      ...['gone/0', 'gone/1', 'gone/2', 'plain/0', 'gone/3', 'gone/4', 'gone/5', 'rest/0'],
    ])
    expect(order).toHaveLength(24)
  })

  test('a key that is wanted sooner moves up with its time, one that is wanted later stays', () => {
    const line = lineOf(['ns/a', 0], ['ns/b', 10])
    line.add('ns/b', 50, -1)
    line.add('ns/b', 60, 5)
    line.add('ns/a', 70, 0)
    expect([line.size, line.oldestMs()]).toEqual([2, 0])
    expect([line.take(), line.take(), line.take()]).toEqual([['ns/b', 1], ['ns/a', 0], undefined])
    expect([line.size, line.oldestMs()]).toEqual([0, undefined])
  })

  test('a key that is wanted again as much as before keeps its place among its namespace’s', () => {
    const line = lineOf('ns/a', 'ns/b')
    line.add('ns/a', 50, 0)
    expect(drain(line)).toEqual(['ns/a', 'ns/b'])
  })

  test('who waits longest is known also when it has moved', () => {
    const line = lineOf('ns/a', 'ns/b', 'ns/c')
    line.add('ns/a', 50, -1)
    expect(line.oldestMs()).toBe(0)
    line.take()
    line.add('ns/c', 60, -1)
    expect(line.oldestMs()).toBe(1)
    line.add('ns/b', 70, -2)
    expect(line.oldestMs()).toBe(1)
  })

  test('cleared, it is empty and goes on', () => {
    const line = lineOf('a/1', 'b/1')
    line.clear()
    line.add('c/1', 5, 0)
    expect([line.oldestMs(), drain(line)]).toEqual([5, ['c/1']])
  })

  const step = fc.oneof(
    fc.record({
      namespace: fc.constantFrom('a', 'b', 'c'),
      name: fc.nat(6),
      priority: fc.constantFrom(-1, 0, 10),
    }),
    fc.constant('take' as const),
  )

  test('of whatever comes and goes none is lost or doubled, and nobody waits for more than the others have turns', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const line = new NamespaceLine()
        /** By key: priority, and how many were taken since it came to it. */
        const waiting = new Map<string, { priority: number; ahead: number }>()
        const take = () => {
          const [key] = line.take() ?? []
          if (key === undefined) {
            expect(waiting.size).toBe(0)
            return
          }
          expect(waiting.delete(key)).toBe(true)
          for (const one of waiting.values()) one.ahead++
        }
        for (const s of steps) {
          if (s === 'take') take()
          else {
            const key = `${s.namespace}/${s.name}`
            const held = waiting.get(key)
            line.add(key, 0, s.priority)
            if (!held || s.priority < held.priority) waiting.set(key, { priority: s.priority, ahead: 0 })
          }
          expect(line.size).toBe(waiting.size)
          // Of one's own namespace 6 may be before it, each with a round of 3 namespaces; a round has every eighth place at worst.
          for (const { ahead } of waiting.values()) expect(ahead).toBeLessThanOrEqual(7 * 3 * 8)
        }
        while (waiting.size > 0) take()
        take()
      }),
      { numRuns: 200 },
    )
  })

  test('each step costs the same, however many wait', () => {
    const cpuMs = (n: number) => {
      const line = lineOf(...keysOf('many', n))
      const { user } = process.cpuUsage()
      for (let i = 0; i < 20_000; i++) {
        const [key] = line.take() ?? []
        line.add(key ?? '', i, 0)
      }
      return (process.cpuUsage().user - user) / 1000
    }
    cpuMs(100)
    const [few, many] = [100, 30_000].map((n) => Math.min(cpuMs(n), cpuMs(n), cpuMs(n))) as [number, number]
    expect(many).toBeLessThan(8 * few + 10)
  })
})
