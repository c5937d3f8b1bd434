// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { StaleWriterError } from '../errors.ts'
import { ApiError, UnreachableError } from '../kube/errors.ts'
import { FakeRefusal, FakeStore } from '../kube/fake-store.ts'
import type { KubeClient } from '../kube/client.ts'
import { keyOfRef, type KubeObject, type ObjectRef } from '../kube/object.ts'
import { createLogger } from '../log.ts'
import { Election, type ElectionOptions } from './election.ts'
import { FakeClock, settle } from '../time/fake-clock.ts'
import { fencedClient, type Fence } from './fence.ts'
import type { Lease } from '../api/types.ts'
import { WIDGET, widget, type Widget } from '../loop/test-kind.ts'

const LEASES = '/apis/coordination.k8s.io/v1/leases'
const ref = { namespace: 'system', name: 'leader' }

/** The lease client of one process over a store that several share; `cut` is a network that fails. */
class LeaseClient {
  cut = false
  writes = 0
  /** Between a write that is stored and its answer. */
  answerAfter: (() => Promise<void>) | undefined
  readonly #store: FakeStore
  constructor(store: FakeStore) {
    this.#store = store
  }
  find = async <T extends KubeObject>(_kind: unknown, at: ObjectRef) =>
    this.#ask(() => structuredClone(this.#store.collection(LEASES).get(keyOfRef(at)))) as T | undefined
  create = async <T extends KubeObject>(_kind: unknown, object: object) => {
    const written = this.#ask(() => this.#written(this.#store.create(LEASES, object as KubeObject))) as T
    await this.answerAfter?.()
    return written
  }
  update = async <T extends KubeObject>(_kind: unknown, object: T) => {
    const written = this.#ask(() => this.#written(this.#store.update(LEASES, object, false))) as T
    await this.answerAfter?.()
    return written
  }

  #written<R>(value: R): R {
    this.writes++
    return value
  }
  #ask<R>(operation: () => R): R {
    if (this.cut) throw new UnreachableError('lease', new Error('cut'))
    try {
      return operation()
    } catch (error) {
      if (error instanceof FakeRefusal) throw new ApiError('lease', error.code, { reason: error.reason })
      throw error
    }
  }
}

