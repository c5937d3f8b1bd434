// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { recordDurableSteps } from '../../lib/durable-files.ts'
import { listOpenFiles } from '../../lib/open-files.ts'
import { NEW_RECORD, type PowerRecord } from './power-record.ts'
import { filePowerStore, type PowerStore } from './power-store.ts'

let dir: string
let store: PowerStore
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-power-')
  store = filePowerStore({ dataDir: dir, runDir: dir })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const on: PowerRecord = {
  ...{ phase: 'on', bootId: 'b', because: 'Crashed', ends: 3, startedAtMs: 1, endedAtMs: 2 },
  ...{ shutdownAskedAtMs: 3, shutdownSentAtMs: 6, shutdownWithdrawn: true, resumes: 4, resumedAtMs: 5 },
  ...{ offBefore: 'guest', restarts: 2, restartedAfter: 'GuestStopped' },
}

test('what was written is read again, whole, and on the disk before it counts as written', async () => {
  expect(await store.read('u')).toEqual(NEW_RECORD)
  const { steps, stop } = recordDurableSteps()
  await store.write('u', NEW_RECORD, on)
  stop()
  const path = join(dir, 'instances', 'u', 'power.json')
  expect(steps).toEqual([
    { step: 'write', path },
    { step: 'sync', path },
    { step: 'rename', path },
  ])
  expect(await store.read('u')).toEqual(on)
  // libvirt walks through it as another user, and reads nothing here.
  expect([(await stat(join(dir, 'instances', 'u'))).mode & 0o777, (await stat(path)).mode & 0o777]).toEqual([
    0o711, 0o600,
  ])
  await store.write('u', on, NEW_RECORD)
  expect(await store.read('u')).toEqual(NEW_RECORD)
})

test('a full disk takes what is changed in its place, whole, and nothing that was not there', async () => {
  await store.write('u', NEW_RECORD, on)
  const path = join(dir, 'instances', 'u', 'power.json')
  const full = async (): Promise<void> => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
  const onFull = filePowerStore({ dataDir: dir, runDir: dir }, full)
  const { steps, stop } = recordDurableSteps()
  await onFull.write('u', on, NEW_RECORD)
  stop()
  expect(steps).toEqual([
    { step: 'write', path },
    { step: 'sync', path },
  ])
  expect(listOpenFiles()).not.toContain(path)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(NEW_RECORD)
  await expect(onFull.write('w', NEW_RECORD, on)).rejects.toThrow('no space')
  expect(await store.read('w')).toEqual(NEW_RECORD)
  const broken = filePowerStore({ dataDir: dir, runDir: dir }, () => Promise.reject(new Error('broken')))
  await expect(broken.write('u', NEW_RECORD, on)).rejects.toThrow('broken')
  expect(await store.read('u')).toEqual(NEW_RECORD)
})

test('a record of 0.1.0 goes on where it was', async () => {
  await mkdir(join(dir, 'instances', 'u'), { recursive: true })
  await writeFile(join(dir, 'instances', 'u', 'power.json'), '{"phase":"off","because":"Crashed","crashes":4}')
  expect(await store.read('u')).toEqual({ phase: 'off', because: 'Crashed', ends: 4 })
})

test('nothing is written that is there already', async () => {
  const { steps, stop } = recordDurableSteps()
  await store.write('u', on, { ...on })
  stop()
  expect(steps).toEqual([])
})

test.each([
  ['half a record', '{"phase":'],
  ['another phase', '{"phase":"flying","ends":0}'],
  ['no count', '{"phase":"on"}'],
  ['a count below nothing', '{"phase":"on","ends":-1}'],
  ['another reason', '{"phase":"off","ends":0,"because":"Bored"}'],
])('%s counts as none', async (_, text) => {
  await mkdir(join(dir, 'instances', 'u'), { recursive: true })
  await writeFile(join(dir, 'instances', 'u', 'power.json'), text)
  expect(await store.read('u')).toEqual({ ...NEW_RECORD, actionsLost: true })
})

test('a uid leads out of nowhere', async () => {
  await expect(store.read('../x')).rejects.toThrow('not a uid')
})
