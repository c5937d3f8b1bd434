// SPDX-License-Identifier: Apache-2.0
// Where an Image is imported, and what is believed of what that node says: late, partial and old reports, other digests, more than one node.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image, Instance } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { imageDocument } from './document.ts'
import { reconcileImage } from './reconcile.ts'

const SHA = 'ab'.repeat(32)
const importing: Image['status'] = { importNode: 'n1', epoch: 2, state: 'importing' }
const imported: Image['status'] = { ...importing, state: 'active', sha256: SHA }
const image = (status: Image['status'], more: object = {}) =>
  stored<Image>('guest', { source: { http: { url: 'http://x/y' } }, format: 'qcow2' }, { status, ...more })
const node = (name: string, spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>(name, spec, { namespace: '', status: { roles: ['image'] }, ...more })

function world(names = ['n1', 'n2']): MemoryWorld {
  const w = memoryWorld()
  for (const name of names) w.put('computeNodes', node(name))
  w.bus.heartbeats.expect(names)
  for (const name of names) w.bus.heartbeats.beat(name, 'boot-0001')
  return w
}
const step = (w: MemoryWorld, i: Image) => reconcileImage(i, w.deps, w.run)

describe('where, beside who imports it (told.test)', () => {
  test('nowhere: it waits, and says which label', async () => {
    const w = world([])
    const i = image({})
    expect(await step(w, i)).toMatchObject({
      kind: 'wait',
      reason: 'NoImageNode',
      message: expect.stringContaining('nephele.dev/image=true'),
    })
    expect(i.status).toEqual({ state: 'queued' })
  })

  test.each<[string, Image['status'], ComputeNode['spec'], string]>([
    ['while its node is there it stays', importing, {}, 'n1'],
    ['what was imported stays, though its node is lost', imported, { lost: 'Confirmed' }, 'n1'],
  ])('%s', async (_, status, spec, expected) => {
    const w = world()
    w.put('computeNodes', node('n1', spec))
    const i = image({ ...status })
    expect((await step(w, i)).kind).not.toBe('saved')
    expect(i.status).toMatchObject({ importNode: expected, epoch: 2 })
  })

  test('with its node away and no other it waits for that one', async () => {
    const w = world(['n1'])
    w.put('computeNodes', node('n1', { lost: 'Confirmed' }))
    const i = image({ ...importing })
    expect(await step(w, i)).toMatchObject({ reason: 'Importing', message: 'waiting for node n1' })
    expect(i.status).toEqual(importing)
  })
})

describe('a report of its node', () => {
  const facts = { sha256: SHA, virtualSizeBytes: 5, sizeBytes: 3 }

  test.each([
    ['of an older import', { epoch: 1 }],
    ['of an older spec', { versions: { incarnation: 1, term: 1, epoch: 2, generation: 1 } }],
    ['that it let go of it', { state: 'gone' }],
  ])('%s says nothing', async (_, report) => {
    const w = world()
    const i = image({ ...importing }, { generation: 2 })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'ready', facts, ...report })
    expect(await step(w, i)).toMatchObject({ reason: 'Importing', message: 'waiting for node n1' })
    expect([i.status, w.events]).toEqual([importing, []])
  })

  test.each(['failed', 'downloading', 'gone'])('%s keeps nobody from what was imported', async (state) => {
    const w = world()
    const i = image({ ...imported, state: 'importing', progress: 50 })
    w.report('image', i, { node: 'n1', epoch: 2, state, progress: 10 })
    expect(await step(w, i)).toEqual({ kind: 'done' })
    expect(i.status).toEqual(imported)
  })

  test('ready without a digest is not ready yet', async () => {
    const w = world()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'ready', facts: { sizeBytes: 3 } })
    expect(await step(w, i)).toMatchObject({ reason: 'Importing', message: 'waiting for the digest' })
    expect(i.status).toEqual(importing)
  })

  test('the first digest is the one; sizes that are not said stay; told once as an Event', async () => {
    const w = world()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'ready', facts })
    await step(w, i)
    expect(w.events).toEqual(['Imported'])
    w.report('image', i, { node: 'n1', epoch: 2, state: 'ready', facts: { sha256: 'cd'.repeat(32) } })
    expect(await step(w, i)).toEqual({ kind: 'done' })
    expect(i.status).toEqual({ ...imported, virtualSizeBytes: 5, sizeBytes: 3 })
    expect(w.events).toEqual(['Imported'])
  })

  test('refused is told as an Event once, also by a node that gives no reason', async () => {
    const w = world()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'refused' })
    await expect(step(w, i)).rejects.toMatchObject({ reason: 'ImageRefused', message: 'the image cannot be used' })
    const told = { reason: 'ImageRefused', message: '', lastTransitionTime: '' }
    i.status!.conditions = [{ ...told, type: 'Stalled', status: 'True' }]
    await expect(step(w, i)).rejects.toMatchObject({ reason: 'ImageRefused' })
    expect(w.events).toEqual(['ImageRefused'])
  })

  test('refused before the cloud was restored is no answer', async () => {
    const w = world()
    const i = image({ ...importing })
    w.report('image', i, {
      ...{ node: 'n1', epoch: 2, state: 'refused' },
      versions: { incarnation: 0, term: 1, epoch: 2, generation: 1 },
    })
    expect(await step(w, i)).toMatchObject({ reason: 'Importing' })
    expect(w.events).toEqual([])
  })

  test('failed without a reason, and downloading without a figure', async () => {
    const w = world()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'failed' })
    expect(await step(w, i)).toMatchObject({ reason: 'ImportFailed', message: expect.stringContaining('tried again') })
    w.report('image', i, { node: 'n1', epoch: 2, state: 'downloading' })
    expect(await step(w, i)).toMatchObject({ reason: 'Importing', message: 'node n1 downloads it' })
    expect(i.status).toMatchObject({ state: 'importing', progress: 0 })
  })
})

describe('the end', () => {
  test.each([
    ['n1', 'n2'],
    ['n2', 'n1'],
  ])('is not before all let go: %s first', async (first, last) => {
    const w = world()
    const i = image({ ...imported }, { deleted: true })
    for (const name of ['n1', 'n2']) await w.bus.desired.publish(imageDocument(i, name, w.deps.writer()))
    expect(await step(w, i)).toMatchObject({ reason: 'Releasing' })
    w.report('image', i, { node: first, epoch: 2, state: 'gone' })
    expect(await step(w, i)).toMatchObject({ reason: 'Releasing', message: expect.stringContaining(last) })
    w.report('image', i, { node: last, epoch: 2, state: 'gone' })
    expect(await step(w, i)).toEqual({ kind: 'released' })
    expect(i.status?.state).toBe('deleting')
  })

  test('one that never had a node goes at once; a machine without a place does not hold it', async () => {
    const w = world()
    const spec = { flavorRef: { name: 'f' }, imageRef: { name: 'guest' } }
    w.put('instances', stored<Instance>('vm', spec, { status: {} }))
    expect(await step(w, image({}, { deleted: true }))).toEqual({ kind: 'released' })
    expect(w.bus.desired.writes).toBe(0)
  })
})
