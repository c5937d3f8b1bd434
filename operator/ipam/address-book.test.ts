// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../../lib/kube/errors.ts'
import { FakeClock, settle } from '../../lib/time/fake-clock.ts'
import { AddressBook } from './address-book.ts'
import type { ClaimHolder, HeldClaim } from './claim-block.ts'
import { MemoryClaims } from './memory-claims.ts'
import { planSubnet } from './subnet-plan.ts'

const subnet = (cidr: string) => ({ namespace: 'ns', name: 's', uid: 'su', plan: planSubnet({ cidr }) })
const lan = subnet('10.0.0.0/24')
const port = (name: string): ClaimHolder => ({ namespace: 'ns', name })
const ports = (n: number) => Array.from({ length: n }, (_, i) => port(`p${i}`))
const ok = (address: string) => ({ ok: true, address })
const inUse = { ok: false, reason: 'AddressInUse' }

/** A book on the store, and one that begins with what the store has. */
const restarted = (store: MemoryClaims): AddressBook => {
  const book = new AddressBook(store)
  for (const block of store.blocks.values()) book.observe(block)
  return book
}
const stored = (store: MemoryClaims) =>
  Object.fromEntries([...store.holders()].map(([address, { portRef }]) => [address, portRef?.name]))

describe('claims', () => {
  test('many at once get one address each, in one book and in two (two leaders)', async () => {
    const store = new MemoryClaims()
    const books = [new AddressBook(store), new AddressBook(store)]
    const results = await Promise.all(ports(100).map((p, i) => books[i % 2]!.claim(lan, p)))
    const addresses = results.map((r) => (r.ok ? r.address : ''))
    expect(new Set(addresses).size).toBe(100)
    expect(stored(store)).toEqual(Object.fromEntries(addresses.map((address, i) => [address, `p${i}`])))
  })
  test('a second attempt, at once, in this process or in a new one, finds the first one', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    const both = await Promise.all([book.claim(lan, port('p')), book.claim(lan, port('p'))])
    expect(both).toEqual([ok('10.0.0.2'), ok('10.0.0.2')])
    expect(await book.claim(lan, port('p'))).toEqual(both[0])
    expect(await restarted(store).claim(lan, port('p'))).toEqual(both[0])
    expect(store.writes).toBe(1)
  })
  test('what the cache tells is known without asking the store', async () => {
    const store = new MemoryClaims()
    await new AddressBook(store).claim(lan, port('p'))
    const book = restarted(store)
    expect([book.has('su', port('p')), book.has('su', port('q'))]).toEqual([true, false])
    expect(book.listHeld(port('p')).map(({ entry }) => entry.address)).toEqual(['10.0.0.2'])
  })
  test('a port made anew under an old name does not inherit the old claim', async () => {
    const book = new AddressBook(new MemoryClaims())
    const old = await book.claim(lan, { ...port('p'), uid: 'one' })
    const young = await book.claim(lan, { ...port('p'), uid: 'two' })
    expect(young).not.toEqual(old)
  })
  test('a requested address: mine, taken (whatever the cache says), free', async () => {
    const store = new MemoryClaims()
    expect(await new AddressBook(store).claim(lan, port('p'), '10.0.0.9')).toEqual(ok('10.0.0.9'))
    for (const book of [restarted(store), new AddressBook(store)]) {
      expect(await book.claim(lan, port('p'), '10.0.0.9')).toEqual(ok('10.0.0.9'))
      const message = expect.stringContaining('by Port ns/p')
      expect(await book.claim(lan, port('q'), '10.0.0.9')).toMatchObject({ ...inUse, message })
    }
    expect(store.writes).toBe(1)
  })
  test('a cache that still has a claim which is gone says "taken" to nobody', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    await book.claim(lan, port('p'), '10.0.0.9')
    const behind = restarted(store)
    await book.release(book.listHeld(port('p')))
    expect(await behind.claim(lan, port('q'), '10.0.0.9')).toEqual(ok('10.0.0.9'))
  })
  test('an exhausted subnet says so; an address that comes back is told, and handed out again', async () => {
    const book = new AddressBook(new MemoryClaims())
    const tiny = subnet('10.0.0.0/30')
    const freed: string[] = []
    book.onFreed(({ entry }) => freed.push(entry.address))
    expect(await book.claim(tiny, port('p'))).toEqual(ok('10.0.0.2'))
    expect(await book.claim(tiny, port('q'))).toMatchObject({ ok: false, reason: 'NoFreeAddress' })
    await book.release(book.listHeld(port('p')))
    expect(freed).toEqual(['10.0.0.2'])
    expect(await book.claim(tiny, port('q'))).toEqual(ok('10.0.0.2'))
  })
  test('a block that somebody deletes is told claim by claim, and each holder gets its own again', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    await Promise.all(ports(3).map((p) => book.claim(lan, p)))
    const freed: HeldClaim[] = []
    book.onFreed((claim) => freed.push(claim))
    const [block] = store.blocks.values()
    store.blocks.clear()
    book.forget(block!)
    expect(freed.map(({ entry }) => entry.portRef?.name)).toEqual(['p0', 'p1', 'p2'])
    expect(book.has('su', port('p1'))).toBe(false)
    expect(await book.claim(lan, port('p1'), '10.0.0.3')).toEqual(ok('10.0.0.3'))
  })
})

