// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { POD } from '../../lib/api/kinds.ts'
import type { KubeClient, NewObject } from '../../lib/kube/client.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { FakeClock, settle } from '../../lib/time/fake-clock.ts'
import { createLogger } from '../../lib/log.ts'
import { MemoryCluster } from '../testing/memory-cluster.ts'
import { DrainHolds } from './drain-holds.ts'
import { holdBudget, holdNameOf, holdPod, POD_DISRUPTION_BUDGET } from './hold-objects.ts'

const SETTINGS = { namespace: 'nephele-drain', image: 'agent:1' }
const SPEC = { flavorRef: { name: 'small' }, imageRef: { name: 'guest' } }
const TEN_MINUTES = 10 * 60_000

/** Only what the holds use of an apiserver. */
class FakeHolds {
  readonly objects = new Map<string, KubeObject>()
  readonly calls: string[] = []
  fails = false
  #call(verb: string, kind: ResourceKind, name = ''): string {
    this.calls.push(`${verb} ${kind.kind}`)
    if (this.fails) throw new Error('the apiserver is away')
    return `${kind.kind}/${name}`
  }
  readonly client = {
    list: async (kind: ResourceKind) => {
      const prefix = this.#call('list', kind)
      return [...this.objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object)
    },
    create: async (kind: ResourceKind, object: NewObject<KubeObject>) => {
      const key = this.#call('create', kind, object.metadata.name)
      if (this.objects.has(key)) throw new ApiError(`POST ${key}`, 409, { reason: 'AlreadyExists' })
      this.objects.set(key, object as KubeObject)
      return object
    },
    remove: async (kind: ResourceKind, { name }: ObjectRef) => {
      this.objects.delete(this.#call('remove', kind, name))
    },
  } as unknown as KubeClient
  keys = () => [...this.objects.keys()].sort()
  take = () => this.calls.splice(0)
}

async function world(holds = new FakeHolds()) {
  const cluster = new MemoryCluster()
  const clock = new FakeClock()
  const end = new AbortController()
  const node = (name: string) => cluster.create('computeNodes', { name }, {})
  const machine = (name: string, on: string, state: string) => {
    const object = cluster.create('instances', { namespace: 'ns', name }, SPEC)
    cluster.store('instances', { ...object, status: { node: on, state } })
  }
  const become = (name: string, state: string) => {
    const object = cluster.get('instances', { namespace: 'ns', name })
    cluster.store('instances', { ...object, status: { ...(object.status as object), state } })
  }
  const start = async () => {
    new DrainHolds({
      ...{
        client: holds.client,
        settings: SETTINGS,
        caches: cluster.world.deps.caches,
        informers: cluster.informers(),
      },
      ...{ signal: end.signal, clock, log: createLogger('test', 'silent') },
    }).start()
    await settle()
  }
  return { cluster, clock, holds, node, machine, become, start, stop: () => end.abort() }
}
const both = (node: string) => [`Pod/${holdNameOf(node)}`, `PodDisruptionBudget/${holdNameOf(node)}`]

test('where machines run there is a hold, from the first to the last of them; the budget comes first and goes first', async () => {
  const w = await world()
  w.node('a')
  w.node('b')
  w.machine('one', 'a', 'ACTIVE')
  w.machine('off', 'b', 'SHUTOFF')
  await w.start()
  expect(w.holds.keys()).toEqual(both('a'))
  expect(w.holds.take()).toEqual(['list Pod', 'list PodDisruptionBudget', 'create PodDisruptionBudget', 'create Pod'])
  w.machine('two', 'a', 'PAUSED')
  w.become('one', 'SHUTOFF')
  w.become('off', 'BUILD')
  await settle()
  expect(w.holds.keys()).toEqual([...both('a'), ...both('b')].sort())
  w.holds.take()
  w.become('two', 'SUSPENDED')
  await settle()
  expect(w.holds.keys()).toEqual(both('b'))
  expect(w.holds.take()).toEqual(['remove PodDisruptionBudget', 'remove Pod'])
  w.stop()
})

test('what changes nothing for the node asks the apiserver nothing', async () => {
  const w = await world()
  w.node('a')
  w.machine('one', 'a', 'ACTIVE')
  await w.start()
  w.holds.take()
  w.become('one', 'PAUSED')
  w.machine('two', 'a', 'ACTIVE')
  w.become('two', 'SHUTOFF')
  await settle()
  expect(w.holds.take()).toEqual([])
  w.stop()
})

