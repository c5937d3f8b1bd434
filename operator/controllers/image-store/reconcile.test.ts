// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Image, ImageStore, KubeNode } from '../../../lib/api/types.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { findDefaultStore } from './default-store.ts'
import { pathOfStore, reconcileImageStore } from './reconcile.ts'

const store = (spec: object = {}, more: object = {}) =>
  stored<ImageStore>('main', { driver: 'file', ...spec }, { namespace: '', ...more })
const word = (more: object = {}) => ({ name: 'main', driver: 'file', totalGiB: 100, freeGiB: 60, ...more })

function world(nodes: Record<string, object[] | undefined>) {
  const w = memoryWorld()
  for (const [name, imageStores] of Object.entries(nodes)) {
    w.put('nodes', stored<KubeNode>(name, {}, { namespace: '', labels: { 'nephele.dev/storage': 'true' } }))
    if (imageStores) w.bus.publishInventory(inventoryOf(name, { imageStores: imageStores as never }))
  }
  return w
}

test.each([
  ['a node that serves it', { s1: [word()] }, {}, { kind: 'done' }, 'up'],
  ['none', {}, {}, { reason: 'NoStorageNode' }, 'down'],
  ['one that says nothing of it', { s1: [] }, {}, { reason: 'StoreNotReported' }, 'down'],
  ['a broken one', { s1: [word({ error: 'not mounted' })] }, {}, { reason: 'StoreBroken' }, 'down'],
  ['fewer than copies', { s1: [word()] }, { copies: 2 }, { reason: 'TooFewNodes' }, 'up'],
  ['as many', { s1: [word()], s2: [word()] }, { copies: 2 }, { kind: 'done' }, 'up'],
] as const)('%s', (_, nodes, spec, outcome, state) => {
  const s = store(spec)
  expect(reconcileImageStore(s, world(nodes as never).deps)).toMatchObject(outcome)
  expect(s.status?.state).toBe(state)
})

test('it goes once no Image is in it', () => {
  const w = world({ s1: [word()] })
  const source = { snapshot: { instanceActionRef: { name: 'a' }, imageStoreRef: { name: 'main' } } }
  const image = (status: object) => stored<Image>('snap', { source, format: 'qcow2' }, { status })
  w.put('images', image({ copies: [{ node: 's1', epoch: 1 }] }))
  expect(reconcileImageStore(store({}, { deleted: true }), w.deps)).toMatchObject({ reason: 'InUse' })
  w.put('images', image({}))
  expect(reconcileImageStore(store({}, { deleted: true }), w.deps)).toEqual({ kind: 'released' })
})

test('its folder is the spec’s, or one of its name; the oldest default one is the default', () => {
  expect(pathOfStore(store())).toBe('/var/lib/nephele/image-stores/main')
  expect(pathOfStore(store({ file: { path: '/srv/images' } }))).toBe('/srv/images')
  const w = memoryWorld()
  for (const [name, age, isDefault] of [
    ['a', '2026-01-02T00:00:00Z', true],
    ['b', '2026-01-01T00:00:00Z', true],
    ['c', '2025-01-01T00:00:00Z', false],
  ] as const) {
    const one = stored<ImageStore>(name, { driver: 'file', default: isDefault }, { namespace: '' })
    w.put('imageStores', { ...one, metadata: { ...one.metadata, creationTimestamp: age } })
  }
  expect(findDefaultStore(w.deps.caches)?.metadata.name).toBe('b')
})
