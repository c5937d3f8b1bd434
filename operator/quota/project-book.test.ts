// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ProjectBook, type Asker, type Limit } from './project-book.ts'

const limits = (amounts: Record<string, number>): ReadonlyMap<string, Limit> =>
  new Map(Object.entries(amounts).map(([key, amount]) => [key, { amount, by: 'Quota ns/q' }]))
const asker = (uid: string): Asker => ({ uid, kind: 'instance', key: `ns/${uid}` })

function bookWith(amounts: Record<string, number>): { book: ProjectBook; woken: string[] } {
  const woken: string[] = []
  const book = new ProjectBook(({ uid }) => woken.push(uid))
  book.limit(limits(amounts))
  return { book, woken }
}

describe('a claim', () => {
  test('is refused when others have and were promised too much, and says how much', () => {
    const { book } = bookWith({ cores: 10 })
    book.store('old', { cores: 6 })
    expect(book.claim(asker('a'), { cores: 4 })).toBeUndefined()
    expect(book.claim(asker('b'), { cores: 1 })).toEqual({
      key: 'cores',
      limit: { amount: 10, by: 'Quota ns/q' },
      used: 10,
      asked: 1,
    })
  })

  test('that is repeated counts once, and its last amount counts', () => {
    const { book } = bookWith({ cores: 10 })
    for (const cores of [8, 8, 2]) expect(book.claim(asker('a'), { cores })).toBeUndefined()
    expect(book.claim(asker('b'), { cores: 8 })).toBeUndefined()
  })

  test('counts once, too, when it is stored, and is no promise then', () => {
    const { book } = bookWith({ cores: 10 })
    book.claim(asker('a'), { cores: 6 })
    expect([...book.reserved]).toEqual([['cores', 6]])
    book.store('a', { cores: 6 })
    expect([[...book.used], [...book.reserved]]).toEqual([[['cores', 6]], []])
    expect(book.claim(asker('b'), { cores: 4 })).toBeUndefined()
  })

  test('of a promise that is stored in part is kept', () => {
    const { book } = bookWith({ cores: 10 })
    book.store('a', { cores: 2 })
    book.claim(asker('a'), { cores: 9 })
    book.store('a', { cores: 3 })
    expect([...book.reserved]).toEqual([['cores', 6]])
  })

  test('for what it has already is never refused, however low the limit is by now', () => {
    const { book } = bookWith({ cores: 1 })
    book.store('a', { cores: 4, ram: 1 })
    expect(book.claim(asker('a'), { cores: 4 })).toBeUndefined()
    expect(book.claim(asker('a'), { cores: 3 })).toBeUndefined()
    expect(book.claim(asker('a'), { cores: 5 })).toMatchObject({ key: 'cores', used: 0, asked: 5 })
    expect(book.has('a')).toEqual({ cores: 4, ram: 1 })
  })

  test('that is refused gives back what was promised to it before', () => {
    const { book } = bookWith({ cores: 10 })
    book.claim(asker('a'), { cores: 6 })
    book.claim(asker('a'), { cores: 11 })
    expect(book.claim(asker('b'), { cores: 10 })).toBeUndefined()
  })

  test('without a limit is granted', () => {
    expect(bookWith({}).book.claim(asker('a'), { cores: 1e9 })).toBeUndefined()
  })
})

describe('what an earlier leader left', () => {
  test('is kept, though the limit is lower by now', () => {
    const { book } = bookWith({ cores: 3 })
    book.restore('a', { cores: 4 })
    expect([...book.reserved]).toEqual([['cores', 4]])
    expect(book.claim(asker('new'), { cores: 1 })).toMatchObject({ used: 4 })
    expect(book.claim(asker('a'), { cores: 4 })).toBeUndefined()
    expect(book.claim(asker('a'), { cores: 5 })).toMatchObject({ asked: 5 })
  })

  test('waits before whoever comes now', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.store('old', { cores: 4 })
    book.queue(asker('first'), { cores: 2 })
    book.claim(asker('new'), { cores: 2 })
    book.claim(asker('first'), { cores: 2 })
    book.store('old', { cores: 2 })
    expect(woken).toEqual(['first'])
  })
})

