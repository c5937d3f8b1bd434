// SPDX-License-Identifier: Apache-2.0
// A snapshot from its InstanceAction to an Image that another node boots from, with all controllers in memory.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image, Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { ImageCopyDocument, ImageDocument, InstanceDocument } from '../../../lib/contract/documents.ts'
import { ActingNode } from '../../testing/acting-node.ts'
import { memoryWorld } from '../../testing/memory-deps.ts'
import { reconcileStored } from '../image/stored.ts'
import { followSnapshot } from './snapshot.ts'
import { saysOf, without } from '../../testing/answers.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'

let cloud: QuietCloud
let node: ActingNode

beforeEach(async () => {
  cloud = await QuietCloud.furnished()
  node = new ActingNode()
  cloud.operator.answer = node.answer
  cloud.imageStore('main', ['s1', 'c2'], { default: true, copies: 2 })
  cloud.set('images', 'guest', { properties: { hw_vif_model: 'e1000e', backup_type: 'x' }, minMemoryMiB: 64 })
  cloud.vm('vm')
  await cloud.operator.rest()
  for (const name of ['c1', 'c2', 's1']) giveKey(name)
  await cloud.operator.rest()
})

/** By which it opens volumes, and reads files of Images. */
function giveKey(name: string): void {
  const known = cloud.operator.get('computeNodes', { name }) as ComputeNode
  cloud.operator.store('computeNodes', { ...known, status: { ...known.status, volumeKey: 'ab'.repeat(20) } })
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what the cache has
const find = <T>(cache: 'images' | 'instanceActions' | 'instances', name: string): T | undefined => {
  try {
    return cloud.operator.get(cache, ns(name)) as T
  } catch {
    return undefined
  }
}
const action = (name = 'snap') => find<InstanceAction>('instanceActions', name)
const image = (name = 'snap') => find<Image>('images', name)
const why = (name = 'snap') => cloud.operator.reason('instanceActions', ns(name))
const captures = () => node.done.filter((line) => line.endsWith('capture')).length

const documents = <T>(kind: string): T[] =>
  [...cloud.operator.world.bus.desired.documents.values()].filter(
    (document) => document.kind === kind && !document.tombstone,
  ) as T[]
const ask = async (name = 'snap', snapshot?: object, spec: object = {}) => {
  const what = { instanceRef: { name: 'vm' }, type: 'Snapshot', ...(snapshot ? { snapshot } : {}), ...spec }
  cloud.make('instanceActions', name, what)
  await cloud.operator.rest()
}
const later = async (seconds: number) => {
  const at = new Date(cloud.operator.world.run.now.getTime() + seconds * 1000)
  Object.assign(cloud.operator.world.run, { now: at })
  cloud.set('instanceActions', 'snap', { ttlSecondsAfterFinished: 9_999_999 })
  await cloud.operator.rest()
}
/** What a node has of a store that it cannot fetch. */
const keepsNone = () => {
  cloud.operator.answer = saysOf(
    'imagecopy',
    () => ({ state: 'failed', error: { reason: 'StoreFull', message: 'no room', terminal: false } }),
    node.answer,
  )
}

test('makes an Image as Nova would, kept on as many nodes as its store says, which others may read', async () => {
  await ask()
  expect([action()?.status, captures()]).toMatchObject([{ state: 'Succeeded', progressPercent: 100 }, 1])
  const { metadata, spec, status } = image()!
  expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'nephele' })
  const vm = find<Instance>('instances', 'vm')!
  expect(spec).toMatchObject({
    source: { snapshot: { instanceActionRef: { name: 'snap' }, imageStoreRef: { name: 'main' } } },
    ...{ format: 'qcow2', minDiskGiB: 1, minMemoryMiB: 64 },
    properties: {
      ...{ hw_vif_model: 'e1000e', image_type: 'snapshot', instance_uuid: vm.metadata.uid },
      base_image_ref: image('guest')!.metadata.uid,
    },
  })
  expect(spec.properties).not.toHaveProperty('backup_type')
  expect(status).toMatchObject({ state: 'active', sha256: 'c5'.repeat(32), sizeBytes: 1024 })
  expect(status?.copies?.map(({ node: of, ready }) => [of, ready]).sort()).toEqual([
    ['c2', true],
    ['s1', true],
  ])
  expect(documents<InstanceDocument>('instance')[0]?.spec.action).toBeUndefined()
})

