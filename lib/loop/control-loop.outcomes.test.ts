// SPDX-License-Identifier: Apache-2.0
// What the loop does with what a run came to: when it looks again, what it counts, and what it forgets. The clock stands still.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { isConditionTrue } from '../conditions.ts'
import { StaleWriterError, TerminalError, TransientError } from '../errors.ts'
import { ApiError } from '../kube/errors.ts'
import { FakeApiserver } from '../kube/fake-apiserver.ts'
import type { KubeClient } from '../kube/client.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import { createLogger, type Logger } from '../log.ts'
import { done, released, saved, waitFor, type Outcome } from '../outcome.ts'
import { ControlLoop } from './control-loop.ts'
import { watchOf, type ControllerDefinition, type Run } from './controller.ts'
import { FakeClock } from '../time/fake-clock.ts'
import type { Fence } from '../leader/fence.ts'
import { Informers } from '../informer/informers.ts'
import { LoopMetrics } from './metrics.ts'
import { WIDGET, WIDGETS_PATH, widget, type Widget } from './test-kind.ts'
import { until } from '../time/until.ts'

const FINALIZER = 'test.nephele.dev/widget'
const OTHER = { ...WIDGET, plural: 'others', kind: 'Other' }
const OTHERS_PATH = WIDGETS_PATH.replace('widgets', 'others')

let server: FakeApiserver
let http: HttpKubeClient
/** What the loop writes with. */
let client: KubeClient
let clock: FakeClock
let stop: AbortController
let metrics: LoopMetrics
let informers: Informers
let ended: Promise<void>
let logged: string[]
let readiness: string[]
let leading: boolean
/** Names of the objects, in the order of their runs. */
let runs: string[]

beforeEach(async () => {
  server = new FakeApiserver()
  await server.start()
  http = new HttpKubeClient(server.kubeConfig())
  client = http
  clock = new FakeClock()
  stop = new AbortController()
  metrics = new LoopMetrics()
  informers = new Informers({ client: http, log: createLogger('test', 'silent'), timing: { backoffBaseMs: 5 } })
  ended = Promise.resolve()
  logged = []
  readiness = []
  leading = true
  runs = []
})
afterEach(async () => {
  stop.abort()
  await http.close()
  await server.stop()
  await ended
})

/** Says what is logged, but for how objects are. */
function recorder(): Logger {
  const say = (level: string) => (about: { reason?: string }, message: string) => {
    if (/^(not )?ready$/.test(message)) readiness.push(`${message}: ${about.reason}`)
    else logged.push(`${level}: ${message}`)
  }
  const log = { error: say('error'), warn: say('warn'), info: say('info'), debug: () => undefined, child: () => log }
  return log as unknown as Logger
}

async function start(
  reconcile: (object: Widget, run: Run) => Outcome | Promise<Outcome>,
  more: Partial<ControllerDefinition<Widget>> = {},
): Promise<ControlLoop<Widget>> {
  const fence: Fence = {
    term: 3,
    signal: stop.signal,
    remainingMs: () => (leading ? 10_000 : 0),
    assertLeader: () => {
      if (!leading) throw new StaleWriterError('lost')
    },
  }
  const run = async (object: Widget, at: Run) => {
    runs.push(object.metadata.name)
    return reconcile(object, at)
  }
  informers.of<Widget>(WIDGET)
  const events = { record: () => undefined }
  const loop = new ControlLoop<Widget>(
    { name: 'widget', kind: WIDGET, settleMs: 0, reconcile: run, ...more },
    { client, informers, fence, events, log: recorder(), metrics, clock },
  )
  await informers.start(stop.signal)
  ended = loop.run()
  return loop
}
const make = (name: string, more: object = {}): Widget => {
  const { metadata, ...rest } = widget(name)
  return server.store.create(WIDGETS_PATH, {
    ...rest,
    metadata: { ...metadata, ...more },
  } as unknown as Widget) as Widget
}
const get = (name: string) => server.store.get(WIDGETS_PATH, `one/${name}`) as Widget
const condition = (name: string, type: string) => get(name).status?.conditions?.find((c) => c.type === type)
const quiet = () => new Promise((resolve) => setTimeout(resolve, 40))
async function sum(histogram: LoopMetrics['runSeconds']): Promise<number> {
  const { values } = await histogram.get()
  return values.filter(({ metricName }) => metricName?.endsWith('_count')).reduce((all, { value }) => all + value, 0)
}
/** What was taken up has ended: its status is written, and what comes next is planned. */
const atRest = () => until(async () => (await sum(metrics.waitSeconds)) === (await sum(metrics.runSeconds)))
const ran = async (...names: string[]): Promise<void> => {
  await until(
    () => runs.length >= names.length,
    () => runs,
  )
  await atRest()
  await quiet()
  expect(runs.splice(0)).toEqual(names)
}
const STEP_MS = 25
/** Moves the clock until there is one more run; how far. */
async function timeToRun(): Promise<number> {
  for (let ms = STEP_MS; ms < 600_000; ms += STEP_MS) {
    await clock.advance(STEP_MS)
    if (runs.splice(0).length === 0) continue
    await atRest()
    await quiet()
    return ms
  }
  throw new Error('no run')
}
const writes = () => server.requests.filter((r) => r.method !== 'GET').map((r) => r.method)
async function counted(name: string): Promise<Record<string, number>> {
  const values = (await metrics.registry.getSingleMetric(name)!.get()).values as {
    labels: Record<string, string>
    metricName?: string
    value: number
  }[]
  return Object.fromEntries(
    values
      .filter(({ metricName = name }) => metricName === name || metricName === `${name}_count`)
      .map(({ labels, value }) => [labels['result'] ?? labels['controller'] ?? '', value]),
  )
}