describe('who waits is woken', () => {
  const full = () => {
    const it = bookWith({ cores: 4 })
    it.book.store('old', { cores: 4 })
    for (const uid of ['a', 'b', 'c']) it.book.claim(asker(uid), { cores: 2 })
    return it
  }

  test.each<[string, (book: ProjectBook) => void, string[]]>([
    ['by what is gone, as many as fit, in their order', (book) => book.forget('old'), ['a', 'b']],
    ['by what is smaller', (book) => book.store('old', { cores: 2 }), ['a']],
    ['by a limit that is raised', (book) => book.limit(limits({ cores: 7 })), ['a']],
    ['by a limit that is gone', (book) => book.limit(new Map()), ['a', 'b', 'c']],
    ['not by a limit that is raised too little', (book) => book.limit(limits({ cores: 5 })), []],
    ['not by another key', (book) => book.store('old', { cores: 4, ram: 1 }), []],
  ])('%s', (_, happens, expected) => {
    const { book, woken } = full()
    happens(book)
    expect(woken).toEqual(expected)
  })

  test('by a promise that is given back', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.claim(asker('first'), { cores: 4 })
    book.claim(asker('a'), { cores: 1 })
    book.forget('first')
    expect(woken).toEqual(['a'])
  })

  test('not a small one before a large one that came first, and a new one says behind whom it is', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.store('old', { cores: 4 })
    book.claim(asker('large'), { cores: 4 })
    book.claim(asker('small'), { cores: 1 })
    book.store('old', { cores: 2 })
    expect(woken).toEqual([])
    expect(book.claim(asker('new'), { cores: 1 })).toEqual({
      ...{ key: 'cores', limit: { amount: 4, by: 'Quota ns/q' }, used: 2, asked: 1 },
      behind: { ...asker('large'), asked: 4 },
    })
    expect(book.claim(asker('other'), { ram: 1 })).toBeUndefined()
    book.forget('large')
    expect(woken).toEqual(['small', 'new'])
  })

  test('whatever waits for more than it may ever have', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.store('old', { cores: 4 })
    book.claim(asker('never'), { cores: 5 })
    book.claim(asker('small'), { cores: 1 })
    book.store('old', { cores: 2 })
    expect(woken).toEqual(['small'])
    expect(book.claim(asker('new'), { cores: 1 })).toBeUndefined()
  })

  test('and keeps its room until it has run, and its turn when that was not enough', () => {
    const { book, woken } = full()
    book.store('old', { cores: 2 })
    expect(woken).toEqual(['a'])
    expect(book.claim(asker('new'), { cores: 2 })).toMatchObject({ used: 4 })
    book.store('old', { cores: 4 })
    expect(book.claim(asker('a'), { cores: 2 })).toMatchObject({ used: 4 })
    book.forget('old')
    expect(woken).toEqual(['a', 'a', 'b'])
  })

  test('that comes back after a run in which it did not ask, has its turn', () => {
    const { book, woken } = full()
    book.claim(asker('a'), { cores: 2 })
    book.ended('a')
    book.ended('a')
    book.claim(asker('a'), { cores: 2 })
    book.store('old', { cores: 2 })
    expect(woken).toEqual(['a'])
  })

  test('one that does not ask any more holds up nobody', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.store('old', { cores: 2 })
    book.claim(asker('large'), { cores: 4 })
    book.ended('large')
    book.claim(asker('small'), { cores: 1 })
    book.ended('large')
    expect(woken).toEqual(['small'])
  })

  test('one that lacks little, and not one behind it that asks for as much in all and has nothing', () => {
    const { book, woken } = bookWith({ gigabytes: 200 })
    book.store('others', { gigabytes: 110 })
    book.store('grows', { gigabytes: 90 })
    book.claim(asker('grows'), { gigabytes: 100 })
    book.claim(asker('new'), { gigabytes: 100 })
    book.store('others', { gigabytes: 60 })
    expect(woken).toEqual(['grows'])
  })

  test('not once it is gone', () => {
    const { book, woken } = full()
    book.forget('a')
    book.forget('old')
    expect(woken).toEqual(['b', 'c'])
    for (const uid of ['b', 'c']) book.forget(uid)
    expect(book.isUnused).toBe(true)
  })
})