test('its node is told who reads it, and they where it is; then it is read from them, by nodes that are let in before', async () => {
  keepsNone()
  await ask()
  const where = cloud.nodeOf('vm')
  const told = documents<InstanceDocument>('instance')[0]?.spec.action?.snapshot
  expect([told?.imageUid, told?.readers.map((reader) => reader.node)]).toEqual([image()!.metadata.uid, ['c2', 's1']])
  for (const { spec } of documents<ImageCopyDocument>('imagecopy'))
    expect(spec).toMatchObject({
      sha256: 'c5'.repeat(32),
      from: { node: where, url: expect.stringMatching(/^https:/) },
    })
  expect([why(), image()?.status?.state]).toEqual(['Storing', 'importing'])
  cloud.operator.answer = node.answer
  await cloud.operator.rest()
  expect(action()?.status?.state).toBe('Succeeded')
  cloud.vm('second', { imageRef: { name: 'snap' } })
  await cloud.operator.rest()
  const place = cloud.nodeOf('second')
  const [document] = documents<ImageDocument>('image').filter(({ uid }) => uid === image()!.metadata.uid)
  expect(document).toMatchObject({ node: place, spec: { imported: true, sha256: 'c5'.repeat(32) } })
  expect(['s1', 'c2']).toContain(document?.spec.peer)
  const server = documents<ImageCopyDocument>('imagecopy').find((copy) => copy.node === document?.spec.peer)
  expect(server?.spec.readers.map((reader) => reader.node)).toContain(place)
})

describe('while its copies are not whole', () => {
  const told = () => documents<InstanceDocument>('instance')[0]?.spec.action?.snapshot?.readers
  test('a node that is to have another copy is let in by the machine’s', async () => {
    cloud.imageStore('one', ['s1', 'c2'])
    cloud.operator.report('c2', { imageStores: [{ name: 'one', driver: 'file', totalGiB: 100, freeGiB: 50 }] })
    cloud.operator.answer = without('imagecopy', node.answer)
    await ask('snap', { imageStoreRef: { name: 'one' } })
    expect(told()?.map((reader) => reader.node)).toEqual(['s1'])
    await setLost('s1', 'Confirmed')
    expect(image()?.status?.copies?.map((copy) => copy.node)).toContain('c2')
    expect(told()?.map((reader) => reader.node)).toContain('c2')
  })
  test('a node that has another key is let in by that, and where the machine’s node is is told anew', async () => {
    keepsNone()
    await ask()
    const known = cloud.operator.get('computeNodes', { name: 's1' }) as ComputeNode
    cloud.operator.store('computeNodes', { ...known, status: { ...known.status, volumeKey: 'cd'.repeat(20) } })
    await cloud.operator.rest()
    expect(told()?.find((reader) => reader.node === 's1')?.key).toBe('cd'.repeat(20))
    const where = cloud.operator.get('computeNodes', { name: cloud.nodeOf('vm') }) as ComputeNode
    const inventory = { ...where.status?.inventory, address: '10.9.9.9' }
    cloud.operator.store('computeNodes', { ...where, status: { ...where.status, inventory } })
    expect(cloud.operator.queued).toContain('images ns/snap')
  })
  test('a node that is lost wakes the Image whose copy it reports or was told to keep, also where its status has none', async () => {
    await ask()
    const uid = image()!.metadata.uid
    const facts = { sha256: 'ee'.repeat(32), sizeBytes: 1 }
    cloud.operator.world.report('imagecopy', image()!, { node: 'c1', state: 'ready', epoch: 1, facts })
    await cloud.operator.rest()
    cloud.operator.remove('instances', ns('vm'))
    await cloud.operator.rest()
    cloud.set('computeNodes', 'c1', { lost: 'Confirmed' })
    expect([cloud.operator.queued.includes('images ns/snap'), uid]).toEqual([true, image()!.metadata.uid])
  })
})

test('its bytes go with the Image, which a machine holds', async () => {
  await ask()
  cloud.vm('second', { imageRef: { name: 'snap' } })
  await cloud.operator.rest()
  cloud.operator.remove('images', ns('snap'))
  await cloud.operator.rest()
  expect(cloud.operator.reason('images', ns('snap'))).toBe('InUse')
  expect(documents('imagecopy')).toHaveLength(2)
  cloud.operator.remove('instances', ns('second'))
  await cloud.operator.rest()
  expect([image(), documents('imagecopy')]).toEqual([undefined, []])
})

