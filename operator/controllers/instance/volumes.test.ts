// SPDX-License-Identifier: Apache-2.0
// What of a machine's volumes goes into its document, and that what does not resolve keeps nothing else from it.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Flavor, Image, Instance, KeyPair, Volume } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileInstance } from './reconcile.ts'

const size = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
const claimed = { protocol: 'nbd' as const, host: '10.0.0.9', port: 10900, exportName: 'x', tls: true }

function world(): MemoryWorld {
  const w = memoryWorld()
  w.put('flavors', stored<Flavor>('small', size, { namespace: '' }))
  w.put(
    'images',
    stored<Image>(
      'guest',
      { source: { http: { url: 'http://x/y' } }, format: 'qcow2' },
      { status: { sha256: 'ab'.repeat(32), epoch: 1 } },
    ),
  )
  for (const name of ['c1', 's1']) {
    const inventory = { bootID: 'boot-0001', address: '10.0.0.9' }
    w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '', status: { inventory } }))
  }
  w.bus.heartbeats.expect(['c1', 's1'])
  for (const name of ['c1', 's1']) w.bus.heartbeats.beat(name, 'boot-0001')
  return w
}

const machine = (volumes: string[], more: Partial<Instance['spec']> = {}) =>
  stored<Instance>(
    'vm',
    {
      flavorRef: { name: 'small' },
      imageRef: { name: 'guest' },
      volumes: volumes.map((name) => ({ volumeRef: { name } })),
      ...more,
    },
    { status: { node: 'c1', epoch: 1, flavor: size, interfaces: [] } },
  )

/** A volume of s1 in its second epoch, held by the machine unless said otherwise. */
function give(w: MemoryWorld, name: string, attachedTo: string | undefined = 'vm', report: object = {}): Volume {
  const holder = attachedTo === '' ? undefined : { name: attachedTo, uid: `uid-${attachedTo}`, node: 'c1' }
  const volume = stored<Volume>(
    name,
    { sizeGiB: 1 },
    { status: { node: 's1', pool: 'files', epoch: 2, sizeGiB: 1, ...(holder ? { attachedTo: holder } : {}) } },
  )
  w.put('volumes', volume)
  w.report('volume', volume, {
    node: 's1',
    epoch: 2,
    state: 'available',
    facts: { connection: claimed, sizeGiB: 1 },
    ...report,
  })
  return volume
}

async function step(w: MemoryWorld, i: Instance, generation = i.metadata.generation ?? 1) {
  i.metadata.generation = generation
  w.put('instances', i)
  return reconcileInstance(i, w.deps, w.run)
}
const documentOf = async (w: MemoryWorld) =>
  (await w.bus.desired.read('c1', 'instance', 'uid-vm')) as InstanceDocument | undefined
const given = async (w: MemoryWorld) => (await documentOf(w))?.spec.volumes.map(({ name }) => name)
const stopped = async (w: MemoryWorld, i: Instance) => {
  i.spec.runState = 'Stopped'
  const outcome = await step(w, i, (i.metadata.generation ?? 1) + 1)
  const document = await documentOf(w)
  expect(document?.versions.generation).toBe(i.metadata.generation)
  expect(document?.spec.runState).toBe('Stopped')
  return outcome
}

test('the node is told where the operator knows the volume to be, not where its node says', async () => {
  const w = world()
  give(w, 'data', 'vm', {
    facts: { connection: { protocol: 'nbd', host: '169.254.169.254', port: 10901, exportName: '/', tls: false } },
  })
  await step(w, machine(['data']))
  expect((await documentOf(w))?.spec.volumes).toEqual([
    {
      uid: 'uid-data',
      name: 'data',
      connection: {
        protocol: 'nbd',
        host: '10.0.0.9',
        port: 10901,
        exportName: 'uid-data',
        tls: true,
        tlsHostname: 's1',
      },
    },
  ])
})

test('a first document waits until all volumes are there', async () => {
  const w = world()
  give(w, 'data')
  const i = machine(['data', 'late'])
  expect(await step(w, i)).toMatchObject({ reason: 'VolumeNotFound' })
  expect(await documentOf(w)).toBeUndefined()
  give(w, 'late', 'vm2')
  expect(await step(w, i)).toMatchObject({ reason: 'VolumeInUse' })
  expect(await documentOf(w)).toBeUndefined()
  give(w, 'late', '')
  expect(await step(w, i)).toMatchObject({ reason: 'VolumeNotReady' })
  expect(await documentOf(w)).toBeUndefined()
  give(w, 'late')
  await step(w, i)
  expect(await given(w)).toEqual(['data', 'late'])
})

