// SPDX-License-Identifier: Apache-2.0
// The small parts that the loop is made of, each by itself.
import { describe, expect, test } from '@jest/globals'
import { getEventListeners } from 'node:events'
import { TerminalError, TransientError } from '../errors.ts'
import { ApiError } from '../kube/errors.ts'
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject, ResourceKind } from '../kube/object.ts'
import { done, released, saved, waitFor } from '../outcome.ts'
import type { Lease } from '../api/types.ts'
import { pause, systemClock } from '../time/clock.ts'
import { Doubt } from '../informer/doubt.ts'
import { FakeClock, settle } from '../time/fake-clock.ts'
import { Interner } from '../informer/intern.ts'
import { freeInMs, microTime, sight, takenLease } from '../leader/lease.ts'
import { LoopMetrics } from './metrics.ts'
import { observingClient } from '../informer/observing-client.ts'
import { OwnWrites } from './own-writes.ts'
import { NamespaceLine } from './namespace-line.ts'
import { readinessOf, resultOfError, resultOfFailure, writeReadiness } from './readiness.ts'
import { Settling } from './settling.ts'
import { WIDGET, type Widget } from './test-kind.ts'

const object = (status?: Widget['status'], generation?: number): Widget => ({
  metadata: { name: 'a', namespace: 'one', uid: 'u', resourceVersion: '1', ...(generation ? { generation } : {}) },
  ...(status ? { status } : {}),
})

describe('pause', () => {
  test('ends with its time or the signal, and leaves nothing behind', async () => {
    const clock = new FakeClock()
    const stop = new AbortController()
    const ends: string[] = []
    void pause(clock, 100, stop.signal).then(() => ends.push('first'))
    await clock.advance(99)
    expect(ends).toEqual([])
    await clock.advance(1)
    expect(ends).toEqual(['first'])
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
    void pause(clock, 100, stop.signal).then(() => ends.push('second'))
    stop.abort()
    await settle()
    expect([ends, clock.pending]).toEqual([['first', 'second'], 0])
    await pause(clock, 100, stop.signal)
    expect(clock.pending).toBe(0)
  })

  test('the clock of the world goes forwards, and a call that is taken back does not come', async () => {
    const before = systemClock.nowMs()
    const calls: string[] = []
    systemClock.after(1, () => calls.push('kept'))
    systemClock.after(1, () => calls.push('cancelled'))()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(calls).toEqual(['kept'])
    expect(systemClock.nowMs()).toBeGreaterThan(before)
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(1_000)
  })
})

test('doubt is long after a second, counts from its first beginning, and lets who waits go on when it ends', async () => {
  const doubt = new Doubt()
  await doubt.whenOver()
  expect([doubt.isOpen, doubt.isLong(1e9)]).toEqual([false, false])
  doubt.begin(100)
  doubt.begin(900)
  expect([doubt.isOpen, doubt.isLong(1_100), doubt.isLong(1_101)]).toEqual([true, false, true])
  let isOver = false
  const waiting = doubt.whenOver().then(() => (isOver = true))
  await settle()
  expect(isOver).toBe(false)
  doubt.end()
  await waiting
  expect([doubt.isOpen, doubt.isLong(1e9)]).toEqual([false, false])
})

describe('own writes', () => {
  const written = (resourceVersion: string) => ({ metadata: { resourceVersion } })
  test('are known by their version, until they are forgotten', async () => {
    const own = new OwnWrites()
    expect(own.isOwn('a', '5')).toBe(false)
    await own.during(
      'a',
      async () => written('5'),
      () => undefined,
    )
    expect([own.isOwn('a', '5'), own.isOwn('a', '6'), own.isOwn('b', '5')]).toEqual([true, false, false])
    own.forget('a')
    expect(own.isOwn('a', '5')).toBe(false)
  })

  test.each<[string, string[], string | Error, string[]]>([
    ['its own echo alone', ['5'], '5', []],
    ['nothing', [], '5', []],
    ['another’s beside it', ['4', '5'], '5', ['a']],
    ['another’s, before it failed', ['4'], new Error('conflict'), ['a']],
    ['nothing, before it failed', [], new Error('conflict'), []],
  ])('what came while one was under way is looked at afterwards: %s', async (_, seen, outcome, expected) => {
    const own = new OwnWrites()
    const woken: string[] = []
    const write = async () => {
      for (const version of seen) expect(own.isOwn('a', version)).toBe(true)
      if (outcome instanceof Error) throw outcome
      return written(outcome)
    }
    await own.during('a', write, (key) => woken.push(key)).catch(() => undefined)
    expect(woken).toEqual(expected)
    expect(own.isOwn('a', '9')).toBe(false)
  })
})

