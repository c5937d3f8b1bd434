// SPDX-License-Identifier: Apache-2.0
// A node's `gone` is evidence: it goes with its tombstone only when no resource can ask for it any more.
import { describe, expect, test } from '@jest/globals'
import type {
  ComputeNode,
  Image,
  Instance,
  LoadBalancer,
  Port,
  Reachability,
  Volume,
  VPNService,
} from '../../lib/api/types.ts'
import { DOCUMENT_KINDS, type DocumentKind } from '../../lib/contract/documents.ts'
import { toDocumentKey } from '../../lib/contract/subjects.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { tombstoneOf } from './document-header.ts'
import { TombstoneCollector } from './tombstone-collector.ts'

const writer = { incarnation: 1, term: 1 }
const SPEC: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const machine = (status: object = {}, more: object = {}, spec: object = {}) =>
  stored<Instance>('vm', { ...SPEC, ...spec }, { status, ...more })
const port = (status: object = {}, more: object = {}) =>
  stored<Port>('p', { networkRef: { name: 'n' } }, { status, ...more })
const cluster = { namespace: '' }
const OBJECTS: Record<DocumentKind, KubeObject> = {
  instance: machine(),
  port: port(),
  volume: stored<Volume>('data', { sizeGiB: 1 }),
  balancer: stored<LoadBalancer>('lb', { vip: { subnetRef: { name: 's' } }, listeners: [] }),
  probe: stored<Reachability>('probe', { source: {}, destination: {} }),
  vpn: stored<VPNService>('vpn', { routerRef: { name: 'r' } }),
  imagecopy: stored<Image>('snap', {
    source: { snapshot: { instanceActionRef: { name: 'a' }, imageStoreRef: { name: 's' } } },
    format: 'qcow2',
  }),
  image: stored<Image>('img', { source: { http: { url: 'http://x/y' } }, format: 'raw' }),
  node: stored<ComputeNode>('c1', {}, cluster),
}

/** The node c1 was told to let go of it, and answered. */
async function answered(w: MemoryWorld, kind: DocumentKind, state = 'gone'): Promise<() => Promise<boolean>> {
  const object = OBJECTS[kind]
  await w.bus.desired.publish(tombstoneOf(kind, object, 'c1', 1, writer))
  w.report(kind, object, { node: 'c1', epoch: 1, state })
  return async () => {
    new TombstoneCollector(w.deps, w.run.log).consider(kind, object.metadata.uid)
    await settle()
    const isThere = w.bus.desired.find('c1', kind, object.metadata.uid) !== undefined
    expect(w.bus.observed.find(kind, object.metadata.uid, 'c1') !== undefined).toBe(isThere)
    return isThere
  }
}

test.each(DOCUMENT_KINDS)('an answered tombstone of kind %s goes once the resource is gone', async (kind) => {
  const isThere = await answered(memoryWorld(), kind)
  expect(await isThere()).toBe(false)
})

test('a report is judged by itself: another node that answered earlier is not looked at for it', async () => {
  const w = memoryWorld()
  await answered(w, 'image')
  const { uid } = OBJECTS.image.metadata
  const collector = new TombstoneCollector(w.deps, w.run.log)
  collector.considerReport({ kind: 'image', uid, node: 'c2' })
  await settle()
  expect(w.bus.desired.find('c1', 'image', uid)).toBeDefined()
  collector.considerReport({ kind: 'image', uid, node: 'c1' })
  await settle()
  expect(w.bus.desired.find('c1', 'image', uid)).toBeUndefined()
})

test.each(DOCUMENT_KINDS)('of kind %s: while the node has not let go, it stays', async (kind) => {
  expect(await (await answered(memoryWorld(), kind, 'failed'))()).toBe(true)
})

test('a document that asks for it is no tombstone, whatever the node says', async () => {
  const w = memoryWorld()
  const isThere = await answered(w, 'port')
  const document = { ...tombstoneOf('port', OBJECTS.port, 'c1', 1, writer), tombstone: false }
  w.bus.desired.documents.set(toDocumentKey(document), document as never)
  expect(await isThere()).toBe(true)
})

test.each([
  ['volume', 'volumes'],
  ['image', 'images'],
  ['node', 'computeNodes'],
] as const)('of kind %s it stays while there is a resource', async (kind, cache) => {
  const w = memoryWorld()
  const isThere = await answered(w, kind)
  w.put(cache, structuredClone(OBJECTS[kind]))
  expect(await isThere()).toBe(true)
  w.drop(cache, OBJECTS[kind])
  expect(await isThere()).toBe(false)
})