test('news that is older than what was written since changes nothing', async () => {
  const store = new MemoryClaims()
  const book = new AddressBook(store)
  await book.claim(lan, port('p'))
  const [old] = store.blocks.values()
  await book.claim(lan, port('q'))
  await book.release(book.listHeld(port('p')))
  book.observe(old!)
  expect([book.has('su', port('p')), book.has('su', port('q'))]).toEqual([false, true])
})

describe('releases', () => {
  test('the block changes with each claim that goes, and goes with the last', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    await Promise.all(ports(2).map((p) => book.claim(lan, p)))
    await book.release(book.listHeld(port('p0')))
    expect(stored(store)).toEqual({ '10.0.0.3': 'p1' })
    await book.release(book.listHeld(port('p1')))
    expect(store.blocks.size).toBe(0)
    await book.release([])
  })
  test('only the very claim that was meant: not the one of a port that came after', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    const [one, two] = ['one', 'two'].map((uid) => ({ ...port('p'), uid }))
    await book.claim(lan, one!, '10.0.0.9')
    const behind = restarted(store)
    await book.release(book.listHeld(one!))
    await book.claim(lan, two!, '10.0.0.9')
    await behind.release(behind.listHeld(one!))
    expect(store.holders().get('10.0.0.9')?.portRef?.uid).toBe('two')
  })
  test('who claims again what is being released waits for it and has it', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    await book.claim(lan, port('p'), '10.0.0.9')
    const [, again] = await Promise.all([
      book.release(book.listHeld(port('p'))),
      book.claim(lan, port('p'), '10.0.0.9'),
    ])
    expect(again).toEqual(ok('10.0.0.9'))
    expect(stored(store)).toEqual({ '10.0.0.9': 'p' })
  })
})