describe('settling', () => {
  test.each<[string, [string, number][], number[]]>([
    [
      'one stage',
      [
        ['a', 0],
        ['a', 400],
        ['a', 1_000],
      ],
      [1_000, 600, 0],
    ],
    [
      'another stage begins anew',
      [
        ['a', 0],
        ['b', 600],
        ['b', 1_500],
      ],
      [1_000, 1_000, 100],
    ],
    [
      'never longer than five',
      [
        ['a', 0],
        ['b', 900],
        ['c', 4_500],
        ['d', 5_000],
      ],
      [1_000, 1_000, 500, 0],
    ],
  ])('%s', (_, looks, expected) => {
    const settling = new Settling(1_000)
    expect(looks.map(([stage, nowMs]) => settling.holdMs('k', stage, nowMs))).toEqual(expected)
  })
  test('what was written begins anew, another key has its own time, and 0 holds nothing', () => {
    const settling = new Settling(1_000)
    settling.holdMs('k', 'a', 0)
    settling.clear('k')
    expect([settling.holdMs('k', 'a', 900), settling.holdMs('l', 'a', 900)]).toEqual([1_000, 1_000])
    expect(new Settling(0).holdMs('k', 'a', 0)).toBe(0)
  })
})

describe('readiness', () => {
  const was = (type: string, status: 'True' | 'False'): Widget =>
    object({
      conditions: [{ type, status, reason: 'Before', message: 'as before', lastTransitionTime: 't' }] as never,
    })
  const outcome = (o: ReturnType<typeof waitFor>) => ({ kind: 'outcome' as const, outcome: o })
  test.each([
    ['done', object(), outcome(done), { ready: true, reconciling: false, stalled: false, reason: 'Ready' }],
    ['released', object(), outcome(released), { ready: true, reconciling: false, stalled: false, reason: 'Ready' }],
    [
      'waiting, though it was ready',
      was('Ready', 'True'),
      outcome(waitFor('NotYet', 'm')),
      { ready: false, reconciling: true, stalled: false, reason: 'NotYet', message: 'm' },
    ],
    [
      'saved',
      object(),
      outcome(saved),
      { ready: false, reconciling: true, stalled: false, reason: 'Progressing', message: 'work has begun' },
    ],
    [
      'saved, of one that was ready',
      was('Ready', 'True'),
      outcome(saved),
      { ready: true, reconciling: true, stalled: false, reason: 'Progressing' },
    ],
    [
      'saved, of one that waits',
      was('Reconciling', 'True'),
      outcome(saved),
      { ready: false, reconciling: true, stalled: false, reason: 'Before', message: 'as before' },
    ],
    [
      'failed',
      object(),
      resultOfError(new TransientError('Away', 'm'), 1),
      { ready: false, reconciling: true, stalled: false, reason: 'Away', message: 'm' },
    ],
    [
      'failed, of one that was ready',
      was('Ready', 'True'),
      resultOfError(new TransientError('Away', 'm'), 1),
      { ready: true, reconciling: true, stalled: false },
    ],
    [
      'refused for good, though it was ready',
      was('Ready', 'True'),
      resultOfError(new TerminalError('Never', 'm'), 1),
      { ready: false, reconciling: false, stalled: true, reason: 'Never', message: 'm' },
    ],
  ])('%s', (_, of, result, expected) => {
    expect(readinessOf(of, result)).toMatchObject(expected)
  })

  test.each([
    [new TransientError('Away', 'away'), 'Away', 'away'],
    [new ApiError('x', 403, { reason: 'Forbidden', message: 'no' }), 'Forbidden', 'no'],
    [
      new ApiError('x', 403, { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
      'NamespaceTerminating',
      expect.stringContaining('namespace is being deleted'),
    ],
    [new ApiError('x', 422, { reason: 'Invalid', message: 'bad' }), 'WriteRefused', 'bad'],
    [new ApiError('x', 500, {}), 'Error', 'the Kubernetes API answered with 500'],
    [new Error('/etc/secret'), 'Error', expect.stringContaining('in the log of the operator')],
  ])('what is thrown (%#)', (error, reason, message) => {
    expect(resultOfError(error, 3)).toEqual({ kind: 'transient', reason, message, failures: 3 })
  })

  test('is written with the generation it is of, into a status that need not be there', () => {
    const readiness = { ready: true, reconciling: false, stalled: false, reason: 'Ready', message: 'm' }
    const of = object(undefined, 4)
    writeReadiness(of, readiness, new Date(0))
    expect(of.status).toMatchObject({ observedGeneration: 4, conditions: [{ type: 'Ready', observedGeneration: 4 }] })
    const without = object({ size: 1 })
    writeReadiness(without, readiness, new Date(0))
    expect(without.status).not.toHaveProperty('observedGeneration')
    expect(without.status?.size).toBe(1)
  })
})

describe('a lease', () => {
  const lease = (spec: Lease['spec'], uid = 'u'): Lease => ({
    metadata: { namespace: 'n', name: 'l', uid, resourceVersion: '1' },
    ...(spec ? { spec } : {}),
  })
  const held = { holderIdentity: 'x', renewTime: 't1', leaseTransitions: 1, leaseDurationSeconds: 15 }

  test('times have six digits', () => {
    expect(microTime(new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)))).toBe('2026-01-02T03:04:05.006000Z')
  })

  test.each<[string, Lease, boolean]>([
    ['the same record', lease(held), true],
    ['renewed', lease({ ...held, renewTime: 't2' }), false],
    ['of another holder', lease({ ...held, holderIdentity: 'y' }), false],
    ['of another term', lease({ ...held, leaseTransitions: 2 }), false],
    ['another object', lease(held, 'v'), false],
    ['without a word', lease(undefined), false],
  ])('%s was seen then: %j', (_, next, isSame) => {
    const first = sight(lease(held), undefined, 100)
    expect(sight(next, first, 900).atMs).toBe(isSame ? 100 : 900)
  })

  test.each<[string, Lease['spec'], number, number]>([
    ['another’s', held, 100, 15_000],
    ['another’s, seen for long', held, 15_100, 0],
    ['another’s, seen for almost as long', held, 15_099, 1],
    ['nobody’s', { ...held, holderIdentity: '' }, 100, 0],
    ['one without a holder', {}, 100, 0],
    ['our own', { ...held, holderIdentity: 'me' }, 100, 0],
    ['one without a duration', { holderIdentity: 'x' }, 100, 0],
  ])('%s is free in', (_, spec, nowMs, expected) => {
    expect(freeInMs(lease(spec), { record: '', atMs: 100 }, nowMs, 'me')).toBe(expected)
  })

  const claim = { identity: 'me', durationMs: 4_500, now: new Date(0), leastTerm: 1 }
  const t0 = '1970-01-01T00:00:00.000000Z'
  test.each<[string, Lease['spec'], number, object]>([
    ['another’s has the next term', held, 1, { leaseTransitions: 2, acquireTime: t0 }],
    ['nobody’s too', { ...held, holderIdentity: '' }, 1, { leaseTransitions: 2, acquireTime: t0 }],
    ['a new one has the first', undefined, 1, { leaseTransitions: 1, acquireTime: t0 }],
    ['a new one in an old cloud has the least', undefined, 42, { leaseTransitions: 42 }],
    ['the least is no step back', held, 2, { leaseTransitions: 2 }],
    [
      'our own keeps term and time',
      { ...held, holderIdentity: 'me', acquireTime: 'then' },
      42,
      { leaseTransitions: 1, acquireTime: 'then' },
    ],
    ['our own without a time gets one', { ...held, holderIdentity: 'me' }, 1, { leaseTransitions: 1, acquireTime: t0 }],
  ])('taken: %s', (_, spec, leastTerm, expected) => {
    const taken = takenLease(lease(spec), { ...claim, leastTerm })
    expect(taken.spec).toMatchObject({ holderIdentity: 'me', leaseDurationSeconds: 5, renewTime: t0, ...expected })
    expect(taken.metadata).toEqual(lease(spec).metadata)
  })
})

