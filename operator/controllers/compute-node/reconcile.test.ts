// SPDX-License-Identifier: Apache-2.0
// What a ComputeNode promises: what comes before what, whose failure is whose, what is told of a change.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { Bus } from '../../bus/bus.ts'
import { HeldCalls, isOver } from '../../testing/held-calls.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import type { NodeSettings } from './settings.ts'
import { reconcileComputeNode } from './reconcile.ts'

const cluster = { namespace: '' }
const labels = { 'nephele.dev/compute': 'libvirt' }
const kubeNode = (more: object = {}) => stored<KubeNode>('n1', {}, { ...cluster, labels, ...more })
const computeNode = (spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>('n1', spec, { ...cluster, ...more })
const step = (w: MemoryWorld, c: ComputeNode, settings: NodeSettings = {}) =>
  reconcileComputeNode(c, w.deps, settings, w.run)
function world(): MemoryWorld {
  const w = memoryWorld()
  w.put('nodes', kubeNode())
  w.bus.heartbeats.expect(['n1'])
  w.bus.heartbeats.beat('n1', 'boot-0001')
  w.bus.publishInventory(inventoryOf('n1', { storeId: 'store-1' }))
  w.report('node', computeNode(), { node: 'n1', epoch: 1, state: 'ready' })
  return w
}

/** What the node is told, and when: it is known to the bus before it is judged, and told before it is opened for machines. */
describe('one after the other', () => {
  function slow(w: MemoryWorld) {
    const held = /^(publish|withdraw|admitNode|endSessions|dismissNode|ensure)$/
    const desired = new HeldCalls(w.bus.desired, held)
    const bus = new HeldCalls<Bus>(Object.assign(Object.create(w.bus) as Bus, { desired: desired.object }), held)
    return { deps: { ...w.deps, bus: bus.object }, open: () => [...bus.open, ...desired.open], bus, desired }
  }
  async function callsOf(run: Promise<unknown>, { bus, desired, open }: ReturnType<typeof slow>): Promise<string[]> {
    const calls: string[] = []
    while (!(await isOver(run))) {
      const now = open()
      calls.push(now.join(' and '))
      if (now.length === 0) throw new Error('waits for nothing')
      await (bus.open.length > 0 ? bus : desired).answer()
    }
    return calls
  }
  const release = { kind: 'image', uid: 'uid-i', name: 'i', namespace: 'ns', epoch: 2 } as const

  test('a usual look', async () => {
    const w = world()
    const scene = slow(w)
    const c = computeNode()
    const run = reconcileComputeNode(c, scene.deps, {}, w.run)
    await isOver(run)
    expect(w.deps.scheduler.nodes.find('n1')).toBeUndefined()
    expect(await callsOf(run, scene)).toEqual(['admitNode', 'publish'])
    expect(await run).toMatchObject({ kind: 'done' })
    expect(w.bus.admitted.get('n1')).toBe('store-1')
  })
  test('confirmed lost: known, cut off, told, and its releases', async () => {
    const w = world()
    w.deps.releases.request('n1', release)
    const scene = slow(w)
    const run = reconcileComputeNode(computeNode({ lost: 'Confirmed' }), scene.deps, {}, w.run)
    expect(await callsOf(run, scene)).toEqual(['admitNode', 'endSessions', 'publish', 'publish'])
    expect(await run).toEqual({ kind: 'saved' })
  })
  test('deleted: nothing is left on the bus, then its sessions end, then it is nobody', async () => {
    const w = world()
    await step(w, computeNode())
    w.drop('nodes', kubeNode())
    const scene = slow(w)
    const run = reconcileComputeNode(computeNode({}, { deleted: true }), scene.deps, {}, w.run)
    const calls = await callsOf(run, scene)
    expect(calls.slice(-2)).toEqual(['endSessions', 'dismissNode'])
    expect(new Set(calls.slice(0, -2))).toEqual(new Set(['withdraw']))
    expect(await run).toEqual({ kind: 'released' })
  })
})

describe('a failure fails the run', () => {
  const no = async () => {
    throw new TransientError('BusUnavailable', 'no')
  }
  const asking = inventoryOf('n1', { certificateRequest: 'R', nbdRequests: { client: 'R', server: 'R' } })
  const fail = (w: MemoryWorld) => {
    w.bus.desired.failNext(new TransientError('BusUnavailable', 'no'))
    return undefined
  }
  test.each<[string, (w: MemoryWorld) => NodeSettings | undefined, ComputeNode]>([
    ['of admission', (w) => void (w.bus.admitNode = no), computeNode()],
    ['of its document', (w) => fail(w), computeNode()],
    ['of cutting it off', (w) => void (w.bus.endSessions = no), computeNode({ lost: 'Confirmed' })],
    ['of its certificate', () => ({ certificates: { ensure: no } }), computeNode()],
    ['of its certificates for volumes', () => ({ nbdCertificates: { ensure: no } }), computeNode()],
    ['of the end of its sessions', (w) => void (w.bus.endSessions = no), computeNode({}, { deleted: true })],
    ['of its dismissal', (w) => void (w.bus.dismissNode = no), computeNode({}, { deleted: true })],
  ])('%s', async (_, breaks, c) => {
    const w = world()
    w.bus.publishInventory(asking)
    if (c.metadata.deletionTimestamp !== undefined) w.drop('nodes', kubeNode())
    const settings = breaks(w) ?? {}
    await expect(step(w, c, settings)).rejects.toMatchObject({ reason: 'BusUnavailable' })
  })
  test('it asks for certificates, and nobody signs any: it goes without', async () => {
    const w = world()
    w.bus.publishInventory(asking)
    const c = computeNode()
    expect(await step(w, c)).toMatchObject({ kind: 'done' })
    expect(findCondition(c.status?.conditions, 'Certificate')).toBeUndefined()
  })
  test('it asks for none, and none is made', async () => {
    const w = world()
    let asked = 0
    const ensure = async () => {
      asked++
      return {} as never
    }
    await step(w, computeNode(), { certificates: { ensure }, nbdCertificates: { ensure } })
    expect(asked).toBe(0)
  })
})

test.each<[string, NodeSettings, number]>([
  ['twelve hours', {}, 12 * 3600 * 1000],
  ['as long as is said', { certificateCheckMs: 5 }, 5],
])('when all is well its certificates are looked at again after %s', async (_, settings, retryAfterMs) => {
  expect(await step(world(), computeNode(), settings)).toEqual({ kind: 'done', retryAfterMs })
})

test('its zone is its Node’s, and goes with the label', async () => {
  const w = world()
  w.put('nodes', kubeNode({ labels: { ...labels, 'topology.kubernetes.io/zone': 'z1' } }))
  const c = computeNode()
  await step(w, c)
  expect([c.status?.zone, w.deps.scheduler.nodes.find('n1')?.zone]).toEqual(['z1', 'z1'])
  w.put('nodes', kubeNode())
  await step(w, c)
  expect(c.status).not.toHaveProperty('zone')
})

test('no inventory at the moment: what was said last stays', async () => {
  const w = world()
  const c = computeNode()
  await step(w, c)
  w.bus.inventory.forget('n1')
  expect(await step(w, c)).toMatchObject({ kind: 'done' })
  expect(c.status?.inventory).toMatchObject({ cpus: 4, address: '192.0.2.1' })
})

describe('events: of what changed, and of nothing at the first look', () => {
  type Was = ComputeNode['status']
  test.each<[string, Was, ComputeNode['spec'], string[]]>([
    ['first', undefined, {}, []],
    ['first, and closed', undefined, { unschedulable: true }, []],
    ['as before', { state: 'up' }, {}, []],
    ['up again', { state: 'down' }, {}, ['NodeUp']],
    ['lost', { state: 'up' }, { lost: 'Confirmed' }, ['Warning: NodeDown']],
    ['closed', { state: 'up' }, { unschedulable: true }, ['NodeClosed']],
    ['closed, as before', { state: 'up', closed: 'is closed' }, { unschedulable: true }, []],
    ['opened', { state: 'up', closed: 'is closed' }, {}, ['NodeOpened']],
  ])('%s', async (_, status, spec, events) => {
    const w = world()
    const said: string[] = []
    w.run.event = ({ type, reason }) => void said.push(`${type === 'Normal' ? '' : 'Warning: '}${reason}`)
    await step(w, computeNode(spec, { status }))
    expect(said).toEqual(events)
  })
})

test('a node that said nothing is shown no free room', async () => {
  const w = memoryWorld()
  w.put('nodes', kubeNode())
  const c = computeNode()
  await step(w, c)
  expect(c.status).not.toHaveProperty('free')
})

test('machines that wait for room are woken by it', async () => {
  const w = world()
  const woken: string[] = []
  w.deps.waitingRoom.onWake((key) => void woken.push(key))
  w.deps.waitingRoom.enter('ns/vm')
  await step(w, computeNode())
  expect(woken).toEqual(['ns/vm'])
})

test('those that wait for any node are woken by one that says something new, and takes machines', async () => {
  const w = world()
  const woken: string[] = []
  w.deps.waitingRoom.onWake((key) => void woken.push(key))
  w.deps.waitingRoom.enter('ns/place', { for: 'place', turns: new Set() })
  w.deps.waitingRoom.enter('ns/here', { for: 'here', node: 'n1' })
  const look = async (spec: ComputeNode['spec'] = {}) => {
    await step(w, computeNode(spec))
    return woken.splice(0).map((key) => key.slice(3))
  }
  expect([await look(), await look()]).toEqual([['here', 'place'], []])
  expect([await look({ unschedulable: true }), await look({ unschedulable: true })]).toEqual([['here'], []])
  expect([await look(), await look()]).toEqual([['here', 'place'], []])
})

describe('ports that it claims: three are named', () => {
  test.each([
    [3, 'Port p1, p2, p3. Take'],
    [4, 'Port p1, p2, p3 and 1 more. Take'],
  ])('of %d', async (count, text) => {
    const w = world()
    const taken = Array.from({ length: count }, (_, i) => ({ uid: `p${i + 1}`, node: 'n1', wanted: 'n2' }))
    w.network.setTaken(taken)
    expect(await step(w, computeNode())).toMatchObject({ reason: 'PortsTaken', message: expect.stringContaining(text) })
  })
})
