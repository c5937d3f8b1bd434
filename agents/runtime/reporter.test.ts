// SPDX-License-Identifier: Apache-2.0
// What reaches NATS, when, and how often: with an outbox that is away, slow or refuses, and a clock that stands still.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { FakeClock, settle } from '../../lib/time/fake-clock.ts'
import { Reporter } from './reporter.ts'

const log = createLogger('test', 'silent')
let clock: FakeClock
let connected: boolean
/** What NATS stored, as `uid state progress`. */
let stored: string[]
/** What each publish does before it is stored. */
let onPublish: (document: ObservedDocument) => Promise<void>
let open: number
let mostOpen: number
let reporter: Reporter
let stop: AbortController
/** How long the reporter slept, each time. */
let waits: number[]
let ended: Promise<void>

beforeEach(() => {
  clock = new FakeClock()
  waits = []
  const after = clock.after.bind(clock)
  clock.after = (ms, call) => {
    waits.push(ms)
    return after(ms, call)
  }
  connected = true
  stored = []
  onPublish = async () => undefined
  open = 0
  mostOpen = 0
  const outbox = {
    get connected() {
      return connected
    },
    async publish(subject: string, data: string) {
      const document = JSON.parse(data) as ObservedDocument
      expect(subject).toBe(`$KV.observed.n1.instance.${document.uid}`)
      mostOpen = Math.max(mostOpen, ++open)
      try {
        await onPublish(document)
        stored.push([document.uid, document.state, document.progress].filter((word) => word !== undefined).join(' '))
      } finally {
        open--
      }
    },
  }
  reporter = new Reporter({ outbox, log, clock })
  stop = new AbortController()
})

// A timer knows neither less than a millisecond nor for ever: both fire at once, again and again.
afterEach(() => expect(waits.filter((ms) => !(ms >= 10 && ms <= 60_000))).toEqual([]))

const start = async (): Promise<void> => {
  ended = reporter.run(stop.signal)
  await settle()
}
const said = (): string[] => stored.splice(0)
function report(uid: string, state: string, more: Partial<ObservedDocument> = {}): ObservedDocument {
  return {
    ...{ v: 1, kind: 'instance', uid, node: 'n1', name: uid, bootId: 'b', facts: {}, state },
    ...{ versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 }, since: clock.now().toISOString() },
    ...more,
  }
}

describe('what is kept', () => {
  test('how many objects are in which state, and how many reports are not acknowledged', async () => {
    reporter.set(report('a', 'running'))
    reporter.set(report('b', 'running'))
    reporter.set(report('c', 'stopped'))
    reporter.set(report('v', 'available', { kind: 'volume' }))
    reporter.set(report('d', 'gone'))
    expect(reporter.countStates()).toEqual([
      { kind: 'instance', state: 'running', count: 2 },
      { kind: 'instance', state: 'stopped', count: 1 },
      { kind: 'volume', state: 'available', count: 1 },
    ])
    expect(reporter.pending).toBe(5)
    // It is sent to the subject of a volume, for which there is nothing here.
    await start()
    expect([reporter.pending, said().length]).toEqual([1, 4])
    stop.abort()
    await ended
  })

  test('the time of a state stands while the state does', async () => {
    reporter.set(report('a', 'building'))
    const first = reporter.find(report('a', ''))!.since
    await clock.advance(5_000)
    reporter.set(report('a', 'building', { facts: { vcpus: 1 } }))
    expect(reporter.find(report('a', ''))).toMatchObject({ since: first, facts: { vcpus: 1 } })
    reporter.set(report('a', 'running'))
    expect(reporter.find(report('a', ''))!.since).toBe(clock.now().toISOString())
  })

  test.each<[string, ObservedDocument, boolean]>([
    ['the same', report0('building', { progress: 1 }), false],
    ['more progress', report0('building', { progress: 2 }), false],
    ['another state', report0('running', { progress: 1 }), true],
    ['another fact', report0('building', { progress: 1, facts: { vcpus: 2 } }), true],
    ['more progress and another fact', report0('building', { progress: 2, facts: { vcpus: 2 } }), true],
  ])('%s: whoever depends on it looks again: %p', (_, next, expected) => {
    expect(reporter.set(report0('building', { progress: 1 }))).toBe(true)
    expect(reporter.set(next)).toBe(expected)
  })
  function report0(state: string, more: Partial<ObservedDocument>): ObservedDocument {
    return {
      ...{ v: 1, kind: 'instance', uid: 'a', node: 'n1', name: 'a', bootId: 'b', facts: {}, state, since: 't' },
      ...{ versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 } },
      ...more,
    }
  }
})

