// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { ApiError } from '../kube/errors.ts'
import type { KubeClient } from '../kube/client.ts'
import { createLogger } from '../log.ts'
import type { RunEvent } from './controller.ts'
import { cutToBytes, EventRecorder } from './events.ts'
import { FakeClock } from './fake-clock.ts'
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
