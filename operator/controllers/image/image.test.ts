// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image, Instance } from '../../../lib/api/types.ts'
import type { ImageDocument } from '../../../lib/contract/documents.ts'
import { image, importing, imageWorld, SHA } from '../../testing/image-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { imageDocument } from './document.ts'
import { reconcileImage } from './reconcile.ts'

test('create: a node is chosen and saved, then told', async () => {
  const w = imageWorld()
  const i = image()
  expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({ importNode: 'n1', epoch: 1, state: 'importing' })
  expect(w.bus.desired.writes).toBe(0)
  expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Importing' })
  expect(w.bus.desired.list()).toMatchObject([{ node: 'n1', kind: 'image' }])
})

test.each([
  ['x86_64', { kind: 'saved' }],
  ['aarch64', { reason: 'UnsupportedArchitecture', message: expect.stringContaining('spec.architecture is aarch64') }],
] as const)('architecture %s', async (architecture, outcome) => {
  const w = imageWorld()
  const i = image()
  i.spec.architecture = architecture
  const found: unknown = await reconcileImage(i, w.deps, w.run).catch((error: unknown) => error)
  expect(found).toMatchObject(outcome)
})

describe('observed', () => {
  test('ready: the digest is recorded', async () => {
    const w = imageWorld()
    const i = image({ ...importing })
    w.report('image', i, {
      node: 'n1',
      epoch: 1,
      state: 'ready',
      facts: { sha256: SHA, virtualSizeBytes: 5, sizeBytes: 3 },
    })
    expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(i.status).toMatchObject({ state: 'active', sha256: SHA, virtualSizeBytes: 5 })
  })
  test('failed: waits with the reason of the node, and stays usable once it was imported', async () => {
    const w = imageWorld()
    const failed = {
      node: 'n1',
      epoch: 1,
      state: 'failed',
      error: { reason: 'DownloadFailed', message: '404', terminal: false },
    }
    const fresh = image({ ...importing })
    w.report('image', fresh, failed)
    expect(await reconcileImage(fresh, w.deps, w.run)).toMatchObject({
      kind: 'wait',
      reason: 'DownloadFailed',
      message: '404',
    })
    expect(await reconcileImage(image({ ...importing, sha256: SHA }), w.deps, w.run)).toEqual({ kind: 'done' })
  })
  test('refused: terminal with the reason of the node', async () => {
    const w = imageWorld()
    const i = image({ ...importing })
    w.report('image', i, {
      node: 'n1',
      epoch: 1,
      state: 'refused',
      error: { reason: 'ImageUnsafe', message: 'backing file', terminal: true },
    })
    await expect(reconcileImage(i, w.deps, w.run)).rejects.toMatchObject({ reason: 'ImageUnsafe' })
  })
  test('progress moves in steps of ten', async () => {
    const w = imageWorld()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 1, state: 'downloading', progress: 47 })
    await reconcileImage(i, w.deps, w.run)
    expect(i.status?.progress).toBe(40)
  })
})

describe('a digest in the spec', () => {
  const documents = (w: MemoryWorld) =>
    [...w.bus.desired.documents.values()].map((document) => (document as ImageDocument).spec)
  const withDigest = (sha256: string, status: Image['status']) => {
    const i = image(status)
    i.spec.sha256 = sha256
    return i
  }

  test('counts until the image is imported', async () => {
    const w = imageWorld()
    await reconcileImage(withDigest('cd'.repeat(32), { ...importing }), w.deps, w.run)
    expect(documents(w)).toMatchObject([{ sha256: 'cd'.repeat(32) }])
    expect(documents(w)[0]).not.toHaveProperty('imported')
  })

  test('that is another than what was imported stalls the Image; nodes are told what machines stand on', async () => {
    const w = imageWorld()
    const i = withDigest('cd'.repeat(32), { ...importing, sha256: SHA })
    await w.bus.desired.publish(imageDocument(i, 'n2', w.deps.writer()))
    await expect(reconcileImage(i, w.deps, w.run)).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'ImageDigestMismatch',
      message: expect.stringContaining(`imported with ${SHA}, and machines go on with that: write this digest`),
    })
    expect(documents(w)).toMatchObject([
      { sha256: SHA, imported: true },
      { sha256: SHA, imported: true },
    ])
    expect(i.status?.sha256).toBe(SHA)
    i.spec.sha256 = SHA
    expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'done' })
  })
})

test('node-lost: another node takes the import over, under the next epoch', async () => {
  const w = imageWorld()
  w.clock.ms = 31_000
  w.bus.heartbeats.beat('n2', 'boot-0001')
  w.clock.ms = 36_000
  w.bus.heartbeats.tick()
  const i = image({ ...importing })
  expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({ importNode: 'n2', epoch: 2 })
})

