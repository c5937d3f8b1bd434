// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { choose, type Question } from './choose.ts'

const question = (more: Partial<Question> = {}): Question => ({
  seconds: new Map(Object.entries({ a: 60, b: 60, c: 60, d: 60, e: 60 })),
  ...{ core: [], failed: [], touched: [], turn: 0, limits: { touched: 100, shard: 120 } },
  ...more,
})
const causes = (more: Partial<Question>) => Object.fromEntries(choose(question(more)).files)

describe('what a run takes', () => {
  test('the core and what failed, whatever they cost; one that is gone counts for nothing', () => {
    expect(
      causes({ core: ['a', 'b', 'gone'], failed: ['c', 'gone', 'a'], limits: { touched: 0, shard: 1000 } }),
    ).toEqual({
      ...{ a: 'core', b: 'core', c: 'failed', d: 'shard', e: 'shard' },
    })
  })

  test.each<[string, number, string[], string[]]>([
    ['as far as there is room, the nearest first', 130, ['e', 'b'], ['d']],
    ['the nearest though it is longer than the room', 10, ['e'], ['b', 'd']],
    ['all', 180, ['e', 'b', 'd'], []],
  ])('what is touched: %s', (_, room, taken, left) => {
    // One shard for each file; the one of this turn is of a.
    const choice = choose(question({ touched: ['e', 'b', 'gone', 'd'], limits: { touched: room, shard: 60 } }))
    expect([...choice.files].filter(([, cause]) => cause === 'touched').map(([path]) => path)).toEqual(taken)
    expect(choice.leftOut).toEqual(left)
    expect(choice.files.get('a')).toBe('shard')
  })

  test('what the shard has anyway is not left out', () => {
    expect(choose(question({ touched: ['b', 'a'], limits: { touched: 60, shard: 60 } })).leftOut).toEqual([])
  })

  test('shards in turn, of the same files the same', () => {
    const shard = (turn: number) => Object.keys(causes({ turn, core: ['a'] }))
    expect([0, 1, 2, 3].map(shard)).toEqual([
      ['a', 'b', 'd'],
      ['a', 'c', 'e'],
      ['a', 'b', 'd'],
      ['a', 'c', 'e'],
    ])
    expect(choose(question({ turn: 7, core: ['a'] })).shard).toEqual({ index: 1, of: 2 })
  })

  test('nothing of nothing', () => {
    expect(choose(question({ seconds: new Map(), core: ['a'], turn: 3 }))).toEqual({
      ...{ files: new Map(), shard: { index: 0, of: 1 }, leftOut: [] },
    })
  })
})

test('as many consecutive turns as there are shards take every file, and none takes long', () => {
  const files = fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 300 }), {
    maxKeys: 40,
  })
  const property = fc.property(
    files,
    fc.nat(100),
    fc.nat(5),
    fc.integer({ min: 60, max: 900 }),
    (costs, first, cores, limit) => {
      const seconds = new Map(Object.entries(costs))
      const core = [...seconds.keys()].slice(0, cores)
      const at = (turn: number) => choose(question({ seconds, core, turn, limits: { touched: 0, shard: limit } }))
      const { of } = at(first).shard
      const seen = new Set<string>()
      for (let turn = first; turn < first + of; turn++) {
        const { files: taken } = at(turn)
        let cost = 0
        for (const [path, cause] of taken) {
          seen.add(path)
          if (cause === 'shard') cost += seconds.get(path) ?? 0
        }
        expect(cost).toBeLessThanOrEqual(limit + 300)
      }
      expect([...seen].sort()).toEqual([...seconds.keys()].sort())
    },
  )
  fc.assert(property)
})
