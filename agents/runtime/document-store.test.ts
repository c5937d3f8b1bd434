// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { recordDurableSteps } from '../../lib/durable-files.ts'
import { DocumentStore } from './document-store.ts'

const log = createLogger('test', 'silent')
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-store-'))
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

  test('remembers a finished tombstone', async () => {
    const store = await open()
    const document = tombstone('a')
    await store.put(document)
    await store.finish(document)
    expect((await open()).find('instance', 'a')).toEqual({ document, done: true })
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
})