test('what a write returns is shown before its caller has it; reads and removals are not', async () => {
  const calls: string[] = []
  const answer = (name: string) => async (kind: ResourceKind) => {
    calls.push(name)
    return { metadata: { name, uid: kind.kind, resourceVersion: '1' } }
  }
  const writes = ['create', 'update', 'updateStatus', 'mergePatch', 'patchFinalizers', 'apply'] as const
  const all = [...writes, 'get', 'find', 'list', 'listPage', 'watch', 'remove'] as const
  const inner = Object.fromEntries(all.map((name) => [name, answer(name)])) as unknown as KubeClient
  const client = observingClient(inner, (kind, { metadata }) => calls.push(`seen ${kind.kind} ${metadata.name}`))
  const call = client as unknown as Record<string, (...args: unknown[]) => Promise<KubeObject>>
  for (const name of writes) {
    expect((await call[name]!(WIDGET, {}, {}, {})).metadata.name).toBe(name)
    expect(calls.splice(0)).toEqual([name, `seen Widget ${name}`])
  }
  for (const name of ['get', 'remove'] as const) {
    await call[name]!(WIDGET, {}, {})
    expect(calls.splice(0)).toEqual([name])
  }
  const failing = observingClient({ ...inner, create: () => Promise.reject(new Error('no')) } as KubeClient, () =>
    calls.push('seen'),
  )
  await expect(failing.create(WIDGET, {} as never)).rejects.toThrow('no')
  expect(calls).toEqual([])
})