describe('what is sent', () => {
  test('is what changed, at once, and once', async () => {
    reporter.set(report('a', 'building'))
    await start()
    expect(said()).toEqual(['a building'])
    reporter.set(report('b', 'running'))
    await settle()
    reporter.set(report('b', 'running'))
    await clock.advance(10 * 60_000)
    expect(said()).toEqual(['b running'])
  })

  test('is progress at most once a second, its last report always; a new state does not wait', async () => {
    await start()
    reporter.set(report('a', 'building', { progress: 1 }))
    await settle()
    for (const progress of [2, 3, 4]) {
      reporter.set(report('a', 'building', { progress }))
      await clock.advance(300)
    }
    expect(said()).toEqual(['a building 1'])
    await clock.advance(99)
    expect(said()).toEqual([])
    await clock.advance(1)
    expect(said()).toEqual(['a building 4'])
    reporter.set(report('a', 'building', { progress: 5 }))
    await clock.advance(10)
    reporter.set(report('a', 'running'))
    await settle()
    expect(said()).toEqual(['a running'])
  })

  test('waits for NATS, is tried again every second, and is the newest by then', async () => {
    connected = false
    reporter.set(report('a', 'building'))
    await start()
    await clock.advance(3_000)
    expect(said()).toEqual([])
    reporter.set(report('a', 'running'))
    await settle()
    connected = true
    await clock.advance(1_000)
    expect(said()).toEqual(['a running'])
  })

  test('each when its own second is over', async () => {
    await start()
    reporter.set(report('a', 'building', { progress: 1 }))
    await settle()
    await clock.advance(500)
    reporter.set(report('b', 'building', { progress: 1 }))
    await settle()
    for (const uid of ['b', 'a']) reporter.set(report(uid, 'building', { progress: 2 }))
    waits.length = 0
    await settle()
    expect(waits).toEqual([500])
    await clock.advance(500)
    expect(said()).toEqual(['a building 1', 'b building 1', 'a building 2'])
    await clock.advance(500)
    expect(said()).toEqual(['b building 2'])
  })

  test('no more once something was refused, and not at once again though there is news', async () => {
    let attempts = 0
    onPublish = async () => {
      attempts++
      reporter.set(report(`news-${attempts}`, 'running'))
      throw new Error('too many')
    }
    for (let i = 0; i < 100; i++) reporter.set(report(`u${i}`, 'running'))
    await start()
    expect(attempts).toBe(32)
    await clock.advance(1_000)
    expect(attempts).toBe(64)
    stop.abort()
    await ended
  })

  test('is forgotten while it is under way: nothing is left of it', async () => {
    let release: () => void = () => undefined
    onPublish = () => new Promise((resolve) => (release = resolve))
    reporter.set(report('a', 'running'))
    await start()
    reporter.forget(report('a', ''))
    onPublish = async () => undefined
    release()
    await settle()
    reporter.set(report('b', 'running'))
    await settle()
    expect(said()).toEqual(['a running', 'b running'])
  })

  test('and not stored is sent again a second later, until it is', async () => {
    let refusals = 3
    onPublish = async () => {
      if (refusals-- > 0) throw new Error('no answer')
    }
    reporter.set(report('a', 'running'))
    await start()
    await clock.advance(2_999)
    expect(said()).toEqual([])
    await clock.advance(1)
    expect(said()).toEqual(['a running'])
    await clock.advance(10_000)
    expect(said()).toEqual([])
  })

  test('a second time when it changed while it was under way; the first answer does not count for it', async () => {
    let release: () => void = () => undefined
    onPublish = (document) =>
      document.state === 'building' ? new Promise((resolve) => (release = resolve)) : Promise.resolve()
    reporter.set(report('a', 'waiting'))
    await start()
    reporter.set(report('a', 'building'))
    await settle()
    reporter.set(report('a', 'running'))
    reporter.set(report('a', 'running', { progress: 1 }))
    await settle()
    expect(said()).toEqual(['a waiting'])
    release()
    await settle()
    expect(said()).toEqual(['a building', 'a running 1'])
    await clock.advance(10_000)
    expect(said()).toEqual([])
  })

  test('progress that comes while progress is under way waits its second', async () => {
    await start()
    reporter.set(report('a', 'building', { progress: 1 }))
    await settle()
    await clock.advance(1_000)
    let release: () => void = () => undefined
    onPublish = () => new Promise((resolve) => (release = resolve))
    reporter.set(report('a', 'building', { progress: 2 }))
    await settle()
    reporter.set(report('a', 'building', { progress: 3 }))
    onPublish = async () => undefined
    release()
    await settle()
    expect(said()).toEqual(['a building 1', 'a building 2'])
    await clock.advance(1_000)
    expect(said()).toEqual(['a building 3'])
  })

  test('of others too, though one is refused; no more than 32 are under way', async () => {
    onPublish = async ({ uid }) => {
      await settle()
      if (uid === 'u0') throw new Error('too large')
    }
    for (let i = 0; i < 40; i++) reporter.set(report(`u${i}`, 'running'))
    await start()
    for (let i = 0; i < 6; i++) await clock.advance(1_000)
    expect(mostOpen).toBe(32)
    expect(new Set(said()).size).toBe(39)
  })

  test('ends with the signal, and the last report is said by a flush, however fresh', async () => {
    await start()
    reporter.set(report('a', 'building', { progress: 1 }))
    await settle()
    reporter.set(report('a', 'building', { progress: 2 }))
    await settle()
    stop.abort()
    await ended
    expect(said()).toEqual(['a building 1'])
    onPublish = settle
    await reporter.flush()
    expect(said()).toEqual(['a building 2'])
    expect(clock.pending).toBe(0)
  })

  test('ends with the signal also when that comes while it sends', async () => {
    let release: () => void = () => undefined
    onPublish = () => new Promise((resolve) => (release = resolve))
    reporter.set(report('a', 'running'))
    await start()
    stop.abort()
    release()
    await ended
    expect(clock.pending).toBe(0)
  })
})

describe('what is said again', () => {
  test('whoever asks has it again, also when it is gone; of what is not known nothing is said', async () => {
    reporter.set(report('a', 'gone'))
    await start()
    expect(said()).toEqual(['a gone'])
    reporter.repeat(report('a', ''))
    reporter.repeat(report('b', ''))
    await clock.advance(1_000)
    expect(said()).toEqual(['a gone'])
  })

  test('after a reconnection everything but what was gone and is known to be', async () => {
    for (const [uid, state] of Object.entries({ a: 'running', b: 'gone' })) reporter.set(report(uid, state))
    await start()
    said()
    connected = false
    reporter.set(report('c', 'gone'))
    await settle()
    connected = true
    reporter.repeatAll()
    await clock.advance(1_000)
    expect(said().sort()).toEqual(['a running', 'c gone'])
  })

  test('what is forgotten is not, not even when it waited', async () => {
    connected = false
    reporter.set(report('a', 'running'))
    reporter.set(report('b', 'running'))
    reporter.forget(report('a', ''))
    expect(reporter.find(report('a', ''))).toBeUndefined()
    connected = true
    await start()
    reporter.repeatAll()
    await clock.advance(2_000)
    expect(new Set(said())).toEqual(new Set(['b running']))
  })
})
