// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { CLOUD, PORT } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Instance, Port, Volume } from '../../lib/api/types.ts'
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { toDocumentKey } from '../../lib/contract/subjects.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { StoreHistory } from './store-history.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { tombstoneOf } from '../placed/document-header.ts'
import { RegressionGuard } from './regression-guard.ts'

const writer = { incarnation: 1, term: 1 }
const SPEC: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const machine = (more: object = {}) => stored<Instance>('vm', SPEC, { status: { node: 'c1', epoch: 1 }, ...more })

/** A document that is not checked against its schema: the guard reads its head only. */
function hand(
  w: MemoryWorld,
  object: KubeObject,
  more: { generation?: number; epoch?: number; tombstone?: boolean } = {},
) {
  const { generation = object.metadata.generation ?? 1, epoch = 1, tombstone = false } = more
  const document = { ...tombstoneOf('instance', object, 'c1', epoch, writer), tombstone }
  document.versions = { ...document.versions, generation }
  w.bus.desired.documents.set(toDocumentKey(document), document as unknown as DesiredDocument)
}
/** The store as it is, or with what the caches have not heard of. */
const reading = (w: MemoryWorld, ahead?: KubeObject) => async (kind: ResourceKind, ref: ObjectRef) =>
  ahead?.metadata.name === ref.name ? ahead : ((await w.run.client.find(kind, ref)) ?? undefined)
const guardOf = (w: MemoryWorld) => w.deps.regression
const prove = (w: MemoryWorld, ahead?: KubeObject) => guardOf(w).prove(writer, reading(w, ahead))
const isHolding = (w: MemoryWorld) => guardOf(w).isHolding(writer)

describe('a document that is newer than the store', () => {
  const given = (): MemoryWorld => {
    const w = memoryWorld()
    w.put('instances', machine())
    hand(w, machine(), { generation: 2 })
    guardOf(w).lookAtAll(writer)
    return w
  }
  test('holds everything at once, and is proved when it still is after ten seconds', async () => {
    const w = given()
    expect(isHolding(w)).toBe(true)
    expect(await prove(w)).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
    w.clock.ms = 10_000
    expect(await prove(w)).toBe(false)
    expect(guardOf(w).findMessage(writer)).toMatch(
      /generation 2 of instance ns\/vm.*spec\.incarnation of this Cloud above 1/,
    )
  })
  test('is none when the store knows more than the cache, however long that is behind', async () => {
    const w = given()
    w.clock.ms = 60_000
    expect(await prove(w, machine({ generation: 2 }))).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
  })
  test('is over when the cache has caught up, and all goes on', async () => {
    const w = given()
    let freed = 0
    guardOf(w).onFreed(() => freed++)
    w.put('instances', machine({ generation: 2 }))
    guardOf(w).consider('instance', 'uid-vm', writer)
    expect({ freed, holding: isHolding(w) }).toEqual({ freed: 1, holding: false })
  })
  test('holds no longer under a raised incarnation', async () => {
    const w = given()
    w.clock.ms = 10_000
    await prove(w)
    const raised = { incarnation: 2, term: 1 }
    guardOf(w).lookAtAll(raised)
    expect(guardOf(w).isHolding(raised)).toBe(false)
  })
})

