// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { findCondition, isConditionTrue } from '../conditions.ts'
import { StaleWriterError, TerminalError, TransientError } from '../errors.ts'
import { FakeApiserver } from '../kube/fake-apiserver.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import type { ResourceKind } from '../kube/object.ts'
import { createLogger } from '../log.ts'
import { done, released, saved, waitFor, type Outcome } from '../outcome.ts'
import { ControlLoop } from './control-loop.ts'
import { watchOf, watchSpecOf, type ControllerDefinition, type Run, type RunEvent } from './controller.ts'
import type { Fence } from '../leader/fence.ts'
import { Informers } from '../informer/informers.ts'
import { LoopMetrics } from './metrics.ts'
import { WIDGET, WIDGETS_PATH, widget, type Widget } from './test-kind.ts'
import { until } from '../time/until.ts'

const OTHER: ResourceKind = { ...WIDGET, plural: 'others', kind: 'Other' }
const OTHERS_PATH = WIDGETS_PATH.replace('widgets', 'others')
const FINALIZER = 'test.nephele.dev/widget'

class TestFence implements Fence {
  readonly term = 3
  readonly abort = new AbortController()
  lost = false
  get signal() {
    return this.abort.signal
  }
  remainingMs() {
    return this.lost ? 0 : 10_000
  }
  assertLeader() {
    if (this.lost) throw new StaleWriterError('lost')
  }
}