describe('a node that says that it has an Image which it was not sent', () => {
  test('is sent nothing of it, not its URL either', async () => {
    const w = imageWorld()
    const i = image({ ...importing, sha256: SHA })
    w.report('image', i, { node: 'n2', epoch: 1, state: 'ready' })
    await reconcileImage(i, w.deps, w.run)
    expect(w.bus.desired.list().map(({ node }) => node)).toEqual(['n1'])
    await w.bus.desired.publish(imageDocument(i, 'n2', w.deps.writer()))
    i.metadata.generation = 2
    await reconcileImage(i, w.deps, w.run)
    expect(w.bus.desired.find('n2', 'image', 'uid-guest')?.versions.generation).toBe(2)
  })

  test('loses its copy at the end, and keeps nobody waiting for it', async () => {
    const w = imageWorld()
    const i = image({ ...importing, sha256: SHA }, { deleted: true })
    w.report('image', i, { node: 'n2', epoch: 1, state: 'ready' })
    expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
    expect(w.bus.desired.list().map(({ node }) => node)).toEqual(['n1'])
    w.report('image', i, { node: 'n1', epoch: 1, state: 'gone' })
    expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.find('n2', 'image', 'uid-guest')).toMatchObject({ tombstone: true, versions: { epoch: 1 } })
  })

  test('and that it went there, too, has nothing to lose', async () => {
    const w = imageWorld()
    const i = image({ ...importing, sha256: SHA }, { deleted: true })
    for (const node of ['n1', 'n2']) w.report('image', i, { node, epoch: 1, state: 'gone' })
    expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.find('n2', 'image', 'uid-guest')).toBeUndefined()
  })
})

test('delete: in use by name; then tombstones to every node that holds it', async () => {
  const w = imageWorld()
  const i = image({ ...importing, sha256: SHA }, { deleted: true })
  const user = stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'guest' } },
    { status: { node: 'n2' } },
  )
  w.put('instances', user)
  expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({
    reason: 'InUse',
    message: expect.stringContaining('ns/vm'),
  })
  w.drop('instances', user)
  await w.bus.desired.publish(imageDocument(i, 'n2', w.deps.writer()))
  w.report('image', i, { node: 'n2', epoch: 1, state: 'ready' })
  expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
  expect(w.bus.desired.list().map((d) => [d.node, d.tombstone])).toEqual([
    ['n2', true],
    ['n1', true],
  ])
  for (const node of ['n1', 'n2']) w.report('image', i, { node, epoch: 1, state: 'gone' })
  expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'released' })
})

describe('delete: a node that cannot answer', () => {
  const deleting = () => image({ ...importing, sha256: SHA }, { deleted: true })
  const release = { kind: 'image', uid: 'uid-guest', namespace: 'ns', name: 'guest', epoch: 1 } as const
  function silent(releases: (typeof release)[] = []): MemoryWorld {
    const w = imageWorld()
    w.put('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '', status: { roles: ['image'], releases } }))
    w.clock.ms = 31_000
    w.bus.heartbeats.beat('n2', 'boot-0001')
    w.clock.ms = 36_000
    w.bus.heartbeats.tick()
    return w
  }
  test('is silent: its copy is recorded in its ComputeNode first', async () => {
    const w = silent()
    expect(await reconcileImage(deleting(), w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
    expect(w.deps.releases.listNew('n1', [])).toEqual([release])
    expect(w.bus.desired.find('n1', 'image', 'uid-guest')?.tombstone).toBe(true)
  })
  test('is silent, and its copy is recorded: the Image goes', async () => {
    const w = silent([release])
    expect(await reconcileImage(deleting(), w.deps, w.run)).toEqual({ kind: 'released' })
  })
  test('is silent, and an older copy is recorded: not enough', async () => {
    const w = silent([{ ...release, epoch: 0 as never }])
    expect(await reconcileImage(deleting(), w.deps, w.run)).toMatchObject({ kind: 'wait' })
  })
  test('has no ComputeNode any more: nobody is waited for', async () => {
    const w = imageWorld()
    w.drop('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '' }))
    expect(await reconcileImage(deleting(), w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.list()).toEqual([])
  })
  test('has no ComputeNode any more: it is told for when it joins again', async () => {
    const w = imageWorld()
    await reconcileImage(image({ ...importing, sha256: SHA }), w.deps, w.run)
    w.drop('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '' }))
    expect(await reconcileImage(deleting(), w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.find('n1', 'image', 'uid-guest')?.tombstone).toBe(true)
  })
})

test('the importing node has no ComputeNode any more: another one takes over', async () => {
  const w = imageWorld()
  w.drop('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '' }))
  const i = image({ ...importing })
  expect(await reconcileImage(i, w.deps, w.run)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({ importNode: 'n2', epoch: 2 })
})