test('a later leader takes over what is there, completes halves, and takes away what is nobody’s', async () => {
  const holds = new FakeHolds()
  const w = await world(holds)
  const { metadata } = w.node('a')
  w.node('b')
  w.machine('one', 'a', 'ACTIVE')
  w.machine('two', 'b', 'ACTIVE')
  await holds.client.create(POD, holdPod(metadata, SETTINGS))
  await holds.client.create(POD_DISRUPTION_BUDGET, holdBudget(metadata, SETTINGS))
  await holds.client.create(POD_DISRUPTION_BUDGET, holdBudget({ name: 'b', uid: 'of-b' }, SETTINGS))
  await holds.client.create(POD, holdPod({ name: 'gone', uid: 'gone' }, SETTINGS))
  await w.start()
  expect(holds.keys()).toEqual([...both('a'), ...both('b')].sort())
  w.stop()
})

test('one that was deleted by hand is back with the next look, ten minutes later', async () => {
  const w = await world()
  w.node('a')
  w.machine('one', 'a', 'ACTIVE')
  await w.start()
  w.holds.objects.clear()
  await w.clock.advance(TEN_MINUTES - 1)
  expect(w.holds.keys()).toEqual([])
  await w.clock.advance(1)
  expect(w.holds.keys()).toEqual(both('a'))
  w.stop()
})

test('the look comes at its time, whatever happens meanwhile', async () => {
  const w = await world()
  w.node('a')
  w.node('b')
  w.machine('one', 'a', 'ACTIVE')
  w.machine('two', 'b', 'ACTIVE')
  await w.start()
  w.holds.objects.delete(both('a')[0] ?? '')
  for (const state of ['SHUTOFF', 'ACTIVE']) {
    await w.clock.advance(TEN_MINUTES / 2 - 1)
    w.become('two', state)
    await settle()
  }
  expect(w.holds.keys()).not.toContain(both('a')[0])
  await w.clock.advance(2)
  expect(w.holds.keys()).toEqual([...both('a'), ...both('b')].sort())
  w.stop()
})

test.each(['Failed', 'Succeeded'])('a Pod that is %s holds nothing, and is made anew', async (phase) => {
  const w = await world()
  w.node('a')
  w.machine('one', 'a', 'ACTIVE')
  await w.start()
  const [pod = ''] = both('a')
  w.holds.objects.set(pod, { ...w.holds.objects.get(pod), status: { phase } } as KubeObject)
  await w.clock.advance(TEN_MINUTES)
  expect([w.holds.keys(), w.holds.objects.get(pod)?.status]).toEqual([both('a'), undefined])
  w.stop()
})

test('a node that was made anew gets a hold of its own; one that is lost or goes has none', async () => {
  const w = await world()
  const first = w.node('a')
  w.machine('one', 'a', 'ACTIVE')
  await w.start()
  w.cluster.remove('computeNodes', { name: 'a' })
  const second = w.node('a')
  await settle()
  const owner = (w.holds.objects.get(both('a')[0] ?? '')?.metadata.ownerReferences ?? [])[0]
  expect([owner?.uid, first.metadata.uid === second.metadata.uid]).toEqual([second.metadata.uid, false])
  w.cluster.change('computeNodes', { name: 'a' }, (spec) => (spec['lost'] = 'Confirmed'))
  await settle()
  expect(w.holds.keys()).toEqual([])
  w.stop()
})

test('what fails is tried again, later each time', async () => {
  const w = await world()
  w.node('a')
  w.machine('one', 'a', 'ACTIVE')
  w.holds.fails = true
  await w.start()
  await w.clock.advance(60_000)
  const calls = w.holds.take().length
  expect(calls).toBeGreaterThan(4)
  expect(calls).toBeLessThan(20)
  w.holds.fails = false
  await w.clock.advance(60_000)
  expect(w.holds.keys()).toEqual(both('a'))
  w.stop()
})

test('names fit into a label, and no two nodes have one', () => {
  const long = 'n'.repeat(200)
  const nodes = ['a', 'rack-1', 'a.example.com', 'a-example-com', long, `${long}x`]
  const names = nodes.map(holdNameOf)
  expect(names[1]).toBe('machines-run-on-rack-1')
  expect(new Set(names).size).toBe(nodes.length)
  for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
})
