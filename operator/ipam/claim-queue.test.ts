// SPDX-License-Identifier: Apache-2.0
// What the queue of a subnet asks the store, how often, and what it says while it does not know.
import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../../lib/kube/errors.ts'
import { FakeClock, settle } from '../../lib/time/fake-clock.ts'
import { AddressBook } from './address-book.ts'
import type { ClaimHolder, HeldClaim } from './claim-block.ts'
import { MemoryClaims, type Fault } from './memory-claims.ts'
import { planSubnet } from './subnet-plan.ts'

const lanOf = (start: string, end: string) => ({
  ...{ namespace: 'ns', name: 's', uid: 'su' },
  plan: planSubnet({ cidr: '10.0.0.0/24', allocationPools: [{ start, end }] }),
})
const lan = lanOf('10.0.0.2', '10.0.0.254')
const port = (name: string): ClaimHolder => ({ namespace: 'ns', name })
const ok = (address: string) => ({ ok: true, address })
const refusal = new ApiError('create', 403, { message: 'forbidden' })

interface World {
  store: MemoryClaims
  book: AddressBook
  clock: FakeClock
  /** All calls of the store, in order. */
  calls: ('find' | 'write')[]
  /** What befalls the calls from here on, one after the other; then none. */
  befall(...faults: (Fault | Error | undefined)[]): void
}

function world(): World {
  const [store, clock] = [new MemoryClaims(), new FakeClock()]
  const calls: World['calls'] = []
  let left: (Fault | Error | undefined)[] = []
  store.beforeCall = (call) => {
    calls.push(call)
    const fault = left.shift()
    return fault instanceof Error ? Promise.reject(fault) : fault
  }
  return { store, clock, calls, book: new AddressBook(store, clock), befall: (...faults) => void (left = faults) }
}
/** What is under way goes on first: pauses begin at its end. */
const later = async (w: World, ms: number) => {
  await settle()
  await w.clock.advance(ms)
}
const storedBy = ({ store }: World) =>
  [...store.holders()].map(([address, e]) => `${address} ${e.portRef?.name}`).sort()

