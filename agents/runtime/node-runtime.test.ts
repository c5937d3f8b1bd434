// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import type { DesiredDocument, ObservedDocument } from '../../lib/contract/documents.ts'
import { writeWhole } from '../../lib/durable-files.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { DocumentStore } from './document-store.ts'
import { NodeRuntime } from './node-runtime.ts'
import type { KindReconciler } from './reconciler.ts'
import { Reporter } from './reporter.ts'

const log = createLogger('test', 'silent')
const nics = [{ mac: 'fa:16:3e:00:00:01' }]
const document = instanceDocument()
let dir: string
let failure: Error | undefined
let volumes: string[] | undefined
let runtime: NodeRuntime
let reporter: Reporter
let isFull: boolean

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-runtime-')
  failure = undefined
  volumes = undefined
  isFull = false
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  const store = await DocumentStore.open(dir, log, {
    writeWhole: async (path, text) => {
      if (isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      await writeWhole(path, text)
    },
  })
  runtime = new NodeRuntime({ node: 'n1', bootId: 'b', store, reporter, log })
  const reconciler: KindReconciler<'instance'> = {
    kind: 'instance',
    standingFacts: () => ({ nics }),
    reconcile: async (_document, context) => {
      if (volumes) context.listed(volumes)
      if (failure) throw failure
      return { state: 'running', facts: { hypervisor: 'x' } }
    },
    remove: async () => {
      if (failure) throw failure
      return { state: 'gone' }
    },
    listOwned: async () => [],
  }
  await runtime.add(reconciler as unknown as KindReconciler)
  runtime.start()
})
afterEach(async () => {
  await runtime.stop()
  await rm(dir, { recursive: true, force: true })
})

const receive = (wanted: DesiredDocument) => runtime.receive(wanted, Buffer.from(JSON.stringify(wanted)))
const says = async (state: string): Promise<ObservedDocument['facts'] | undefined> => {
  await until(() => reporter.find(document)?.state === state)
  return reporter.find(document)?.facts
}

test('what stands whatever a run comes to is said in every state, until nothing is left', async () => {
  await receive(document)
  expect(await says('running')).toEqual({ nics, hypervisor: 'x' })
  failure = new TransientError('Away', 'the hypervisor is away')
  await receive({ ...document, versions: { ...document.versions, generation: 2 } })
  expect(await says('failed')).toEqual({ nics })
  const tombstone = { ...tombstoneOf(document), versions: { ...document.versions, generation: 3 } }
  await receive(tombstone)
  await until(() => reporter.find(document)?.versions.generation === 3)
  expect(await says('failed')).toEqual({ nics })
  failure = undefined
  await receive({ ...tombstone, versions: { ...document.versions, generation: 4 } })
  expect(await says('gone')).toEqual({})
})

test('a full disk: a delete is carried out, and asked for again until it is written down; nothing new is taken', async () => {
  await receive(document)
  await says('running')
  isFull = true
  const tombstone = { ...tombstoneOf(document), versions: { ...document.versions, generation: 2 } }
  await expect(receive(tombstone)).rejects.toThrow('the disk of the node is full')
  await says('gone')
  await expect(receive(tombstone)).rejects.toThrow('the disk of the node is full')
  await expect(receive({ ...document, uid: 'new' })).rejects.toThrow('no space left')
  expect(runtime.find('instance', 'new')).toBeUndefined()
  isFull = false
  await receive(tombstone)
  await receive(tombstone)
})

test('what is refused of something unknown is said, and nothing is done about it', async () => {
  await runtime.receive(document, Buffer.from('no JSON'))
  await says('refused')
  expect(reporter.find(document)?.refused?.reason).toBe('DocumentInvalid')
  expect(runtime.list('instance')).toEqual([])
})

describe('the disks of a machine', () => {
  const at = (generation: number) => ({ ...document, versions: { ...document.versions, generation } })
  test.each<[string, Error]>([
    ['failed', new TransientError('Away', 'the hypervisor is away')],
    ['refused', new TerminalError('Unsupported', 'cannot')],
  ])('are in a report of a machine that %s, as its run saw them', async (state, error) => {
    volumes = ['v']
    failure = error
    await receive(document)
    expect(await says(state)).toEqual({ nics, volumesAttached: ['v'] })
  })
  test('are said as old as they are by a run that did not look', async () => {
    volumes = []
    await receive(document)
    expect(await says('running')).toMatchObject({ volumesAttached: [] })
    volumes = undefined
    failure = new TransientError('Away', 'the hypervisor is away')
    await receive(at(2))
    expect(await says('failed')).toMatchObject({ volumesAttached: [], volumesListedFor: document.versions })
    volumes = []
    await receive(at(3))
    await until(() => reporter.find(document)?.versions.generation === 3)
    expect(await says('failed')).toEqual({ nics, volumesAttached: [] })
  })
})
