// SPDX-License-Identifier: Apache-2.0
// A real file system without a block left: deletes must go through, since they are what makes room.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DesiredDocument, InstanceDocument } from '../../lib/contract/documents.ts'
import { exec } from '../../lib/exec.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { readPowerRecord, writePowerRecord } from '../compute/power-store.ts'
import { NEW_RECORD, type PowerRecord } from '../compute/power-record.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { DocumentStore } from './document-store.ts'
import { NodeRuntime } from './node-runtime.ts'
import type { KindReconciler } from './reconciler.ts'
import { Reporter } from './reporter.ts'

const log = createLogger('test', 'silent')
const mount = (...args: [string, ...string[]]) => exec(args, { timeoutMs: 10_000 })
let dir: string
let runtime: NodeRuntime
let reporter: Reporter
let built: string[]
let removed: string[]
/** What a delete gives back. */
let onRemove: () => Promise<void>

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-full-'))
  await mount('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir)
  built = []
  removed = []
  onRemove = async () => undefined
  await start()
})
afterEach(async () => {
  await runtime.stop()
  await mount('umount', dir)
  await rm(dir, { recursive: true })
})

async function start(): Promise<void> {
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  const store = await DocumentStore.open(join(dir, 'documents'), log)
  runtime = new NodeRuntime({ node: 'n1', bootId: 'b', store, reporter, log })
  const machines: KindReconciler<'instance'> = {
    kind: 'instance',
    reconcile: async ({ uid }) => {
      built.push(uid)
      return { state: 'running' }
    },
    remove: async ({ uid }) => {
      await onRemove()
      removed.push(uid)
      return { state: 'gone' }
    },
    listOwned: async () => [],
  }
  await runtime.add(machines as unknown as KindReconciler)
  runtime.start()
}

/** Takes every block, as guests' disks do. */
async function fill(name = 'guest-disk'): Promise<void> {
  const file = await open(join(dir, name), 'a')
  try {
    for (const size of [65536, 4096]) {
      try {
        for (;;) await file.write(Buffer.alloc(size, 1))
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' })
      }
    }
  } finally {
    await file.close()
  }
}

const receive = (document: DesiredDocument) => runtime.receive(document, Buffer.from(JSON.stringify(document)))
const machine = (uid: string): InstanceDocument => instanceDocument({ uid })
const gone = (uid: string): DesiredDocument => {
  const document = machine(uid)
  return { ...tombstoneOf(document), versions: { ...document.versions, generation: 2 } }
}
const says = (uid: string) => reporter.find(machine(uid))?.state

test('a delete is written down by the room that was kept, carried out, and the room taken again', async () => {
  await receive(machine('a'))
  await fill()
  await expect(receive(machine('new'))).rejects.toMatchObject({ code: 'ENOSPC' })
  onRemove = () => rm(join(dir, 'guest-disk'), { force: true })
  await receive(gone('a'))
  await until(() => says('a') === 'gone')
  const ballast = () => stat(join(dir, 'documents', 'ballast')).catch(() => undefined)
  await until(async () => ((await ballast())?.size ?? 0) > 2 ** 20)
  const again = await DocumentStore.open(join(dir, 'documents'), log)
  expect(again.find('instance', 'a')).toMatchObject({ done: true, document: { tombstone: true } })
})

test('with that room gone too it is carried out from memory, delivered again until it is kept, and nothing comes back', async () => {
  await receive(machine('a'))
  await until(() => says('a') === 'running')
  await rm(join(dir, 'documents', 'ballast'))
  await fill()
  // Others take at once what the old document leaves.
  onRemove = () => fill('another-disk')
  await expect(receive(gone('a'))).rejects.toThrow('the disk of the node is full')
  await until(() => says('a') === 'gone')
  expect(removed).toEqual(['a'])
  expect(await readdir(join(dir, 'documents'))).not.toContain('instance.a.json')
  await expect(receive(gone('a'))).rejects.toThrow('the disk of the node is full')

  // The agent starts again in between: it knows of no machine, and makes none.
  await runtime.stop()
  built = []
  removed = []
  await start()
  await expect(receive(gone('a'))).rejects.toThrow('the disk of the node is full')
  await until(() => removed.length === 1)
  onRemove = async () => undefined
  for (const disk of ['guest-disk', 'another-disk']) await rm(join(dir, disk))
  await receive(gone('a'))
  expect(built).toEqual([])
  const again = await DocumentStore.open(join(dir, 'documents'), log)
  await until(() => says('a') === 'gone')
  expect(again.find('instance', 'a')).toMatchObject({ document: { tombstone: true } })
})

test('a machine that is there can be stopped: its power record is changed in its place', async () => {
  const paths = { dataDir: dir } as unknown as Parameters<typeof readPowerRecord>[0]
  const on: PowerRecord = { ...NEW_RECORD, phase: 'on', ends: 3, startedAtMs: 1_700_000_000_000 }
  const off: PowerRecord = { ...NEW_RECORD, phase: 'off', because: 'Requested' }
  await mkdir(join(dir, 'instances'), { recursive: true })
  await writePowerRecord(paths, 'a', NEW_RECORD, on)
  await fill()
  await writePowerRecord(paths, 'a', on, off)
  expect(await readPowerRecord(paths, 'a')).toEqual(off)
  // One that was never there is not started: what it began could not be remembered.
  await expect(writePowerRecord(paths, 'b', NEW_RECORD, on)).rejects.toMatchObject({ code: 'ENOSPC' })
})
