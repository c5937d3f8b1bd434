// SPDX-License-Identifier: Apache-2.0
// A machine boots from a rescue disk, with its own beside it, until that is ended: wherever the agent is killed, there is one answer to which it boots from.
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { InstanceDocument, MachineAction, MachineRescue } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { Observation, RunContext } from '../runtime/reconciler.ts'
import type { Capacity } from './capacity.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import type { DiskNumbers, InstanceWant, PowerAction } from './instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { NEW_RECORD, type PowerRecord } from './power-record.ts'
import { DEFAULT_PATHS, instanceDocument, runContext, tombstoneOf } from './testing.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000000'
const [OWN, OTHER] = ['0'.repeat(64), '1'.repeat(64)]
const RESCUE_IMAGE = 'eeeeeeee-0000-4000-8000-000000000000'
const GIB = 2 ** 30
const uidOf = (number: number) => `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`

class Killed extends Error {}

class RecordingDriver extends FakeInstanceDriver {
  readonly done: string[] = []
  readonly wants: InstanceWant[] = []
  ignoresShutdown = false
  /** Each start from a rescue disk fails. */
  cannotRescue = false
  override async ensure(want: InstanceWant) {
    this.wants.push(want)
    await atPoint()
    const instance = await super.ensure(want)
    await atPoint()
    return instance
  }
  override async makeDisks(want: InstanceWant) {
    if ((await this.find(UID))?.power !== 'off') this.done.push('made of a machine that is on')
    await atPoint()
    await super.makeDisks(want)
    this.done.push(`make ${want.rescue?.number}`)
    await atPoint()
  }
  override async keepDisks(uid: string, disks: DiskNumbers, upTo: number) {
    await atPoint()
    await super.keepDisks(uid, disks, upTo)
    await atPoint()
  }
  override async setPower(uid: string, action: PowerAction): Promise<void> {
    if (action === 'shutdown' && this.ignoresShutdown) return
    const before = await this.find(uid)
    if (action === 'on' && this.cannotRescue && before?.rescueDisk !== undefined)
      throw new TransientError('StartFailed', 'QEMU said no')
    await atPoint()
    await super.setPower(uid, action)
    const after = await this.find(uid)
    if (after && after.power !== before?.power) this.done.push(action === 'on' ? `on from ${bootOf(after)}` : action)
    await atPoint()
  }
}
const bootOf = ({ rootDisk, rescueDisk }: { rootDisk?: number; rescueDisk?: number }) =>
  rescueDisk === undefined ? `root ${rootDisk}` : `rescue ${rescueDisk}`

let disk: Map<string, string>
let driver: RecordingDriver
let aheadMs: number
let life: number
let reconciler: InstanceReconciler
/** Of the rescue image on the node. */
let seen: Observation | undefined
let capacity: Capacity | undefined

async function atPoint(): Promise<void> {
  if (--life <= 0) throw new Killed('killed')
}