type Both = { a: number; b: number }
const KEYS = ['a', 'b'] as const

/** Obviously right: everything is summed up and looked through anew each time. */
class Naive {
  readonly has = new Map<string, Both>()
  readonly promised = new Map<string, Both>()
  /** Woken, and what for. */
  readonly kept = new Map<string, Both>()
  /** In the order of their first refusal. */
  readonly waiting = new Map<string, Both>()
  limit: Both = { a: 0, b: 0 }

  hasOf(uid: string, key: keyof Both): number {
    return this.has.get(uid)?.[key] ?? 0
  }

  own(uid: string, key: keyof Both): number {
    return Math.max(this.hasOf(uid, key), this.promised.get(uid)?.[key] ?? 0)
  }

  taken(key: keyof Both, except?: string): number {
    const uids = [...new Set([...this.has.keys(), ...this.promised.keys()])].filter((uid) => uid !== except)
    const kept = [...this.kept].reduce((sum, [uid, { [key]: n }]) => sum + Math.max(0, n - this.hasOf(uid, key)), 0)
    return uids.reduce((sum, uid) => sum + this.own(uid, key), 0) + kept
  }

  lacks(uid: string, asked: Both): (keyof Both)[] {
    return KEYS.filter((key) => asked[key] > this.own(uid, key) && this.taken(key, uid) + asked[key] > this.limit[key])
  }

  /** What those before this one lack and could have. */
  heldUp(uid: string): Set<keyof Both> {
    const order = [...this.waiting]
    const at = order.findIndex(([who]) => who === uid)
    const older = at === -1 ? order : order.slice(0, at)
    const able = older.filter(([who, wish]) =>
      KEYS.every((k) => wish[k] <= Math.max(this.hasOf(who, k), this.limit[k])),
    )
    return new Set(able.flatMap(([who, wish]) => this.lacks(who, wish)))
  }

  mayHave(uid: string, asked: Both): boolean {
    const held = this.heldUp(uid)
    return this.lacks(uid, asked).length === 0 && !KEYS.some((key) => asked[key] > this.own(uid, key) && held.has(key))
  }
}