describe('what is not known', () => {
  test('a claim whose release may have been stored is nobody’s until the store was asked', async () => {
    const w = world()
    await w.book.claim(lan, port('p'))
    const held = w.book.listHeld(port('p'))
    w.befall('answer', 'request')
    await expect(w.book.release(held)).rejects.toThrow('no answer')
    expect([w.book.has('su', port('p')), w.book.has('su', port('p'), '10.0.0.2')]).toEqual([false, false])
    w.calls.length = 0
    expect(await w.book.claim(lan, port('p'), '10.0.0.2')).toEqual(ok('10.0.0.2'))
    expect(w.calls).toEqual(['find', 'write'])
    expect(storedBy(w)).toEqual(['10.0.0.2 p'])
    expect(w.book.has('su', port('p'))).toBe(true)
  })
  test('whoever comes while the store is still away is told so, and nothing is written', async () => {
    const w = world()
    await w.book.claim(lan, port('p'))
    const held = w.book.listHeld(port('p'))
    w.befall('answer', 'request', 'request', 'request')
    await expect(w.book.release(held)).rejects.toThrow('no answer')
    w.calls.length = 0
    const both = await Promise.allSettled([w.book.claim(lan, port('q')), w.book.release(held)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(w.book.claim(lan, port('q'))).rejects.toThrow('no answer')
    expect(w.calls).toEqual(['find', 'find'])
    expect(await w.book.claim(lan, port('q'), '10.0.0.2')).toEqual(ok('10.0.0.2'))
    expect(storedBy(w)).toEqual(['10.0.0.2 q'])
  })
  test('an address that was tried in vain is free again once the store was asked, and not before', async () => {
    const w = world()
    const two = lanOf('10.0.0.2', '10.0.0.3')
    w.befall('request', 'request')
    await expect(w.book.claim(two, port('p'))).rejects.toThrow('no answer')
    expect(await w.book.claim(two, port('q'))).toEqual(ok('10.0.0.3'))
    expect(await w.book.claim(two, port('r'))).toEqual(ok('10.0.0.2'))
    expect(await w.book.claim(two, port('s'))).toMatchObject({ ok: false, reason: 'NoFreeAddress' })
  })
  test('a lost answer and then a refusal: what the first did is found', async () => {
    const w = world()
    // The claim is stored, the read does not show it yet to a reader that is behind: the next write is refused.
    w.befall('answer')
    const find = w.store.find.bind(w.store)
    w.store.find = async () => {
      w.store.find = find
      w.befall(refusal)
      return undefined
    }
    await expect(w.book.claim(lan, port('p'))).rejects.toBe(refusal)
    w.calls.length = 0
    expect(await w.book.claim(lan, port('p'))).toEqual(ok('10.0.0.2'))
    expect(w.calls).toEqual(['find'])
    expect(storedBy(w)).toEqual(['10.0.0.2 p'])
  })
})

test('what was given back can be had again, and is known as had', async () => {
  const w = world()
  await w.book.claim(lan, port('p'))
  await w.book.release(w.book.listHeld(port('p')))
  expect(w.book.has('su', port('p'))).toBe(false)
  expect(await w.book.claim(lan, port('p'), '10.0.0.2')).toEqual(ok('10.0.0.2'))
  expect(w.book.has('su', port('p'))).toBe(true)
})

describe('how often the store is asked', () => {
  test('a refusal is not tried again, and nothing is in doubt after it', async () => {
    const w = world()
    w.befall(refusal)
    await expect(w.book.claim(lan, port('p'))).rejects.toBe(refusal)
    expect(w.calls).toEqual(['write'])
    await w.book.claim(lan, port('p'))
    expect(w.calls).toEqual(['write', 'write'])
    w.befall(refusal)
    const held = w.book.listHeld(port('p'))
    await expect(w.book.release(held)).rejects.toBe(refusal)
    expect(w.book.has('su', port('p'))).toBe(true)
    await w.book.release(held)
    expect([w.calls.length, w.store.blocks.size]).toEqual([4, 0])
  })
  test('a write without an answer is tried three times, on what was read in between', async () => {
    const w = world()
    w.befall('request', undefined, 'request', undefined, 'request')
    await expect(w.book.claim(lan, port('p'))).rejects.toThrow('no answer')
    expect(w.calls).toEqual(['write', 'find', 'write', 'find', 'write'])
    w.befall(undefined, 'request', undefined, 'request', undefined, undefined)
    expect(await w.book.claim(lan, port('q'))).toMatchObject({ ok: true })
  })
  test('a store in which another is always faster is asked 64 times', async () => {
    const w = world()
    const write = w.store.write.bind(w.store)
    let writes = 0
    w.store.write = async () => {
      writes++
      return { kind: 'conflict' }
    }
    await expect(w.book.claim(lan, port('p'))).rejects.toMatchObject({ reason: 'AddressContention' })
    expect(writes).toBe(64)
    w.store.write = write
    w.calls.length = 0
    await w.book.claim(lan, port('p'))
    // What was refused is in no doubt.
    expect(w.calls).toEqual(['write'])
  })
  test('nor is what was refused and could not be read', async () => {
    const w = world()
    const write = w.store.write.bind(w.store)
    w.store.write = async () => {
      w.store.write = write
      return { kind: 'conflict' }
    }
    w.befall('request')
    await expect(w.book.claim(lan, port('p'))).rejects.toThrow('no answer')
    await w.book.claim(lan, port('p'))
    expect(w.calls).toEqual(['find', 'write'])
  })
  test('that an address is taken is the store’s to say, also to one of several who ask for nothing new', async () => {
    const w = world()
    await Promise.all([w.book.claim(lan, port('p'), '10.0.0.9'), w.book.claim(lan, port('gone'))])
    const gone = w.book.listHeld(port('gone'))
    const released = w.book.release(gone)
    await later(w, 50)
    await released
    const behind = new AddressBook(w.store, w.clock)
    for (const block of w.store.blocks.values()) behind.observe(block)
    await w.book.release(w.book.listHeld(port('p')))
    const [, answer] = await Promise.all([behind.release(gone), behind.claim(lan, port('q'), '10.0.0.9')])
    expect(answer).toEqual(ok('10.0.0.9'))
  })
  test('an order that loses its address to another process each time is told so after 64 times', async () => {
    const w = world()
    const others = new AddressBook(w.store)
    const tried: string[] = []
    let isOthers = false
    w.store.beforeCall = async (call) => {
      if (call !== 'write' || isOthers) return undefined
      isOthers = true
      tried.push(`10.0.0.${tried.length + 2}`)
      await others.claim(lan, port(`x${tried.length}`), tried.at(-1))
      isOthers = false
      return undefined
    }
    let told: unknown
    w.book.claim(lan, port('p')).then(
      (result) => (told = result),
      (error: unknown) => (told = error),
    )
    for (let turn = 0; turn < 70; turn++) await later(w, 50)
    expect([told, tried.length]).toEqual([expect.objectContaining({ reason: 'AddressContention' }), 64])
    expect(storedBy(w).filter((claim) => claim.endsWith(' p'))).toEqual([])
  })
  test('what is as it should be is not written again', async () => {
    const w = world()
    await w.book.claim(lan, port('p'), '10.0.0.9')
    const held = w.book.listHeld(port('p'))
    await w.book.release(held)
    w.calls.length = 0
    // Known to be gone: what was computed from nothing needs no read.
    await w.book.release(held)
    expect(w.calls).toEqual([])
  })
  test('an address that is being claimed is chosen for nobody else', async () => {
    const w = world()
    const resume = Promise.withResolvers<undefined>()
    w.store.beforeCall = (call) => {
      w.calls.push(call)
      return resume.promise
    }
    const asked = w.book.claim(lan, port('p'), '10.0.0.2')
    await settle()
    const any = w.book.claim(lan, port('q'))
    await settle()
    resume.resolve(undefined)
    await later(w, 50)
    expect(await Promise.all([asked, any])).toEqual([ok('10.0.0.2'), ok('10.0.0.3')])
    expect(w.calls).toEqual(['write', 'write'])
  })
  test('what goes out in one write was chosen so: any address is none that another of them asks for', async () => {
    const w = world()
    const first = w.book.claim(lan, port('first'))
    const rest = [w.book.claim(lan, port('p'), '10.0.0.3'), w.book.claim(lan, port('q'))]
    await later(w, 50)
    expect(await Promise.all([first, ...rest])).toEqual(['2', '3', '4'].map((n) => ok(`10.0.0.${n}`)))
    expect(w.calls).toEqual(['write'])
  })
  test('who has an address hears so at once, whatever is being written', async () => {
    const w = world()
    await w.book.claim(lan, port('p'))
    w.store.beforeCall = () => new Promise(() => undefined)
    void w.book.claim(lan, port('q'))
    await settle()
    const heard: unknown[] = []
    for (const asked of [undefined, '10.0.0.2']) void w.book.claim(lan, port('p'), asked).then((r) => heard.push(r))
    await settle()
    expect(heard).toEqual([ok('10.0.0.2'), ok('10.0.0.2')])
  })
})

test('with a subnet goes what was known of it: what its pools have left, and the pause of its writes', async () => {
  const w = world()
  const two = lanOf('10.0.0.2', '10.0.0.3')
  await Promise.all([w.book.claim(two, port('p')), w.book.claim(two, port('q'))])
  w.book.forgetSubnet('su')
  expect(w.clock.pending).toBe(0)
  let told: unknown
  void w.book.claim(lan, port('r')).then((result) => (told = result))
  await settle()
  expect([told, w.calls]).toEqual([ok('10.0.0.4'), ['write', 'write']])
})

describe('what one asks for at once', () => {
  test('any address and a certain one are two questions', async () => {
    const w = world()
    const both = [w.book.claim(lan, port('p')), w.book.claim(lan, port('p'), '10.0.0.9')]
    expect(await Promise.all(both)).toEqual([ok('10.0.0.2'), ok('10.0.0.9')])
    expect(storedBy(w)).toEqual(['10.0.0.2 p', '10.0.0.9 p'])
  })
  test('who has one address has no other', async () => {
    const w = world()
    await w.book.claim(lan, port('p'))
    expect(w.book.has('su', port('p'), '10.0.0.9')).toBe(false)
    expect(await w.book.claim(lan, port('p'), '10.0.0.9')).toEqual(ok('10.0.0.9'))
    expect([w.book.has('su', port('p'), '10.0.0.9'), w.book.has('other', port('p'))]).toEqual([true, false])
    const other = { ...lan, uid: 'other', name: 'o' }
    expect(await w.book.claim(other, port('p'))).toEqual(ok('10.0.0.2'))
    expect(w.store.blocks.size).toBe(2)
  })
  test('what was chosen for one block is still the choice when its turn comes', async () => {
    const w = world()
    // Two addresses in two blocks: who chose again would find none.
    const two = lanOf('10.0.0.15', '10.0.0.16')
    const both = Promise.all([w.book.claim(two, port('p')), w.book.claim(two, port('q'))])
    await later(w, 1000)
    expect(await both).toEqual([ok('10.0.0.15'), ok('10.0.0.16')])
  })
  test('one that waits behind another block waits a little more: others may come', async () => {
    const w = world()
    const two = lanOf('10.0.0.15', '10.0.0.16')
    const both = Promise.all([w.book.claim(two, port('p')), w.book.claim(two, port('q'))])
    await later(w, 49)
    expect(w.calls).toEqual(['write'])
    await later(w, 1)
    expect(w.calls).toEqual(['write', 'write'])
    await both
  })
  test('whoever is pushed aside by another process, again and again, has the next one', async () => {
    const w = world()
    const others = new AddressBook(w.store)
    await others.claim(lan, port('x'))
    await others.claim(lan, port('y'))
    const claim = w.book.claim(lan, port('p'))
    for (let turn = 0; turn < 3; turn++) await later(w, 1000)
    expect(await claim).toEqual(ok('10.0.0.4'))
    const [held] = w.book.listHeld(port('p')) as [HeldClaim]
    expect([held.block.name, held.entry.address]).toEqual(['su-10-0-0-0', '10.0.0.4'])
  })
})

test('while writes are slow the pause is a second at most', async () => {
  const w = world()
  w.store.beforeCall = (call) => {
    w.calls.push(call)
    return new Promise((resolve) => w.clock.after(5_000, () => resolve(undefined)))
  }
  const two = lanOf('10.0.0.15', '10.0.0.16')
  const both = Promise.all([w.book.claim(two, port('p')), w.book.claim(two, port('q'))])
  await later(w, 5_999)
  expect(w.calls).toEqual(['write'])
  await later(w, 1)
  expect(w.calls).toEqual(['write', 'write'])
  await later(w, 5_000)
  await both
})
