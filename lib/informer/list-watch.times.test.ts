// SPDX-License-Identifier: Apache-2.0
// When an informer asks, what for, and how long it waits: with an apiserver that says what the test wants, and a clock that stands still.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ApiError } from '../kube/errors.ts'
import { createLogger } from '../log.ts'
import { FakeClock, settle } from '../time/fake-clock.ts'
import type { InformerOptions } from './informer.ts'
import { Interner } from './intern.ts'
import { ListWatch, type ListWatchDeps } from './list-watch.ts'
import { WIDGET, type Widget } from '../loop/test-kind.ts'

type Event = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Widget } | { type: 'BOOKMARK'; resourceVersion: string }

/** One watch that is open: events until the test ends it. */
class Watch {
  readonly options: Record<string, unknown>
  readonly #events: Event[] = []
  #wake: () => void = () => undefined
  #end: Error | 'end' | undefined
  constructor(options: Record<string, unknown>) {
    this.options = options
    ;(options['signal'] as AbortSignal).addEventListener('abort', () => this.end(new Error('aborted')))
  }
  async say(...events: Event[]): Promise<void> {
    this.#events.push(...events)
    this.#wake()
    await settle()
  }
  end(how: Error | 'end'): void {
    this.#end = how
    this.#wake()
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    for (;;) {
      const next = this.#events.shift()
      if (next) yield next
      else if (this.#end === 'end') return
      else if (this.#end) throw this.#end
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

let clock: FakeClock
let stop: AbortController
let asked: Record<string, unknown>[]
let watches: Watch[]
/** What the store has, and at which version. */
let store: { version: string; objects: Widget[] }
/** What the next list comes to, in place of the store. */
let failures: Error[]
/** What the next watch comes to, in place of being open. */
let refusals: Error[]
let metrics: string[]
let regressions: string[]
let ended: Promise<void>

beforeEach(() => {
  clock = new FakeClock()
  stop = new AbortController()
  ;[asked, watches, failures, refusals, metrics, regressions] = [[], [], [], [], [], []]
  store = { version: '10', objects: [] }
})
afterEach(async () => {
  stop.abort()
  await ended
  expect(clock.pending).toBe(0)
})

const at = (name: string, resourceVersion: string, uid = `uid-${name}`): Widget => ({
  metadata: { name, namespace: 'one', uid, resourceVersion },
  spec: { size: Number(resourceVersion) },
})

async function start(options: InformerOptions<Widget> = {}): Promise<ListWatch<Widget>> {
  const client = {
    listPage: async (_kind: unknown, request: Record<string, unknown>) => {
      asked.push(request)
      const failure = failures.shift()
      if (failure) throw failure
      return { metadata: { resourceVersion: store.version }, items: structuredClone(store.objects) }
    },
    watch: (_kind: unknown, request: Record<string, unknown>) => {
      const refusal = refusals.shift()
      const watch = new Watch(request)
      if (refusal) watch.end(refusal)
      else watches.push(watch)
      return watch
    },
  }
  const informer = new ListWatch<Widget>(WIDGET, options, {
    client: client as unknown as ListWatchDeps['client'],
    ...{ clock, log: createLogger('test', 'silent'), interner: new Interner(), random: () => 0 },
    metrics: {
      listed: (_, objects) => metrics.push(`listed ${objects}`),
      watchEnded: (_, why) => metrics.push(why),
      events: (_, type) => metrics.push(type),
    },
    onRegression: (_, seen, now) => regressions.push(`${seen} -> ${now}`),
  })
  ended = informer.run(stop.signal)
  await settle()
  return informer
}
const sizes = (informer: ListWatch<Widget>) =>
  Object.fromEntries(informer.cache.list().map((o) => [o.metadata.name, o.spec?.size]))
const fault = (code: number, headers: { retryAfterMs?: number } = {}, reason = 'Fault') =>
  Object.assign(new ApiError('x', code, { reason }), headers)
/** Moves the clock until there is another request of this kind; how far. */
async function timeTo(list: unknown[]): Promise<number> {
  const before = list.length
  for (let ms = 0; ms < 700_000; ms += 50) {
    if (list.length > before) return ms
    await clock.advance(50)
  }
  throw new Error('nothing is asked')
}

describe('a watch', () => {
  test('begins where the list was, for as long as an idle one may be silent, with the selection', async () => {
    await start({ namespace: 'one', labelSelector: 'a=b', fieldSelector: 'c=d' })
    const selection = { namespace: 'one', labelSelector: 'a=b', fieldSelector: 'c=d' }
    expect(asked).toMatchObject([selection])
    expect(watches.map(({ options }) => options)).toMatchObject([
      { ...selection, resourceVersion: '10', timeoutSeconds: 33, idleTimeoutMs: 37_000 },
    ])
  })

  test('that ran its full time is followed at once by one from the same place, without asking the store', async () => {
    const informer = await start()
    await watches[0]!.say({ type: 'ADDED', object: at('a', '12') }, { type: 'BOOKMARK', resourceVersion: '20' })
    await clock.advance(32_500)
    watches[0]!.end('end')
    await settle()
    expect(watches[1]!.options['resourceVersion']).toBe('20')
    expect(asked).toHaveLength(1)
    expect(metrics).toEqual(['listed 0', 'ADDED', 'BOOKMARK', 'end'])
    expect(sizes(informer)).toEqual({ a: 12 })
  })

  test('says how long it has been silent: neither a list, an event nor an end in its time came', async () => {
    const informer = await start()
    expect(informer.silentMs).toBe(0)
    await clock.advance(20_000)
    expect(informer.silentMs).toBe(20_000)
    await watches[0]!.say({ type: 'BOOKMARK', resourceVersion: '20' })
    expect(informer.silentMs).toBe(0)
    await clock.advance(32_500)
    watches[0]!.end('end')
    await settle()
    expect(informer.silentMs).toBe(0)
    // Those that come to nothing are no sign of life.
    refusals.push(fault(503), fault(503), fault(503))
    failures.push(...Array.from({ length: 9 }, () => fault(503)))
    watches[1]!.end(fault(503))
    await clock.advance(1_000)
    expect(informer.silentMs).toBe(1_000)
  })

  test('that the server ended early is followed by a question to the store: did it go back in time?', async () => {
    await start()
    await watches[0]!.say({ type: 'BOOKMARK', resourceVersion: '15' })
    await clock.advance(20_000)
    store.version = '15'
    watches[0]!.end('end')
    await settle()
    expect(asked[1]).toMatchObject({ limit: 1 })
    expect([asked.length, watches[1]!.options['resourceVersion']]).toEqual([2, '15'])
  })

  test('that keeps ending at once is opened less and less often', async () => {
    await start()
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      watches.at(-1)!.end('end')
      await settle()
      waits.push(await timeTo(watches))
    }
    // 100 ms, doubled, and half of it with this dice.
    expect(waits).toEqual([50, 100, 200, 400])
    await clock.advance(33_000)
    watches.at(-1)!.end('end')
    await settle()
    watches.at(-1)!.end('end')
    await settle()
    expect(await timeTo(watches)).toBe(50)
  })

  test('that fails is tried again with back-off, which starts over after one that held for a while', async () => {
    await start()
    const waits: number[] = []
    for (const afterMs of [0, 0, 0, 17_000]) {
      await clock.advance(afterMs)
      watches.at(-1)!.end(new Error('cut'))
      await settle()
      waits.push(await timeTo(watches))
    }
    expect(waits).toEqual([50, 100, 200, 50])
    expect(metrics.filter((word) => word === 'error')).toHaveLength(4)
  })
})

describe('a server that asks for time', () => {
  test.each<[string, Error, number, string]>([
    ['by being overloaded has it', fault(429, { retryAfterMs: 30_000 }, 'TooManyRequests'), 30_050, 'throttled'],
    ['by starting is asked again after a second', fault(503, { retryAfterMs: 30_000 }), 1_050, 'error'],
    ['without saying how much', fault(500), 50, 'error'],
  ])('%s', async (_, error, expected, word) => {
    refusals = [error]
    await start()
    expect(await timeTo(watches)).toBe(expected)
    expect(metrics).toContain(word)
  })

  test('one that is merely overloaded is not asked for a list besides', async () => {
    await start()
    watches[0]!.end(fault(429, {}, 'TooManyRequests'))
    await settle()
    await timeTo(watches)
    expect(asked).toHaveLength(1)
  })
})

describe('a place that is lost', () => {
  const expired = () => fault(410, {}, 'Expired')

  test('is found by a list, which does not come at once: all have lost theirs', async () => {
    const informer = await start()
    store = { version: '30', objects: [at('a', '25')] }
    watches[0]!.end(expired())
    await settle()
    expect(await timeTo(watches)).toBe(200)
    expect([asked.length, watches[1]!.options['resourceVersion'], sizes(informer)]).toEqual([2, '30', { a: 25 }])
    expect(metrics).toContain('expired')
  })

  test('three times half way makes one long list of it, and one that works pages again', async () => {
    failures = [expired(), expired(), expired()]
    await start()
    for (let i = 0; i < 3; i++) await timeTo(asked)
    expect(asked.map(({ limit }) => limit === 0)).toEqual([false, false, false, true])
    await settle()
    watches[0]!.end(expired())
    await settle()
    await timeTo(asked)
    expect(asked.at(-1)!['limit']).not.toBe(0)
  })
})

describe('after a cut', () => {
  test('of more than a second everything is listed: the store may be another', async () => {
    const informer = await start()
    await watches[0]!.say({ type: 'ADDED', object: at('lost', '12') })
    refusals = [fault(500), fault(500), fault(500), fault(500), fault(500), fault(500)]
    watches[0]!.end(new Error('cut'))
    await settle()
    store = { version: '5000', objects: [at('a', '25')] }
    await timeTo(watches)
    expect(sizes(informer)).toEqual({ a: 25 })
  })

  test('a store that is behind is listed, told, and taken as it is', async () => {
    store = { version: '10', objects: [at('a', '9'), at('b', '8')] }
    const informer = await start()
    let isCertain = false
    store = { version: '7', objects: [at('a', '6')] }
    watches[0]!.end(new Error('cut'))
    await settle()
    void informer.whenCertain().then(() => (isCertain = true))
    await settle()
    expect(isCertain).toBe(false)
    await timeTo(watches)
    expect([sizes(informer), regressions, watches[1]!.options['resourceVersion']]).toEqual([{ a: 6 }, ['10 -> 7'], '7'])
    expect(isCertain).toBe(true)
  })

  test('a store that is as far goes on without a list', async () => {
    await start()
    watches[0]!.end(new Error('cut'))
    await settle()
    await timeTo(watches)
    expect([asked.length, metrics.filter((word) => word.startsWith('listed'))]).toEqual([2, ['listed 0']])
    expect(regressions).toEqual([])
  })
})

describe('a list', () => {
  test('removes what it lacks, except what was written after it was made, and announces that', async () => {
    store = { version: '10', objects: [at('a', '1'), at('b', '2'), at('c', '3')] }
    const informer = await start()
    const changes: string[] = []
    informer.onChange(({ old, object }) => changes.push(`${old?.metadata.name} -> ${object?.metadata.name}`))
    changes.length = 0
    informer.observe(at('own', '50'))
    store = { version: '40', objects: [at('a', '1'), at('c', '20', 'another')] }
    watches[0]!.end(fault(410, {}, 'Expired'))
    await settle()
    await timeTo(watches)
    expect(sizes(informer)).toEqual({ a: 1, c: 20, own: 50 })
    expect(changes).toEqual(['undefined -> own', 'c -> c', 'b -> undefined'])
  })

  test('of a store that lost the newest of an object has the older one', async () => {
    store = { version: '10', objects: [at('a', '9')] }
    const informer = await start()
    store = { version: '40', objects: [at('a', '5')] }
    watches[0]!.end(fault(410, {}, 'Expired'))
    await settle()
    await timeTo(watches)
    expect(sizes(informer)).toEqual({ a: 5 })
  })

  test('does not bring back what a newer write of ours has made of it', async () => {
    store = { version: '10', objects: [at('a', '9')] }
    const informer = await start()
    informer.observe(at('a', '50'))
    store = { version: '40', objects: [at('a', '9')] }
    watches[0]!.end(fault(410, {}, 'Expired'))
    await settle()
    await timeTo(watches)
    expect(sizes(informer)).toEqual({ a: 50 })
  })
})

describe('what is heard', () => {
  test('is announced once, the removal of another object of that name is none, and who left hears nothing', async () => {
    const informer = await start()
    const changes: string[] = []
    const leave = informer.onChange(({ old, object }) =>
      changes.push(`${old?.metadata.resourceVersion} -> ${object?.metadata.resourceVersion}`),
    )
    const [watch] = watches
    await watch!.say({ type: 'ADDED', object: at('a', '11') }, { type: 'MODIFIED', object: at('a', '11') })
    await watch!.say({ type: 'DELETED', object: at('a', '12', 'another') }, { type: 'MODIFIED', object: at('a', '13') })
    await watch!.say({ type: 'DELETED', object: at('a', '14') })
    expect(changes).toEqual(['undefined -> 11', '11 -> 13', '13 -> undefined'])
    leave()
    await watch!.say({ type: 'ADDED', object: at('b', '15') })
    expect(changes).toHaveLength(3)
    const later: string[] = []
    informer.onChange(({ object }) => later.push(object?.metadata.name ?? ''))
    expect(later).toEqual(['b'])
  })

  test('an own write is shown as the private copy that it is, and not before the first list', async () => {
    const early = await start()
    const written = at('a', '50')
    early.observe(written)
    written.spec!.size = 999
    expect(sizes(early)).toEqual({ a: 50 })
    early.observe(at('b', '10'))
    expect(sizes(early)).toEqual({ a: 50 })
    stop.abort()
    await ended
    stop = new AbortController()
    failures = [fault(500)]
    const unsynced = await start()
    unsynced.observe(at('a', '50'))
    expect([unsynced.synced, sizes(unsynced)]).toEqual([false, {}])
  })
})