describe('metrics', () => {
  const sample = (verb: string, code: number) => ({ verb, resource: 'widgets', code, durationMs: 250 }) as never
  const text = async (metrics: LoopMetrics, name: string) =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name))

  test('count requests by what came of them; a watch takes no time, and only what was taken is a write', async () => {
    const metrics = new LoopMetrics()
    for (const [verb, code] of [
      ['create', 200],
      ['create', 409],
      ['get', 200],
      ['watch', 200],
      ['delete', 200],
    ] as const)
      metrics.onRequest(sample(verb, code))
    expect(await text(metrics, 'nephele_api_requests_total{')).toHaveLength(5)
    expect(await text(metrics, 'nephele_api_request_seconds_count')).toEqual([
      'nephele_api_request_seconds_count{verb="create"} 2',
      'nephele_api_request_seconds_count{verb="get"} 1',
      'nephele_api_request_seconds_count{verb="delete"} 1',
    ])
    expect((await text(metrics, 'nephele_api_request_seconds_sum'))[0]).toBe(
      'nephele_api_request_seconds_sum{verb="create"} 0.5',
    )
    expect(await text(metrics, 'nephele_api_writes_total{')).toEqual([
      'nephele_api_writes_total{verb="create",resource="widgets"} 1',
      'nephele_api_writes_total{verb="delete",resource="widgets"} 1',
    ])
  })

  test('count lists, watches and their events, and say how full the caches are when they are asked', async () => {
    const metrics = new LoopMetrics()
    metrics.listWatch.listed(WIDGET, 3)
    metrics.listWatch.watchEnded(WIDGET, 'expired')
    metrics.listWatch.events(WIDGET, 'ADDED')
    let size = 1
    metrics.cacheSizes(() => [{ resource: 'widgets', size }])
    size = 7
    expect([
      ...(await text(metrics, 'nephele_lists_total{')),
      ...(await text(metrics, 'nephele_watch_ends_total{')),
      ...(await text(metrics, 'nephele_watch_events_total{')),
      ...(await text(metrics, 'nephele_cache_objects{')),
    ]).toEqual([
      'nephele_lists_total{resource="widgets"} 1',
      'nephele_watch_ends_total{resource="widgets",why="expired"} 1',
      'nephele_watch_events_total{resource="widgets",type="ADDED"} 1',
      'nephele_cache_objects{resource="widgets"} 7',
    ])
    // The process's own are there too.
    expect(await text(metrics, 'process_cpu_seconds_total')).toHaveLength(1)
  })
})

