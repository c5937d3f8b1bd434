// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Amounts } from './amounts.ts'
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

  test('a small one behind a large one that does not fit', () => {
    const { book, woken } = bookWith({ cores: 4 })
    book.store('old', { cores: 4 })
    book.claim(asker('large'), { cores: 4 })
    book.claim(asker('small'), { cores: 1 })
    book.store('old', { cores: 3 })
    expect(woken).toEqual(['small'])
  })

  test('one that lacks little behind one that asks for as much in all and has nothing', () => {
    const { book, woken } = bookWith({ gigabytes: 200 })
    book.store('others', { gigabytes: 110 })
    book.store('grows', { gigabytes: 90 })
    book.claim(asker('new'), { gigabytes: 100 })
    book.claim(asker('grows'), { gigabytes: 100 })
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

/** Obviously right: everything is summed up anew each time. */
class Naive {
  readonly has = new Map<string, Amounts>()
  readonly promised = new Map<string, Amounts>()
  limit = 0

  takes(uid: string): number {
    return Math.max(this.has.get(uid)?.cores ?? 0, this.promised.get(uid)?.cores ?? 0)
  }

  taken(except?: string): number {
    const uids = new Set([...this.has.keys(), ...this.promised.keys()])
    return [...uids].filter((uid) => uid !== except).reduce((sum, uid) => sum + this.takes(uid), 0)
  }

  fits(uid: string, cores: number): boolean {
    return cores <= (this.has.get(uid)?.cores ?? 0) || this.taken(uid) + cores <= this.limit
  }
}

test('whatever happens, it has what a plain sum has, lets in nobody too many, and leaves nobody waiting who fits', () => {
  const uid = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.oneof(
    fc.record({ do: fc.constant('claim' as const), uid, cores: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ do: fc.constant('store' as const), uid }),
    fc.record({ do: fc.constant('shrink' as const), uid }),
    fc.record({ do: fc.constant('forget' as const), uid }),
    fc.record({ do: fc.constant('limit' as const), cores: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ do: fc.constant('run' as const), asks: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const naive = new Naive()
      const wishes = new Map<string, number>()
      const woken: string[] = []
      const book = new ProjectBook(({ uid }) => woken.push(uid))
      book.limit(limits({ cores: 0 }))
      const claim = (who: string, cores: number) => {
        const fits = naive.fits(who, cores)
        if (fits && cores > (naive.has.get(who)?.cores ?? 0)) naive.promised.set(who, { cores })
        else naive.promised.delete(who)
        if (fits) wishes.delete(who)
        else wishes.set(who, cores)
        expect(book.claim(asker(who), { cores }) === undefined).toBe(fits)
      }
      /** The next of those that were woken runs, and asks again or, having changed its mind, does not. */
      const run = (asks: boolean) => {
        const who = woken.shift()
        if (who === undefined) return
        const cores = wishes.get(who)
        if (asks && cores !== undefined) claim(who, cores)
        else wishes.delete(who)
        book.ended(who)
      }
      for (const it of steps) {
        if (it.do === 'claim') claim(it.uid, it.cores)
        else if (it.do === 'run') run(it.asks)
        else if (it.do === 'store' || it.do === 'shrink') {
          const promised = naive.promised.get(it.uid)
          const has = it.do === 'store' ? promised : naive.has.has(it.uid) && !promised ? { cores: 1 } : undefined
          if (!has) continue
          naive.has.set(it.uid, has)
          naive.promised.delete(it.uid)
          book.store(it.uid, has)
        } else if (it.do === 'forget') {
          naive.has.delete(it.uid)
          naive.promised.delete(it.uid)
          wishes.delete(it.uid)
          book.forget(it.uid)
        } else {
          naive.limit = it.cores
          book.limit(limits({ cores: it.cores }))
        }
        const used = [...naive.has.values()].reduce((sum, { cores = 0 }) => sum + cores, 0)
        expect(book.used.get('cores') ?? 0).toBe(used)
        expect(book.reserved.get('cores') ?? 0).toBe(naive.taken() - used)
      }
      while (woken.length > 0) run(true)
      for (const [who, cores] of wishes) expect([who, naive.fits(who, cores)]).toEqual([who, false])
    }),
    { numRuns: 1_000 },
  )
})
