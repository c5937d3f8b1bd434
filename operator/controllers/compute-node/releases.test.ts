// SPDX-License-Identifier: Apache-2.0
// What a ComputeNode keeps of what nobody waits for any longer: until it is answered, or owned again.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image, Instance, Port, Volume } from '../../../lib/api/types.ts'
import type { DocumentKind, Tombstone } from '../../../lib/contract/documents.ts'
import { listAnswered, type Scene } from '../../testing/every-answer.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { imageDocument } from '../image/document.ts'
import { keepReleases } from './releases.ts'

type Release = NonNullable<NonNullable<ComputeNode['status']>['releases']>[number]
const release = (kind: DocumentKind, name: string, epoch = 2, namespace: string | undefined = 'ns') => ({
  kind,
  uid: `uid-${name}`,
  name,
  epoch,
  ...(namespace === undefined ? {} : { namespace }),
})
const lost = (releases: Release[]) =>
  stored<ComputeNode>('n1', { lost: 'Confirmed' }, { namespace: '', status: { releases } })
const machine = (status: Instance['status']) =>
  stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { status })
const keep = async (w: MemoryWorld, releases: Release[]) => {
  const c = lost(releases)
  await keepReleases(c, w.deps)
  return c.status?.releases
}

describe('a machine’s release', () => {
  const vm = release('instance', 'vm')
  test.each<[string, Instance['status'] | undefined, boolean]>([
    ['of one that is no more stays', undefined, true],
    ['of one that has no place stays', {}, true],
    ['of one on another node stays', { node: 'n2', epoch: 3 }, true],
    ['of one that is still said to be here by the epoch that ends stays', { node: 'n1', epoch: 2 }, true],
    ['of one that is here anew goes: its document says all', { node: 'n1', epoch: 3 }, false],
    [
      'of one that is elsewhere, and was here anew before, goes',
      { node: 'n2', epoch: 4, pendingReleases: [{ node: 'n1', epoch: 3 }] },
      false,
    ],
  ])('%s', async (_, status, stays) => {
    const w = memoryWorld()
    if (status) w.put('instances', machine(status))
    expect(await keep(w, [vm])).toEqual(stays ? [vm] : undefined)
  })
  test('of a volume under the UID of a machine is no machine’s', async () => {
    const w = memoryWorld()
    w.put('instances', machine({ node: 'n1', epoch: 9 }))
    const volume = { ...release('volume', 'vm') }
    expect(await keep(w, [volume])).toEqual([volume])
  })
})

describe('the release of a copy of an Image', () => {
  const copy = release('imagecopy', 'i')
  const kept = (copies: NonNullable<Image['status']>['copies']) =>
    stored<Image>('i', { source: { http: { url: 'http://x/y' } }, format: 'raw' }, { status: { copies } })
  test.each<[string, Image | undefined, 'Confirmed' | undefined, boolean]>([
    ['of one that is no more stays', undefined, undefined, true],
    ['of one that is elsewhere stays', kept([{ node: 'n2', epoch: 3 }]), undefined, true],
    ['of one whose node is given up stays', kept([{ node: 'n1', epoch: 2 }]), 'Confirmed', true],
    ['of one whose node is back goes: the copy counts', kept([{ node: 'n1', epoch: 2 }]), undefined, false],
    ['of one that was here before stays', kept([{ node: 'n1', epoch: 1 }]), undefined, true],
  ])('%s', async (_, image, given, stays) => {
    const w = memoryWorld()
    if (image) w.put('images', image)
    w.put('computeNodes', stored<ComputeNode>('n1', given ? { lost: given } : {}, { namespace: '' }))
    expect(await keep(w, [copy])).toEqual(stays ? [copy] : undefined)
  })
})

describe('the tombstone', () => {
  const i = () => stored<Image>('i', { source: { http: { url: 'http://x/y' } }, format: 'raw' })
  const last = 2 ** 40
  test.each<[string, Release, (w: MemoryWorld) => void, number]>([
    ['of a machine', release('instance', 'vm'), (w) => void w.put('instances', machine({})), 1],
    [
      'of a port',
      release('port', 'p'),
      (w) => void w.put('ports', stored<Port>('p', { networkRef: { name: 'l' } }, { generation: 3 })),
      3,
    ],
    [
      'of a volume',
      release('volume', 'data'),
      (w) => void w.put('volumes', stored<Volume>('data', { sizeGiB: 1 }, { generation: 4 })),
      4,
    ],
    ['of an image', release('image', 'i'), (w) => void w.put('images', i()), 1],
    ['of what is no more, above any generation of it', release('volume', 'gone'), () => undefined, last],
  ])('%s has the generation that its node may have acted on', async (_, kept, prepare, generation) => {
    const w = memoryWorld()
    prepare(w)
    await keep(w, [kept])
    const document = (await w.bus.desired.read('n1', kept.kind, kept.uid)) as Tombstone
    expect(document).toMatchObject({ tombstone: true, namespace: 'ns', name: kept.name })
    expect(document.versions).toMatchObject({ epoch: 2, generation })
  })
  test('of what has no namespace has none', async () => {
    const w = memoryWorld()
    const image = release('image', 'i', 1)
    delete image.namespace
    await keep(w, [image])
    expect(await w.bus.desired.read('n1', 'image', 'uid-i')).not.toHaveProperty('namespace')
  })
  test.each<[string, boolean, boolean, number]>([
    ['is not sent twice', true, false, 0],
    ['takes the place of a document that a restore left behind', false, false, 1],
    ['leaves a document alone whose resource is there: that has the say', false, true, 0],
  ])('%s', async (_, tombstone, hasResource, writes) => {
    const w = memoryWorld()
    await w.bus.desired.publish(imageDocument(i(), 'n1', w.deps.writer()))
    if (tombstone) await keep(w, [release('image', 'i')])
    if (hasResource) w.put('images', i())
    const before = w.bus.desired.writes
    await keep(w, [release('image', 'i')])
    expect(w.bus.desired.writes - before).toBe(writes)
  })
  test('is waited for', async () => {
    const scene: Scene = async () => ({
      world: memoryWorld(),
      go: ({ deps }) => keepReleases(lost([release('image', 'i')]), deps),
    })
    expect(await listAnswered(scene)).toEqual(['desired.publish'])
  })
})

test('a newer one of the same object takes the older one’s place; more than a resource can hold are not new', async () => {
  const w = memoryWorld()
  w.deps.releases.request('n1', release('image', 'i', 3))
  const c = lost([release('image', 'i', 2)])
  expect(await keepReleases(c, w.deps)).toBe(true)
  expect(c.status?.releases).toEqual([release('image', 'i', 3)])
  expect(await keepReleases(c, w.deps)).toBe(false)
})