describe('what comes to nothing leaves no Image', () => {
  beforeEach(() => {
    node.isReading = true
  })
  test('cancelled while the disk is read', async () => {
    await ask()
    expect([action()?.status?.state, image()?.status?.state]).toEqual(['Running', 'queued'])
    cloud.set('instanceActions', 'snap', { cancel: true })
    await cloud.operator.rest()
    expect([action()?.status?.state, image(), documents('imagecopy')]).toEqual(['Cancelled', undefined, []])
    expect(documents<InstanceDocument>('instance')[0]?.spec.action).toBeUndefined()
  })
  test('deleted half-way', async () => {
    await ask()
    cloud.operator.remove('instanceActions', ns('snap'))
    await cloud.operator.rest()
    expect([action(), image()]).toEqual([undefined, undefined])
    expect(documents<InstanceDocument>('instance')[0]?.spec.action).toBeUndefined()
  })
  test('its machine is deleted', async () => {
    await ask()
    cloud.operator.remove('instances', ns('vm'))
    await cloud.operator.rest()
    expect([action()?.status?.state, why(), image()]).toEqual(['Failed', 'SnapshotInterrupted', undefined])
  })
  test('its Image is deleted', async () => {
    await ask()
    cloud.operator.remove('images', ns('snap'))
    await cloud.operator.rest()
    expect([action()?.status?.state, why(), image()]).toEqual(['Failed', 'ImageDeleted', undefined])
  })
  test('its time is over', async () => {
    await ask('snap', undefined, { activeDeadlineSeconds: 60 })
    await later(61)
    expect([action()?.status?.state, why(), image()]).toEqual(['Failed', 'DeadlineExceeded', undefined])
  })
})

test('one that is made anew under the name of one that was deleted half-way makes an Image of its own', async () => {
  node.isReading = true
  await ask()
  const first = image()!.metadata.uid
  cloud.operator.remove('instanceActions', ns('snap'))
  node.isReading = false
  await ask()
  expect([action()?.status?.state, why(), image()?.status?.state]).toEqual(['Succeeded', 'Succeeded', 'active'])
  expect(image()?.metadata.uid).not.toBe(first)
  expect(image()?.metadata.labels?.['nephele.dev/instance-action-uid']).toBe(action()?.metadata.uid)
})

test('the machine’s node is lost before another has a copy: it fails, and what was never whole is no Image', async () => {
  keepsNone()
  await ask()
  const where = cloud.nodeOf('vm')
  for (const { spec } of documents<ImageCopyDocument>('imagecopy')) expect(spec.from?.node).toBe(where)
  cloud.operator.silence(where)
  cloud.set('computeNodes', where, { lost: 'Confirmed' })
  await cloud.operator.rest()
  for (const { spec } of documents<ImageCopyDocument>('imagecopy')) expect(spec.from).toBeDefined()
  expect([action()?.status?.state, why(), image()?.status?.sha256]).toEqual([
    'Failed',
    'SnapshotInterrupted',
    undefined,
  ])
})

test('no store, a name that is taken, and a machine that is made are refused before its node hears of it', async () => {
  await ask('other', { imageName: 'guest' })
  expect([action('other')?.status?.state, why('other')]).toEqual(['Failed', 'ImageExists'])
  expect(image('guest')?.status?.state).toBe('active')
  await ask('snap', { imageStoreRef: { name: 'missing' } })
  expect([action()?.status?.state, why()]).toEqual(['Pending', 'ImageStoreNotFound'])
  await later(3600)
  expect([action()?.status?.state, why(), captures()]).toEqual(['Failed', 'ImageStoreNotFound', 0])
})

test('a project without room for an Image has none, and is told so', async () => {
  cloud.make('quotas', 'main', { hard: { images: 1 } })
  await cloud.operator.rest()
  await ask()
  expect([action()?.status?.state, why()]).toEqual(['Pending', 'QuotaExceeded'])
  await later(3600)
  expect([action()?.status?.state, why(), image(), captures()]).toEqual(['Failed', 'QuotaExceeded', undefined, 0])
  await ask('next')
  expect(image('next')).toBeDefined()
  cloud.operator.remove('instanceActions', ns('next'))
  await cloud.operator.rest()
  expect(image('next')).toBeUndefined()
})