describe('a document without a resource', () => {
  const given = (): MemoryWorld => {
    const w = memoryWorld()
    hand(w, machine())
    w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running' })
    return w
  }
  test('whose node has it: the resource was made after what the store holds', async () => {
    const w = given()
    guardOf(w).lookAtAll(writer)
    w.clock.ms = 10_000
    await prove(w)
    expect(guardOf(w).findMessage(writer)).toContain(
      'node c1 has instance ns/vm (uid-vm), of which there is no resource',
    )
  })
  test('is none when the store has it after all', async () => {
    const w = given()
    guardOf(w).lookAtAll(writer)
    w.clock.ms = 10_000
    expect(await prove(w, machine())).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
  })
  test('that this leader let go itself is NATS that went back', () => {
    const w = given()
    guardOf(w).forget('instance', 'uid-vm')
    guardOf(w).lookAtAll(writer)
    expect(isHolding(w)).toBe(false)
  })
  const nodeOf = (spec: ComputeNode['spec'], releases?: NonNullable<ComputeNode['status']>['releases']) =>
    stored<ComputeNode>('c1', spec, { namespace: '', ...(releases ? { status: { releases } } : {}) })
  const release = { kind: 'instance' as const, uid: 'uid-vm', namespace: 'ns', name: 'vm' }
  test.each([
    ['kept as a release until its node has answered', nodeOf({}, [{ ...release, epoch: 1 }]), false],
    ['kept as a release of an older epoch', nodeOf({}, [{ ...release, epoch: 0 }]), true],
    ['on a node that is confirmed lost', nodeOf({ lost: 'Confirmed' }), false],
    ['on a node that is not', nodeOf({}), true],
  ])('%s', async (_, node, isEvidence) => {
    const w = given()
    w.put('computeNodes', node)
    guardOf(w).lookAtAll(writer)
    expect(isHolding(w)).toBe(isEvidence)
    w.clock.ms = 10_000
    await prove(w)
    expect(guardOf(w).findMessage(writer) !== undefined).toBe(isEvidence)
  })
  test('its node is confirmed lost while the proof is awaited: it is none', async () => {
    const w = given()
    guardOf(w).lookAtAll(writer)
    w.put('computeNodes', nodeOf({ lost: 'Confirmed' }))
    w.clock.ms = 10_000
    await prove(w)
    expect([guardOf(w).findMessage(writer), isHolding(w)]).toEqual([undefined, false])
  })
  test.each([
    ['released late', { tombstone: true }],
    ['released under a newer epoch', { tombstone: true, epoch: 9 }],
  ])('%s: nothing', (_, more) => {
    const w = given()
    hand(w, machine(), more)
    guardOf(w).lookAtAll(writer)
    expect(isHolding(w)).toBe(false)
  })
})

describe('what is said, and when', () => {
  test('whoever listens is told once that something is suspected, and once that it is over', async () => {
    const w = memoryWorld()
    const told: string[] = []
    const end = guardOf(w).onSuspicion(() => told.push('suspected'))
    guardOf(w).onFreed(() => told.push('freed'))
    w.put('instances', machine())
    hand(w, machine(), { generation: 2 })
    for (let i = 0; i < 2; i++) guardOf(w).consider('instance', 'uid-vm', writer)
    expect(told).toEqual([])
    w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running' })
    for (let i = 0; i < 2; i++) guardOf(w).consider('instance', 'uid-vm', writer)
    expect(told).toEqual(['suspected'])
    w.put('instances', machine({ generation: 2 }))
    expect(await prove(w)).toBe(false)
    expect(told).toEqual(['suspected', 'freed'])
    expect(await prove(w)).toBe(false)
    expect(told).toEqual(['suspected', 'freed'])
    end()
    guardOf(w).backendRefused('a newer term')
    expect(told).toEqual(['suspected', 'freed'])
  })
  test('a backend’s refusal proves nothing before its time, counted from the first', async () => {
    const w = memoryWorld()
    guardOf(w).backendRefused('term 9')
    w.clock.ms = 9_999
    guardOf(w).backendRefused('term 9')
    expect(await prove(w)).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
    w.clock.ms = 10_000
    expect(await prove(w)).toBe(false)
    expect(guardOf(w).findMessage(writer)).toContain('term 9')
    // Proved is proved.
    guardOf(w).backendRefused(undefined)
    expect([await prove(w), guardOf(w).isHolding(writer)]).toEqual([false, true])
  })
  test('a node’s first report asks for a proof, its second does not', () => {
    const w = memoryWorld()
    w.put('instances', machine())
    let told = 0
    guardOf(w).onSuspicion(() => told++)
    const look = () => guardOf(w).check(machine(), { kind: 'instance', node: 'c1', epoch: 1 }, writer)
    expect([look(), told]).toEqual([undefined, 0])
    w.report('instance', machine(), { node: 'c1', epoch: 7, state: 'running' })
    look()
    look()
    expect(told).toBe(1)
    guardOf(w).forget('instance', 'uid-vm')
    look()
    expect(told).toBe(2)
  })
  test('of more documents than are kept all are looked at before it is over', () => {
    const w = memoryWorld()
    const many = Array.from({ length: 70 }, (_, i) =>
      stored<Instance>(`m${i}`, SPEC, { status: { node: 'c1', epoch: 1 } }),
    )
    for (const one of many) {
      w.put('instances', one)
      hand(w, one, { generation: 2 })
    }
    guardOf(w).lookAtAll(writer)
    for (const [i, one] of many.entries()) {
      expect(isHolding(w)).toBe(true)
      w.put('instances', { ...one, metadata: { ...one.metadata, generation: 2 } })
      guardOf(w).consider('instance', one.metadata.uid, writer)
      expect(i < many.length - 1 || !isHolding(w)).toBe(true)
    }
  })
  test('the incarnation that is asked for is above all that were seen', async () => {
    const w = memoryWorld()
    w.put('clouds', stored<Cloud>('default', {}, { namespace: '' }))
    w.put('instances', machine())
    const document = tombstoneOf('instance', machine(), 'c1', 1, { incarnation: 5, term: 1 })
    w.bus.desired.documents.set(toDocumentKey(document), document)
    guardOf(w).lookAtAll(writer)
    expect(guardOf(w).highestIncarnation).toBe(5)
    w.clock.ms = 10_000
    // The Cloud that the caches do not have yet: raised, so that the document is none of the future.
    const raised = stored<Cloud>('default', { incarnation: 5 }, { namespace: '' })
    expect(await prove(w, raised)).toBe(true)
    expect([guardOf(w).findMessage(writer), isHolding(w)]).toEqual([undefined, true])
    expect(await prove(w)).toBe(false)
    expect(guardOf(w).findMessage(writer)).toMatch(/incarnation 5, the Cloud of 1.*above 5/)
  })
  test('what the cache has and the store has not is on its way out', async () => {
    const w = memoryWorld()
    w.put('instances', machine())
    hand(w, machine(), { generation: 2 })
    guardOf(w).lookAtAll(writer)
    w.clock.ms = 10_000
    expect(await guardOf(w).prove(writer, async () => undefined)).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
    // Nor is another object under its name what was asked for.
    const other = machine({ uid: 'uid-other' })
    expect(await guardOf(w).prove(writer, async () => other)).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
  })
})

