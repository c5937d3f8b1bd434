// SPDX-License-Identifier: Apache-2.0
// A copy of a root disk: taken once or reported, whenever the agent is killed, and nothing of it is left that nobody asks for.
import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { InstanceDocument, MachineAction, ObservedAction } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { until } from '../../lib/time/until.ts'
import type { Offer } from '../transfer/image-server.ts'
import type { Capacity } from './capacity.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import type { CaptureWant } from './instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { NEW_RECORD, type PowerRecord } from './power-record.ts'
import { DEFAULT_PATHS, instanceDocument, runContext, tombstoneOf } from './testing.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000000'
const FIRST = '11111111-0000-4000-8000-000000000000'
const IMAGE = '99999999-0000-4000-8000-000000000000'
const READERS = [{ node: 's1', key: 'a'.repeat(40) }]
const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }

let dir: string
let disk: Map<string, string>
let driver: CapturingDriver
let life: number
let reconciler: InstanceReconciler
let offers: Map<string, Offer>
let capacity: Capacity | undefined
let ends: AbortController

class Killed extends Error {}
async function atPoint(): Promise<void> {
  if (--life <= 0) throw new Killed('killed')
}

/** Its copies are files; what it is doing for an agent that was killed ends with that. */
class CapturingDriver extends FakeInstanceDriver {
  taken = 0
  dropped = 0
  fails: Error | undefined
  waits: Promise<unknown> = Promise.resolve()
  wants: CaptureWant | undefined
  override capturePath(_uid: string, imageUid: string): string {
    return join(dir, imageUid)
  }
  override async captureDisk(want?: CaptureWant, signal?: AbortSignal): Promise<never> {
    this.wants = want
    this.taken += 1
    want?.onStep('Frozen')
    want?.onStep('Thawed')
    want?.onProgress(50, 512)
    await Promise.race([
      this.waits,
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('over')))),
    ])
    if (this.fails) throw this.fails
    const path = this.capturePath(UID, want?.imageUid ?? '')
    await writeFile(path, 'copy')
    return { path, virtualSizeBytes: 1024 } as never
  }
  override async dropCaptures(): Promise<void> {
    await atPoint()
    await super.dropCaptures()
    this.dropped += 1
    for (const name of await readdir(dir)) await rm(join(dir, name))
    await atPoint()
  }
}

function startAgent(): void {
  ends?.abort()
  ends = new AbortController()
  offers = new Map()
  reconciler = new InstanceReconciler({
    paths: DEFAULT_PATHS,
    driver: { current: () => driver, ready: new Promise(() => undefined) },
    configDriveFiles: () => [],
    isHostStopping: async () => false,
    readCapacity: async () => capacity,
    imageServer: {
      offer: async (_, uid, offer) => void offers.set(uid, offer),
      withdraw: async (_, uid) => void offers.delete(uid),
    },
    powerStore: {
      read: async (uid) => JSON.parse(disk.get(uid) ?? JSON.stringify(NEW_RECORD)) as PowerRecord,
      write: async (uid, old, next) => {
        const text = JSON.stringify(next)
        if (text === JSON.stringify(old)) return
        await atPoint()
        disk.set(uid, text)
        await atPoint()
      },
    },
  })
  void reconciler.start({ one: () => undefined, all: () => undefined }, ends.signal)
}

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-capture-')
  life = Infinity
  capacity = undefined
  disk = new Map()
  driver = new CapturingDriver()
  startAgent()
  await run(machine())
})
afterEach(async () => {
  ends.abort()
  await rm(dir, { recursive: true })
})

const machine = (action?: MachineAction, spec: Partial<InstanceDocument['spec']> = {}): InstanceDocument =>
  instanceDocument({ uid: UID, ...(action ? { action } : {}), ...spec })
const snapshot = (more: Partial<MachineAction> = {}): MachineAction => ({
  ...{ uid: FIRST, type: 'Snapshot', snapshot: { imageUid: IMAGE, quiesce: 'IfPossible', readers: READERS } },
  ...more,
})
const run = (document: InstanceDocument) => reconciler.reconcile(document, runContext({ image }))
const said = (document: InstanceDocument): ObservedAction | undefined =>
  reconciler.standingFacts(document, runContext({ image }).state).action