test.each([
  ['IfPossible', {}, undefined],
  ['Required', { os_require_quiesce: 'yes' }, undefined],
  ['Never', { os_require_quiesce: 'yes' }, 'Never'],
  ['Required', {}, 'Required'],
])('its node is told whether it has to be quiet: %s by %j and %s', async (told, properties, quiesce) => {
  node.isReading = true
  cloud.set('images', 'guest', { properties })
  await ask('snap', quiesce === undefined ? undefined : { quiesce })
  expect(documents<InstanceDocument>('instance')[0]?.spec.action?.snapshot?.quiesce).toBe(told)
})

test('where its own cache is behind, nothing is given up: what is there is looked for', async () => {
  node.isReading = true
  await ask()
  const [made, asked] = [image()!, action()!]
  const { client } = cloud.operator.world.run
  const run = { ...cloud.operator.world.run, event: () => undefined }
  const none = { ...cloud.operator.world.deps, caches: memoryWorld().deps.caches }
  const removed: string[] = []
  const finds = (found: object | undefined) => ({
    ...run,
    client: Object.assign(Object.create(client), {
      find: async () => found,
      remove: async (_: unknown, { name }: { name: string }) => void removed.push(name),
    }),
  })
  expect(await reconcileStored(structuredClone(made), none as never, finds(asked))).toMatchObject({ kind: 'wait' })
  expect(await followSnapshot(structuredClone(asked), none as never, finds(made))).toMatchObject({ kind: 'wait' })
  expect(removed).toEqual([])
  await reconcileStored(structuredClone(made), none, finds(undefined))
  expect(removed).toEqual(['snap'])
  const over = structuredClone(asked)
  await followSnapshot(over, none, finds(undefined))
  expect(over.status?.state).toBe('Failed')
})

test('a machine that is off has one, too', async () => {
  cloud.set('instances', 'vm', { runState: 'Stopped' })
  await cloud.operator.rest()
  await ask()
  expect([action()?.status?.state, captures()]).toEqual(['Succeeded', 1])
})

test('an Image that a tenant writes like this has no bytes, whatever it names, and is left to its writer', async () => {
  await ask()
  const { source } = image()!.spec
  cloud.make('images', 'forged', { source, format: 'qcow2' })
  await cloud.operator.rest()
  expect(cloud.operator.reason('images', ns('forged'))).toBe('SnapshotAbandoned')
  expect(image('forged')?.status?.sha256).toBeUndefined()
  expect(documents<ImageCopyDocument>('imagecopy').map(({ name }) => name)).toEqual(['snap', 'snap'])
})

test('of backups the last ones of a kind are kept; one that is protected, and snapshots, stay', async () => {
  const backup = (type: string, keep = 2) => ({ backup: { type, keep } })
  const next = async (name: string, how?: object) => {
    const at = new Date(cloud.operator.world.run.now.getTime() + 60_000)
    Object.assign(cloud.operator.world.run, { now: at })
    await ask(name, how)
  }
  await next('plain')
  await next('d1', backup('daily'))
  cloud.set('images', 'd1', { deletionProtection: true })
  await next('w1', backup('weekly'))
  await next('d2', backup('daily'))
  await next('d3', backup('daily'))
  await next('d4', backup('daily'))
  const left = ['plain', 'd1', 'w1', 'd2', 'd3', 'd4'].filter((name) => image(name) !== undefined)
  expect(left).toEqual(['plain', 'd1', 'w1', 'd3', 'd4'])
  expect(image('d4')?.spec.properties).toMatchObject({ image_type: 'backup', backup_type: 'daily' })
})

test('a copy whose node is lost is made again elsewhere, from one that there is', async () => {
  cloud.imageStore('wide', ['c1', 'c2', 's1'], { copies: 2 })
  await cloud.operator.rest()
  await ask('snap', { imageStoreRef: { name: 'wide' } })
  const nodes = () =>
    image()
      ?.status?.copies?.map((copy) => copy.node)
      .sort()
  expect(nodes()).toEqual(['c1', 'c2'])
  const [stays, goes] = cloud.nodeOf('vm') === 'c1' ? ['c1', 'c2'] : ['c2', 'c1']
  cloud.operator.silence(goes)
  cloud.set('computeNodes', goes, { lost: 'Confirmed' })
  await cloud.operator.rest()
  expect([nodes(), image()?.status?.state]).toEqual([[stays, 's1'], 'active'])
  expect(image()?.status?.copies?.every((copy) => copy.ready)).toBe(true)
})