test('a volume is as far as itself, whoever owns it; an orphaned port as far as it was', () => {
  const w = memoryWorld()
  const volume = w.put('volumes', stored<Volume>('data', { sizeGiB: 1 }, { status: { node: 'c1', epoch: 3 } }))
  const status = { origin: 'Instance' as const, owner: { name: 'vm', uid: 'uid-vm' }, epoch: 3 }
  const port = w.put('ports', stored<Port>('p', { networkRef: { name: 'n' } }, { status }))
  w.put('instances', machine())
  const holds = (kind: 'volume' | 'port', object: KubeObject, epoch: number) => {
    w.bus.desired.documents.clear()
    const document = tombstoneOf(kind, object, 'c1', epoch, writer)
    w.bus.desired.documents.set(toDocumentKey(document), document)
    guardOf(w).lookAtAll(writer)
    return isHolding(w)
  }
  expect([3, 4].map((epoch) => holds('volume', volume, epoch))).toEqual([false, true])
  expect([3, 4].map((epoch) => holds('port', port, epoch))).toEqual([false, true])
  w.drop('instances', machine())
  expect(holds('port', port, 9)).toBe(false)
})

test('an automatic port is as far as its machine', () => {
  const w = memoryWorld()
  w.put('instances', machine())
  const status = { origin: 'Instance' as const, owner: { name: 'vm', uid: 'uid-vm' } }
  const port = w.put('ports', stored<Port>('p', { networkRef: { name: 'n' } }, { status }))
  for (const [epoch, holding] of [
    [1, false],
    [2, true],
  ] as const) {
    const document = tombstoneOf('port', port, 'c1', epoch, writer)
    w.bus.desired.documents.set(toDocumentKey(document), document)
    guardOf(w).lookAtAll(writer)
    expect(isHolding(w)).toBe(holding)
  }
})

test('a cache that stays behind, as the store says, holds up its own object alone', async () => {
  const w = memoryWorld()
  w.put('instances', machine())
  hand(w, machine(), { generation: 2 })
  let freed = 0
  guardOf(w).onFreed(() => freed++)
  guardOf(w).lookAtAll(writer)
  expect(isHolding(w)).toBe(true)
  w.clock.ms = 10_000
  expect(await prove(w, machine({ generation: 2 }))).toBe(true)
  expect({ freed, holding: isHolding(w) }).toEqual({ freed: 1, holding: false })
  const place = { kind: 'instance' as const, node: 'c1', epoch: 1 }
  expect(guardOf(w).check(machine(), place, writer)).toMatchObject({ reason: 'ControlPlaneRegressed' })
  const caughtUp = w.put('instances', machine({ generation: 2 }))
  expect(guardOf(w).check(caughtUp, place, writer)).toBeUndefined()
})

test('a store that went back after it was asked once is proved all the same', async () => {
  const w = memoryWorld()
  w.put('instances', machine())
  hand(w, machine(), { generation: 2 })
  guardOf(w).lookAtAll(writer)
  w.clock.ms = 10_000
  await prove(w, machine({ generation: 2 }))
  expect(guardOf(w).findMessage(writer)).toBeUndefined()
  await prove(w)
  expect(guardOf(w).findMessage(writer)).toContain('generation 2 of instance ns/vm')
})

