// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../kube/errors.ts'
import type { KubeClient } from '../kube/client.ts'
import { createLogger } from '../log.ts'
import type { RunEvent } from './controller.ts'
import { cutToBytes, EventRecorder } from './events.ts'
import { FakeClock } from '../time/fake-clock.ts'
import { WIDGET, type Widget } from './test-kind.ts'

const object: Widget = { metadata: { name: 'a', namespace: 'one', uid: 'u1', resourceVersion: '5' } }
const event: RunEvent = { type: 'Normal', reason: 'Scheduled', action: 'Schedule', note: 'to node n1' }

function recorder() {
  const clock = new FakeClock()
  const created: { metadata: { name: string; namespace: string }; note: string }[] = []
  const patched: unknown[] = []
  const dropped: string[] = []
  const state = { fail: undefined as Error | undefined }
  const client = {
    create: async (_kind: unknown, body: (typeof created)[0]) => {
      if (state.fail) throw state.fail
      created.push(body)
    },
    mergePatch: async (_kind: unknown, _ref: unknown, patch: unknown) => {
      if (state.fail) throw state.fail
      patched.push(patch)
    },
  } as unknown as Pick<KubeClient, 'create' | 'mergePatch'>
  const log = createLogger('test', 'silent')
  const options = {
    client,
    clock,
    log,
    controller: 'nephele.dev/operator',
    instance: 'pod-1',
    onDrop: (why: string) => void dropped.push(why),
  }
  return { recorder: new EventRecorder(options), clock, created, patched, dropped, state }
}