test('runs count by what they came to, and by what they wait for or failed with; watches by how long they are silent', async () => {
  const metrics = new LoopMetrics()
  metrics.begins('port')
  metrics.ran('port', 'done')
  metrics.ran('port', 'wait', { reason: 'NetworkNotReady', isFailure: false })
  metrics.ran('port', 'transient', { reason: 'NetworkNotReady', isFailure: true })
  let ageMs = 500
  metrics.watchAges(() => [{ resource: 'widgets', ageMs }])
  ageMs = 41_000
  const shown = (await metrics.registry.metrics())
    .split('\n')
    .filter((line) => /^nephele_(runs?|watch_age)_.*\{/.test(line))
  expect(shown).toEqual([
    'nephele_runs_total{controller="port",result="transient"} 1',
    // There before it happens: an increase from nothing is not seen.
    'nephele_runs_total{controller="port",result="error"} 0',
    'nephele_runs_total{controller="port",result="done"} 1',
    'nephele_runs_total{controller="port",result="wait"} 1',
    'nephele_run_waits_total{controller="port",reason="NetworkNotReady"} 1',
    'nephele_run_errors_total{controller="port",reason="NetworkNotReady"} 1',
    'nephele_watch_age_seconds{resource="widgets"} 41',
  ])
})

describe('the line', () => {
  test('keeps who waits at its best place and first time, and forgets all at once', () => {
    const line = new NamespaceLine()
    line.add('a', 1, 5)
    line.add('b', 2, 5)
    line.add('b', 3, 1)
    line.add('b', 4, 9)
    line.add('c', 5, 1)
    expect(line.size).toBe(3)
    expect([line.take(), line.take(), line.take(), line.take()]).toEqual([['b', 2], ['c', 5], ['a', 1], undefined])
    line.add('a', 6, 0)
    line.clear()
    expect([line.size, line.take()]).toEqual([0, undefined])
    line.add('a', 7, 0)
    expect(line.take()).toEqual(['a', 7])
    line.ended()
  })
})

describe('what caches share', () => {
  const spec = (key: string, value: unknown) => new Interner().shareSpec({ spec: { [key]: value } })
  const both = (interner: Interner, value: unknown) => {
    const make = () => ({ spec: { part: structuredClone(value) } })
    return interner.shareSpec(make()).spec.part === interner.shareSpec(make()).spec.part
  }
  test('parts of a spec that are no longer than 256 characters of JSON', () => {
    const interner = new Interner()
    const ofLength = (length: number) => ({ a: 'x'.repeat(length - '{"a":""}'.length) })
    expect([both(interner, ofLength(256)), both(interner, ofLength(257))]).toEqual([true, false])
    expect(spec('text', 'x').spec).toEqual({ text: 'x' })
    expect(spec('none', null).spec).toEqual({ none: null })
    // What a projection has no use for.
    expect(spec('unused', undefined).spec).toEqual({ unused: undefined })
    for (const odd of [null, 'text', 7]) expect(interner.shareSpec({ spec: odd })).toEqual({ spec: odd })
  })

  const long = (n: number, length = 20) => `${n}`.padEnd(length, '.')
  test.each<[string, object, number]>([
    [
      'strings wherever they are, once',
      { a: long(1), b: { c: long(2) }, d: [long(3), [long(4)], { e: long(5), f: long(1) }] },
      5,
    ],
    ['no short ones, and none that seldom repeat', { a: [long(1, 10), long(2, 11), long(3, 80), long(4, 81)] }, 2],
    ['nothing that is another in every object', { uid: long(1), a: { name: long(2), ipAddress: long(3) } }, 0],
    ['a list’s, whatever the list is called', { name: [long(1)] }, 1],
    ['nothing of what is no text', { a: null, b: 7, c: [null, 7, true], d: undefined }, 0],
  ])('%s', (_, value, held) => {
    const interner = new Interner()
    expect(interner.intern(structuredClone(value))).toEqual(value)
    interner.intern(structuredClone(value))
    expect(interner.held).toBe(held)
  })

  test('no more strings than their table holds: then it begins anew', () => {
    const interner = new Interner()
    const helds = [8_191, 8_192, 8_193].map((count) => {
      for (let i = interner.held; i < count; i++) interner.intern({ a: long(i) })
      return interner.held
    })
    expect(helds).toEqual([8_191, 8_192, 1])
  })

  test('no more than their table holds', () => {
    const interner = new Interner()
    const first = interner.shareSpec({ spec: { part: { n: 'first' } } }).spec.part
    for (let i = 0; i < 8_191; i++) interner.shareSpec({ spec: { part: { i } } })
    expect(interner.shareSpec({ spec: { part: { n: 'first' } } }).spec.part).toBe(first)
    interner.shareSpec({ spec: { part: { i: 'one too many' } } })
    expect(interner.shareSpec({ spec: { part: { n: 'first' } } }).spec.part).not.toBe(first)
  })
})

test.each([
  ['terminal', new TerminalError('Refused', 'm'), 'error', 'error'],
  ['terminal, of a kind without a word for it', new TerminalError('Refused', 'm'), undefined, 'available'],
  ['not terminal', new Error('m'), 'error', 'available'],
])('what a failure that is %s leaves on the object', (_, error, errorState, state) => {
  const object: KubeObject<unknown, { state: string; node: string }> = {
    metadata: { name: 'data', uid: 'u', resourceVersion: '1' },
    status: { state: 'available', node: 's1' },
  }
  const result = resultOfFailure(errorState === undefined ? {} : { errorState }, object, error, 1)
  expect(object.status).toEqual({ state, node: 's1' })
  expect(result).toEqual(resultOfError(error, 1))
})