async function settle(document: InstanceDocument): Promise<void> {
  await until(
    async () => {
      try {
        await run(document)
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
      if (life <= 0) {
        life = Infinity
        startAgent()
        return false
      }
      return said(document)?.result !== undefined
    },
    'an end',
    5_000,
    5,
  )
}

test('is taken beside what the machine does, told with its progress, and handed to those that are named', async () => {
  const document = machine(snapshot())
  const held = Promise.withResolvers<undefined>()
  driver.waits = held.promise
  expect((await run(document)).state).toBe('running')
  expect((await run(document)).state).toBe('running')
  expect(said(document)).toMatchObject({ progress: 40, bytesLeft: 512 })
  expect(said(document)).not.toHaveProperty('result')
  expect(driver.wants).toMatchObject({ imageUid: IMAGE, quiesce: 'IfPossible', want: { uid: UID } })
  held.resolve(undefined)
  await settle(document)
  expect(said(document)).toMatchObject({
    ...{ result: 'Succeeded', captured: { sizeBytes: 4, virtualSizeBytes: 1024 } },
    steps: [{ name: 'Frozen' }, { name: 'Thawed' }, { name: 'DiskRead' }],
  })
  await run(document)
  expect([...offers]).toEqual([
    [IMAGE, { path: join(dir, IMAGE), sha256: said(document)?.captured?.sha256, readers: READERS }],
  ])
  startAgent()
  await run(document)
  expect([offers.size, driver.taken]).toEqual([1, 1])
  await run(machine())
  expect([offers.size, existsSync(join(dir, IMAGE)), driver.dropped]).toEqual([0, false, 1])
  await run(machine())
  expect(driver.dropped).toBe(1)
})

test('killed at every point: it is taken once, or said to be interrupted; nothing is left when it is not asked for any more', async () => {
  const ended = new Set<string>()
  for (let at = 1; ; at++) {
    driver.taken = 0
    life = at
    const uid = `${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`
    const document = machine(snapshot({ uid }))
    await settle(document)
    const { result, reason } = said(document) ?? {}
    ended.add(`${result} ${reason ?? ''}`)
    expect([at, driver.taken <= 1]).toEqual([at, true])
    const wasKilledBefore = life === Infinity
    await until(
      async () => {
        try {
          await run(machine())
        } catch (error) {
          if (!(error instanceof Killed)) throw error
        }
        if (life > 0) return !existsSync(join(dir, IMAGE)) && disk.get(UID)?.includes('hasCaptures') === false
        life = Infinity
        startAgent()
        return false
      },
      'nothing left',
      5_000,
      5,
    )
    const wasKilled = wasKilledBefore || life === Infinity
    life = Infinity
    if (wasKilled) continue
    expect(at).toBeGreaterThan(6)
    break
  }
  expect([...ended].sort()).toEqual(['Failed SnapshotInterrupted', 'Succeeded '])
})

describe('one at a time on a node', () => {
  const OTHER = 'bbbbbbbb-0000-4000-8000-000000000000'
  const NEXT = '22222222-0000-4000-8000-000000000000'
  const second = (more: Partial<MachineAction> = {}) =>
    instanceDocument({ uid: OTHER, action: snapshot({ uid: NEXT, ...more }) })
  let first: InstanceDocument
  let held: PromiseWithResolvers<undefined>
  beforeEach(async () => {
    held = Promise.withResolvers()
    driver.waits = held.promise
    first = machine(snapshot())
    await run(first)
    await run(instanceDocument({ uid: OTHER }))
    await until(() => driver.taken === 1, 'the first', 5_000, 5)
    await run(second())
    await run(second())
  })
  test('the next waits for its end, whatever that is', async () => {
    expect([driver.taken, said(second())?.result]).toEqual([1, undefined])
    driver.fails = new TransientError('CopyFailed', 'no')
    held.resolve(undefined)
    await settle(first)
    await until(async () => (await run(second()), driver.taken === 2), 'the next', 5_000, 5)
    expect(driver.wants).toMatchObject({ want: { uid: OTHER } })
    await settle(second())
  })
  test('one that waits is given up at once, and those behind it still wait', async () => {
    const third = instanceDocument({ uid: IMAGE, action: snapshot({ uid: IMAGE }) })
    await run(instanceDocument({ uid: IMAGE }))
    await run(third)
    await run(instanceDocument({ uid: OTHER }))
    expect(said(second())).toMatchObject({ result: 'Failed', reason: 'Cancelled' })
    await run(third)
    expect(driver.taken).toBe(1)
    held.resolve(undefined)
    await settle(third)
    expect([said(third)?.result, driver.taken]).toEqual(['Succeeded', 2])
  })
  test('one whose time is over while it waits is not begun', async () => {
    const late = second({ notAfter: '2020-01-01T00:00:00Z' })
    await run(late)
    held.resolve(undefined)
    await settle(first)
    expect([said(late), driver.taken]).toMatchObject([{ result: 'Failed', reason: 'DeadlineExceeded' }, 1])
  })
})

describe('given up', () => {
  beforeEach(() => {
    driver.waits = new Promise(() => undefined)
  })
  test('when its document asks for it no more', async () => {
    const document = machine(snapshot())
    await run(document)
    await run(machine())
    await run(machine())
    await run(document)
    expect([said(document), driver.dropped]).toMatchObject([{ result: 'Failed', reason: 'Cancelled' }, 1])
    expect(driver.taken).toBe(1)
  })
  test('with its machine', async () => {
    const document = machine(snapshot())
    await run(document)
    expect(await reconciler.remove(tombstoneOf(document), runContext({}))).toEqual({ state: 'gone' })
  })
  test('by a reset of the state', async () => {
    await run(machine(snapshot()))
    await run(machine({ uid: IMAGE, type: 'ResetState' }))
    await run(machine())
    expect(driver.dropped).toBe(1)
    expect(said(machine(snapshot()))).toMatchObject({ result: 'Unknown' })
  })
})

test('an agent that ends waits for what a copy has begun, but not for ever', async () => {
  const thawed = Promise.withResolvers<undefined>()
  const order: string[] = []
  driver.captureDisk = async (_, signal) => {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve))
    await thawed.promise
    order.push('thawed')
    throw new Error('over')
  }
  await run(machine(snapshot()))
  await run(machine(snapshot()))
  ends.abort()
  const stopped = reconciler.stop().then(() => order.push('stopped'))
  setTimeout(() => thawed.resolve(undefined), 50)
  await stopped
  expect(order).toEqual(['thawed', 'stopped'])
})