describe('one write for many', () => {
  test('what comes while a write is under way goes out in the next, claims and releases, each with its own answer', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    await book.claim(lan, port('old'), '10.0.0.8')
    const resume = Promise.withResolvers<undefined>()
    store.beforeCall = () => resume.promise
    const first = book.claim(lan, port('p0'))
    await settle()
    const others = [
      book.claim(lan, port('p1')),
      book.claim(lan, port('p2'), '10.0.0.9'),
      book.claim(lan, port('p3'), '10.0.0.9'),
      book.release(book.listHeld(port('old'))),
      book.claim(lan, port('p4'), '10.0.0.8'),
    ]
    await settle()
    store.beforeCall = () => undefined
    resume.resolve(undefined)
    expect(await first).toEqual(ok('10.0.0.2'))
    expect(await Promise.all(others)).toEqual([
      ok('10.0.0.3'),
      ok('10.0.0.9'),
      expect.objectContaining(inUse),
      undefined,
      ok('10.0.0.8'),
    ])
    expect(store.writes).toBe(3)
  })
  test('one that comes alone does not wait; while many come, the next write waits twice as long as the last took', async () => {
    const clock = new FakeClock()
    const store = new MemoryClaims()
    const book = new AddressBook(store, clock)
    await book.claim(lan, port('alone'))
    await book.claim(lan, port('again alone'))
    expect([store.writes, clock.pending]).toEqual([2, 0])
    let begun = 0
    store.beforeCall = () => {
      begun++
      return new Promise((resolve) => clock.after(200, () => resolve(undefined)))
    }
    const burst = ports(10).map((p) => book.claim(lan, p))
    await clock.advance(0)
    expect(begun).toBe(1)
    await clock.advance(200)
    await Promise.all(burst)
    const late = [book.claim(lan, port('late'))]
    await clock.advance(300)
    late.push(book.claim(lan, port('later')))
    await clock.advance(99)
    expect(begun).toBe(1)
    await clock.advance(1)
    expect(begun).toBe(2)
    await clock.advance(200)
    await Promise.all(late)
    expect(store.writes).toBe(4)
  })
  // As the instance controller has them: 16 under way, each with a finalizer before its claim and three writes after it.
  test.each([3, 6, 12, 25, 60])(
    '50 machines take 10 writes at most when each takes %i ms or half as much more',
    async (ms) => {
      const clock = new FakeClock()
      const store = new MemoryClaims()
      const book = new AddressBook(store, clock)
      let turn = 0
      const requests = (n: number) =>
        new Promise<undefined>((resolve) => {
          clock.after(n * ms * (1 + ((turn++ * 7) % 10) / 20), () => resolve(undefined))
        })
      store.beforeCall = () => requests(1)
      const left = ports(50)
      let placed = 0
      const slot = async () => {
        for (let p = left.shift(); p; p = left.shift()) {
          await requests(1)
          await book.claim(lan, p)
          await requests(3)
          placed++
        }
      }
      void Promise.all(Array.from({ length: 16 }, slot))
      while (placed < 50) await clock.advance(ms)
      expect(store.holders().size).toBe(50)
      expect(store.writes).toBeLessThanOrEqual(10)
    },
  )
})

describe('faults', () => {
  test.each(['request', 'answer'] as const)('the %s is lost: the claim is found or made, once', async (fault) => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    store.failNext('write', fault)
    expect(await book.claim(lan, port('p'))).toEqual(ok('10.0.0.2'))
    store.failNext('write', fault)
    expect(await book.claim(lan, port('q'))).toEqual(ok('10.0.0.3'))
    store.failNext('write', fault)
    await book.release(book.listHeld(port('q')))
    expect(stored(store)).toEqual({ '10.0.0.2': 'p' })
  })
  test.each(['request', 'answer'] as const)(
    'the %s is lost and nothing can be read: whoever waits is told, and the next attempt looks first',
    async (fault) => {
      const store = new MemoryClaims()
      const book = new AddressBook(store)
      store.beforeCall = (call) => (call === 'write' ? fault : 'request')
      await expect(book.claim(lan, port('p'))).rejects.toThrow('no answer')
      await expect(book.claim(lan, port('q'))).rejects.toThrow('no answer')
      store.beforeCall = () => undefined
      expect(await book.claim(lan, port('q'))).toEqual(ok('10.0.0.3'))
      expect(await book.claim(lan, port('p'))).toMatchObject({ ok: true })
      expect(Object.values(stored(store)).sort()).toEqual(['p', 'q'])
    },
  )
  test('a refusal fails those of its write alone and loses no address', async () => {
    const store = new MemoryClaims()
    const book = new AddressBook(store)
    const tiny = subnet('10.0.0.0/30')
    const refusal = new ApiError('create', 403, { message: 'forbidden' })
    store.beforeCall = () => Promise.reject(refusal)
    await expect(book.claim(tiny, port('p'))).rejects.toBe(refusal)
    store.beforeCall = () => undefined
    expect(await book.claim(tiny, port('q'))).toEqual(ok('10.0.0.2'))
  })
  test('a store that refuses every write for ever is left alone after a while', async () => {
    const store = new MemoryClaims()
    store.write = async () => ({ kind: 'conflict' })
    await expect(new AddressBook(store).claim(lan, port('p'))).rejects.toMatchObject({ reason: 'AddressContention' })
  })
})