function startAgent(): void {
  reconciler = new InstanceReconciler({
    ...{ paths: DEFAULT_PATHS, driver: { current: () => driver, ready: Promise.resolve(driver) } },
    ...{ configDriveFiles: () => [], isHostStopping: async () => false, readCapacity: async () => capacity },
    nowMs: () => Date.now() + aheadMs,
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
}

async function begin(): Promise<void> {
  ;[aheadMs, life, seen, capacity] = [0, Infinity, { state: 'ready', facts: { virtualSizeBytes: GIB } }, undefined]
  disk = new Map()
  driver = new RecordingDriver()
  startAgent()
  await run(machine())
  driver.done.length = 0
}
beforeEach(begin)

const machine = (action?: MachineAction, spec: Partial<InstanceDocument['spec']> = {}): InstanceDocument =>
  instanceDocument({ uid: UID, ...(action ? { action } : {}), ...spec })
const rescueOf = (number: number, more: Partial<MachineRescue> = {}): MachineRescue => ({
  ...{ disk: number, requireKvm: false, sizeGiB: 2 },
  image: { uid: RESCUE_IMAGE, sha256: OTHER, format: 'qcow2', properties: { hw_vif_model: 'e1000e' } },
  ...more,
})
const rescue = (number = 1, uid = uidOf(number), more: Partial<MachineRescue> = {}): MachineAction => ({
  ...{ uid, type: 'Rescue', rescue: rescueOf(number, more) },
})
const unrescue = (rescueDisk = 1, uid = uidOf(500 + rescueDisk)): MachineAction => ({
  ...{ uid, type: 'Unrescue', rescueDisk },
})
function context(document: InstanceDocument): RunContext {
  const base = runContext({ image: { sha256: OWN, format: 'raw', virtualSizeBytes: GIB }, machines: [document] })
  const findObserved: RunContext['state']['findObserved'] = (kind, uid) =>
    kind === 'image' && uid === RESCUE_IMAGE ? seen : base.state.findObserved(kind, uid)
  return { ...base, state: { ...base.state, findObserved } }
}
const run = (document: InstanceDocument) => reconciler.reconcile(document, context(document))
const said = (document: InstanceDocument) => reconciler.standingFacts(document, context(document).state)
const found = () => driver.find(UID)
const record = () => JSON.parse(disk.get(UID) ?? '{}') as PowerRecord

/** Runs as the runtime does: again when asked to, when it failed, and after a kill with a new agent. */
async function settle(document: InstanceDocument, most = 30): Promise<Observation<'instance'> | undefined> {
  let last: Observation<'instance'> | undefined
  for (let turn = 0; turn < most; turn++) {
    let againMs: number | undefined
    try {
      last = await run(document)
      againMs = last.retryAfterMs
    } catch (error) {
      againMs = 60_000
      if (!(error instanceof Killed || error instanceof TransientError || error instanceof TerminalError)) throw error
    }
    if (life <= 0) {
      life = Infinity
      startAgent()
      continue
    }
    if (againMs === undefined) return last
    aheadMs += againMs
  }
  return last
}

test('it is stopped, gets a rescue disk, and starts from that, with its own beside it', async () => {
  const document = machine(rescue())
  expect(await settle(document)).toMatchObject({ state: 'running', facts: { restarts: 0 } })
  expect(driver.done).toEqual(['shutdown', 'make 1', 'on from rescue 1'])
  expect([driver.rootDisks(UID), driver.rescueDisks(UID)]).toEqual([{ 0: OWN }, { 1: OTHER }])
  const { action, ...facts } = said(document)
  expect(action?.steps.map(({ name }) => name)).toEqual(['ShutdownAsked', 'PoweredOff', 'DiskMade', 'Started'])
  expect(facts).toEqual({ rootDisk: 0, rootDisksSettled: 1, rescueDisk: 1 })
  const { root, rescue: from, properties } = driver.wants.at(-1) ?? {}
  expect([root?.sha256, from]).toEqual([OWN, { number: 1, sha256: OTHER, format: 'qcow2', sizeBytes: 2 * GIB }])
  expect(properties).toEqual({ hw_vif_model: 'e1000e' })
  expect(record().actions?.[0]).not.toHaveProperty('rescue')
})

test('it stays so, whoever starts it again, and whatever its document says', async () => {
  await settle(machine(rescue()))
  driver.done.length = 0
  for (const runState of ['Stopped', 'Running'] as const) await settle(machine(undefined, { runState }))
  driver.guestStops(UID, 'crashed')
  startAgent()
  await settle(machine(undefined, { rescue: rescueOf(1) }))
  await settle(machine({ uid: uidOf(7), type: 'HardReboot' }))
  await settle(machine({ uid: uidOf(8), type: 'Reset' }, { rescue: rescueOf(9) }))
  await settle(machine(undefined, { runState: 'Suspended' }))
  await settle(machine())
  const on = 'on from rescue 1'
  expect(driver.done).toEqual(['shutdown', on, on, 'off', on, 'save', on])
  expect(said(machine())).toEqual({ rootDisk: 0, rootDisksSettled: 1, rescueDisk: 1 })
})

test('an Unrescue has it start from its own disk, and takes the other one away', async () => {
  await settle(machine(rescue()))
  driver.done.length = 0
  const document = machine(unrescue(), { rescue: rescueOf(1) })
  expect(await settle(document)).toMatchObject({ state: 'running' })
  expect(driver.done).toEqual(['shutdown', 'on from root 0'])
  expect([driver.rootDisks(UID), driver.rescueDisks(UID)]).toEqual([{ 0: OWN }, {}])
  const { action, ...facts } = said(document)
  expect(action).toMatchObject({ result: 'Succeeded' })
  expect(facts).toEqual({ rootDisk: 0, rootDisksSettled: 1 })
  expect(record()).not.toHaveProperty('rescue')
  expect(record()).not.toHaveProperty('hasSpareDisks')
  expect(driver.wants.at(-1)?.properties).toEqual({})
})

test('while it is made the node does not say from which disk it boots', async () => {
  driver.ignoresShutdown = true
  const document = machine(rescue())
  await run(document)
  expect(said(document).action).toMatchObject({ steps: [{ name: 'ShutdownAsked' }] })
  expect(said(document)).not.toHaveProperty('rootDisk')
})

describe('killed at every point', () => {
  test('it is rescued once, and brought back once', async () => {
    for (let at = 1; ; at++) {
      await begin()
      life = at
      for (let times = 0; times < 2; times++) await settle(machine(rescue()))
      expect([at, driver.done.filter((what) => what !== 'make 1')]).toEqual([at, ['shutdown', 'on from rescue 1']])
      expect([at, driver.rescueDisks(UID), said(machine()).rescueDisk]).toEqual([at, { 1: OTHER }, 1])
      if (life !== Infinity) {
        expect(at).toBeGreaterThan(20)
        break
      }
    }
    for (let at = 1; ; at++) {
      life = Infinity
      await begin()
      await settle(machine(rescue()))
      driver.done.length = 0
      life = at
      for (let times = 0; times < 2; times++) await settle(machine(unrescue()))
      expect([at, driver.done]).toEqual([at, ['shutdown', 'on from root 0']])
      expect([at, driver.rescueDisks(UID), said(machine()).rescueDisk]).toEqual([at, {}, undefined])
      if (life === Infinity) continue
      expect(at).toBeGreaterThan(12)
      break
    }
  })

  test('of one that does not start from its rescue disk the machine goes back to its own', async () => {
    for (let at = 1; at < 40; at++) {
      life = Infinity
      await begin()
      driver.cannotRescue = true
      life = at
      for (let times = 0; times < 2; times++) await settle(machine(rescue()))
      life = Infinity
      expect([at, (await found())?.power, driver.rescueDisks(UID)]).toEqual([at, 'running', {}])
      expect(said(machine(rescue())).action).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
      expect(said(machine())).toEqual({ rootDisk: 0, rootDisksSettled: 1 })
    }
  })

  test('and asked for no more meanwhile: it is in rescue, or never will be', async () => {
    for (let at = 1; at < 40; at++) {
      life = Infinity
      await begin()
      life = at
      await settle(machine(rescue()), 1)
      life = Infinity
      startAgent()
      const later = machine(undefined, { rootDisksGiven: 1 })
      await settle(later)
      const has = driver.done.includes('on from rescue 1')
      expect([at, driver.rescueDisks(UID)]).toEqual([at, has ? { 1: OTHER } : {}])
      expect(said(later)).toEqual({ rootDisk: 0, rootDisksSettled: 1, ...(has ? { rescueDisk: 1 } : {}) })
    }
  })
})

describe('apart from its power', () => {
  const stopped = (action?: MachineAction) => machine(action, { runState: 'Stopped' })

  test('a machine that is to be off is rescued, and brought back, without being started', async () => {
    await settle(stopped())
    await settle(stopped(rescue()))
    expect(said(stopped(rescue())).action).toMatchObject({ result: 'Succeeded' })
    expect([(await found())?.power, (await found())?.rescueDisk]).toEqual(['off', 1])
    await settle(machine())
    await settle(stopped())
    await settle(stopped(unrescue()))
    expect(said(stopped(unrescue())).action).toMatchObject({ result: 'Succeeded' })
    expect([await found(), driver.rescueDisks(UID)]).toMatchObject([{ power: 'off', rootDisk: 0 }, {}])
    await settle(machine())
    expect(driver.done).toEqual(['shutdown', 'make 1', 'on from rescue 1', 'shutdown', 'on from root 0'])
  })

  test.each([0, 1, 2])('one that is to be off from then on, after %s runs, is in rescue all the same', async (runs) => {
    driver.ignoresShutdown = runs === 0
    for (let at = 0; at <= runs; at++) await run(machine(rescue()))
    driver.ignoresShutdown = false
    await settle(stopped(rescue()))
    expect(said(stopped(rescue())).action).toMatchObject({ result: 'Succeeded' })
    expect([(await found())?.power, (await found())?.rescueDisk, driver.rescueDisks(UID)]).toEqual([
      ...['off', 1, { 1: OTHER }],
    ])
  })

  test('one that is to be paused or suspended meanwhile is left from the disk that it had', async () => {
    driver.ignoresShutdown = true
    await run(machine(rescue()))
    const paused = machine(rescue(), { runState: 'Paused' })
    await settle(paused)
    expect(said(paused).action).toMatchObject({ result: 'Failed', reason: 'RunStateChanged' })
    driver.ignoresShutdown = false
    await settle(machine(rescue(2)))
    driver.ignoresShutdown = true
    await run(machine(unrescue(2)))
    await settle(machine(unrescue(2), { runState: 'Suspended' }))
    expect(said(machine(unrescue(2))).action).toMatchObject({ result: 'Failed', reason: 'RunStateChanged' })
    expect(said(machine()).rescueDisk).toBe(2)
  })
})

test.each(['guest', 'crashed'] as const)('a machine that ended (%s) and stays off starts in rescue', async (why) => {
  driver.guestStops(UID, why)
  const never = (action?: MachineAction) => machine(action, { restartPolicy: 'Never' })
  await settle(never())
  await settle(never(rescue()))
  expect(driver.done).toEqual(['make 1', 'on from rescue 1'])
})

test('a guest that does not shut down is cut off after a minute, on both ways', async () => {
  driver.ignoresShutdown = true
  for (const action of [rescue(), unrescue()]) {
    const document = machine(action)
    await run(document)
    aheadMs += 59_000
    await run(document)
    expect(driver.done).toEqual([])
    aheadMs += 1_000
    await settle(document)
    expect(driver.done.splice(0)[0]).toBe('off')
  }
})

describe('is refused, and the guest is not touched', () => {
  async function refused(document: InstanceDocument, reason: string) {
    driver.done.length = 0
    await settle(document)
    expect(said(document).action).toMatchObject({ result: 'Failed', reason, steps: [] })
    expect(driver.done).toEqual([])
  }
  test('in rescue: another one, a rebuild, and a password', async () => {
    await settle(machine(rescue()))
    await refused(machine(rescue(2)), 'InstanceRescued')
    const { image } = rescueOf(1)
    const rebuild = { rootDisk: 3, requireKvm: false, image }
    await refused(machine({ uid: uidOf(3), type: 'Rebuild', rebuild }), 'InstanceRescued')
    await refused(machine({ uid: uidOf(4), type: 'SetAdminPassword' }), 'InstanceRescued')
  })
  test('the end of one that it is not in', async () => {
    await refused(machine(unrescue()), 'InstanceNotRescued')
    await settle(machine(rescue(2)))
    await refused(machine(unrescue(1)), 'InstanceNotRescued')
    await refused(machine({ uid: uidOf(9), type: 'Unrescue' }), 'InstanceNotRescued')
  })
  test('with a number that was given before, by a store that is older', async () => {
    await settle(machine(rescue(3)))
    await settle(machine(unrescue(3)))
    for (const number of [1, 3]) await refused(machine(rescue(number, uidOf(90 + number))), 'RootDiskSuperseded')
  })
  test('by an operator that does not say which disk', () =>
    refused(machine({ uid: uidOf(1), type: 'Rescue' }), 'UnsupportedAction'))
  test('with an image that cannot be had', async () => {
    seen = { state: 'failed', error: { reason: 'ChecksumMismatch', message: 'wrong', terminal: true } }
    await refused(machine(rescue()), 'ImageNotReady')
  })
  test('without room for its disk', async () => {
    const room = { vcpus: 100, memoryMiB: 100_000 }
    const reserved = { cpus: 0, memoryMiB: 0, diskGiB: 0 }
    const writtenBytes = new Map([[UID, 1 * GIB]])
    const rest = { reserved, isEmulated: true, availableMemoryMiB: 1e6, writtenBytes, cells: [] }
    capacity = { ...rest, room, freeDiskBytes: 2 * GIB - 1 }
    await refused(machine(rescue()), 'InsufficientResources')
    capacity = { ...rest, room, freeDiskBytes: 2 * GIB }
    await settle(machine(rescue(2)))
    expect(driver.done.at(-1)).toBe('on from rescue 2')
  })
  test.each(['Paused', 'Suspended'] as const)('when it is to be %s', async (runState) => {
    const document = machine(rescue(), { runState })
    await settle(document)
    expect(said(document).action).toMatchObject({ result: 'Failed', reason: 'RunStateChanged' })
  })
})

test('what was done is not done again, and an earlier Unrescue does not end a later rescue', async () => {
  const both = [rescue(), unrescue(), rescue(2)]
  for (const action of [...both, ...both]) {
    await settle(machine(action))
    startAgent()
  }
  expect(driver.done.filter((what) => what.startsWith('on'))).toEqual([
    ...['on from rescue 1', 'on from root 0', 'on from rescue 2'],
  ])
})

test('a reset of the state gives it up before it has started, and changes nothing of it after', async () => {
  const reset = (number: number) =>
    machine({ uid: uidOf(700 + number), type: 'ResetState' }, { rootDisksGiven: number })
  await run(machine(rescue()))
  await settle(reset(1))
  expect([(await found())?.power, driver.rescueDisks(UID)]).toEqual(['running', {}])
  await settle(machine(rescue(2)))
  await settle(reset(2))
  expect([said(machine()).rescueDisk, driver.rescueDisks(UID)]).toEqual([2, { 2: OTHER }])
})

describe('a record that was lost', () => {
  const lose = () => disk.set(UID, JSON.stringify({ ...NEW_RECORD, actionsLost: true }))
  test('is made good by the definition and the document', async () => {
    await settle(machine(rescue()))
    lose()
    await driver.setPower(UID, 'off')
    await settle(machine(undefined, { rescue: rescueOf(1), rootDisksGiven: 1 }))
    expect([driver.done.at(-1), said(machine()).rescueDisk]).toEqual(['on from rescue 1', 1])
  })
  test('and a document that knows of none: the next start is from its own disk', async () => {
    await settle(machine(rescue()))
    lose()
    await settle(machine())
    await driver.setPower(UID, 'off')
    await settle(machine())
    expect([driver.done.at(-1), driver.rescueDisks(UID)]).toEqual(['on from root 0', {}])
    await settle(machine({ uid: uidOf(9), type: 'Reset' }))
    await settle(machine(rescue(1, uidOf(91))))
    expect(said(machine(rescue(1, uidOf(91)))).action).toMatchObject({ reason: 'RootDiskSuperseded' })
  })
})

/** What may come at any time, and an agent that may be killed in each. */
const STEPS = ['rescue', 'unrescue', 'soft', 'hard', 'reset', 'stop', 'start', 'crash', 'forget'] as const
test('in whatever order, killed wherever: it boots from the disk that its last one says, and no other disk is left', async () => {
  const one = fc.tuple(fc.constantFrom(...STEPS), fc.integer({ min: 0, max: 30 }))
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 12 }), fc.boolean(), async (steps, isDeleted) => {
      await begin()
      let [runState, number, rescued]: ['Running' | 'Stopped', number, number | undefined] = ['Running', 0, undefined]
      for (const [index, [step, at]] of steps.entries()) {
        const uid = uidOf(1000 + index)
        let action: MachineAction | undefined
        if (step === 'rescue') action = rescue(++number, uid)
        if (step === 'unrescue') action = unrescue(rescued ?? 999, uid)
        if (step === 'soft' || step === 'hard') action = { uid, type: step === 'soft' ? 'SoftReboot' : 'HardReboot' }
        if (step === 'reset') action = { uid, type: 'ResetState' }
        if (step === 'stop' || step === 'start') runState = step === 'stop' ? 'Stopped' : 'Running'
        if (step === 'crash' && (await found())?.power === 'running') driver.guestStops(UID, 'crashed')
        if (step === 'forget') startAgent()
        life = at === 0 ? Infinity : at
        for (let times = 0; times < 2; times++) await settle(machine(action, { runState, rootDisksGiven: number }))
        life = Infinity
        const { result } = said(machine(action)).action ?? {}
        if (step === 'rescue') expect(result).toBe(rescued === undefined ? 'Succeeded' : 'Failed')
        if (step === 'unrescue') expect(result).toBe(rescued === undefined ? 'Failed' : 'Succeeded')
        if (step === 'rescue') rescued ??= number
        if (step === 'unrescue') rescued = undefined
      }
      await settle(machine(undefined, { runState: 'Running', rootDisksGiven: number }))
      expect(await found()).toMatchObject({ power: 'running', rootDisk: 0 })
      expect((await found())?.rescueDisk).toBe(rescued)
      expect(said(machine()).rescueDisk).toBe(rescued)
      expect([driver.rootDisks(UID), driver.rescueDisks(UID)]).toEqual([
        { 0: OWN },
        rescued === undefined ? {} : { [rescued]: OTHER },
      ])
      if (!isDeleted) return
      await reconciler.remove(tombstoneOf(machine()), context(machine()))
      expect([await found(), driver.rootDisks(UID), driver.rescueDisks(UID)]).toEqual([undefined, {}, {}])
    }),
    { numRuns: 60 },
  )
}, 120_000)
