// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { FakeApiserver } from '../kube/fake-apiserver.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import { createLogger } from '../log.ts'
import { systemClock } from '../time/clock.ts'
import { Interner } from './intern.ts'
import { ListWatch, type ListWatchDeps } from './list-watch.ts'
import { WIDGET, WIDGETS_PATH, widget, type Widget } from '../loop/test-kind.ts'
import { until } from '../time/until.ts'
import type { InformerOptions } from './informer.ts'

const log = createLogger('test', 'silent')

describe('ListWatch', () => {
  let server: FakeApiserver
  let client: HttpKubeClient
  let abort: AbortController
  let running: Promise<void>[]
  let ends: string[]
  let lists: number
  let regressions: string[]
  beforeEach(async () => {
    server = new FakeApiserver()
    await server.start()
    client = new HttpKubeClient(server.kubeConfig())
    abort = new AbortController()
    running = []
    ends = []
    lists = 0
    regressions = []
  })
  afterEach(async () => {
    abort.abort()
    await client.close()
    await server.stop()
    await Promise.all(running)
  })

  function start(options: InformerOptions<Widget> = {}, timing: ListWatchDeps['timing'] = {}): ListWatch<Widget> {
    const informer = new ListWatch<Widget>(WIDGET, options, {
      client,
      clock: systemClock,
      log,
      interner: new Interner(),
      timing: { backoffBaseMs: 5, backoffCapMs: 40, ...timing },
      metrics: { listed: () => lists++, watchEnded: (_, why) => ends.push(why), events: () => undefined },
      onRegression: (_, seen, now) => regressions.push(`${seen} -> ${now}`),
    })
    running.push(informer.run(abort.signal))
    return informer
  }
  const make = (name: string, spec = {}) => server.store.create(WIDGETS_PATH, widget(name, spec) as Widget) as Widget
  const set = (object: Widget, spec: object) =>
    server.store.update(WIDGETS_PATH, { ...object, spec: { size: 1, ...spec } }, false) as Widget
  const names = (informer: ListWatch<Widget>) =>
    informer.cache
      .list()
      .map((o) => o.metadata.name)
      .sort()

  test('lists in pages of 250, then follows by watch', async () => {
    for (let i = 0; i < 1201; i++) make(`w${i}`)
    const informer = start()
    await informer.whenSynced()
    expect(informer.cache.size).toBe(1201)
    const pages = server.requests.filter((r) => r.query['limit'] === '250')
    expect(pages).toHaveLength(5)
    await until(() => server.watchCount === 1)
    const late = make('late')
    await until(() => informer.cache.find('one', 'late'))
    set(late, { size: 2 })
    await until(() => informer.cache.find('one', 'late')?.spec?.size === 2)
    server.store.delete(WIDGETS_PATH, 'one/w0')
    await until(() => informer.cache.size === 1201)
    expect(informer.cache.findByUid(late.metadata.uid)?.metadata.name).toBe('late')
    expect(lists).toBe(1)
  })

  test.each([true, false])('resumes where it was when the watch ends (abrupt: %s), without a list', async (abrupt) => {
    const informer = start()
    await until(() => server.watchCount === 1)
    make('a')
    await until(() => informer.cache.size === 1)
    server.endWatches(abrupt)
    make('b')
    await until(() => informer.cache.size === 2)
    expect(lists).toBe(1)
  })

  test('a bookmark moves the place to resume from', async () => {
    const informer = start()
    await until(() => server.watchCount === 1)
    server.store.create('/apis/test.nephele.dev/v1/others', widget('x') as Widget)
    server.bookmark()
    await new Promise((resolve) => setTimeout(resolve, 30))
    server.store.compactedTo = server.store.version // what came before is gone; resuming from the bookmark is not
    server.endWatches(false)
    await until(() => server.watchCount === 1)
    make('a')
    await until(() => informer.cache.size === 1)
    expect([lists, ends]).toEqual([1, ['end']])
  })

  test('410 lists again and finds what was deleted meanwhile', async () => {
    for (const name of ['a', 'b', 'c']) make(name)
    const informer = start()
    const gone: string[] = []
    informer.onChange(({ old, object }) => !object && old && gone.push(old.metadata.name))
    await until(() => server.watchCount === 1)
    server.failNext((r) => r.query['watch'] === 'true', 503, 'ServiceUnavailable')
    server.endWatches(true)
    server.store.delete(WIDGETS_PATH, 'one/b')
    make('d')
    server.compact()
    await until(
      () => names(informer).join() === 'a,c,d',
      () => names(informer),
    )
    expect([gone, lists]).toEqual([['b'], 2])
    expect(ends).toContain('expired')
  })

  test('an ERROR event with 410 in a running watch does the same', async () => {
    const informer = start()
    await until(() => server.watchCount === 1)
    server.compact()
    await until(() => lists === 2)
    make('a')
    await until(() => informer.cache.size === 1)
  })

  test('a continue token that expires begins the list again', async () => {
    for (let i = 0; i < 600; i++) make(`w${i}`)
    server.failNext((r) => r.query['continue'] !== undefined, 410, 'Expired')
    const informer = start()
    await informer.whenSynced()
    expect(informer.cache.size).toBe(600)
  })

  test('429 waits as long as the server asks', async () => {
    server.failNext(() => true, 429, 'TooManyRequests', { 'retry-after': '1' })
    const startedAt = performance.now()
    const informer = start()
    await informer.whenSynced()
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1000)
    expect(ends).toContain('throttled')
  })

  test('a refused, cut or failing list is tried again until it works', async () => {
    for (const code of [500, 503, 403, 401]) server.failNext(() => true, code, 'Fault')
    server.cutNext(() => true)
    make('a')
    const informer = start()
    await informer.whenSynced()
    expect(informer.cache.size).toBe(1)
  })

  test('a half-open watch is given up in time and followed by another', async () => {
    const informer = start({}, { watchSeconds: 1, graceMs: 100 })
    await until(() => server.watchCount === 1)
    server.frozen = true
    make('unseen')
    await until(() => ends.includes('error'), 'the watch to be given up', 3000)
    server.frozen = false
    await until(() => informer.cache.size === 1)
    expect(lists).toBe(1)
  })

  test('limits of the product: silence is noticed within 45 s', async () => {
    start()
    await until(() => server.requests.some((r) => r.query['watch']))
    const watch = server.requests.find((r) => r.query['watch'])
    expect(Number(watch?.query['timeoutSeconds']) + 4).toBeLessThanOrEqual(45)
    expect(watch?.query['allowWatchBookmarks']).toBe('true')
  })

  test('own writes are seen at once and their echo changes nothing', async () => {
    const informer = start()
    await until(() => server.watchCount === 1)
    const made = make('a')
    await until(() => informer.cache.size === 1)
    let changes = 0
    informer.onChange(() => changes++)
    changes = 0
    server.frozen = true // the watch is behind
    const written = set(made, { size: 7 })
    informer.observe(written)
    expect(informer.cache.find('one', 'a')?.spec?.size).toBe(7)
    server.frozen = false
    informer.observe(made)
    expect(informer.cache.find('one', 'a')?.spec?.size).toBe(7)
    make('marker')
    await until(() => informer.cache.size === 2)
    expect(changes).toBe(2)
    expect(informer.cache.find('one', 'a')?.spec?.size).toBe(7)
  })

  test('the answer of an own write that comes after the deletion does not bring the object back', async () => {
    const informer = start()
    await until(() => server.watchCount === 1)
    const written = make('a')
    await until(() => informer.cache.size === 1)
    server.store.delete(WIDGETS_PATH, 'one/a')
    await until(() => informer.cache.size === 0)
    informer.observe(written)
    expect(informer.cache.size).toBe(0)
  })

  test.each([true, false])(
    'a store that went back is noticed though it takes the watch up again (abrupt: %s)',
    async (abrupt) => {
      make('lost')
      const informer = start()
      await until(() => server.watchCount === 1)
      server.store.collection(WIDGETS_PATH).clear()
      server.store.history.length = 0
      server.store.version = 2
      server.endWatches(abrupt)
      await until(() => regressions.length > 0)
      await until(() => informer.cache.size === 0)
      expect(lists).toBe(2)
    },
  )

  test('a store that went back in time is told and taken over as it is', async () => {
    const a = make('a')
    set(a, { size: 9 })
    make('b')
    const informer = start()
    await until(() => server.watchCount === 1)
    server.store.collection(WIDGETS_PATH).clear()
    server.store.version = 500
    make('a')
    server.store.compactedTo = 100_000
    server.endWatches(true)
    await until(() => regressions.length > 0)
    await until(() => names(informer).join() === 'a')
    expect(informer.cache.find('one', 'a')?.spec?.size).toBe(1)
  })

  test('a store that went back and has come further again since: what it lost goes from the cache too', async () => {
    const backup = structuredClone(make('a'))
    set(backup, { size: 9 })
    const informer = start()
    await until(() => informer.cache.find('one', 'a')?.spec?.size === 9)
    await until(() => server.watchCount === 1)
    server.store.collection(WIDGETS_PATH).set('one/a', backup)
    server.store.version += 1000
    server.store.compactedTo = 100_000
    server.endWatches(true)
    await until(() => informer.cache.find('one', 'a')?.spec?.size === 1)
    expect(regressions).toEqual([])
  })

  test('projects, strips and indexes', async () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' }
    const given = {
      ...widget('a', { ownerName: 'o1', text: 'long' }),
      metadata: { name: 'a', namespace: 'one', annotations },
    }
    server.store.create(WIDGETS_PATH, given as unknown as Widget)
    const informer = start({
      indexes: { owner: (o) => (o.spec?.ownerName ? [o.spec.ownerName] : []) },
      project: (o) => {
        delete o.spec?.text
        return o
      },
    })
    await informer.whenSynced()
    await until(() => server.watchCount === 1)
    const b = make('b', { ownerName: 'o1' })
    await until(() => informer.cache.countBy('owner', 'o1') === 2)
    expect(informer.cache.find('one', 'a')?.spec).toEqual({ size: 1, ownerName: 'o1' })
    expect(informer.cache.find('one', 'a')?.metadata.annotations).toEqual({ kept: 'yes' })
    set(b, { ownerName: 'o2' })
    await until(() => informer.cache.countBy('owner', 'o2') === 1)
    expect(informer.cache.listBy('owner', 'o1').map((o) => o.metadata.name)).toEqual(['a'])
    server.store.delete(WIDGETS_PATH, 'one/a')
    await until(() => informer.cache.countBy('owner', 'o1') === 0)
    expect(() => informer.cache.listBy('nosuch', 'x')).toThrow('nosuch')
  })
})
