// SPDX-License-Identifier: Apache-2.0
// Two leaders on one store, whatever happens to their requests, in whatever order: an address is never two holders', and what was
// answered is what is stored.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { AddressBook } from './address-book.ts'
import type { ClaimHolder, StoredBlock } from './claim-block.ts'
import { MemoryClaims, type Fault } from './memory-claims.ts'
import { planSubnet } from './subnet-plan.ts'

// 29 addresses to be had in two blocks and a half, so that they run short and meet in the same blocks.
const CIDR = { cidr: '10.0.0.0/26', allocationPools: [{ start: '10.0.0.8', end: '10.0.0.36' }] }
const lan = { namespace: 'ns', name: 's', uid: 'su', plan: planSubnet(CIDR) }

type Step =
  | { kind: 'claim'; book: number; address: number | undefined }
  /** Of one that has been answered, chosen by number. */
  | { kind: 'release'; holder: number }
  /** What the cache of the book has not heard of yet. */
  | { kind: 'hear'; book: number }
  /** Everything under way goes on for a turn. */
  | { kind: 'turn' }

const book = fc.integer({ min: 0, max: 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('claim' as const), book, address: fc.constant(undefined) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), book, address: fc.integer({ min: 2, max: 40 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), holder: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), book }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
)
/** For one call after the other; none when they have run out. */
const faults = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<Fault | undefined>(undefined) },
    { weight: 1, arbitrary: fc.constant<Fault | undefined>('request') },
    { weight: 1, arbitrary: fc.constant<Fault | undefined>('answer') },
  ),
  { maxLength: 60 },
)

/** A clock that stands nowhere: pauses last one turn, so that their length decides nothing. */
const clock = {
  nowMs: () => 0,
  now: () => new Date(0),
  after: (_ms: number, call: () => void) => {
    const timer = setImmediate(call)
    return () => clearImmediate(timer)
  },
}

class World {
  readonly store = new MemoryClaims()
  readonly books = [0, 1].map(() => new AddressBook(this.store, clock))
  /** What was answered and not asked back since. */
  readonly held = new Map<string, { holder: ClaimHolder; address: string; book: number }>()
  /** Changes that the cache of each book has not heard of. */
  readonly #news: [StoredBlock | undefined, StoredBlock | undefined][][] = [[], []]
  readonly #faults: (Fault | undefined)[]
  readonly #scheduler: fc.Scheduler
  #underWay: Promise<void>[] = []
  #ports = 0

  constructor(scheduler: fc.Scheduler, faultList: readonly (Fault | undefined)[]) {
    this.#scheduler = scheduler
    this.#faults = [...faultList]
    this.store.afterChange = (old, block) => this.#news.forEach((news) => news.push([old, block]))
    this.store.beforeCall = () => scheduler.schedule(Promise.resolve(this.#faults.shift()))
  }

  async do(next: Step): Promise<void> {
    switch (next.kind) {
      case 'claim':
        this.#track(this.#claim(next.book, next.address))
        break
      case 'release':
        this.#track(this.#release(next.holder))
        break
      case 'hear':
        this.hear(next.book)
        break
      case 'turn':
        if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1)
        await new Promise((resolve) => setImmediate(resolve))
        this.check()
    }
  }

  hear(of: number): void {
    const news = this.#news[of]?.shift()
    if (!news) return
    const [old, block] = news
    if (block) this.books[of]!.observe(block)
    else if (old) this.books[of]!.forget(old)
  }

  /** To the end of all that is under way, without faults from here on. */
  async finish(): Promise<void> {
    this.#faults.length = 0
    let isOver = false
    void Promise.all(this.#underWay).then(() => (isOver = true))
    while (!isOver) {
      if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.check()
  }

  /** At any moment: who was told that it has an address has it. */
  check(): void {
    const stored = this.store.holders()
    for (const { holder, address } of this.held.values()) expect(stored.get(address)?.portRef?.name).toBe(holder.name)
    const addresses = [...this.held.values()].map((h) => h.address)
    expect(new Set(addresses).size).toBe(addresses.length)
    for (const [address] of stored) expect(this.#countOf(address)).toBe(1)
  }

  #countOf(address: string): number {
    return [...this.store.blocks.values()].flatMap((b) => b.entries).filter((e) => e.address === address).length
  }

  #track(work: Promise<void>): void {
    this.#underWay.push(work)
  }

  async #claim(of: number, last: number | undefined): Promise<void> {
    const holder = { namespace: 'ns', name: `p${++this.#ports}`, uid: `u${this.#ports}` }
    const requested = last === undefined ? undefined : `10.0.0.${last}`
    for (;;) {
      try {
        const result = await this.books[of]!.claim(lan, holder, requested)
        if (result.ok) this.held.set(holder.name, { holder, address: result.address, book: of })
        return
      } catch (error) {
        if ((error as Error).message !== 'no answer') throw error
      }
    }
  }

  /** By the book that answered: the other may not have heard of it, and its controllers would ask again when it has. */
  async #release(number: number): Promise<void> {
    const all = [...this.held.values()]
    const one = all[number % Math.max(all.length, 1)]
    if (!one) return
    this.held.delete(one.holder.name)
    const addresses = this.books[one.book]!
    for (;;) {
      try {
        await addresses.release(addresses.listHeld(one.holder))
        return
      } catch (error) {
        if ((error as Error).message !== 'no answer') throw error
      }
    }
  }
}

test('two books, conflicts, lost requests and lost answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 80 }), faults, async (scheduler, steps, list) => {
      const world = new World(scheduler, list)
      for (const next of steps) await world.do(next)
      await world.finish()
      const answered = [...world.held.values()].map((h) => `${h.address} ${h.holder.name}`).sort()
      const stored = [...world.store.holders()].map(([address, { portRef }]) => `${address} ${portRef?.name}`).sort()
      expect(stored).toEqual(answered)
    }),
    { numRuns: 300 },
  )
}, 60_000)