describe('ControlLoop', () => {
  let server: FakeApiserver
  let client: HttpKubeClient
  let fence: TestFence
  let informers: Informers
  let events: RunEvent[]
  let ended: Promise<unknown>[]
  let held: boolean
  beforeEach(async () => {
    server = new FakeApiserver()
    await server.start()
    client = new HttpKubeClient(server.kubeConfig())
    fence = new TestFence()
    informers = new Informers({
      client,
      log: createLogger('test', 'silent'),
      timing: { backoffBaseMs: 5, backoffCapMs: 20 },
    })
    events = []
    ended = []
    held = false
  })
  afterEach(async () => {
    fence.abort.abort()
    await client.close()
    await server.stop()
    await Promise.all(ended)
  })

  async function start(
    reconcile: (object: Widget, run: Run) => Outcome | Promise<Outcome>,
    more: Partial<ControllerDefinition<Widget>> = {},
    metrics?: LoopMetrics,
  ): Promise<ControlLoop<Widget>> {
    const definition = {
      name: 'widget',
      kind: WIDGET,
      settleMs: 0,
      reconcile: async (o: Widget, r: Run) => reconcile(o, r),
      ...more,
    }
    informers.of<Widget>(WIDGET)
    const loop = new ControlLoop<Widget>(definition, {
      client,
      informers,
      fence,
      events: { record: (_kind, _object, event) => void events.push(event) },
      log: createLogger('test', 'silent'),
      isHeld: () => held,
      ...(metrics ? { metrics } : {}),
    })
    await informers.start(fence.signal)
    ended.push(loop.run())
    return loop
  }
  const make = (name: string, spec = {}, path = WIDGETS_PATH) =>
    server.store.create(path, widget(name, spec) as Widget) as Widget
  const get = (name: string) => server.store.get(WIDGETS_PATH, `one/${name}`) as Widget
  const writes = () =>
    server.requests.filter((r) => r.method !== 'GET').map((r) => `${r.method} ${r.path.split('/').slice(7).join('/')}`)
  const condition = (name: string, type: string) => findCondition(get(name).status?.conditions, type)
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 60))

  test('a new leader turns first to what changed while nobody led', async () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      const status = { observedGeneration: name === 'c' ? 0 : 1 }
      server.store.update(WIDGETS_PATH, { ...make(name), status }, true)
    }
    const order: string[] = []
    await start(
      (object) => {
        order.push(object.metadata.name)
        return done
      },
      { concurrency: 1 },
    )
    await until(() => order.length === 4)
    expect(order).toEqual(['c', 'a', 'b', 'd'])
  })

  test("one namespace with thousands holds up neither another one's create nor a deletion, and says how long it waits", async () => {
    const gate = Promise.withResolvers<undefined>()
    const order: string[] = []
    const metrics = new LoopMetrics()
    for (let i = 0; i < 3000; i++) make(`many${i}`)
    const { metadata } = widget('gone')
    server.store.create(WIDGETS_PATH, { metadata: { ...metadata, finalizers: ['test/other'] } } as Widget)
    await start(
      async (object) => {
        order.push(`${object.metadata.namespace}/${object.metadata.name}`)
        if (order.length <= 2) await gate.promise
        return done
      },
      { concurrency: 2, conditions: 'none' },
      metrics,
    )
    await until(() => order.length === 2)
    server.store.create(WIDGETS_PATH, widget('late', {}, 'two') as Widget)
    await client.remove(WIDGET, { namespace: 'one', name: 'gone' })
    const cache = informers.of<Widget>(WIDGET).cache
    await until(() => cache.find('two', 'late') && cache.find('one', 'gone')?.metadata.deletionTimestamp)
    const gauges = await metrics.registry.metrics()
    expect(gauges).toMatch(/nephele_queue_depth\{controller="widget"\} 3000\n/)
    expect(Number(/nephele_queue_oldest_seconds\{controller="widget"\} (.*)/.exec(gauges)?.[1])).toBeGreaterThan(0)
    gate.resolve(undefined)
    await until(() => order.includes('two/late') && order.includes('one/gone'))
    expect(order.indexOf('one/gone')).toBeLessThanOrEqual(4)
    expect(order.indexOf('two/late')).toBeLessThanOrEqual(6)
  }, 30_000)

  test('from creation to Ready in two writes, then silence', async () => {
    let runs = 0
    const loop = await start(
      (object) => {
        runs++
        object.status = { ...object.status, size: object.spec?.size ?? 0 }
        return done
      },
      { finalizer: FINALIZER },
    )
    make('a')
    await until(() => isConditionTrue(get('a').status?.conditions, 'Ready'))
    await quiet()
    expect(writes()).toEqual(['PATCH a', 'PUT a/status'])
    expect(runs).toBe(1)
    expect(get('a')).toMatchObject({
      status: { size: 1, observedGeneration: 1 },
      metadata: { finalizers: [FINALIZER] },
    })
    loop.enqueue('one/a')
    loop.enqueueAll()
    loop.enqueueUid(get('a').metadata.uid)
    loop.enqueue('one/nosuch')
    await until(() => loop.idle)
    expect(runs).toBe(3) // one for the first, one for all that came while it ran
    expect(writes()).toHaveLength(2)
  })

  test('saved is written, then acted on by a run that sees it', async () => {
    const seen: (string | undefined)[] = []
    await start((object) => {
      seen.push(object.status?.node && `${object.status.node} at ${object.metadata.resourceVersion}`)
      if (!object.status?.node) {
        object.status = { node: 'n1' }
        return saved
      }
      return done
    })
    make('a')
    await until(() => isConditionTrue(get('a').status?.conditions, 'Ready'))
    expect(seen).toEqual([undefined, 'n1 at 1002'])
    expect(writes()).toEqual(['PUT a/status', 'PUT a/status'])
  })

  test('a terminal error stalls, and is tried again only when something changed', async () => {
    let runs = 0
    await start((object) => {
      runs++
      if (object.spec?.size === 1) throw new TerminalError('TooSmall', 'spec.size must be at least 2')
      return done
    })
    make('a')
    await until(() => condition('a', 'Stalled'))
    expect(condition('a', 'Stalled')).toMatchObject({ status: 'True', reason: 'TooSmall', observedGeneration: 1 })
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(runs).toBe(1)
    server.store.update(WIDGETS_PATH, { ...get('a'), spec: { size: 2 } }, false)
    await until(() => condition('a', 'Ready')?.status === 'True')
    expect(condition('a', 'Stalled')).toBeUndefined()
    expect(runs).toBe(2)
  })

  test('other errors are retried; their text is kept from users unless it is meant for them', async () => {
    let runs = 0
    await start((object, run) => {
      expect(run.failures).toBe(runs)
      runs++
      if (runs === 1) throw new Error('ENOENT /etc/secret')
      if (runs === 2) throw new TransientError('BusSilent', 'the bus does not answer')
      expect(object.status?.conditions?.[0]?.reason).toBe('BusSilent')
      return done
    })
    make('a')
    await until(() => condition('a', 'Reconciling')?.reason === 'Error')
    expect(JSON.stringify(get('a'))).not.toContain('secret')
    await until(() => condition('a', 'Reconciling')?.reason === 'BusSilent')
    await until(() => condition('a', 'Ready')?.status === 'True')
  })

  test('deletion runs until released; a neighbour may be gone', async () => {
    let empty = false
    const forgotten: string[] = []
    const loop = await start(
      (object) => (!object.metadata.deletionTimestamp ? done : empty ? released : waitFor('InUse', 'x')),
      {
        finalizer: FINALIZER,
        forget: (key) => forgotten.push(key),
      },
    )
    make('a')
    await until(() => condition('a', 'Ready'))
    server.store.delete(WIDGETS_PATH, 'one/a')
    await until(() => condition('a', 'Reconciling')?.reason === 'InUse')
    empty = true
    loop.enqueue('one/a')
    await until(() => forgotten.length > 0)
    expect(forgotten).toEqual(['one/a'])
    expect(server.store.collection(WIDGETS_PATH).size).toBe(0)
  })

  test('an object that is deleted before it was ever ours is left alone', async () => {
    let runs = 0
    const object = make('a')
    server.store.update(
      WIDGETS_PATH,
      { ...object, metadata: { ...object.metadata, finalizers: ['others/one'] } },
      false,
    )
    server.store.delete(WIDGETS_PATH, 'one/a')
    await start(() => (runs++, done), { finalizer: FINALIZER })
    await quiet()
    expect([runs, writes()]).toEqual([0, []])
  })

  test('a conflict is repeated on the newer object, without a word to users', async () => {
    let runs = 0
    await start((object) => {
      // Another writer gets in between the read and our write.
      if (runs++ === 0) server.store.update(WIDGETS_PATH, { ...get('a'), spec: { size: 5 } }, false)
      object.status = { size: object.spec?.size ?? 0 }
      return done
    })
    make('a')
    await until(() => get('a').status?.size === 5)
    expect(get('a').status?.conditions?.map((c) => c.type)).toEqual(['Ready'])
  })

  test('another writer of the status wakes the loop; its own writes do not', async () => {
    let runs = 0
    await start((object) => {
      runs++
      object.status = { ...object.status, size: 1 }
      return done
    })
    make('a')
    await until(() => get('a').status?.size === 1)
    await quiet()
    expect(runs).toBe(1)
    server.store.update(WIDGETS_PATH, { ...get('a'), status: {} }, true)
    await until(() => get('a').status?.size === 1)
    expect(runs).toBe(2)
  })

  test('a watched neighbour wakes by its old and its new state', async () => {
    const others = informers.of<Widget>(OTHER)
    const runs: string[] = []
    await start((object) => (runs.push(object.metadata.name), done), {
      watches: [watchOf(others, (o) => (o.spec?.ownerName ? [`one/${o.spec.ownerName}`] : []))],
    })
    make('a')
    make('b')
    await until(() => runs.length === 2)
    const other = make('o', { ownerName: 'a' }, OTHERS_PATH)
    await until(() => runs.length === 3)
    const moved = server.store.update(OTHERS_PATH, { ...other, spec: { size: 1, ownerName: 'b' } }, false)
    await until(() => runs.length === 5)
    server.store.delete(OTHERS_PATH, `one/${moved.metadata.name}`)
    await until(() => runs.length === 6)
    expect(runs.slice(2)).toEqual(['a', 'a', 'b', 'b'])
  })

  test('a neighbour of which the spec is watched alone wakes by that, when it comes and when it goes, not by its status', async () => {
    const others = informers.of<Widget>(OTHER)
    let runs = 0
    await start(() => (runs++, done), { watches: [watchSpecOf(others, () => ['one/a'])] })
    make('a')
    await until(() => runs === 1)
    const other = make('o', {}, OTHERS_PATH)
    await until(() => runs === 2)
    server.store.update(OTHERS_PATH, { ...other, status: { size: 7 } }, true)
    await until(() => others.cache.find('one', 'o')?.status?.size === 7)
    await quiet()
    expect(runs).toBe(2)
    server.store.update(OTHERS_PATH, { ...others.cache.find('one', 'o')!, spec: { size: 2 } }, false)
    await until(() => others.cache.find('one', 'o')?.metadata.generation === 2)
    await quiet()
    expect(runs).toBe(3)
    server.store.delete(OTHERS_PATH, 'one/o')
    await until(() => runs === 4)
  })

  test('what a run creates is in the cache when it returns', async () => {
    const others = informers.of<Widget>(OTHER)
    await start(async (_object, run) => {
      await run.client.create<Widget>(OTHER, widget('made'))
      expect(others.cache.find('one', 'made')).toBeDefined()
      run.event({ type: 'Normal', reason: 'Made', action: 'Create', note: 'made it' })
      return done
    })
    make('a')
    await until(
      () => condition('a', 'Ready')?.status === 'True',
      () => get('a').status,
    )
    expect(events.map((e) => e.reason)).toEqual(['Made'])
  })

  test('nothing is written once the lease is lost', async () => {
    await start((object) => {
      fence.lost = true
      object.status = { size: 1 }
      return done
    })
    make('a')
    await quiet()
    expect(writes()).toEqual([])
  })

  test.each([
    ['before', () => (held = true), 0],
    ['while a run is under way', () => undefined, 1],
  ])(
    'held %s: not even a finalizer or a condition is written, until all are looked at again',
    async (_, hold, first) => {
      let runs = 0
      hold()
      const loop = await start(
        (object) => {
          if (runs++ === 0 && first === 1) held = true
          object.status = { size: 1 }
          return done
        },
        first === 0 ? { finalizer: FINALIZER } : {},
      )
      make('a')
      await quiet()
      expect({ runs, writes: writes() }).toEqual({ runs: first, writes: [] })
      held = false
      loop.enqueueAll()
      await until(() => isConditionTrue(get('a').status?.conditions, 'Ready'))
    },
  )

  test('what says why all else is held runs, and writes, meanwhile', async () => {
    held = true
    await start(() => done, { runsWhileHeld: true })
    make('a')
    await until(() => isConditionTrue(get('a').status?.conditions, 'Ready'))
  })

  test('an apiserver that does not answer is no terminal matter', async () => {
    let runs = 0
    await start(() => (runs++, done))
    server.cutNext((r) => r.method === 'PUT')
    server.failNext((r) => r.method === 'PUT', 429, 'TooManyRequests', { 'retry-after': '1' })
    make('a')
    await until(() => condition('a', 'Ready')?.status === 'True')
    expect(runs).toBe(3)
  })
})