describe('of a machine', () => {
  const secret = { userDataSecretRef: { name: 's' } }
  test.each<[string, Instance, boolean]>([
    ['is on that node', machine({ node: 'c1', epoch: 1 }), true],
    ['waits for that node', machine({ node: 'c2', pendingReleases: [{ node: 'c1', epoch: 1 }] }), true],
    ['is elsewhere', machine({ node: 'c2' }), false],
    ['has no place', machine({}), false],
    ['moves, and its user data is in the tombstone', machine({}, {}, secret), true],
    ['moves, and its new place has no document', machine({ node: 'c2' }, {}, secret), true],
    ['goes, user data and all', machine({ node: 'c2' }, { deleted: true }, secret), false],
    ['goes, and is on that node', machine({ node: 'c1' }, { deleted: true }), true],
  ])('that %s: kept %s', async (_, instance, isKept) => {
    const w = memoryWorld()
    const isThere = await answered(w, 'instance')
    w.put('instances', instance)
    expect(await isThere()).toBe(isKept)
  })
  test.each([
    [false, false],
    [true, true],
  ])('that moves with user data: kept while its new place has a tombstone: %s', async (tombstone, isKept) => {
    const w = memoryWorld()
    const isThere = await answered(w, 'instance')
    w.put('instances', machine({ node: 'c2' }, {}, secret))
    const next = { ...tombstoneOf('instance', OBJECTS.instance, 'c2', 2, writer), tombstone }
    w.bus.desired.documents.set(toDocumentKey(next), next as never)
    expect(await isThere()).toBe(isKept)
  })
})

describe('of a port', () => {
  const owned = { origin: 'Instance', owner: { name: 'vm', uid: 'uid-vm' } }
  test.each<[string, Port, Instance | undefined, boolean]>([
    ['is elsewhere', port({ node: 'c2' }), undefined, false],
    ['is on that node', port({ node: 'c1' }), undefined, true],
    ['is being deleted', port({ node: 'c2' }, { deleted: true }), undefined, true],
    ['is elsewhere, its machine too', port({ node: 'c2', ...owned }), machine({ node: 'c2' }), false],
    ['is elsewhere, its machine comes', port({ node: 'c2', ...owned }), machine({ node: 'c1' }), true],
    [
      'is elsewhere, its machine is not gone from there',
      port({ node: 'c2', ...owned }),
      machine({ node: 'c2', pendingReleases: [{ node: 'c1', epoch: 1 }] }),
      true,
    ],
    ['has lost its machine', port({ node: 'c2', ...owned }), undefined, false],
  ])('that %s: kept %s', async (_, object, owner, isKept) => {
    const w = memoryWorld()
    const isThere = await answered(w, 'port')
    w.put('ports', object)
    if (owner) w.put('instances', owner)
    expect(await isThere()).toBe(isKept)
  })
})

describe('a release that a ComputeNode keeps', () => {
  const release = { kind: 'port' as const, uid: 'uid-p', name: 'p', epoch: 1 }
  test.each<[string, string, object, boolean]>([
    ['is of this object', 'c1', release, true],
    ['is of another one', 'c1', { ...release, uid: 'uid-q' }, false],
    ['is of another kind', 'c1', { ...release, kind: 'volume' }, false],
    ['is of another node', 'c2', release, false],
  ])('%s: kept %s', async (_, node, kept, isKept) => {
    const w = memoryWorld()
    const isThere = await answered(w, 'port')
    const status = { releases: [kept as typeof release] }
    w.put('computeNodes', stored<ComputeNode>(node, { lost: 'Confirmed' }, { ...cluster, status }))
    expect(await isThere()).toBe(isKept)
  })
})

test('after a start all are looked at, and one that cannot be taken away stops no other', async () => {
  const w = memoryWorld()
  for (const kind of DOCUMENT_KINDS) await answered(w, kind)
  w.bus.desired.failNext(new Error('no answer'))
  const collector = new TombstoneCollector(w.deps, w.run.log)
  collector.considerAll()
  await settle()
  expect(w.bus.desired.list().map(({ kind }) => kind)).toEqual(DOCUMENT_KINDS.slice(0, 1))
  collector.considerAll()
  await settle()
  expect(w.bus.desired.list()).toEqual([])
})