describe('a machine with a volume goes on', () => {
  const listed = { state: 'running', facts: { volumesAttached: ['uid-data'] } }
  test.each<[string, string[], (w: MemoryWorld) => unknown, string[], string]>([
    ['one more does not exist', ['data', 'typo'], () => undefined, ['data'], 'VolumeNotFound'],
    ['one more is another’s', ['data', 'other'], (w) => give(w, 'other', 'vm2'), ['data'], 'VolumeInUse'],
    [
      'one more is not served yet',
      ['data', 'new'],
      (w) => give(w, 'new', 'vm', { epoch: 1 }),
      ['data'],
      'VolumeNotReady',
    ],
    ['one more is nobody’s yet', ['data', 'new'], (w) => give(w, 'new', ''), ['data'], 'VolumeNotReady'],
    [
      'its own fails for a while',
      ['data'],
      (w) => give(w, 'data', 'vm', { state: 'failed', facts: {} }),
      ['data'],
      'VolumeNotReady',
    ],
    ['its own changes hands in its node’s eyes', ['data'], (w) => give(w, 'data', ''), ['data'], 'VolumeNotReady'],
    [
      'its own has no connection now',
      ['data'],
      (w) => give(w, 'data', 'vm', { facts: {} }),
      ['data'],
      'VolumeNotReady',
    ],
    ['its own belongs to another', ['data'], (w) => give(w, 'data', 'vm2'), [], 'VolumeInUse'],
  ])('while %s', async (_, names, change, kept, reason) => {
    const w = world()
    give(w, 'data')
    const i = machine(['data'])
    await step(w, i)
    w.report('instance', i, { node: 'c1', epoch: 1, ...listed })
    expect(await step(w, i)).toEqual({ kind: 'done' })
    i.spec.volumes = names.map((name) => ({ volumeRef: { name } }))
    await change(w)
    expect(await step(w, i, 2)).toMatchObject({ kind: 'wait', reason })
    expect(findCondition(i.status?.conditions, 'VolumesAttached')).toMatchObject({ status: 'False', reason })
    expect(await given(w)).toEqual(kept)
    expect(await stopped(w, i)).toMatchObject({ kind: 'wait', reason })
    expect(await given(w)).toEqual(kept)
  })

  test('and gets the grant for a new boot', async () => {
    const w = world()
    const i = machine([])
    await step(w, i)
    i.spec.volumes = [{ volumeRef: { name: 'typo' } }]
    w.bus.heartbeats.beat('c1', 'boot-0002')
    await step(w, i, 2)
    expect(await documentOf(w)).toMatchObject({ grantedBootId: 'boot-0002', versions: { generation: 2 } })
  })

  test.each([
    [
      'its key pair was deleted',
      (w: MemoryWorld) => w.drop('keyPairs', stored<KeyPair>('me', { publicKey: 'k' })),
      'KeyPairNotFound',
    ],
    [
      'its image is not ready any more',
      (w: MemoryWorld) => w.put('images', { ...w.deps.caches.images.list()[0]!, status: {} }),
      'ImageNotReady',
    ],
  ])('while %s', async (_, change, reason) => {
    const w = world()
    w.put('keyPairs', stored<KeyPair>('me', { publicKey: 'ssh-ed25519 AAAA' }))
    give(w, 'data')
    const i = machine(['data'], { keyPairRef: { name: 'me' } })
    await step(w, i)
    const before = (await documentOf(w))?.spec
    change(w)
    expect(await stopped(w, i)).toMatchObject({ kind: 'wait', reason })
    expect((await documentOf(w))?.spec).toEqual({ ...before, runState: 'Stopped' })
    i.spec.volumes = []
    await step(w, i, 5)
    expect(await given(w)).toEqual([])
  })

  test('but is told nothing while one that it may have in hand cannot be named: that would take it away', async () => {
    const w = world()
    const volume = give(w, 'data')
    const i = machine(['data'])
    await step(w, i)
    w.report('instance', i, { node: 'c1', epoch: 1, ...listed })
    // NATS lost the last document, and has an older one without the volume.
    await w.bus.desired.publish({ ...(await documentOf(w))!, spec: { ...(await documentOf(w))!.spec, volumes: [] } })
    w.report('volume', volume, { node: 's1', epoch: 2, state: 'failed' })
    i.spec.runState = 'Stopped'
    expect(await step(w, i, 2)).toMatchObject({ reason: 'VolumeNotReady' })
    expect((await documentOf(w))?.versions.generation).toBe(1)
    w.report('volume', volume, { node: 's1', epoch: 2, state: 'available', facts: { connection: claimed } })
    await step(w, i, 2)
    expect(await documentOf(w)).toMatchObject({ spec: { runState: 'Stopped', volumes: [{ name: 'data' }] } })
  })
})

test('who has the volume is asked at once before the document goes out, not before what goes out earlier', async () => {
  const w = world()
  const volume = give(w, 'data')
  const i = machine([])
  await step(w, i)
  i.spec.volumes = [{ volumeRef: { name: 'data' } }]
  // Meanwhile the volume is given to another machine.
  w.put('images', {
    ...w.deps.caches.images.list()[0]!,
    spec: { source: { http: { url: 'http://x/z' } }, format: 'qcow2' },
  })
  w.bus.desired.delay = async (document) => {
    if (document.kind !== 'image') return
    w.put('volumes', {
      ...volume,
      status: { ...volume.status, attachedTo: { name: 'vm2', uid: 'uid-vm2', node: 'c1' } },
    })
  }
  await step(w, i, 2)
  expect(await given(w)).toEqual([])
})