describe('when it looks again', () => {
  test.each<[string, Outcome]>([
    ['done', { kind: 'done', retryAfterMs: 5_000 }],
    ['waiting', waitFor('NotYet', 'later', 5_000)],
  ])('after the time that a run asked for which is %s, and not before', async (_, outcome) => {
    const outcomes = [outcome]
    await start(() => outcomes.shift() ?? done)
    make('a')
    await ran('a')
    await clock.advance(4_999)
    await ran()
    await clock.advance(1)
    await ran('a')
    await clock.advance(600_000)
    await ran()
  })

  test('one that is done or waits for a watch is left alone', async () => {
    await start(({ metadata }) => (metadata.name === 'a' ? done : waitFor('NotYet', 'later')))
    make('a')
    make('b')
    await ran('a', 'b')
    await clock.advance(600_000)
    await ran()
  })

  test('what failed, after a back-off that ends with a success', async () => {
    let fails = true
    const failures: number[] = []
    const loop = await start((_, run) => {
      failures.push(run.failures)
      if (fails) throw new TransientError('Away', 'away')
      return done
    })
    make('a')
    await ran('a')
    // 250 ms, doubled each time, at least half of it.
    const first = await timeToRun()
    fails = false
    const second = await timeToRun()
    expect([first >= 125, first <= 250 + STEP_MS, second >= 250, second <= 500 + STEP_MS]).toEqual([
      ...[true, true, true, true],
    ])
    fails = true
    loop.enqueue('one/a')
    await ran('a')
    expect(failures).toEqual([0, 1, 2, 0])
    expect(await counted('nephele_runs_total')).toMatchObject({ transient: 3, done: 1 })
  })

  test('what only a change can help, after a change, and as the first time', async () => {
    const failures: number[] = []
    await start((object, run) => {
      failures.push(run.failures)
      if (failures.length === 1) throw new TransientError('Away', 'away')
      if (object.spec?.size === 1) throw new TerminalError('TooSmall', 'small')
      throw new TransientError('Away', 'away')
    })
    make('a')
    await ran('a')
    await clock.advance(250)
    await ran('a')
    expect(condition('a', 'Stalled')?.reason).toBe('TooSmall')
    await clock.advance(600_000)
    await ran()
    server.store.update(WIDGETS_PATH, { ...get('a'), spec: { size: 2 } }, false)
    await ran('a')
    expect(failures).toEqual([0, 1, 0])
    expect(await counted('nephele_runs_total')).toMatchObject({ terminal: 1, transient: 2 })
    expect(await metrics.registry.metrics()).toContain(
      'nephele_run_errors_total{controller="widget",reason="Away"} 2\n',
    )
    expect(logged).toContain('info: gave up until the spec changes')
  })

  test('when the apiserver asks for time, not sooner', async () => {
    server.failNext((r) => r.method === 'PUT', 429, 'TooManyRequests', { 'retry-after': '7' })
    await start(() => done)
    make('a')
    await ran('a')
    await clock.advance(6_999)
    await ran()
    await clock.advance(1)
    await ran('a')
    expect(isConditionTrue(get('a').status?.conditions, 'Ready')).toBe(true)
  })

  test('at once when it saved something, eleven times at most, then after a second', async () => {
    await start((object) => {
      object.status = { ...object.status, size: (object.status?.size ?? 0) + 1 }
      return saved
    })
    make('a')
    await ran(...Array.from({ length: 11 }, () => 'a'))
    await clock.advance(999)
    await ran()
    await clock.advance(1)
    await ran(...Array.from({ length: 11 }, () => 'a'))
    expect(get('a').status?.size).toBe(22)
  })

  test('saved without a change is a mistake: said, and repeated with back-off', async () => {
    await start((object) => {
      object.status = { ...object.status, size: 1 }
      return saved
    })
    make('a')
    await ran('a', 'a')
    expect(logged).toEqual(['error: saved without a change of status'])
    const waited = await timeToRun()
    expect([waited >= 125, waited <= 250 + STEP_MS]).toEqual([true, true])
  })

  test('a status that the schema does not keep is said, not written for ever', async () => {
    client = {
      ...bound(http),
      updateStatus: async (kind, object) => {
        const { conditions, observedGeneration } = object.status as Widget['status'] & object
        return http.updateStatus(kind, { ...object, status: { conditions, observedGeneration } })
      },
    }
    await start((object) => {
      object.status = { ...object.status, size: 1 }
      return done
    })
    make('a')
    await ran('a')
    expect(logged).toEqual([
      'error: the schema does not keep all of the status: it would be written again by every run',
    ])
  })
})