const readiness = (name = 'snap') => {
  const found = image(name)?.status?.conditions?.find(({ type }) => type === 'Ready')
  return [found?.status, found?.reason]
}
/** Of its copies, by node: whether each is still asked for. */
const copiesTold = (uid: string) =>
  [...cloud.operator.world.bus.desired.documents.values()]
    .filter((document) => document.kind === 'imagecopy' && document.uid === uid)
    .map((document) => `${document.node} ${document.tombstone ? 'released' : 'kept'}`)
    .sort()
/** The node is given up, or is not any more. */
const setLost = async (name: string, lost: 'Confirmed' | 'Wiped' | undefined) => {
  if (lost === undefined) cloud.operator.beat(name)
  else cloud.operator.silence(name)
  cloud.set('computeNodes', name, { lost })
  await cloud.operator.rest()
}
const keptOnce = async () => {
  cloud.imageStore('once', ['s1'], { copies: 1 })
  await cloud.operator.rest()
  await ask('snap', { imageStoreRef: { name: 'once' } })
  expect(image()?.status?.copies).toMatchObject([{ node: 's1', ready: true }])
  return image()!.metadata.uid
}

describe('a lost node has the only whole copy', () => {
  test('it is kept, the Image says where it is, and it counts again once the node is back', async () => {
    const uid = await keptOnce()
    await setLost('s1', 'Confirmed')
    expect(readiness()).toEqual(['False', 'NodeLost'])
    expect([image()?.status?.copies, copiesTold(uid)]).toMatchObject([[{ node: 's1', ready: true }], ['s1 kept']])
    cloud.label('c2', { 'nephele.dev/storage': 'true' })
    cloud.operator.report('c2', { imageStores: [{ name: 'once', driver: 'file', totalGiB: 100, freeGiB: 100 }] })
    await cloud.operator.rest()
    expect(copiesTold(uid)).toEqual(['s1 kept'])
    await setLost('s1', undefined)
    expect(readiness()[0]).toBe('True')
    expect(copiesTold(uid)).toContain('s1 kept')
  })
  test('its disks were destroyed: nothing is left to be kept', async () => {
    const uid = await keptOnce()
    await setLost('s1', 'Wiped')
    cloud.set('images', 'snap', { minMemoryMiB: 1 })
    await cloud.operator.rest()
    expect([image()?.status?.copies, copiesTold(uid)]).toEqual([[], ['s1 released']])
    expect(readiness()).toEqual(['False', 'ImageDataMissing'])
  })
  test('the node of the other is silent: both stay', async () => {
    await ask()
    cloud.operator.silence('c2')
    await setLost('s1', 'Confirmed')
    expect(copiesTold(image()!.metadata.uid)).toEqual(['c2 kept', 's1 kept'])
    expect(readiness()[0]).toBe('True')
  })
})

describe('the bus is in doubt: both nodes of its store fell silent at once, and still count as up', () => {
  const releasesOf = (name: string) =>
    (cloud.operator.get('computeNodes', { name }) as ComputeNode).status?.releases?.map(({ kind }) => kind) ?? []
  const bothFall = async () => {
    cloud.operator.silence('s1', 'c2')
    expect(cloud.operator.world.bus.heartbeats.health().reason).toBe('ManyNodesSilent')
    expect(['s1', 'c2'].map((name) => cloud.operator.world.bus.heartbeats.pulse(name))).toEqual(['up', 'up'])
    await cloud.operator.rest()
  }
  test('one is confirmed lost, then the other: neither releases what may be the last bytes', async () => {
    await ask()
    const uid = image()!.metadata.uid
    await bothFall()
    for (const name of ['s1', 'c2']) {
      cloud.set('computeNodes', name, { lost: 'Confirmed' })
      await cloud.operator.rest()
      expect([copiesTold(uid), releasesOf(name)]).toEqual([['c2 kept', 's1 kept'], []])
    }
    expect(image()?.status?.copies).toHaveLength(2)
  })
  test('an older backup stays until it is surely replaced, and goes with the next', async () => {
    const daily = { backup: { type: 'daily', keep: 1 } }
    const next = async (name: string) => {
      Object.assign(cloud.operator.world.run, { now: new Date(cloud.operator.world.run.now.getTime() + 60_000) })
      await ask(name, daily)
      expect(action(name)?.status?.state).toBe('Succeeded')
    }
    await next('d1')
    await bothFall()
    await next('d2')
    expect(['d1', 'd2'].map((name) => image(name)?.metadata.deletionTimestamp)).toEqual([undefined, undefined])
    for (const name of ['s1', 'c2']) cloud.operator.beat(name)
    cloud.operator.world.bus.heartbeats.tick()
    await next('d3')
    expect(['d1', 'd2', 'd3'].filter((name) => image(name) !== undefined)).toEqual(['d3'])
  })
})

