// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { getEventListeners } from 'node:events'
import { FakeApiserver } from '../kube/fake-apiserver.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import { createLogger } from '../log.ts'
import { Informers } from './informers.ts'
import { LoopMetrics } from '../loop/metrics.ts'
import { WIDGET, WIDGETS_PATH, widget, type Widget } from '../loop/test-kind.ts'
import { until } from '../time/until.ts'

const OTHER = { ...WIDGET, plural: 'others', kind: 'Other' }
const FOREIGN = { ...WIDGET, group: 'foreign.example.com' }

let server: FakeApiserver
let client: HttpKubeClient
let stop: AbortController
let informers: Informers
beforeEach(async () => {
  server = new FakeApiserver()
  await server.start()
  client = new HttpKubeClient(server.kubeConfig())
  stop = new AbortController()
  const log = createLogger('test', 'silent')
  informers = new Informers({ client, log, timing: { backoffBaseMs: 5, backoffCapMs: 20 } })
})
afterEach(async () => {
  stop.abort()
  await client.close()
  await server.stop()
})
const make = (name: string, spec = {}) => server.store.create(WIDGETS_PATH, widget(name, spec) as Widget) as Widget
const names = (objects: Widget[]) => objects.map(({ metadata }) => metadata.name).sort()

test('there is one informer per kind and selection, shared by all users; later users add indexes', async () => {
  const all = informers.of<Widget>(WIDGET)
  expect(informers.of(WIDGET)).toBe(all)
  const selections = [{ namespace: 'one' }, { labelSelector: 'a=b' }, { fieldSelector: 'x=y' }]
  const others = [informers.of(OTHER), informers.of(FOREIGN), ...selections.map((s) => informers.of(WIDGET, s))]
  expect(new Set([all, ...others]).size).toBe(6)
  informers.of<Widget>(WIDGET, { indexes: { owner: (o) => [o.spec?.ownerName ?? ''] } })
  make('a', { ownerName: 'x' })
  // Nothing is read before the start.
  expect(all.cache.size).toBe(0)
  await informers.start(stop.signal)
  expect(names(all.cache.listBy('owner', 'x'))).toEqual(['a'])
  expect(() => informers.of<Widget>(WIDGET, { project: (o) => o })).toThrow('one projection')
})

test('a projection of a later user counts, and there is one at most', async () => {
  const all = informers.of<Widget>(WIDGET)
  informers.of<Widget>(WIDGET, { project: (o) => ({ ...o, spec: { size: 7 } }) })
  expect(() => informers.of<Widget>(WIDGET, { project: (o) => o })).toThrow('one projection')
  make('a')
  await informers.start(stop.signal)
  expect(all.cache.find('one', 'a')?.spec).toEqual({ size: 7 })
})

test('the start waits for the first list of each; what is asked for later runs too', async () => {
  make('a')
  const all = informers.of<Widget>(WIDGET)
  const others = informers.of<Widget>(OTHER)
  expect([informers.unsynced(), all.synced]).toEqual([['widgets', 'others'], false])
  await informers.start(stop.signal)
  expect([all.synced, others.synced, informers.unsynced()]).toEqual([true, true, []])
  expect(informers.sizes()).toEqual([
    { resource: 'widgets', size: 1 },
    { resource: 'others', size: 0 },
  ])
  const late = informers.of<Widget>(WIDGET, { namespace: 'one' })
  await late.whenSynced()
  expect(late.cache.size).toBe(1)
})

test('aborting the start rejects it and everything that waits for it', async () => {
  const all = informers.of<Widget>(WIDGET)
  server.frozen = true
  for (let i = 0; i < 50; i++) server.cutNext(() => true)
  const starting = informers.start(stop.signal)
  const waiting = all.whenSynced(stop.signal)
  stop.abort(new Error('stopping'))
  await expect(starting).rejects.toThrow('stopping')
  await expect(waiting).rejects.toThrow('stopping')
  await expect(all.whenSynced(stop.signal)).rejects.toThrow('stopping')
})

test('waiting with a signal leaves no listener on it', async () => {
  const all = informers.of<Widget>(WIDGET)
  const waits = new AbortController()
  const waiting = all.whenSynced(waits.signal)
  await informers.start(stop.signal)
  await waiting
  await informers.whenCertain(waits.signal)
  expect(getEventListeners(waits.signal, 'abort')).toEqual([])
})

describe('what a write returned', () => {
  test('is in the cache of its kind and group at once, and not where the server alone can say', async () => {
    const caches = [WIDGET, OTHER, FOREIGN].map((kind) => informers.of<Widget>(kind).cache)
    const selected = informers.of<Widget>(WIDGET, { labelSelector: 'a=b' }).cache
    await informers.start(stop.signal)
    server.frozen = true
    const written = { ...widget('a'), metadata: { ...widget('a').metadata, uid: 'u', resourceVersion: '9999' } }
    informers.observe(WIDGET, written)
    expect(caches.map(({ size }) => size)).toEqual([1, 0, 0])
    expect(selected.size).toBe(0)
    server.frozen = false
  })

  test('and so is what a run creates', async () => {
    const { cache } = informers.of<Widget>(WIDGET)
    await informers.start(stop.signal)
    await informers.observing(client).create<Widget>(WIDGET, widget('a'))
    expect(cache.find('one', 'a')).toBeDefined()
  })
})

describe('certainty', () => {
  test('comes at once while the apiserver was not away, and not to who is stopped', async () => {
    informers.of<Widget>(WIDGET)
    await informers.start(stop.signal)
    await informers.whenCertain(stop.signal)
    stop.abort(new Error('stopping'))
    await expect(informers.whenCertain(stop.signal)).rejects.toThrow('stopping')
  })

  test('comes when it is back and every cache was compared with it', async () => {
    informers.of<Widget>(WIDGET)
    informers.of<Widget>(OTHER)
    await informers.start(stop.signal)
    await until(() => server.watchCount === 2)
    let refused = 0
    const isAway = () => (refused++, true)
    for (let i = 0; i < 20; i++) server.failNext(isAway, 503, 'ServiceUnavailable')
    server.endWatches(true)
    await until(() => refused > 2)
    let isCertain = false
    const certain = informers.whenCertain(stop.signal).then(() => (isCertain = true))
    const given = new AbortController()
    const givenUp = informers.whenCertain(given.signal)
    given.abort(new Error('given up'))
    await expect(givenUp).rejects.toThrow('given up')
    expect(isCertain).toBe(false)
    await certain
    expect(refused).toBeGreaterThanOrEqual(20)
  }, 15_000)
})

test('what a list and its watch cost is counted', async () => {
  const metrics = new LoopMetrics()
  const log = createLogger('test', 'silent')
  informers = new Informers({ client, log, metrics: metrics.listWatch })
  informers.of<Widget>(WIDGET)
  await informers.start(stop.signal)
  await until(() => server.watchCount === 1)
  make('a')
  await until(async () => (await metrics.registry.metrics()).includes('nephele_watch_events_total{resource="widgets"'))
  expect(await metrics.registry.metrics()).toContain('nephele_lists_total{resource="widgets"} 1')
})