/** All methods of a client as own properties. */
function bound(of: HttpKubeClient): KubeClient {
  const names = ['get', 'find', 'list', 'listPage', 'watch', 'create', 'update', 'updateStatus', 'mergePatch'] as const
  const more = ['patchFinalizers', 'apply', 'remove'] as const
  return Object.fromEntries(
    [...names, ...more].map((name) => [name, (of[name] as (...args: unknown[]) => unknown).bind(of)]),
  ) as unknown as KubeClient
}

describe('who is first', () => {
  test('as the controller says; no more at once than it allows', async () => {
    for (const name of ['a', 'b', 'z']) make(name)
    let open = 0
    let most = 0
    await start(
      async () => {
        most = Math.max(most, ++open)
        await quiet()
        open--
        return done
      },
      { concurrency: 1, isUrgent: ({ metadata }) => metadata.name === 'z' },
    )
    await ran('z', 'a', 'b')
    expect(most).toBe(1)
  })

  test('eight at once unless it says otherwise', async () => {
    for (let i = 0; i < 12; i++) make(`w${i}`)
    const releases: (() => void)[] = []
    await start(() => new Promise((resolve) => releases.push(() => resolve(done))))
    await until(() => runs.length === 8)
    await quiet()
    expect(runs).toHaveLength(8)
    while (releases.length > 0 || runs.length < 12) {
      releases.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
})

describe('a stage that lasts', () => {
  test('and not one that is over soon', async () => {
    let outcome: Outcome = waitFor('NotYet', 'later')
    const loop = await start(() => outcome, { settleMs: 1_000 })
    make('a')
    await ran('a')
    await clock.advance(900)
    outcome = done
    loop.enqueue('one/a')
    await ran('a')
    expect([writes(), condition('a', 'Ready')?.status, condition('a', 'Reconciling')]).toEqual([
      ['PUT'],
      'True',
      undefined,
    ])
    await clock.advance(10_000)
    await ran()
    expect(writes()).toEqual(['PUT'])
  })

  test('is written after a second, whatever else comes, and at most five seconds after the first', async () => {
    let reason = 'One'
    const loop = await start(() => waitFor(reason, 'later'), { settleMs: 1_000 })
    make('a')
    await ran('a')
    await clock.advance(999)
    expect(writes()).toEqual([])
    await clock.advance(1)
    await ran('a')
    expect(condition('a', 'Reconciling')?.reason).toBe('One')
    // A new stage every 900 ms.
    for (let i = 0; i < 5; i++) {
      reason = `Stage${i}`
      loop.enqueue('one/a')
      await ran('a')
      await clock.advance(900)
    }
    runs = []
    expect(writes()).toEqual(['PUT'])
    await clock.advance(500)
    await until(() => condition('a', 'Reconciling')?.reason === 'Stage4')
  })

  test('and one that failed too; by default after a second', async () => {
    await start(
      () => {
        throw new TransientError('Away', 'away')
      },
      { settleMs: undefined as unknown as number },
    )
    make('a')
    await ran('a')
    await clock.advance(500)
    expect(writes()).toEqual([])
    await clock.advance(600)
    await until(() => condition('a', 'Reconciling')?.reason === 'Away')
  })
})

describe('what ends', () => {
  test('an object made anew under its name is another: what was kept of the first is forgotten', async () => {
    const forgotten: [string, string][] = []
    await start(() => done, { forget: (key, last) => forgotten.push([key, last.metadata.uid]) })
    const first = make('a')
    await ran('a')
    server.store.delete(WIDGETS_PATH, 'one/a')
    await until(() => forgotten.length === 1)
    make('a')
    await ran('a')
    expect(forgotten).toEqual([['one/a', first.metadata.uid]])
  })

  test('also when the watch brings the new one before it has told of the old one’s end', async () => {
    const forgotten: [string, string][] = []
    await start(() => done, { forget: (key, last) => forgotten.push([key, last.metadata.uid]) })
    const first = make('a')
    await ran('a')
    server.store.collection(WIDGETS_PATH).delete('one/a') // nobody is told
    make('a')
    await ran('a')
    expect(forgotten).toEqual([['one/a', first.metadata.uid]])
  })

  test('a finalizer that is gone already is fine; another failure is tried again', async () => {
    const object = make('a', { finalizers: [FINALIZER, 'others/one'] })
    server.store.delete(WIDGETS_PATH, 'one/a')
    server.failNext((r) => r.method === 'PATCH', 500, 'InternalError')
    server.failNext((r) => r.method === 'PATCH', 404, 'NotFound')
    const loop = await start(() => released, { finalizer: FINALIZER })
    await ran('a')
    await clock.advance(250)
    await ran('a')
    await clock.advance(600_000)
    await ran()
    loop.enqueueUid(object.metadata.uid)
    loop.enqueueUid('nosuch')
    await ran('a')
    // Others keep theirs, and ours is not put on again.
    expect(get('a').metadata.finalizers).toEqual(['others/one'])
    // Of what was let go of no status is written.
    expect(writes()).toEqual(['PATCH', 'PATCH', 'PATCH'])
    expect(await counted('nephele_runs_total')).toMatchObject({ released: 3, error: 1 })
  })

  test('released of a kind that holds nothing is as good as done', async () => {
    await start(() => released)
    make('a')
    await ran('a')
    expect(isConditionTrue(get('a').status?.conditions, 'Ready')).toBe(true)
  })

  test('the end of leadership waits for the run under way and takes up nothing more', async () => {
    let release: () => void = () => undefined
    await start(() => new Promise((resolve) => (release = () => resolve(done))), { concurrency: 1 })
    make('a')
    await until(() => runs.length === 1)
    make('b')
    await quiet()
    let isOver = false
    void ended.then(() => (isOver = true))
    stop.abort()
    await quiet()
    expect(isOver).toBe(false)
    release()
    await ended
    // What was under way may still be written: the lease lasts until it has.
    expect([runs, writes()]).toEqual([['a'], ['PUT']])
  })

  test('who does not lead any more is neither heard nor tried again', async () => {
    await start(() => {
      leading = false
      return done
    })
    make('a')
    await ran('a')
    await clock.advance(600_000)
    await ran()
    expect([logged, await counted('nephele_runs_total')]).toEqual([[], { done: 1, error: 0, transient: 0 }])
  })
})

describe('what is there at the start', () => {
  test('is looked at once, though watches announce it too', async () => {
    const others = informers.of<Widget>(OTHER)
    make('a')
    make('b')
    server.store.create(OTHERS_PATH, widget('o', { ownerName: 'a' }) as Widget)
    await start(() => done, {
      concurrency: 1,
      watches: [watchOf(others, (o) => [`one/${o.spec?.ownerName ?? ''}`])],
    })
    await ran('a', 'b')
  })
})

describe('kinds of their own', () => {
  test('without a status have none written; with other words for ready have those', async () => {
    await start(() => done, { conditions: 'none' })
    make('a')
    await ran('a')
    expect([get('a').status, writes()]).toEqual([undefined, []])
  })

  test('that say themselves when they are ready are heard', async () => {
    const seen: string[] = []
    await start(() => waitFor('Growing', 'grows'), {
      readiness: (object, result) => {
        seen.push(`${object.metadata.name} ${result.kind}`)
        return { ready: true, reconciling: true, stalled: false, reason: 'Usable', message: 'usable' }
      },
    })
    make('a')
    await ran('a')
    expect([condition('a', 'Ready')?.status, condition('a', 'Ready')?.reason, seen]).toEqual([
      'True',
      'Usable',
      ['a outcome'],
    ])
  })
})

test('a line says when an object becomes ready or waits for something else, and none that all is as it was', async () => {
  const outcomes: Outcome[] = [waitFor('First', 'm'), waitFor('First', 'm'), waitFor('Second', 'm'), done, done]
  let at = 0
  make('a')
  await start((object) => {
    ;(object.status ??= {}).size = at
    return outcomes[Math.min(at++, outcomes.length - 1)] ?? done
  })
  await ran('a')
  for (let touch = 1; touch < outcomes.length; touch++) {
    const metadata = { ...get('a').metadata, labels: { touch: String(touch) } }
    server.store.update(WIDGETS_PATH, { ...get('a'), metadata }, false)
    await ran('a')
  }
  expect(readiness).toEqual(['not ready: First', 'not ready: Second', expect.stringMatching(/^ready: /)])
})

test('what runs cost is counted: how long they took, how long they waited, how many wait', async () => {
  await clock.advance(7_000)
  const loop = await start(async () => {
    const waiting = await metrics.registry.metrics()
    expect(waiting).toContain('nephele_queue_depth{controller="widget"} 0\n')
    expect(waiting).toContain('nephele_queue_oldest_seconds{controller="widget"} 0\n')
    await clock.advance(2_000)
    return done
  })
  make('a')
  await ran('a')
  const run = (await metrics.runSeconds.get()).values.find((v) => v.metricName === 'nephele_run_seconds_sum')
  expect(run?.value).toBe(2)
  expect(await counted('nephele_queue_wait_seconds')).toEqual({ widget: 1 })
  stop.abort()
  await ended
  loop.enqueue('one/a')
  expect(await metrics.registry.metrics()).not.toContain('nephele_queue_depth{')
})

test.each([
  [new ApiError('x', 409, { reason: 'Conflict' }), 'conflict'],
  [new ApiError('x', 409, { reason: 'AlreadyExists' }), 'conflict'],
])('a run that met another writer says nothing of the object and comes again (%#)', async (error, label) => {
  const errors: Error[] = [error]
  await start(() => {
    const next = errors.shift()
    if (next) throw next
    return done
  })
  make('a')
  await ran('a')
  expect(get('a').status).toBeUndefined()
  await clock.advance(250)
  await ran('a')
  expect(await counted('nephele_runs_total')).toMatchObject({ [label]: 1, done: 1 })
  expect(logged).toEqual([])
})

test('another writer is no word in the log, unless it goes on for long', async () => {
  await start(() => Promise.reject(new ApiError('x', 409, { reason: 'Conflict' })))
  make('a')
  for (let i = 0; i < 8; i++) {
    await until(() => runs.length > i)
    await atRest()
    if (i < 7) await clock.advance(120_000)
  }
  // The eighth time, the sixteenth: some runs more may have been.
  expect(new Set(logged)).toEqual(new Set(['warn: run will be repeated']))
  expect(logged.length).toBeLessThanOrEqual(3)
})

test('what a namespace that goes keeps from being made is no failure to look at, and stands in the object', async () => {
  make('a')
  const causes = [{ reason: 'NamespaceTerminating' }]
  await start(() => Promise.reject(new ApiError('POST', 403, { reason: 'Forbidden', details: { causes } })))
  await until(() => condition('a', 'Reconciling')?.reason === 'NamespaceTerminating')
  expect(logged).toEqual([])
})

test('a failure is logged the first, second, fourth time, and so on: not each time', async () => {
  let failures = 0
  await start((_, run) => {
    failures = run.failures
    throw new TransientError('Away', 'away')
  })
  make('a')
  await until(() => runs.length === 1)
  for (let i = 0; i < 8; i++) {
    await quiet()
    await clock.advance(120_000)
  }
  await until(() => failures >= 7)
  await quiet()
  expect(logged.length).toBeGreaterThanOrEqual(4)
  expect(logged.length).toBeLessThanOrEqual(5)
})
