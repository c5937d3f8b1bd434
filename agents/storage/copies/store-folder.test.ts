// SPDX-License-Identifier: Apache-2.0
// Where a file of an ImageStore is, is known from before it is written until it is removed.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { NodeSpec, Tombstone } from '../../../lib/contract/documents.ts'
import { makeMemoryFolder } from '../../../lib/memory-folder.ts'
import type { RunContext } from '../../runtime/reconciler.ts'
import { PoolMarks } from '../drivers/file/pool-mark.ts'
import { VolumeRecords } from '../exports/volume-records.ts'
import { ImageCopyReconciler } from './imagecopy-reconciler.ts'
import { StoreFolder } from './store-folder.ts'

const UID = '11111111-0000-4000-8000-000000000000'
const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const tombstone: Tombstone = {
  ...{ v: 1, kind: 'imagecopy', uid: UID, node: 'n1', name: 'snap', versions, tombstone: true },
}
let dir: string
let path: string
let records: VolumeRecords
let folder: StoreFolder
let reconciler: ImageCopyReconciler

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-store-')
  path = join(dir, 'images')
  await mkdir(path, { mode: 0o700 })
  records = new VolumeRecords(join(dir, 'records'))
  folder = open(path)
  const peer = { keyFile: '', certificateFile: '', authorityFile: '' }
  const server = { offer: async () => undefined, withdraw: async () => undefined }
  reconciler = new ImageCopyReconciler({ records, peer, server, openFolder: open })
})
afterEach(() => rm(dir, { recursive: true }))

const open = (at: string) =>
  new StoreFolder({ path: at, records, marks: new PoolMarks(join(dir, 'marks')), requiresMount: () => false })
const kept = async () => (await readdir(path)).filter((name) => !name.startsWith('.'))
const remove = (imageStores: NonNullable<NodeSpec['imageStores']>) => {
  const state = { list: () => [{ tombstone: false, spec: { roles: {}, imageStores } }] }
  const context = { state, node: 'n1', signal: AbortSignal.timeout(10_000), log: pino({ level: 'silent' }) }
  return reconciler.remove(tombstone, context as unknown as RunContext)
}

test('a draft is recorded before there is anything of it, and removed when the node has the store no more', async () => {
  const draft = await folder.draft(UID, 'raw')
  expect(await records.find(UID)).toMatchObject({ poolPath: path, created: false })
  await writeFile(draft, 'half')
  for (let time = 0; time < 2; time++) expect(await remove([])).toEqual({ state: 'gone' })
  expect([await kept(), await records.find(UID)]).toEqual([[], undefined])
})

test('a file of an agent that was killed before it said so is recorded when it is found', async () => {
  await writeFile(await folder.draft(UID, 'raw'), 'whole')
  await folder.name(UID, 'raw')
  expect(await records.find(UID)).toMatchObject({ poolPath: path, created: true })
  await records.remove(UID)
  expect(await folder.find(UID)).toMatchObject({ id: UID })
  expect(await records.find(UID)).toMatchObject({ poolPath: path, created: true })
  expect(await folder.find('22222222-0000-4000-8000-000000000000')).toBeUndefined()
  expect(await records.list()).toHaveLength(1)
})

test('where nobody knows which store it was in, it is not said to be gone', async () => {
  await writeFile(join(path, `${UID}.raw`), 'whole')
  await expect(remove([])).rejects.toMatchObject({ reason: 'StoreNotOnNode' })
  expect(await remove([{ name: 'main', uid: 's1', driver: 'file', path }])).toEqual({ state: 'gone' })
  expect(await kept()).toEqual([])
})
