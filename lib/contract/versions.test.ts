// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { judgeVersions, type Versions } from './versions.ts'

const small = fc.integer({ min: 0, max: 4 })
const versions = fc.record({
  incarnation: fc.integer({ min: 1, max: 3 }),
  term: small,
  epoch: small,
  generation: small,
}) as fc.Arbitrary<Versions>

const v = (incarnation: number, term: number, epoch: number, generation: number): Versions => ({
  incarnation,
  term,
  epoch,
  generation,
})

describe('judgeVersions', () => {
  test.each([
    ['the first', undefined, v(1, 0, 0, 0), true],
    ['the same again', v(1, 2, 3, 4), v(1, 2, 3, 4), true],
    ['a newer generation', v(1, 2, 3, 4), v(1, 2, 3, 5), true],
    ['a newer leader', v(1, 2, 3, 4), v(1, 3, 3, 4), true],
    ['a newer epoch', v(1, 2, 3, 4), v(1, 2, 4, 4), true],
    ['a restored cloud', v(1, 9, 9, 9), v(2, 0, 0, 0), true],
    ['an older leader, whatever else it knows', v(1, 2, 3, 4), v(1, 1, 9, 9), 'StaleLeader'],
    ['the cloud before the restore', v(2, 0, 0, 0), v(1, 9, 9, 9), 'StaleLeader'],
    ['a newer leader with an older epoch', v(1, 2, 3, 4), v(1, 3, 2, 9), 'StaleEpoch'],
    ['a newer leader with an older generation', v(1, 2, 3, 4), v(1, 3, 3, 3), 'StaleGeneration'],
  ])('%s', (_name, held, offered, verdict) => {
    const judged = judgeVersions(held, offered)
    expect(judged.ok ? true : judged.reason).toBe(verdict)
  })

  test('whoever accepts only what is judged acceptable never goes back', () => {
    fc.assert(
      fc.property(fc.array(versions, { maxLength: 12 }), (offers) => {
        let held: Versions | undefined
        for (const offered of offers) {
          const before = held
          if (judgeVersions(held, offered).ok) held = offered
          if (!before || !held) continue
          expect(held.incarnation).toBeGreaterThanOrEqual(before.incarnation)
          if (held.incarnation !== before.incarnation) continue
          expect(held.term).toBeGreaterThanOrEqual(before.term)
          expect(held.epoch).toBeGreaterThanOrEqual(before.epoch)
          expect(held.generation).toBeGreaterThanOrEqual(before.generation)
        }
      }),
    )
  })

  test('two that differ are accepted in one order at most', () => {
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        const both = judgeVersions(a, b).ok && judgeVersions(b, a).ok
        expect(both).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })
})
