// SPDX-License-Identifier: Apache-2.0
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DOCUMENT_KINDS, type DesiredDocument } from '../../lib/contract/documents.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { createLogger } from '../../lib/log.ts'
import { recordDurableSteps, writeWhole } from '../../lib/durable-files.ts'
import { until } from '../../lib/time/until.ts'
import { DocumentStore } from './document-store.ts'

const log = createLogger('test', 'silent')
let dir: string

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-store-')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const tombstone = (uid: string, term = 1): DesiredDocument => ({
  v: 1,
  kind: 'instance',
  uid,
  node: 'n1',
  name: uid,
  tombstone: true,
  versions: { incarnation: 1, term, epoch: 1, generation: 1 },
})

const open = () => DocumentStore.open(dir, log)

describe('DocumentStore', () => {
  test('has after a restart what it had, and the highest writer it ever heard of', async () => {
    const store = await open()
    await store.put(tombstone('a', 7))
    await store.put(tombstone('b', 3))
    const again = await open()
    expect(again.find('instance', 'a')).toEqual({ document: tombstone('a', 7), done: false })
    expect(again.list()).toHaveLength(2)
    expect(again.highest).toEqual({ incarnation: 1, term: 7 })
    expect(again.storeId).toBe(store.storeId)
    // Also when no document says so any more.
    await again.drop('instance', 'a')
    expect((await open()).highest).toEqual({ incarnation: 1, term: 7 })
  })

  test('a document is on the disk, and its name in the folder, when it is taken, and the highest writer after it', async () => {
    const store = await open()
    const { steps, stop } = recordDurableSteps()
    const path = join(dir, 'instance.a.json')
    const state = join(dir, 'state.json')
    await store.put(tombstone('a', 2))
    const whole = (file: string) => [
      { step: 'write', path: file },
      { step: 'sync', path: file },
      { step: 'rename', path: file },
      { step: 'syncFolder', path: dir },
    ]
    expect(steps.splice(0)).toEqual([...whole(path), ...whole(state)])
    await store.put(tombstone('a', 2))
    await store.finish(store.find('instance', 'a')!.document)
    stop()
    expect(steps).toEqual([...whole(path), ...whole(path)])
  })

  test('has the highest writer after a restart although no document has it any more', async () => {
    const store = await open()
    await store.put(tombstone('a', 7))
    await store.drop('instance', 'a')
    const again = await open()
    expect([again.list(), again.highest]).toEqual([[], { incarnation: 1, term: 7 }])
  })

  test.each(DOCUMENT_KINDS)('has after a restart what it had of kind %s', async (kind) => {
    await (await open()).put({ ...tombstone('a'), kind } as DesiredDocument)
    expect((await open()).find(kind, 'a')).toBeDefined()
  })

  test('remembers a finished tombstone', async () => {
    const store = await open()
    const document = tombstone('a')
    await store.put(document)
    await store.finish(document)
    expect((await open()).find('instance', 'a')).toEqual({ document, done: true })
  })

  test('writes one after the other, in the order they came, whatever became of the one before', async () => {
    await open()
    const writes: { name: string; end: (error?: Error) => void }[] = []
    const writing = (path: string): Promise<void> =>
      new Promise((resolve, reject) => {
        writes.push({ name: basename(path), end: (error) => (error ? reject(error) : resolve()) })
      })
    const store = await DocumentStore.open(dir, log, { writeWhole: writing })
    const results = Promise.allSettled(['a', 'b', 'c'].map((uid) => store.put(tombstone(uid))))
    const seen: string[] = []
    for (const error of [new Error('broken'), undefined, undefined, undefined]) {
      await until(() => writes.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
      seen.push(writes.map(({ name }) => name).join())
      for (const { end } of writes.splice(0)) end(error)
    }
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(seen).toEqual(['instance.a.json', 'instance.b.json', 'state.json', 'instance.c.json'])
  })

  test('does not finish what a later document replaced', async () => {
    const store = await open()
    const old = tombstone('a')
    await store.put(old)
    await store.put(tombstone('a', 2))
    await store.finish(old)
    expect(store.find('instance', 'a')?.done).toBe(false)
  })

  test('a document that comes while its tombstone is finished stays, and on disk', async () => {
    const store = await open()
    const [old, next] = [tombstone('a'), tombstone('a', 2)]
    await store.put(old)
    await Promise.all([store.finish(old), store.put(next)])
    expect(store.find('instance', 'a')).toEqual({ document: next, done: false })
    expect((await open()).find('instance', 'a')).toEqual({ document: next, done: false })
    expect(await readdir(dir)).not.toContainEqual(expect.stringMatching(/\.new$/))
  })

  test('files are for their owner alone', async () => {
    const store = await open()
    await store.put(tombstone('a'))
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
  })

  test.each([
    ['half a file', '{"document":'],
    ['another file’s', JSON.stringify({ document: tombstone('b'), done: false })],
  ])('%s is put aside, the rest stays, and the store takes a new id', async (_name, text) => {
    const store = await open()
    await store.put(tombstone('keep'))
    await writeFile(join(dir, 'instance.a.json'), text)
    const again = await open()
    expect(again.find('instance', 'a')).toBeUndefined()
    expect(again.find('instance', 'keep')).toBeDefined()
    expect(again.storeId).not.toBe(store.storeId)
  })

  test('a write that was cut off leaves the old document', async () => {
    const store = await open()
    await store.put(tombstone('a'))
    await writeFile(join(dir, 'instance.a.json.new'), '{"docu')
    const again = await open()
    expect(again.find('instance', 'a')).toBeDefined()
    expect(again.storeId).toBe(store.storeId)
    expect((await readdir(dir)).filter((n) => n.endsWith('.new'))).toEqual([])
  })

  test.each([
    ['an older term', { incarnation: 2, term: 4 }, { incarnation: 2, term: 5 }],
    ['the same', { incarnation: 2, term: 5 }, { incarnation: 2, term: 5 }],
    ['a newer term', { incarnation: 2, term: 6 }, { incarnation: 2, term: 6 }],
    ['an older incarnation with a newer term', { incarnation: 1, term: 9 }, { incarnation: 2, term: 5 }],
    ['a newer incarnation with an older term', { incarnation: 3, term: 0 }, { incarnation: 3, term: 0 }],
  ])('after %s the highest writer is the higher of both, now and after a restart', async (_name, writer, highest) => {
    const at = (of: object) => ({ ...tombstone('x'), versions: { ...tombstone('x').versions, ...of } })
    const store = await open()
    await store.put(at({ incarnation: 2, term: 5 }))
    await store.put({ ...at(writer), uid: 'y' })
    expect(store.highest).toEqual(highest)
    expect((await open()).highest).toEqual(highest)
    // The documents say it too, should the state be lost.
    await rm(join(dir, 'state.json'))
    expect((await open()).highest).toEqual(highest)
  })

  test('a state that is lost, or cannot be read, makes a new store; what cannot be read is put aside', async () => {
    const store = await open()
    await store.put(tombstone('a', 7))
    await writeFile(join(dir, 'state.json'), '{}')
    const again = await open()
    expect([again.storeId === store.storeId, again.highest]).toEqual([false, { incarnation: 1, term: 7 }])
    expect(await readdir(dir)).toContain('state.json.bad')
    const third = await open()
    expect(third.storeId).toBe(again.storeId)
    await rm(join(dir, 'state.json'))
    expect((await open()).storeId).not.toBe(again.storeId)
  })

  test('what is no file of ours is left alone', async () => {
    const store = await open()
    await mkdir(join(dir, 'sub'))
    for (const name of ['notes.txt', 'instance.A.json', 'router.a.json']) await writeFile(join(dir, name), 'x')
    const again = await open()
    expect([again.list(), again.storeId]).toEqual([[], store.storeId])
    expect(await readdir(dir)).toEqual(expect.arrayContaining(['notes.txt', 'instance.A.json', 'router.a.json', 'sub']))
  })

  test('what is finished a second time, or was never taken, is not written', async () => {
    const store = await open()
    const document = tombstone('a')
    await store.put(document)
    await store.finish(document)
    const { steps, stop } = recordDurableSteps()
    await store.finish(document)
    await store.finish(tombstone('b'))
    stop()
    expect([steps, store.list().length]).toEqual([[], 1])
  })

  test('what is not on the disk is not taken, and the next one is', async () => {
    const store = await open()
    await rm(dir, { recursive: true })
    await expect(store.put(tombstone('a'))).rejects.toThrow('ENOENT')
    expect(store.find('instance', 'a')).toBeUndefined()
    await mkdir(dir)
    expect(await store.put(tombstone('b'))).toBe(true)
    expect((await open()).list().map(({ document }) => document.uid)).toEqual(['b'])
  })

  test('the last five thousand finished tombstones are remembered, and all that are not', async () => {
    const at = (uid: string, done: boolean) =>
      writeFile(join(dir, `instance.${uid}.json`), JSON.stringify({ document: tombstone(uid), done }))
    await at('open', false)
    for (let i = 0; i < 5_000; i++) await at(`done-${i}`, true)
    const store = await open()
    const document = tombstone('last')
    await store.put(document)
    expect(store.list()).toHaveLength(5_002)
    await store.finish(document)
    expect(store.list()).toHaveLength(5_001)
    expect(store.find('instance', 'last')?.done).toBe(true)
    expect(store.find('instance', 'open')?.done).toBe(false)
    expect((await readdir(dir)).filter((name) => name.startsWith('instance.'))).toHaveLength(5_001)
  }, 30_000)
})

test('a document that the disk does not let go of is still there', async () => {
  const store = await open()
  await store.put(tombstone('a'))
  const path = join(dir, 'instance.a.json')
  await rm(path)
  await mkdir(path)
  await expect(store.drop('instance', 'a')).rejects.toThrow()
  expect(store.find('instance', 'a')).toBeDefined()
  await rm(path, { recursive: true })
  await store.drop('instance', 'a')
  expect(store.find('instance', 'a')).toBeUndefined()
})

describe('a full disk', () => {
  const full = (): Error => Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  /** Writes fail while this is set; what is removed or renamed takes no room. */
  let isFull = false
  afterEach(() => {
    isFull = false
  })
  const openFull = () =>
    DocumentStore.open(dir, log, {
      writeWhole: (path, text) => (isFull ? Promise.reject(full()) : writeWhole(path, text)),
    })
  const present = (uid: string): DesiredDocument => ({
    ...{ ...tombstone(uid), tombstone: false, kind: 'image' },
    spec: { url: 'http://a/b', format: 'raw' },
  })

  test('takes a tombstone into memory, its document off the disk, until it can be written', async () => {
    const store = await openFull()
    await store.put(tombstone('a'))
    isFull = true
    const { steps, stop } = recordDurableSteps()
    const next = tombstone('a', 2)
    expect(await store.put(next)).toBe(false)
    stop()
    expect(steps).toEqual([{ step: 'syncFolder', path: dir }])
    expect(store.find('instance', 'a')).toEqual({ document: next, done: false })
    expect((await open()).find('instance', 'a')).toBeUndefined()
    expect(await store.isSaved(next)).toBe(false)
    expect(await readdir(dir)).not.toContain('ballast')
    isFull = false
    expect(await store.isSaved(next)).toBe(true)
    expect(await readdir(dir)).toContain('ballast')
    expect((await open()).find('instance', 'a')).toEqual({ document: next, done: false })
    const again = recordDurableSteps()
    expect(await store.isSaved(next)).toBe(true)
    again.stop()
    expect(again.steps).toEqual([])
  })

  test('is without the document before that is sure to last, and never without a word on it', async () => {
    const store = await openFull()
    await store.put(tombstone('a'))
    isFull = true
    const seen: [boolean, boolean][] = []
    const look = () => {
      seen.push([existsSync(join(dir, 'instance.a.json')), store.find('instance', 'a') !== undefined])
    }
    subscribe('nephele:durable', look)
    await store.put(tombstone('a', 2))
    unsubscribe('nephele:durable', look)
    expect(seen).toEqual([[false, true]])
  })

  test('finishes a tombstone in memory, and writes it down when it is delivered again', async () => {
    const store = await openFull()
    const document = tombstone('a')
    await store.put(document)
    isFull = true
    await store.finish(document)
    expect(store.find('instance', 'a')).toEqual({ document, done: true })
    expect(await readdir(dir)).not.toContain('instance.a.json')
    isFull = false
    expect(await store.isSaved(document)).toBe(true)
    expect((await open()).find('instance', 'a')).toEqual({ document, done: true })
  })

  test('that was kept in memory is saved by its end, and by a later document', async () => {
    const store = await openFull()
    const [a, b] = [tombstone('a'), tombstone('b')]
    isFull = true
    await store.put(a)
    await store.put(b)
    isFull = false
    await store.finish(a)
    const later = tombstone('b', 2)
    await store.put(later)
    const { steps, stop } = recordDurableSteps()
    for (const document of [a, b, later]) expect(await store.isSaved(document)).toBe(true)
    stop()
    expect(steps).toEqual([])
  })

  test('takes nothing else, and a disk that is broken takes no tombstone either', async () => {
    const store = await openFull()
    isFull = true
    await expect(store.put(present('i'))).rejects.toThrow('no space left')
    expect(store.find('image', 'i')).toBeUndefined()
    isFull = false
    await store.put(tombstone('a'))
    const broken = await DocumentStore.open(dir, log, { writeWhole: () => Promise.reject(new Error('broken')) })
    await expect(broken.put(tombstone('a', 2))).rejects.toThrow('broken')
    await expect(broken.finish(broken.find('instance', 'a')!.document)).rejects.toThrow('broken')
    // Nor one that was kept in memory before it broke.
    let fault = full()
    const memory = await DocumentStore.open(dir, log, { writeWhole: () => Promise.reject(fault) })
    const kept = tombstone('b')
    expect([await memory.put(kept), await memory.isSaved(kept)]).toEqual([false, false])
    fault = new Error('broken')
    await expect(memory.isSaved(kept)).rejects.toThrow('broken')
    expect(broken.find('instance', 'a')).toMatchObject({ done: false, document: tombstone('a') })
  })

  test('has its kept room for what ends or changes what is there, not for what is new', async () => {
    const store = await openFull()
    const size = async () => (await stat(join(dir, 'ballast')).catch(() => undefined))?.size
    await store.put(present('known'))
    isFull = true
    await expect(store.put(present('new'))).rejects.toThrow('no space left')
    expect(await size()).toBe(2 ** 21)
    await expect(store.put({ ...present('known'), name: 'other' })).rejects.toThrow('no space left')
    expect(await size()).toBeUndefined()
    isFull = false
    const document = tombstone('known')
    await store.put(document)
    await store.finish(document)
    expect(await size()).toBe(2 ** 21)
  })
})