test('with a record that could not be read, what may be left of a copy goes', async () => {
  await writeFile(join(dir, IMAGE), 'left')
  disk.set(UID, JSON.stringify({ ...NEW_RECORD, phase: 'on', actionsLost: true }))
  for (let time = 0; time < 3; time++) await run(machine())
  expect([existsSync(join(dir, IMAGE)), driver.dropped]).toEqual([false, 1])
})

test('a machine that is off stays off while it is read, and is not said to be on its way', async () => {
  await driver.setPower(UID, 'off')
  const off = machine(undefined, { runState: 'Stopped' })
  await run(off)
  const held = Promise.withResolvers<undefined>()
  driver.waits = held.promise
  expect((await run(machine(snapshot(), { runState: 'Stopped' }))).state).toBe('stopped')
  expect((await run(machine(snapshot()))).state).toBe('stopped')
  expect((await driver.find(UID))?.power).toBe('off')
  held.resolve(undefined)
  await settle(machine(snapshot()))
  await run(machine(snapshot()))
  expect((await driver.find(UID))?.power).toBe('running')
})

describe('a machine that is off', () => {
  const OTHER = 'bbbbbbbb-0000-4000-8000-000000000000'
  const power = async () => (await driver.find(UID))?.power
  let held: PromiseWithResolvers<undefined>
  /** Another machine is read. */
  beforeEach(async () => {
    await driver.setPower(UID, 'off')
    await run(machine(undefined, { runState: 'Stopped' }))
    held = Promise.withResolvers()
    driver.waits = held.promise
    const other = instanceDocument({ uid: OTHER })
    await run(other)
    await run(instanceDocument({ uid: OTHER, action: snapshot({ uid: OTHER }) }))
    expect(driver.taken).toBe(1)
  })
  test('starts while its copy stands in line, and is copied as one that is on', async () => {
    expect((await run(machine(snapshot(), { runState: 'Stopped' }))).state).toBe('stopped')
    expect((await run(machine(snapshot()))).state).toBe('running')
    expect([await power(), driver.taken]).toEqual(['running', 1])
    held.resolve(undefined)
    await settle(machine(snapshot()))
    expect([said(machine(snapshot()))?.result, driver.taken]).toEqual(['Succeeded', 2])
  })
  test('begins to be read in a run of its own alone, which does not start it', async () => {
    const stopped = machine(snapshot(), { runState: 'Stopped' })
    await run(stopped)
    held.resolve(undefined)
    held = Promise.withResolvers()
    driver.waits = held.promise
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(driver.taken).toBe(1)
    await run(machine(snapshot()))
    await until(() => driver.taken === 2, 'its turn', 5_000, 5)
    await run(machine(snapshot()))
    expect(await power()).toBe('off')
    driver.wants?.onDiskFree()
    await run(machine(snapshot()))
    expect([await power(), said(machine(snapshot()))?.result]).toEqual(['running', undefined])
    held.resolve(undefined)
    await settle(machine(snapshot()))
  })
  test('one that crashes while it stands in line is started again', async () => {
    await run(machine())
    expect(await power()).toBe('running')
    await run(machine(snapshot()))
    driver.guestStops(UID, 'crashed')
    await run(machine(snapshot()))
    await until(async () => (await run(machine(snapshot())), (await power()) === 'running'), 'a start', 10_000, 200)
    expect(driver.taken).toBe(1)
    held.resolve(undefined)
  })
})