describe('Election', () => {
  let store: FakeStore
  let clock: FakeClock
  let stops: AbortController[]
  beforeEach(() => {
    store = new FakeStore()
    clock = new FakeClock()
    stops = []
  })
  afterEach(async () => {
    stops.forEach((s) => s.abort())
    await clock.advance(60_000)
  })

  function stand(identity: string, { work, ...more }: Partial<ElectionOptions> & { work?: () => Promise<void> } = {}) {
    const client = new LeaseClient(store)
    const stop = new AbortController()
    stops.push(stop)
    const terms: number[] = []
    const state: { fence: Fence | undefined; drain: () => void } = { fence: undefined, drain: () => undefined }
    const options = {
      client,
      lease: ref,
      identity,
      clock,
      log: createLogger('test', 'silent'),
      durationMs: 15_000,
      ...more,
    }
    const ended = new Election(options).run(stop.signal, async (fence) => {
      terms.push(fence.term)
      if (work) return work()
      state.fence = fence
      if (!fence.signal.aborted) await new Promise((resolve) => fence.signal.addEventListener('abort', resolve))
      state.fence = undefined
    })
    return { client, stop, terms, state, ended, leads: () => state.fence !== undefined }
  }
  const lease = () => store.get(LEASES, 'system/leader') as Lease

  test('one of two leads; steady state is renewals and nothing else', async () => {
    const a = stand('a')
    await settle()
    const b = stand('b')
    await clock.advance(60_000)
    expect([a.leads(), b.leads()]).toEqual([true, false])
    expect([a.client.writes, b.client.writes]).toEqual([1 + 20, 0])
    expect(lease().spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 1, leaseDurationSeconds: 15 })
  })

  test('a leader that stops gives the lease up: the next need not wait, and has the next term', async () => {
    const a = stand('a')
    await settle()
    const b = stand('b')
    await clock.advance(5000)
    a.stop.abort()
    await a.ended
    expect(lease().spec?.holderIdentity).toBe('')
    await clock.advance(3100)
    expect(b.terms).toEqual([a.terms[0]! + 2 - 1])
    expect(b.leads()).toBe(true)
  })

  test('a leader that is cut off stops writing before another may take over', async () => {
    const a = stand('a')
    await settle()
    const b = stand('b')
    await clock.advance(6000)
    const fence = a.state.fence!
    a.client.cut = true
    for (let i = 0; i < 400 && !b.leads(); i++) {
      await clock.advance(100)
      if (b.leads()) expect(fence.remainingMs()).toBe(0)
    }
    expect(b.leads()).toBe(true)
    expect(a.leads()).toBe(false)
    expect(() => fence.assertLeader()).toThrow(StaleWriterError)
    a.client.cut = false
    await clock.advance(60_000)
    expect([a.leads(), b.terms]).toEqual([false, [2]])
  })

  test('a process that was stopped finds its lease run out before anything else runs', async () => {
    const a = stand('a')
    await settle()
    const fence = a.state.fence!
    fence.assertLeader()
    // The clock goes on while no timer of ours is served: SIGSTOP, or a paused machine.
    const frozen = clock.nowMs()
    clock.nowMs = () => frozen + 10_001
    expect(() => fence.assertLeader()).toThrow(StaleWriterError)
    expect(fence.signal.aborted).toBe(true)
  })

  test('a renewal that fails for a while loses nothing; one whose outcome is unknown is recognised later', async () => {
    const a = stand('a')
    await settle()
    a.client.cut = true
    await clock.advance(8000)
    a.client.cut = false
    await clock.advance(4000)
    expect(a.leads()).toBe(true)
    const object = lease()
    store.update(LEASES, { ...object, metadata: { ...object.metadata, labels: { touched: 'yes' } } }, false)
    await clock.advance(20_000)
    expect([a.leads(), a.terms]).toEqual([true, [1]])
  })

  test('a lease that another wrote over is lost at the next renewal', async () => {
    const a = stand('a')
    await settle()
    const object = lease()
    store.update(LEASES, { ...object, spec: { ...object.spec, holderIdentity: 'x', leaseTransitions: 9 } }, false)
    await clock.advance(3100)
    expect(a.leads()).toBe(false)
    await clock.advance(20_000)
    expect(a.terms).toEqual([1, 10])
  })

  test('a lease is valid from when its renewal was sent, however late the answer comes', async () => {
    const a = stand('a')
    await settle()
    const fence = a.state.fence!
    expect(fence.remainingMs()).toBe(10_000)
    // The next renewal is stored at 3 s and answered at 8 s; another has seen the record since 3 s.
    a.client.answerAfter = () => new Promise((resolve) => clock.after(5_000, resolve))
    await clock.advance(8_000)
    a.client.answerAfter = undefined
    expect(fence.remainingMs()).toBe(3_000 + 10_000 - 8_000)
  })

  test.each([
    ['a lease that nobody had', false],
    ['a lease that another left', true],
  ])('%s is valid from when it was asked for, however late the answer comes', async (_, hadOne) => {
    if (hadOne) {
      const b = stand('b')
      await settle()
      b.stop.abort()
      await settle()
      expect(b.leads()).toBe(false)
    }
    const a = stand('a')
    a.client.answerAfter = () => new Promise((resolve) => clock.after(4_000, resolve))
    await settle()
    await clock.advance(4_000)
    a.client.answerAfter = undefined
    expect(a.leads()).toBe(true)
    expect(a.state.fence?.remainingMs()).toBe(10_000 - 4_000)
  })

  describe('work that fails at once', () => {
    const fails = async () => Promise.reject(new Error('no bus'))

    test('does not begin term after term: an hour of it costs some dozen', async () => {
      const a = stand('a', { work: fails })
      await settle()
      await clock.advance(60_000)
      expect(a.terms.length).toBeGreaterThanOrEqual(3)
      expect(a.terms.length).toBeLessThanOrEqual(8)
      await clock.advance(59 * 60_000)
      expect(a.terms.length).toBeLessThanOrEqual(35)
      // It goes on trying: at least every five minutes.
      const before = a.terms.length
      await clock.advance(10 * 60_000)
      expect(a.terms.length).toBeGreaterThan(before)
    })

    test('leaves the lease to another replica, which keeps it', async () => {
      const a = stand('a', { work: fails })
      await settle()
      const b = stand('b')
      await clock.advance(3_200)
      expect([a.terms, b.leads()]).toEqual([[1], true])
      await clock.advance(10 * 60_000)
      expect([a.terms, b.terms]).toEqual([[1], [2]])
    })

    test('after work that lasted long counts as the first one', async () => {
      let works = 0
      const work = () => {
        works += 1
        return works < 6
          ? fails()
          : new Promise<void>((_, reject) => clock.after(6 * 60_000, () => reject(new Error())))
      }
      const a = stand('a', { work })
      for (let s = 0; s < 600 && works < 6; s++) await clock.advance(1_000)
      await clock.advance(6 * 60_000 + 7_000)
      expect(a.terms).toHaveLength(7)
    })
  })

  test('a deleted Lease does not bring old terms back', async () => {
    const a = stand('a', { leastTerm: async () => 42 })
    await settle()
    expect(a.terms).toEqual([42])
  })

  describe('an office', () => {
    test('has the times of the product: seen as lost after fifteen seconds, given up after ten, renewed every three', async () => {
      const a = stand('a', { durationMs: undefined as unknown as number })
      await settle()
      expect(lease().spec?.leaseDurationSeconds).toBe(15)
      expect(a.state.fence!.remainingMs()).toBe(10_000)
      const renewals: number[] = []
      let writes = a.client.writes
      for (let ms = 0; ms < 10_000; ms += 100) {
        await clock.advance(100)
        if (a.client.writes > writes) renewals.push(clock.nowMs())
        writes = a.client.writes
      }
      expect(renewals).toEqual([3_000, 6_000, 9_000])
    })

    test('that would outlast what others wait for is refused', () => {
      expect(() => stand('a', { validMs: 15_000 })).toThrow('less than its duration')
    })

    test('is told when it begins and when it ends', async () => {
      const told: [boolean, number][] = []
      const a = stand('a', { onTransition: (leading, term) => told.push([leading, term]) })
      await settle()
      expect(told).toEqual([[true, 1]])
      a.stop.abort()
      await a.ended
      expect(told).toEqual([
        [true, 1],
        [false, 1],
      ])
    })

    test('lasts until what was under way is done, though the process stops: renewed meanwhile, given up after', async () => {
      let finish: () => void = () => undefined
      const fences: Fence[] = []
      const options = {
        ...{ client: new LeaseClient(store), lease: ref, identity: 'a', clock },
        ...{ log: createLogger('test', 'silent'), durationMs: 15_000 },
      }
      const stop = new AbortController()
      stops.push(stop)
      const ended = new Election(options).run(stop.signal, (fence) => {
        fences.push(fence)
        return new Promise((resolve) => (finish = resolve))
      })
      await settle()
      const [fence] = fences
      stop.abort()
      await clock.advance(20_000)
      expect([fence!.signal.aborted, fence!.remainingMs() > 0, lease().spec?.holderIdentity]).toEqual([true, true, 'a'])
      fence!.assertLeader()
      finish()
      await ended
      expect([fence!.remainingMs(), lease().spec?.holderIdentity]).toEqual([0, ''])
      expect(() => fence!.assertLeader()).toThrow('the process is stopping')
    })

    test('ends on stop as soon as the lease was released, or releasing it failed', async () => {
      const a = stand('a')
      await settle()
      let isOver = false
      void a.ended.then(() => (isOver = true))
      const answer = Promise.withResolvers<undefined>()
      a.client.answerAfter = () => answer.promise.then(() => undefined)
      a.stop.abort()
      await settle()
      expect([lease().spec?.holderIdentity, isOver]).toEqual(['', false])
      answer.reject(new UnreachableError('lease', new Error('cut')))
      await settle()
      expect(isOver).toBe(true)
    })

    test('stays ours after a conflict for as long as the apiserver cannot be asked', async () => {
      const a = stand('a')
      await settle()
      const object = lease()
      store.update(LEASES, { ...object, metadata: { ...object.metadata, labels: { touched: 'yes' } } }, false)
      const find = a.client.find
      a.client.find = async () => Promise.reject(new UnreachableError('lease', new Error('cut')))
      await clock.advance(3_100)
      expect(a.leads()).toBe(true)
      a.client.find = find
      await clock.advance(20_000)
      expect([a.leads(), a.terms]).toEqual([true, [1]])
    })

    test.each([
      ['of another', { holderIdentity: 'b' }],
      ['of another term of ours', { leaseTransitions: 7 }],
    ])('is over once the lease is %s, which is left as it is', async (_, change) => {
      const a = stand('a')
      await settle()
      const object = lease()
      store.update(LEASES, { ...object, spec: { ...object.spec, ...change } }, false)
      const { fence } = a.state
      await clock.advance(3_100)
      expect(fence!.signal.aborted).toBe(true)
      expect(() => fence!.assertLeader()).toThrow('another process holds the lease')
      if ('holderIdentity' in change) expect(lease().spec?.holderIdentity).toBe('b')
    })

    test('that is lost is not stood for again before the work under it has ended', async () => {
      let finish: () => void = () => undefined
      const work = () => new Promise<void>((resolve) => (finish = resolve))
      const a = stand('a', { work })
      await settle()
      const object = lease()
      store.update(LEASES, { ...object, spec: { ...object.spec, holderIdentity: '', leaseTransitions: 9 } }, false)
      await clock.advance(60_000)
      expect(a.terms).toEqual([1])
      finish()
      await clock.advance(20_000)
      expect(a.terms).toEqual([1, 10])
      finish()
    })

    test('is over when its time is, also if a renewal that was under way comes back with success', async () => {
      const a = stand('a')
      await settle()
      const { fence } = a.state
      a.client.answerAfter = () => new Promise((resolve) => clock.after(11_000, resolve))
      await clock.advance(10_000)
      expect(fence!.remainingMs()).toBe(0)
      await clock.advance(5_000)
      a.client.answerAfter = undefined
      expect([fence!.remainingMs(), fence!.signal.aborted]).toEqual([0, true])
      expect(() => fence!.assertLeader()).toThrow('was not renewed in time')
    })
  })

  test('a follower looks often enough to see a lease that was given up, and not all the time', async () => {
    stand('a')
    await settle()
    const b = stand('b')
    let looks = 0
    const find = b.client.find
    b.client.find = (...args: Parameters<typeof find>) => {
      looks++
      return find(...args)
    }
    await clock.advance(60_000)
    expect(looks).toBeGreaterThanOrEqual(18)
    expect(looks).toBeLessThanOrEqual(21)
  })

  test('a lease that another took between look and write is not ours', async () => {
    const client = new LeaseClient(store)
    const create = client.create
    client.create = (async (kind: unknown, object: KubeObject) => {
      const written = await create(kind, object)
      return { ...written, spec: { ...(written as Lease).spec, holderIdentity: 'x' } }
    }) as typeof create
    const stop = new AbortController()
    stops.push(stop)
    let isElected = false
    const log = createLogger('test', 'silent')
    const election = new Election({ client, lease: ref, identity: 'a', clock, log, durationMs: 15_000 })
    void election.run(stop.signal, async () => {
      isElected = true
    })
    await settle()
    expect(isElected).toBe(false)
  })

  test.each([
    ['who leads, by a lease that has no time left', () => undefined, 0, 'ran out'],
    [
      'who has time left, and does not lead',
      () => {
        throw new StaleWriterError('lost to another')
      },
      9_000,
      'lost to another',
    ],
  ])('nothing is sent of %s', async (_, assertLeader, leftMs, message) => {
    const sent: string[] = []
    const fence: Fence = { term: 1, signal: new AbortController().signal, remainingMs: () => leftMs, assertLeader }
    const client = fencedClient({ create: async () => void sent.push('create') } as unknown as KubeClient, fence)
    await expect(client.create<Widget>(WIDGET, widget('a'))).rejects.toThrow(message)
    expect(sent).toEqual([])
  })

  test('a fenced client asks before each write and reads without asking', async () => {
    let leading = true
    const fence: Fence = {
      term: 1,
      signal: new AbortController().signal,
      remainingMs: () => (leading ? 700 : 0),
      assertLeader: () => {
        if (!leading) throw new StaleWriterError('over')
      },
    }
    const calls: unknown[] = []
    const record = async (...args: unknown[]) => void calls.push(args[args.length - 1])
    const methods = ['get', 'create', 'update', 'updateStatus', 'mergePatch', 'patchFinalizers', 'apply', 'remove']
    const client = fencedClient(Object.fromEntries(methods.map((m) => [m, record])) as unknown as KubeClient, fence)
    await client.create<Widget>(WIDGET, widget('a'))
    expect(calls[0]).toMatchObject({ timeoutMs: 700 })
    await client.create<Widget>(WIDGET, widget('a'), { timeoutMs: 500 })
    expect(calls.pop()).toMatchObject({ timeoutMs: 500 })
    leading = false
    expect((calls[0] as { beforeSend: () => void }).beforeSend).toThrow(StaleWriterError)
    const w = { ...widget('a'), metadata: { name: 'a', namespace: 'one', uid: 'u', resourceVersion: '1' } }
    await client.get(WIDGET, w.metadata)
    const writes = [
      () => client.create<Widget>(WIDGET, widget('a')),
      () => client.update<Widget>(WIDGET, w),
      () => client.updateStatus<Widget>(WIDGET, w),
      () => client.mergePatch(WIDGET, w.metadata, {}),
      () => client.patchFinalizers<Widget>(WIDGET, w, []),
      () => client.apply<Widget>(WIDGET, widget('a')),
      () => client.remove(WIDGET, w.metadata),
    ]
    for (const write of writes) await expect(write()).rejects.toThrow(StaleWriterError)
    expect(calls).toHaveLength(2)
  })
})