describe('no node has the bytes any more', () => {
  /** Of these Images, what the nodes of the store say. */
  const losesBytesOf = (...uids: string[]) => {
    const error = { reason: 'ImageDataMissing', message: 'gone', terminal: false }
    cloud.operator.answer = saysOf(
      'imagecopy',
      ({ uid }) => (uids.includes(uid) ? { state: 'failed', error } : undefined),
      node.answer,
    )
  }
  test('the Image says so, until a node has them again', async () => {
    losesBytesOf(await keptOnce())
    cloud.set('images', 'snap', { minMemoryMiB: 1 })
    await cloud.operator.rest()
    expect([...readiness(), image()?.status?.state]).toEqual(['False', 'ImageDataMissing', 'importing'])
    losesBytesOf()
    await cloud.operator.rest()
    expect([readiness()[0], image()?.status?.state]).toEqual(['True', 'active'])
  })
  test('it is no backup: neither counted nor what a good one is deleted for', async () => {
    const daily = { backup: { type: 'daily', keep: 2 } }
    const next = async (name: string) => {
      Object.assign(cloud.operator.world.run, { now: new Date(cloud.operator.world.run.now.getTime() + 60_000) })
      await ask(name, daily)
    }
    await next('d1')
    await next('d2')
    losesBytesOf(image('d2')!.metadata.uid)
    cloud.set('images', 'd2', { minMemoryMiB: 1 })
    await cloud.operator.rest()
    expect(readiness('d2')[0]).toBe('False')
    await next('d3')
    expect(['d1', 'd2', 'd3'].filter((name) => image(name) !== undefined)).toEqual(['d1', 'd2', 'd3'])
    await next('d4')
    expect(['d1', 'd2', 'd3', 'd4'].filter((name) => image(name) !== undefined)).toEqual(['d2', 'd3', 'd4'])
  })
})