test('whatever happens, it has what a plain sum has, lets in nobody too many or before its turn, and leaves nobody waiting whose turn it is', () => {
  const uid = fc.constantFrom('v', 'w', 'x', 'y', 'z')
  const both = (max: number) => fc.record({ a: fc.integer({ min: 0, max }), b: fc.integer({ min: 0, max }) })
  const step = fc.oneof(
    fc.record({ do: fc.constant('claim' as const), uid, wish: both(6) }),
    fc.record({ do: fc.constant('store' as const), uid }),
    fc.record({ do: fc.constant('shrink' as const), uid }),
    fc.record({ do: fc.constant('forget' as const), uid }),
    fc.record({ do: fc.constant('limit' as const), wish: both(12) }),
    fc.record({ do: fc.constant('run' as const), asks: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const naive = new Naive()
      const woken: string[] = []
      const book = new ProjectBook(({ uid: who }) => {
        woken.push(who)
        const wish = naive.waiting.get(who)
        if (!wish) throw new Error(`${who} is woken and does not wait`)
        // It is its turn, and there is room beside those that were woken before.
        expect(naive.mayHave(who, wish)).toBe(true)
        naive.kept.set(who, wish)
        naive.waiting.delete(who)
      })
      const turn = new Map<string, number>()
      let turns = 0
      /** At its turn, which it has kept since it was refused first. */
      const wait = (who: string, wish: Both) => {
        if (!turn.has(who)) turn.set(who, (turns += 1))
        naive.waiting.set(who, wish)
        const order = [...naive.waiting].sort(([p], [q]) => (turn.get(p) ?? 0) - (turn.get(q) ?? 0))
        naive.waiting.clear()
        for (const [key, value] of order) naive.waiting.set(key, value)
      }
      const leave = (who: string) => {
        naive.waiting.delete(who)
        naive.kept.delete(who)
      }
      const claim = (who: string, wish: Both) => {
        naive.kept.delete(who)
        const mayHave = turn.has(who) ? asInLine(who, wish) : naive.mayHave(who, wish)
        naive.waiting.delete(who)
        const isMore = KEYS.some((key) => wish[key] > naive.hasOf(who, key))
        if (mayHave && isMore) naive.promised.set(who, wish)
        else naive.promised.delete(who)
        if (mayHave) turn.delete(who)
        else wait(who, wish)
        expect(book.claim(asker(who), wish) === undefined).toBe(mayHave)
      }
      /** Those that came later do not hold it up. */
      const asInLine = (who: string, wish: Both) => {
        wait(who, wish)
        const may = naive.mayHave(who, wish)
        naive.waiting.delete(who)
        return may
      }
      /** The next of those that were woken runs, and asks again or, having changed its mind, does not. */
      const run = (asks: boolean) => {
        const who = woken.shift()
        if (who === undefined) return
        const wish = naive.kept.get(who) ?? naive.waiting.get(who)
        if (asks && wish) claim(who, wish)
        else leave(who)
        book.ended(who)
      }
      const limitTo = (limit: Both) => {
        naive.limit = limit
        book.limit(limits(limit))
      }
      limitTo({ a: 0, b: 0 })
      for (const it of steps) {
        if (it.do === 'claim') {
          claim(it.uid, it.wish)
          book.ended(it.uid)
        } else if (it.do === 'run') run(it.asks)
        else if (it.do === 'limit') limitTo(it.wish)
        else if (it.do === 'forget') {
          naive.has.delete(it.uid)
          naive.promised.delete(it.uid)
          leave(it.uid)
          turn.delete(it.uid)
          book.forget(it.uid)
        } else if (!naive.kept.has(it.uid) && !naive.waiting.has(it.uid)) {
          const promised = naive.promised.get(it.uid)
          const has = it.do === 'store' ? promised : naive.has.has(it.uid) && !promised ? { a: 1, b: 0 } : undefined
          if (!has) continue
          naive.has.set(it.uid, has)
          naive.promised.delete(it.uid)
          book.store(it.uid, has)
        }
        for (const key of KEYS) {
          const used = [...naive.has.values()].reduce((sum, one) => sum + one[key], 0)
          const taken = [...new Set([...naive.has.keys(), ...naive.promised.keys()])].reduce(
            (sum, who) => sum + naive.own(who, key),
            0,
          )
          expect([book.used.get(key) ?? 0, book.reserved.get(key) ?? 0]).toEqual([used, taken - used])
        }
        for (const [who, wish] of naive.waiting) expect([who, naive.mayHave(who, wish)]).toEqual([who, false])
      }
    }),
    { numRuns: 500 },
  )
})

test('none waits for ever behind those that come later, however little they ask for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.integer({ min: 1, max: 3 })), (large, comers) => {
      const { book, woken } = bookWith({ cores: 10 })
      for (let i = 0; i < 10; i += 1) book.claim(asker(`old-${i}`), { cores: 1 })
      book.claim(asker('large'), { cores: large })
      for (let i = 0; i < 10; i += 1) {
        for (const [j, cores] of comers.entries()) book.claim(asker(`new-${i}-${j}`), { cores })
        book.forget(`old-${i}`)
      }
      expect(woken[0]).toBe('large')
    }),
  )
})