test.each<[string, () => void, string]>([
  ['what the hypervisor says', () => (driver.fails = new TransientError('NoGuestAgent', 'none')), 'NoGuestAgent'],
  [
    'no room for it',
    () => {
      capacity = {
        ...{ room: { vcpus: 9, memoryMiB: 9999 }, reserved: { cpus: 0, memoryMiB: 0, diskGiB: 0 }, isEmulated: true },
        ...{ availableMemoryMiB: 9999, freeDiskBytes: 100, writtenBytes: new Map(), cells: [] },
      }
    },
    'InsufficientResources',
  ],
])('fails by %s, and leaves the machine as it is', async (_, happens, reason) => {
  happens()
  const document = machine(snapshot())
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason })
  await run(document)
  expect([(await driver.find(UID))?.power, driver.dropped]).toEqual(['running', 1])
})

test('a guest that stays frozen is thawed by a later run, which asks less often each time', async () => {
  const frozen = new TransientError('GuestStillFrozen', 'frozen')
  driver.fails = frozen
  const tries = jest.spyOn(driver, 'dropCaptures').mockRejectedValue(frozen)
  let nowMs = Math.ceil(performance.now())
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const document = machine(snapshot())
  let again: number[] = []
  const look = async (ms: number) => {
    nowMs += ms
    again = []
    await reconciler.reconcile(document, runContext({ image, onRunAgainWithin: (within) => again.push(within) }))
    return [tries.mock.calls.length, again.at(-1)]
  }
  try {
    await until(async () => (await look(0), said(document)?.result !== undefined), 'an end', 5_000, 5)
    const seen = [await look(0), await look(4_000), await look(1_000), await look(9_000), await look(1_000)]
    expect(seen).toEqual([
      [1, 5_000],
      [1, 1_000],
      [2, 10_000],
      [2, 1_000],
      [3, 20_000],
    ])
    for (let time = 0; time < 9; time++) await look(3_600_000)
    expect(again.at(-1)).toBe(300_000)
    tries.mockRestore()
    await look(300_000)
  } finally {
    clock.mockRestore()
  }
  expect(driver.dropped).toBe(1)
  expect(disk.get(UID)).not.toContain('hasCaptures')
})

test('one whose time was over, or that a machine that cannot be set up is asked for, is not begun', async () => {
  const late = machine(snapshot({ notAfter: '2020-01-01T00:00:00Z' }))
  await settle(late)
  expect(said(late)).toMatchObject({ result: 'Failed', reason: 'DeadlineExceeded' })
  await driver.setPower(UID, 'off')
  const waiting = machine(snapshot({ uid: IMAGE }))
  await reconciler.reconcile(waiting, runContext({}))
  expect([said(waiting), driver.taken]).toEqual([undefined, 0])
})