/** As an older store has it; what nodes were told and say is of now. */
const restore = async (of: Image | InstanceAction, kind: 'images' | 'instanceActions') => {
  const { metadata } = cloud.operator.get(kind, ns(of.metadata.name))
  const { generation, resourceVersion, deletionTimestamp } = metadata
  cloud.operator.store(kind, {
    ...of,
    metadata: {
      ...of.metadata,
      generation,
      resourceVersion,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  })
}

describe('the store was restored, and a node of the ImageStore has the bytes', () => {
  test('to a moment while the disk was read: the action ends with what there is, however late it is', async () => {
    node.isReading = true
    await ask()
    const uid = image()!.metadata.uid
    expect([action()?.status?.state, image()?.status?.sha256]).toEqual(['Running', undefined])
    const { world } = cloud.operator
    for (const { node: of, epoch } of image()!.status!.copies!)
      world.report('imagecopy', image()!, {
        ...{ node: of, state: 'ready', epoch },
        facts: { sha256: 'c5'.repeat(32), sizeBytes: 1024, virtualSizeBytes: 2 ** 30 },
      })
    await later(8 * 3600)
    expect([action()?.status?.state, why()]).toEqual(['Succeeded', 'Succeeded'])
    expect(image()?.metadata).toMatchObject({ uid })
    expect(image()?.status).toMatchObject({ state: 'active', sha256: 'c5'.repeat(32), sizeBytes: 1024 })
    expect(copiesTold(uid)).toEqual(['c2 kept', 's1 kept'])
  })
  test('the disk was read meanwhile: that is heard before the deadline is', async () => {
    node.isReading = true
    await ask()
    const own = find<Instance>('instances', 'vm')!
    const before = cloud.operator.world.bus.observed.find('instance', own.metadata.uid, cloud.nodeOf('vm'))!
    const captured = { sha256: 'c5'.repeat(32), sizeBytes: 1024, virtualSizeBytes: 2 ** 30 }
    const done = { uid: action()!.metadata.uid, steps: [], result: 'Succeeded' as const, captured }
    cloud.operator.world.bus.report({ ...before, facts: { ...before.facts, action: done } })
    await later(8 * 3600)
    expect([action()?.status?.state, image()?.status?.state]).toEqual(['Succeeded', 'active'])
  })
  test('without the status of the Image: it is taken from what nodes were told and say', async () => {
    await ask()
    const { status, ...rest } = image()!
    cloud.operator.remove('instanceActions', ns('snap'))
    await cloud.operator.rest()
    await restore({ ...rest, status: {} }, 'images')
    await cloud.operator.rest()
    expect(image()?.metadata.deletionTimestamp).toBeUndefined()
    const { state, sha256, sizeBytes, epoch } = status!
    expect(image()?.status).toMatchObject({ state, sha256, sizeBytes, epoch })
    expect(image()?.status?.copies?.map(({ node: of, ready }) => [of, ready])).toEqual([
      ['c2', true],
      ['s1', true],
    ])
    expect(copiesTold(image()!.metadata.uid)).toEqual(['c2 kept', 's1 kept'])
    const { regression } = cloud.operator.world.deps
    regression.lookAtAll({ incarnation: 1, term: 1 })
    expect(regression.isHolding({ incarnation: 1, term: 1 })).toBe(false)
  })
  test('what only a node without that ImageStore says is waited with, and not believed', async () => {
    await ask()
    const { source } = image()!.spec
    cloud.make('images', 'forged', { source, format: 'qcow2' })
    await cloud.operator.rest()
    const facts = { sha256: 'ee'.repeat(32), sizeBytes: 1 }
    cloud.operator.world.report('imagecopy', image('forged')!, { node: 'c1', state: 'ready', epoch: 1, facts })
    await cloud.operator.rest()
    expect(readiness('forged')).toEqual(['False', 'OwnershipUnclear'])
    expect(image('forged')?.status?.sha256).toBeUndefined()
  })
  test('without the status, and deleted: every node that has it releases it', async () => {
    await ask()
    const rest: Image = { ...image()!, status: {} }
    cloud.operator.remove('instanceActions', ns('snap'))
    await cloud.operator.rest()
    const released: string[] = []
    const answers = cloud.operator.answer
    cloud.operator.answer = (document) => {
      if (document.kind !== 'imagecopy') return answers(document)
      if (document.tombstone) released.push(document.node)
      return document.tombstone && document.node !== 's1' ? { state: 'gone' } : undefined
    }
    cloud.operator.world.report('imagecopy', rest, { node: 'c1', state: 'ready', epoch: 9, facts: {} })
    cloud.operator.remove('images', ns('snap'))
    await restore(rest, 'images')
    await cloud.operator.rest()
    expect([...new Set(released)].sort()).toEqual(['c1', 'c2', 's1'])
    expect(readiness()).toEqual(['False', 'Releasing'])
    cloud.operator.answer = answers
    await cloud.operator.rest()
    expect([image(), copiesTold(rest.metadata.uid)]).toEqual([undefined, []])
  })
})

test('its time is over: nodes that answer nothing, or nothing new, do not hold it up for long', async () => {
  cloud.operator.answer = without('imagecopy', node.answer)
  await ask('snap', undefined, { activeDeadlineSeconds: 60 })
  expect(why()).toBe('Storing')
  await later(61)
  expect(action()?.status?.state).toBe('Running')
  await later(301)
  expect([action()?.status?.state, why()]).toEqual(['Failed', 'DeadlineExceeded'])
  expect(image()?.metadata.deletionTimestamp).toBeDefined()
})
test('its time is over: what an older report of a node says does not hold it up for long', async () => {
  cloud.operator.answer = without('imagecopy', node.answer)
  await ask('snap', undefined, { activeDeadlineSeconds: 60 })
  const facts = { sha256: 'c5'.repeat(32), sizeBytes: 1024 }
  cloud.operator.world.report('imagecopy', image()!, { node: 's1', state: 'ready', epoch: 0, facts })
  await later(61)
  expect(action()?.status?.state).toBe('Running')
  await later(301)
  expect([action()?.status?.state, why()]).toEqual(['Failed', 'DeadlineExceeded'])
})

describe('what a node says of bytes that it was not told to keep', () => {
  const forged = { sha256: 'ee'.repeat(32), sizeBytes: 1 }
  test('another node of the store, while the disk is read: not believed', async () => {
    cloud.imageStore('one', ['s1', 'c2'])
    const imageStores = [{ name: 'one', driver: 'file', totalGiB: 100, freeGiB: 50 }]
    for (const name of ['s1', 'c2']) cloud.operator.report(name, { imageStores })
    node.isReading = true
    await ask('snap', { imageStoreRef: { name: 'one' } })
    const [chosen] = image()!.status!.copies!
    const other = chosen!.node === 's1' ? 'c2' : 's1'
    cloud.operator.world.report('imagecopy', image()!, { node: other, state: 'ready', epoch: 9, facts: forged })
    cloud.set('images', 'snap', { minMemoryMiB: 1 })
    await cloud.operator.rest()
    expect([action()?.status?.state, image()?.status?.sha256]).toEqual(['Running', undefined])
    expect(image()?.status?.copies?.map((copy) => copy.node)).toEqual([chosen!.node])
  })
  test('other bytes than those of the disk, when its time is over: they hold nothing up', async () => {
    cloud.operator.answer = without('imagecopy', node.answer)
    await ask('snap', undefined, { activeDeadlineSeconds: 60 })
    for (const { node: of } of image()!.status!.copies!)
      cloud.operator.world.report('imagecopy', image()!, { node: of, state: 'ready', epoch: 0, facts: forged })
    await later(61)
    expect([action()?.status?.state, why()]).toEqual(['Failed', 'DeadlineExceeded'])
  })
})

describe('the first of two copies is whole, and no other', () => {
  const secondHasNoRoom = () => {
    const error = { reason: 'StoreFull', message: 'no room', terminal: false }
    cloud.operator.answer = saysOf(
      'imagecopy',
      (document) => (document.node === 'c2' ? { state: 'failed', error } : undefined),
      node.answer,
    )
  }
  test('cancelled: what was made of it is removed', async () => {
    secondHasNoRoom()
    await ask()
    expect([action()?.status?.state, image()?.status?.state]).toEqual(['Running', 'active'])
    cloud.set('instanceActions', 'snap', { cancel: true })
    await cloud.operator.rest()
    expect([action()?.status?.state, image(), documents('imagecopy')]).toEqual(['Cancelled', undefined, []])
  })
  test('cancelled, and protected meanwhile: it says that it is kept', async () => {
    secondHasNoRoom()
    await ask()
    cloud.set('images', 'snap', { deletionProtection: true })
    cloud.set('instanceActions', 'snap', { cancel: true })
    await cloud.operator.rest()
    expect([action()?.status?.state, image()?.status?.state]).toEqual(['Cancelled', 'active'])
    const said = action()?.status?.conditions?.find(({ type }) => type === 'Ready')?.message
    expect(said).toBe('given up; Image snap has spec.deletionProtection, and is kept')
  })
  test('it is gone again when its time is over: failed, and the Image goes', async () => {
    secondHasNoRoom()
    await ask('snap', undefined, { activeDeadlineSeconds: 60 })
    cloud.operator.answer = saysOf(
      'imagecopy',
      () => ({ state: 'failed', error: { reason: 'ImageDataMissing', message: 'gone', terminal: false } }),
      node.answer,
    )
    await cloud.operator.rest()
    await later(61)
    expect([action()?.status?.state, why(), image()]).toEqual(['Failed', 'DeadlineExceeded', undefined])
  })
})

describe('a node that was chosen for a copy does not get it: another is chosen', () => {
  beforeEach(() => {
    cloud.imageStore('wide', ['c1', 'c2', 's1'], { copies: 2 })
    const imageStores = [{ name: 'wide', driver: 'file', totalGiB: 100, freeGiB: 50 }]
    for (const name of ['c1', 'c2', 's1']) cloud.operator.report(name, { imageStores })
  })
  const places = () =>
    image()
      ?.status?.copies?.map((copy) => `${copy.node} ${copy.ready === true}`)
      .sort()
  test('its store is full', async () => {
    const error = { reason: 'StoreFull', message: 'no room', terminal: false }
    cloud.operator.answer = saysOf(
      'imagecopy',
      (document) => (document.node === 'c2' ? { state: 'failed', error } : undefined),
      node.answer,
    )
    await ask('snap', { imageStoreRef: { name: 'wide' } })
    expect([action()?.status?.state, places()]).toEqual(['Succeeded', ['c1 true', 'c2 false', 's1 true']])
  })
  test('it is silent while the disk is read', async () => {
    node.isReading = true
    await ask('snap', { imageStoreRef: { name: 'wide' } })
    const [first, second] = image()!.status!.copies!.map((copy) => copy.node)
    const silent = [first, second].find((name) => name !== cloud.nodeOf('vm')) ?? ''
    cloud.operator.silence(silent)
    cloud.set('images', 'snap', { minMemoryMiB: 1 })
    await cloud.operator.rest()
    expect(image()?.status?.copies).toHaveLength(3)
  })
})