describe('nodes’ reports alone', () => {
  const other = () => stored<Instance>('vm2', SPEC, { status: { node: 'c2', epoch: 1 } })
  const given = (): MemoryWorld => {
    const w = memoryWorld()
    for (const i of [machine(), other()])
      w.report('instance', w.put('instances', i), { node: i.status!.node!, epoch: 7, state: 'running' })
    return w
  }
  const look = (w: MemoryWorld, i: Instance) =>
    guardOf(w).check(i, { kind: 'instance', node: i.status!.node!, epoch: 1 }, writer)
  test('one node’s holds up its object and nothing else, for ever', async () => {
    const w = given()
    expect(look(w, machine())).toMatchObject({ reason: 'NodeAhead', message: expect.stringContaining('epoch 7') })
    w.clock.ms = 60_000
    await prove(w)
    expect(isHolding(w)).toBe(false)
  })
  test('two nodes’ are a proof', async () => {
    const w = given()
    for (const i of [machine(), other()]) look(w, i)
    w.clock.ms = 10_000
    await prove(w)
    expect(guardOf(w).findMessage(writer)).toMatch(/vm on node c1, instance vm2 on node c2/)
  })
  test('a node’s that is confirmed lost hold up nothing, and prove nothing with another’s', async () => {
    const w = given()
    for (const i of [machine(), other()]) look(w, i)
    w.put('computeNodes', stored<ComputeNode>('c1', { lost: 'Confirmed' }, { namespace: '' }))
    w.clock.ms = 10_000
    await prove(w)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
    expect(look(w, machine())).toBeUndefined()
    expect(look(w, other())).toMatchObject({ reason: 'NodeAhead' })
  })
  test('two nodes’ are none when the store has caught up', async () => {
    const w = given()
    for (const i of [machine(), other()]) look(w, i)
    w.clock.ms = 10_000
    expect(await prove(w, machine({ status: { node: 'c1', epoch: 7 } }))).toBe(true)
    expect(guardOf(w).findMessage(writer)).toBeUndefined()
  })
  test('of something without a resource, or an orphan: nothing', () => {
    const w = memoryWorld()
    w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running' })
    guardOf(w).consider('instance', 'uid-vm', writer)
    expect(isHolding(w)).toBe(false)
  })
})

test('a backend that keeps a newer term: suspected, proved, and over once it accepts ours', async () => {
  const w = memoryWorld()
  guardOf(w).backendRefused('OVN is claimed by incarnation 1, term 9')
  expect(isHolding(w)).toBe(true)
  guardOf(w).backendRefused(undefined)
  expect(isHolding(w)).toBe(false)
  guardOf(w).backendRefused('OVN is claimed by incarnation 1, term 9')
  w.clock.ms = 10_000
  guardOf(w).backendRefused('OVN is claimed by incarnation 1, term 9')
  await prove(w)
  expect(guardOf(w).findMessage(writer)).toContain('term 9')
})

describe('what outlasts a leadership', () => {
  const cloud = (regressedIncarnation: number) =>
    stored<Cloud>('default', {}, { namespace: '', status: { regressedIncarnation } })
  test.each([
    [1, 1, true],
    [1, 2, false],
  ])('found in incarnation %i, now %i: held %s', (found, incarnation, held) => {
    const w = memoryWorld()
    w.put('clouds', cloud(found))
    expect(guardOf(w).isHolding({ incarnation, term: 9 })).toBe(held)
  })
  test('a list of the store that went back, seen by whoever leads next in this process', () => {
    const w = memoryWorld()
    const history = new StoreHistory(() => 1)
    history.record(CLOUD, '900', '100')
    // A kind that is listed anew later says the same again, not something new.
    history.record(PORT, '901', '100')
    const guard = new RegressionGuard({ ...w.deps, history })
    expect(guard.findMessage(writer)).toContain('the list of clouds was at version 900 and is now at 100')
    expect(guard.isHolding({ incarnation: 2, term: 1 })).toBe(false)
  })
  test('the same, by one that leads for the first time after the incarnation was raised', () => {
    const history = new StoreHistory(() => 1)
    history.record(CLOUD, '900', '100')
    const guard = new RegressionGuard({ ...memoryWorld().deps, history })
    expect(guard.isHolding({ incarnation: 2, term: 1 })).toBe(false)
  })
})
