// SPDX-License-Identifier: Apache-2.0
// The informer and the loop against a real etcd and kube-apiserver.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { isConditionTrue } from '../conditions.ts'
import { isInvalid } from '../kube/errors.ts'
import { HttpKubeClient, type RequestSample } from '../kube/http-client.ts'
import { loadKubeConfig } from '../kube/kubeconfig.ts'
import type { KubeObject } from '../kube/object.ts'
import { createLogger } from '../log.ts'
import { done, released, saved, type Outcome } from '../outcome.ts'
import { ControlLoop } from './control-loop.ts'
import type { Run } from './controller.ts'
import { Election } from '../leader/election.ts'
import { EventRecorder } from './events.ts'
import { Informers } from '../informer/informers.ts'
import { LoopMetrics } from './metrics.ts'
import { createTestKind, NAMESPACE } from './test-cluster.ts'
import { WIDGET, widget, type Widget } from './test-kind.ts'
import { until } from '../time/until.ts'

const log = createLogger('test', process.env['TEST_LOG'] ?? 'silent')
const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true }

describe('the loop against a real apiserver', () => {
  let plane: ControlPlane
  let client: HttpKubeClient
  const namespaces = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
  const stops: (() => Promise<void>)[] = []
  beforeAll(async () => {
    plane = await startControlPlane({ controllerManager: false })
    client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
    await createTestKind(client)
    for (const name of namespaces) await client.create<KubeObject>(NAMESPACE, { metadata: { name } })
  }, 60_000)
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })
  afterAll(async () => {
    await client.close()
    await plane.stop()
  })

  /** What one operator process is, with its requests counted. */
  async function startOperator(identity: string, reconcile: (object: Widget, run: Run) => Promise<Outcome>) {
    const metrics = new LoopMetrics()
    const samples: RequestSample[] = []
    const onRequest = (sample: RequestSample) => {
      samples.push(sample)
      metrics.onRequest(sample)
    }
    const own = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath), { onRequest })
    const informers = new Informers({ client: own, log, metrics: metrics.listWatch })
    const widgets = informers.of<Widget>(WIDGET)
    const stop = new AbortController()
    const events = new EventRecorder({ client: own, log, controller: 'nephele.dev/test', instance: identity })
    const lease = { namespace: 'default', name: 'loop-test' }
    const synced = informers.start(stop.signal)
    const loops: ControlLoop<Widget>[] = []
    const ended = new Election({ client: own, lease, identity, log, durationMs: 5000 }).run(
      stop.signal,
      async (fence) => {
        await synced
        const definition = { name: 'widget', kind: WIDGET, finalizer: 'test.nephele.dev/widget', reconcile }
        const loop = new ControlLoop<Widget>(definition, { client: own, informers, fence, events, log, metrics })
        loops.push(loop)
        await loop.run()
      },
    )
    stops.push(async () => {
      stop.abort()
      await ended
      await events.close()
      await own.close()
    })
    return { samples, events, informers, widgets, metrics, loops }
  }
  const writesOf = (samples: RequestSample[]) =>
    samples
      .filter((s) => !['get', 'list', 'watch'].includes(s.verb) && s.resource !== 'leases.coordination.k8s.io')
      .map((s) => `${s.verb} ${s.resource}`)

  async function settleWidget(object: Widget, run: Run): Promise<Outcome> {
    if (object.metadata.deletionTimestamp) return released
    if (!object.status?.node) {
      object.status = { node: 'n1' }
      run.event({ type: 'Normal', reason: 'Scheduled', action: 'Schedule', note: 'to node n1' })
      return saved
    }
    object.status.size = object.spec?.size ?? 0
    return done
  }
  async function keepSize(object: Widget): Promise<Outcome> {
    object.status = { ...object.status, size: object.spec?.size ?? 0 }
    return done
  }
  const isReady = (object: Widget | undefined) => isConditionTrue(object?.status?.conditions, 'Ready')

  test('from creation to deletion: three writes, an event, then two', async () => {
    const operator = await startOperator('a', settleWidget)
    await until(() => operator.loops.length === 1, 'the election', 10_000)
    await client.create<Widget>(WIDGET, widget('life'))
    await until(() => isReady(operator.widgets.cache.find('one', 'life')))
    await until(() => writesOf(operator.samples).length === 4)
    expect(writesOf(operator.samples).sort()).toEqual([
      'create events.events.k8s.io',
      'patch widgets.test.nephele.dev',
      'updateStatus widgets.test.nephele.dev',
      'updateStatus widgets.test.nephele.dev',
    ])
    const stored = await client.get<Widget>(WIDGET, { namespace: 'one', name: 'life' })
    expect(stored.status).toMatchObject({ node: 'n1', size: 1, observedGeneration: 1 })
    expect(stored.spec).toEqual({ size: 1 })
    expect((await client.list(EVENTS, { namespace: 'one' })).length).toBe(1)
    await client.remove(WIDGET, { namespace: 'one', name: 'life' }, { preconditions: { uid: stored.metadata.uid } })
    await until(() => operator.widgets.cache.size === 0)
    expect(await client.find(WIDGET, stored.metadata)).toBeUndefined()
    // The watch may tell of its end before the write that let it go has its answer.
    await until(() => writesOf(operator.samples).length >= 5)
    expect(writesOf(operator.samples)).toHaveLength(5)
    expect(await operator.metrics.registry.metrics()).toContain('nephele_api_writes_total{verb="updateStatus"')
  }, 30_000)

  test('a schema that refuses is told as invalid', async () => {
    const refused = await client.create<Widget>(WIDGET, widget('bad', { size: -1 })).catch((e: unknown) => e)
    expect(isInvalid(refused)).toBe(true)
  })

  test('3,000 objects are paged, reconciled, and then nothing but the Lease is written', async () => {
    const all = Array.from({ length: 3000 }, (_, i) => widget(`w${i}`, { text: 'x'.repeat(100) }, namespaces[i % 7]))
    const queue = all.values()
    const creators = Array.from({ length: 24 }, async () => {
      for (const object of queue) await client.create<Widget>(WIDGET, object)
    })
    await Promise.all(creators)
    const operator = await startOperator('b', keepSize)
    await until(() => operator.widgets.synced, 'the list', 20_000)
    expect(operator.widgets.cache.size).toBe(3000)
    expect(operator.samples.filter((s) => s.verb === 'list')).toHaveLength(3000 / 250)
    await until(() => operator.widgets.cache.list().every(isReady), 'all to be ready', 150_000)
    await until(() => operator.loops[0]?.idle, 'rest', 10_000)
    // Events come one after the other, behind the work.
    await until(() => operator.events.pending === 0, 'the events', 60_000)

    operator.samples.length = 0
    const second = await startOperator('c', keepSize)
    await until(() => second.widgets.synced, 'the second', 20_000)
    operator.loops[0]?.enqueueAll()
    const versions = async () =>
      new Set((await client.list(WIDGET)).map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`))
    const before = await versions()
    await until(() => operator.loops[0]?.idle, 'rest', 20_000)
    // Long enough for a Lease to be renewed: what would be written besides it has been by then.
    const leases = () => operator.samples.filter((s) => s.resource === 'leases.coordination.k8s.io').length
    await until(() => leases() >= 3, 'renewals', 20_000)
    expect(writesOf([...operator.samples, ...second.samples])).toEqual([])
    expect(await versions()).toEqual(before)
  }, 300_000)

  test('a single create, and a deletion, are answered while a thousand and more of another namespace wait', async () => {
    const many = Array.from({ length: 1500 }, (_, i) => widget(`q${i}`, {}, 'six'))
    const queue = many.values()
    const creators = Array.from({ length: 24 }, async () => {
      for (const object of queue) await client.create<Widget>(WIDGET, object)
    })
    await Promise.all(creators)
    const operator = await startOperator('e', settleWidget)
    await until(() => operator.loops.length === 1 && operator.widgets.synced, 'the start', 20_000)
    const { cache } = operator.widgets
    const waiting = () => many.filter(({ metadata }) => !isReady(cache.find('six', metadata.name))).length
    await until(() => waiting() < 1480, 'the first of them', 20_000)
    await client.create<Widget>(WIDGET, widget('single', {}, 'seven'))
    await client.remove(WIDGET, { namespace: 'six', name: 'q0' })
    await until(() => isReady(cache.find('seven', 'single')) && !cache.find('six', 'q0'), 'both', 20_000)
    expect(waiting()).toBeGreaterThan(700)
  }, 120_000)

  test('a restart of the apiserver is lived through', async () => {
    const operator = await startOperator('d', keepSize)
    await until(() => operator.loops.length === 1 && operator.widgets.synced, 'the start', 20_000)
    await plane.restart('apiserver')
    await until(
      async () => {
        try {
          return await client.create<Widget>(WIDGET, widget('after-restart'))
        } catch {
          return false // not served yet
        }
      },
      'a create to work',
      30_000,
    )
    await until(() => isReady(operator.widgets.cache.find('one', 'after-restart')), 'the new object', 30_000)
  }, 90_000)
})