describe('EventRecorder', () => {
  test('says a thing once and counts its repeats', async () => {
    const { recorder: events, clock, created, patched } = recorder()
    for (let i = 0; i < 50; i++) events.record(WIDGET, object, event)
    await clock.advance(29_000)
    expect([created.length, patched.length]).toEqual([1, 0])
    await clock.advance(2000)
    expect(patched).toEqual([{ series: { count: 50, lastObservedTime: expect.stringMatching(/\.\d{6}Z$/) } }])
    expect(created[0]).toMatchObject({
      metadata: { namespace: 'one', name: expect.stringMatching(/^a\.[0-9a-f]+$/) },
      regarding: { kind: 'Widget', apiVersion: 'test.nephele.dev/v1', uid: 'u1' },
      reportingController: 'nephele.dev/operator',
    })
    for (let i = 0; i < 3600; i++) {
      events.record(WIDGET, object, event)
      await clock.advance(1000)
    }
    expect(patched.length).toBeLessThan(8)
  })

  test('an object that flaps is cut off, others are not', async () => {
    const { recorder: events, clock, created, dropped } = recorder()
    for (let i = 0; i < 100; i++) events.record(WIDGET, object, { ...event, note: `try ${i}` })
    events.record(WIDGET, { ...object, metadata: { ...object.metadata, uid: 'u2' } }, event)
    await clock.advance(0)
    expect([created.length, dropped.length]).toEqual([11, 90])
    await clock.advance(60_000)
    events.record(WIDGET, object, { ...event, note: 'later' })
    await clock.advance(0)
    expect(created).toHaveLength(12)
  })

  test('a cluster-scoped object has its events in default; notes and names fit', async () => {
    const { recorder: events, clock, created } = recorder()
    const clusterScoped = { name: 'x'.repeat(253), uid: 'u1', resourceVersion: '5' }
    events.record(WIDGET, { metadata: clusterScoped }, { ...event, note: '€'.repeat(2000) })
    await clock.advance(0)
    expect(created[0]?.metadata.namespace).toBe('default')
    expect(created[0]?.metadata.name.length).toBeLessThanOrEqual(253)
    expect(Buffer.byteLength(created[0]!.note)).toBeLessThanOrEqual(1024)
  })

  test.each([['.'], ['-'], ['-a.']])('a name that is cut before %j gives a valid one', async (last) => {
    const { recorder: events, clock, created } = recorder()
    const name = `${'x'.repeat(220 - last.length)}${last}yz`
    events.record(WIDGET, { metadata: { ...object.metadata, name } }, event)
    await clock.advance(0)
    expect(created[0]?.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
  })

  test('failures are dropped and do not stop the next; an expired event is made anew', async () => {
    const { recorder: events, clock, created, dropped, state } = recorder()
    state.fail = new Error('no')
    events.record(WIDGET, object, { ...event, note: 'lost' })
    await clock.advance(0)
    state.fail = undefined
    events.record(WIDGET, object, event)
    events.record(WIDGET, object, event)
    await clock.advance(0)
    expect([created.length, dropped]).toEqual([1, ['error']])
    state.fail = new ApiError('patch', 404, { reason: 'NotFound' })
    await clock.advance(40_000)
    state.fail = undefined
    events.record(WIDGET, object, event)
    await events.close()
    expect(created).toHaveLength(2)
  })
})

describe('the limits', () => {
  test('repeats are written after thirty seconds, then two minutes, and so on to half an hour', async () => {
    const { recorder: events, clock, patched } = recorder()
    events.record(WIDGET, object, event)
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      events.record(WIDGET, object, event)
      const before = patched.length
      let seconds = 0
      while (patched.length === before) {
        await clock.advance(1_000)
        seconds++
      }
      waits.push(seconds)
    }
    expect(waits).toEqual([30, 120, 480, 1_800, 1_800, 1_800])
    expect(patched.map((p) => (p as { series: { count: number } }).series.count)).toEqual([2, 3, 4, 5, 6, 7])
    expect(patched[0]).toMatchObject({ series: { lastObservedTime: '2026-01-01T00:00:00.000000Z' } })
  })

  test('ten at once of one object, then one a minute, never more than ten again', async () => {
    const { recorder: events, clock, created } = recorder()
    let n = 0
    const burst = async (): Promise<number> => {
      const before = created.length
      for (let i = 0; i < 20; i++) events.record(WIDGET, object, { ...event, note: `${n++}` })
      await clock.advance(0)
      return created.length - before
    }
    const bursts = [await burst()]
    for (const ms of [59_999, 1, 150_000, 30_000, 3_600_000]) {
      await clock.advance(ms)
      bursts.push(await burst())
    }
    expect(bursts).toEqual([10, 0, 1, 2, 1, 10])
  })

  test('what waits to be written is bounded, counted, and dropped from there on', async () => {
    const { recorder: events, clock, created, dropped } = recorder()
    for (let i = 0; i < 520; i++)
      events.record(WIDGET, { ...object, metadata: { ...object.metadata, uid: `u${i}` } }, event)
    expect([events.pending, dropped]).toEqual([500, Array.from({ length: 20 }, () => 'backlog')])
    for (let i = 0; i < 300 && events.pending > 0; i++) await clock.advance(0)
    expect([events.pending, created.length]).toEqual([0, 500])
  })

  test('words of another type, reason, action or note, or of another object, are another event', async () => {
    const { recorder: events, clock, created } = recorder()
    events.record(WIDGET, object, event)
    for (const change of [{ type: 'Warning' as const }, { reason: 'B' }, { action: 'C' }, { note: 'd' }])
      events.record(WIDGET, object, { ...event, ...change })
    events.record(WIDGET, { ...object, metadata: { ...object.metadata, uid: 'other' } }, event)
    await clock.advance(0)
    expect(new Set(created.map(({ metadata }) => metadata.name)).size).toBe(6)
  })

  test('what is said of two thousand others is forgotten: the same words are a new event then', async () => {
    const { recorder: events, clock, created, dropped } = recorder()
    let notes = 0
    const of = (uid: string) => ({ ...object, metadata: { ...object.metadata, uid } })
    const talks = (): number => {
      const before = dropped.length
      for (let i = 0; i < 10; i++) events.record(WIDGET, of('talks'), { ...event, note: `${notes++}` })
      return dropped.length - before
    }
    expect([talks(), talks()]).toEqual([0, 10])
    dropped.length = 0
    await clock.advance(0)
    events.record(WIDGET, of('first'), event)
    for (let i = 0; i < 1_999; i++) {
      events.record(WIDGET, of(`u${i}`), event)
      if (i % 400 === 0) for (let j = 0; j < 200 && events.pending > 0; j++) await clock.advance(0)
    }
    for (let j = 0; j < 400 && events.pending > 0; j++) await clock.advance(0)
    const before = created.length
    events.record(WIDGET, of('first'), event)
    await clock.advance(0)
    expect(created.length).toBe(before)
    events.record(WIDGET, of('one-too-many'), event)
    events.record(WIDGET, of('first'), event)
    await clock.advance(0)
    expect(created.length).toBe(before + 2)
    // What it said too much of is forgotten with it.
    expect(talks()).toBe(0)
  })

  test('a body says all that people and tools look for, in lengths that the apiserver takes', async () => {
    const { recorder: events, clock, created } = recorder()
    const long = 'x'.repeat(200)
    events.record(WIDGET, object, { type: 'Warning', reason: long, action: long, note: 'n' })
    await clock.advance(0)
    expect(created[0]).toMatchObject({
      ...{ type: 'Warning', reason: 'x'.repeat(128), action: 'x'.repeat(128), note: 'n' },
      ...{ reportingInstance: 'pod-1', eventTime: '2026-01-01T00:00:00.000000Z' },
      regarding: { name: 'a', namespace: 'one', uid: 'u1', resourceVersion: '5', kind: 'Widget' },
    })
  })

  test('the end waits for what is under way, and lets repeats go', async () => {
    const { recorder: events, clock, created, patched } = recorder()
    events.record(WIDGET, object, event)
    events.record(WIDGET, object, event)
    await events.close()
    expect([created.length, events.pending, clock.pending]).toEqual([1, 0, 0])
    await clock.advance(600_000)
    expect(patched).toEqual([])
  })

  test('a repeat that cannot be written is counted as dropped and told with the next', async () => {
    const { recorder: events, clock, patched, dropped, state } = recorder()
    events.record(WIDGET, object, event)
    events.record(WIDGET, object, event)
    await clock.advance(0)
    state.fail = new Error('no')
    await clock.advance(30_000)
    expect([patched.length, dropped]).toEqual([0, ['error']])
    state.fail = undefined
    events.record(WIDGET, object, event)
    await clock.advance(120_000)
    expect(patched).toMatchObject([{ series: { count: 3 } }])
  })
})

describe('cutToBytes', () => {
  test.each([
    ['short', 10, 'short'],
    ['äääääääääää', 10, 'äää…'],
    ['aaaaaaaaaaaaaa', 10, 'aaaaaaa…'],
  ])('%s to %i', (text, bytes, cut) => {
    expect(cutToBytes(text, bytes)).toBe(cut)
    expect(Buffer.byteLength(cutToBytes(text, bytes))).toBeLessThanOrEqual(bytes)
  })
})
