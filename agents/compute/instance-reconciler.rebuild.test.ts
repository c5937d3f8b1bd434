// SPDX-License-Identifier: Apache-2.0
// A machine gets another root disk: the former one is whole until it has started from the next, wherever the agent is killed.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { InstanceDocument, MachineAction, MachineRebuild } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { Observation, RunContext } from '../runtime/reconciler.ts'
import type { Capacity } from './capacity.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import type { DiskNumbers, InstanceWant, PowerAction } from './instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { NEW_RECORD, type PowerRecord } from './power-record.ts'
import { DEFAULT_PATHS, instanceDocument, runContext } from './testing.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000000'
const [FIRST, SECOND] = ['11111111-0000-4000-8000-000000000000', '22222222-0000-4000-8000-000000000000']
const [OLD, NEW] = ['0'.repeat(64), '1'.repeat(64)]
const NEW_IMAGE = 'eeeeeeee-0000-4000-8000-000000000000'
const GIB = 2 ** 30
let disk: Map<string, string>
let driver: RecordingDriver
let aheadMs: number
let life: number
let reconciler: InstanceReconciler
/** Of the next image on the node. */
let seen: Observation | undefined
let capacity: Capacity | undefined
/** Why a machine cannot be described. */
let refusal: Error | undefined

class Killed extends Error {}

class RecordingDriver extends FakeInstanceDriver {
  readonly done: string[] = []
  readonly wants: InstanceWant[] = []
  ignoresShutdown = false
  /** Each start fails from here on. */
  cannotStart = false
  override async ensure(want: InstanceWant) {
    const isNew = (await this.find(want.uid)) === undefined
    if (!isNew && this.rootDisks(UID)[want.disks?.root ?? 0] === undefined) this.done.push('an empty disk')
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
    this.done.push(`make ${want.disks?.root}`)
    await atPoint()
  }
  override async keepDisks(uid: string, disks: DiskNumbers, upTo: number) {
    await atPoint()
    await super.keepDisks(uid, disks, upTo)
    await atPoint()
  }
  override async setPower(uid: string, action: PowerAction): Promise<void> {
    if (action === 'shutdown' && this.ignoresShutdown) return
    if (action === 'on' && this.cannotStart) throw new TransientError('StartFailed', 'QEMU said no')
    const before = (await this.find(uid))?.power
    await atPoint()
    await super.setPower(uid, action)
    const after = await this.find(uid)
    if (after?.power !== before) this.done.push(action === 'on' ? `on from ${after?.rootDisk}` : action)
    await atPoint()
  }
}

async function atPoint(): Promise<void> {
  if (--life <= 0) throw new Killed('killed')
}

function startAgent(): void {
  reconciler = new InstanceReconciler({
    paths: DEFAULT_PATHS,
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => {
      if (refusal) throw refusal
      return []
    },
    isHostStopping: async () => false,
    readCapacity: async () => capacity,
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

beforeEach(async () => {
  ;[aheadMs, life, seen, capacity] = [0, Infinity, { state: 'ready', facts: { virtualSizeBytes: 3 * GIB } }, undefined]
  refusal = undefined
  disk = new Map()
  driver = new RecordingDriver()
  startAgent()
  await run(machine())
  driver.done.length = 0
})

const machine = (action?: MachineAction, spec: Partial<InstanceDocument['spec']> = {}): InstanceDocument => {
  const rootDisksGiven = action?.rebuild?.rootDisk
  const given = rootDisksGiven === undefined ? {} : { rootDisksGiven }
  return instanceDocument({ uid: UID, ...given, ...(action ? { action } : {}), ...spec })
}
const rebuild = (uid = FIRST, more: Partial<MachineRebuild> = {}, of: Partial<MachineAction> = {}): MachineAction => ({
  ...{ uid, type: 'Rebuild' },
  rebuild: {
    ...{ rootDisk: 1, requireKvm: false },
    image: { uid: NEW_IMAGE, sha256: NEW, format: 'qcow2', properties: { hw_vif_model: 'e1000' } },
    ...more,
  },
  ...of,
})
function context(document: InstanceDocument): RunContext {
  const image = { sha256: OLD, format: 'raw' as const, virtualSizeBytes: GIB }
  const base = runContext({ image, machines: [document] })
  const findObserved: RunContext['state']['findObserved'] = (kind, uid) =>
    kind === 'image' && uid === NEW_IMAGE ? seen : base.state.findObserved(kind, uid)
  return { ...base, state: { ...base.state, findObserved } }
}
const run = (document: InstanceDocument) => reconciler.reconcile(document, context(document))
/** Until its disk is made, and it is off. */
async function runUntilMade(document: InstanceDocument): Promise<void> {
  await run(document)
  await run(document)
  expect(record().actions?.at(-1)?.stage).toBe('starting')
}
/** Killed when it has started, before that is recorded. */
async function killAtStart(document: InstanceDocument): Promise<void> {
  life = 6
  await run(document).catch(() => undefined)
  expect(driver.done.at(-1)).toMatch(/on from/)
  life = Infinity
  startAgent()
}
const said = (document: InstanceDocument) => reconciler.standingFacts(document, context(document).state)
const power = async () => (await driver.find(UID))?.power
const record = () => JSON.parse(disk.get(UID) ?? '{}') as PowerRecord

/** Runs as the runtime does: again when asked to, when it failed, and after a kill with a new agent. */
async function settle(document: InstanceDocument, most = 20): Promise<Observation<'instance'> | undefined> {
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

test('it is stopped, gets its next disk, starts from that, and loses the former one', async () => {
  const document = machine(rebuild())
  expect(await settle(document)).toMatchObject({ state: 'running', facts: { restarts: 0 } })
  expect(driver.done).toEqual(['shutdown', 'make 1', 'on from 1'])
  expect(driver.rootDisks(UID)).toEqual({ 1: NEW })
  const { action, ...facts } = said(document)
  expect(action).toMatchObject({ uid: FIRST, result: 'Succeeded' })
  expect(action?.steps.map(({ name }) => name)).toEqual(['ShutdownAsked', 'PoweredOff', 'DiskMade', 'Started'])
  expect(facts).toEqual({ rootDisk: 1, rootDisksSettled: 1 })
  const { root, properties } = driver.wants.at(-1) ?? {}
  expect([root, properties]).toEqual([{ sha256: NEW, format: 'qcow2', sizeBytes: 3 * GIB }, { hw_vif_model: 'e1000' }])
  expect(record()).not.toHaveProperty('hasSpareDisks')
  expect(record().actions?.[0]).not.toHaveProperty('rebuild')
})

test('while it is made the node does not say which disk the machine has', async () => {
  const document = machine(rebuild())
  await runUntilMade(document)
  expect(driver.done).toEqual(['shutdown', 'make 1'])
  expect(said(document)).not.toHaveProperty('rootDisk')
  expect(driver.rootDisks(UID)).toEqual({ 0: OLD, 1: NEW })
})

test('the next start is from the same disk, whatever image the document still names', async () => {
  await settle(machine(rebuild()))
  seen = undefined
  startAgent()
  driver.guestStops(UID, 'crashed')
  await settle(machine())
  expect(driver.done.slice(3)).toEqual(['on from 1'])
  expect(driver.wants.at(-1)?.root.sha256).toBe(NEW)
  await settle(machine(undefined, { runState: 'Stopped' }))
  startAgent()
  await settle(machine())
  expect(driver.done.slice(4)).toEqual(['shutdown', 'on from 1'])
})

describe('killed at every point', () => {
  /** @returns how many points there are */
  async function atEach(ask: (action: MachineAction) => InstanceDocument, check: (at: number) => Promise<void>) {
    for (let at = 1; ; at++) {
      const uid = `${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`
      const document = ask(rebuild(uid, { rootDisk: at }))
      driver.done.length = 0
      life = at
      await settle(document)
      const wasKilled = life === Infinity
      life = Infinity
      driver.cannotStart = false
      await settle(document)
      await check(at)
      if (!wasKilled) return at
    }
  }

  test('it is made once all the same, and there is never a moment without a whole disk', async () => {
    const points = await atEach(
      (action) => machine(action),
      async (at) => {
        const made = driver.done.filter((what) => what !== `make ${at}`)
        expect([at, ...made]).toEqual([at, 'shutdown', `on from ${at}`])
        expect([at, driver.rootDisks(UID)]).toEqual([at, { [at]: NEW }])
        expect(record()).toMatchObject({ rootDisk: { disks: { root: at } } })
        expect(record().actions?.at(-1)).toMatchObject({ result: 'Succeeded' })
        expect(record()).not.toHaveProperty('hasSpareDisks')
      },
    )
    expect(points).toBeGreaterThan(20)
  })

  test('of one whose machine does not start, the machine goes back to the disk that it had', async () => {
    await atEach(
      (action) => {
        driver.cannotStart = true
        return machine(action)
      },
      async (at) => {
        expect([at, await power(), driver.rootDisks(UID)]).toEqual([at, 'running', { 0: OLD }])
        expect(driver.done).not.toContain('an empty disk')
        expect(record().actions?.at(-1)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
      },
    )
  })

  test('and asked for no more meanwhile: it is done, or was never begun', async () => {
    for (let at = 1; at < 40; at++) {
      const uid = `${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`
      const before = Object.keys(driver.rootDisks(UID))
      driver.done.length = 0
      life = at
      await settle(machine(rebuild(uid, { rootDisk: at })), 1)
      life = Infinity
      startAgent()
      const later = machine(undefined, { rootDisksGiven: at })
      await settle(later)
      const has = driver.done.includes(`on from ${at}`) ? [String(at)] : before
      expect([at, await power(), Object.keys(driver.rootDisks(UID))]).toEqual([at, 'running', has])
      expect(said(later)).toEqual({ rootDisk: Number(has[0]), rootDisksSettled: at })
    }
  })
})

describe('what goes wrong before it has started from the next disk has it go back', () => {
  const back = async (document: InstanceDocument, reason: string) => {
    expect(said(document).action).toMatchObject({ result: 'Failed', reason })
    expect(said(document).action?.message).toContain('keeps the disks that it had')
    await settle(document)
    expect([driver.rootDisks(UID), (await driver.find(UID))?.rootDisk]).toEqual([{ 0: OLD }, 0])
    expect(said(document)).toMatchObject({ rootDisk: 0, rootDisksSettled: 1 })
    expect(driver.done).not.toContain('an empty disk')
  }

  test('the disk cannot be made', async () => {
    driver.failNext('makeDisks', new TransientError('DiskFull', 'no space left'))
    const document = machine(rebuild())
    await settle(document)
    await back(document, 'DiskFull')
    expect(driver.done).toEqual(['shutdown', 'on from 0'])
  })

  test('libvirt refuses the machine with it', async () => {
    const document = machine(rebuild())
    await runUntilMade(document)
    driver.failNext('ensure', new TerminalError('DomainRefused', 'no such model'))
    await settle(document)
    await back(document, 'StartFailed')
    expect(await power()).toBe('running')
  })

  test('its image asks for KVM, which the node has not', async () => {
    const document = machine(rebuild(FIRST, { requireKvm: true }))
    await settle(document)
    await back(document, 'StartFailed')
    expect(await power()).toBe('running')
  })

  test.each([0, 1, 2])('the machine is to be stopped, %s', async (runs) => {
    driver.ignoresShutdown = runs === 0
    const document = machine(rebuild())
    if (runs === 0) await run(document)
    else await runUntilMade(document)
    driver.ignoresShutdown = false
    if (runs === 2) {
      driver.cannotStart = true
      await run(document).catch(() => undefined)
    }
    const stopped = machine(rebuild(), { runState: 'Stopped' })
    await settle(stopped)
    driver.cannotStart = false
    expect(await power()).toBe('off')
    if (runs > 0) await back(stopped, 'RunStateChanged')
    else expect(said(stopped).action).toMatchObject({ reason: 'RunStateChanged' })
    await settle(document)
    expect(driver.done.at(-1)).toBe('on from 0')
  })

  test('its machine is refused meanwhile; what may end by itself is waited for, without haste', async () => {
    const document = machine(rebuild())
    const lacking = machine(rebuild(), { ports: [{ uid: SECOND, name: 'p', networkName: 'lan' }] })
    await run(document)
    expect(await run(lacking)).toMatchObject({ state: 'waiting', retryAfterMs: 1 })
    expect(record().actions?.[0]?.stage).toBe('rebuilding')
    expect(await run(lacking)).toMatchObject({ state: 'waiting', retryAfterMs: 5_000 })
    refusal = new TransientError('Busy', 'not now')
    const refused = machine(rebuild(), { configDrive: true })
    await expect(run(refused)).rejects.toThrow('not now')
    expect(record().actions?.[0]?.stage).toBe('rebuilding')
    refusal = new TerminalError('Refused', 'never')
    await expect(run(refused)).rejects.toThrow('never')
    refusal = undefined
    await back(document, 'StartFailed')
    expect(driver.done).toEqual(['shutdown', 'on from 0'])
  })

  test('others start it while the disk is made', async () => {
    const document = machine(rebuild())
    driver.ignoresShutdown = true
    await run(document)
    driver.guestStops(UID, 'guest')
    seen = { state: 'downloading' }
    await run(document)
    expect(record().actions?.[0]?.stage).toBe('rebuilding')
    await driver.setPower(UID, 'on')
    ;[seen, driver.ignoresShutdown] = [{ state: 'ready' }, false]
    await settle(document)
    expect(said(document).action).toMatchObject({ result: 'Succeeded' })
    expect(driver.rootDisks(UID)).toEqual({ 1: NEW })
  })
})

test('once it has started from the next disk it has that, also when it is stopped in the same moment', async () => {
  const document = machine(rebuild())
  await runUntilMade(document)
  await killAtStart(document)
  expect(record().rootDisk).toBeUndefined()
  const stopped = machine(rebuild(), { runState: 'Stopped' })
  await settle(stopped)
  expect(said(stopped)).toMatchObject({ action: { result: 'Succeeded' }, rootDisk: 1 })
  expect([await power(), driver.rootDisks(UID)]).toEqual(['off', { 1: NEW }])
})

describe('it is not begun, and the guest runs on', () => {
  const refused = async (document: InstanceDocument, reason: string) => {
    await settle(document)
    expect(said(document).action).toMatchObject({ result: 'Failed', reason })
    expect(driver.done).toEqual([])
    expect(await power()).toBe('running')
  }
  test('without room for both disks', async () => {
    const room = { vcpus: 4, memoryMiB: 4096 }
    const reserved = { cpus: 0, memoryMiB: 0, diskGiB: 0 }
    const has = { room, reserved, isEmulated: true, availableMemoryMiB: 4096, writtenBytes: new Map(), cells: [] }
    capacity = { ...has, freeDiskBytes: 3.5 * GIB }
    await refused(machine(rebuild()), 'InsufficientResources')
    expect(said(machine(rebuild())).action?.message).toMatch(/former ones stay/)
    capacity = { ...has, freeDiskBytes: 4 * GIB }
    await settle(machine(rebuild(SECOND, { rootDisk: 2 })))
    expect(driver.rootDisks(UID)).toEqual({ 2: NEW })
  })
  test('with an image that is refused', async () => {
    seen = { state: 'failed', error: { reason: 'ChecksumMismatch', message: 'other bytes', terminal: true } }
    await refused(machine(rebuild()), 'ImageNotReady')
    expect(said(machine(rebuild())).action?.message).toMatch(/other bytes/)
  })
  test('with an image that does not come before its deadline; one that comes is waited for', async () => {
    seen = undefined
    const notAfter = new Date(Date.now() + 60_000).toISOString()
    const document = machine(rebuild(FIRST, {}, { notAfter }))
    expect((await run(document)).retryAfterMs).toBe(5_000)
    expect(said(document).action).toBeUndefined()
    await refused(document, 'ImageNotReady')
    const next = machine(rebuild(SECOND, { rootDisk: 2 }))
    await run(next)
    seen = { state: 'ready' }
    await settle(next)
    expect(driver.rootDisks(UID)).toEqual({ 2: NEW })
  })
  test('with a number that was given before, by a store that is older', async () => {
    await settle(machine(rebuild(FIRST, { rootDisk: 3 })))
    driver.done.length = 0
    for (const rootDisk of [1, 3])
      await refused(machine(rebuild(`${rootDisk}${SECOND.slice(1)}`, { rootDisk })), 'RootDiskSuperseded')
    expect(driver.rootDisks(UID)).toEqual({ 3: NEW })
  })
  test('by an operator that does not say which disk', async () => {
    await refused(machine({ uid: FIRST, type: 'Rebuild' }), 'UnsupportedAction')
  })
  test('when it is to be stopped', async () => {
    const stopped = machine(rebuild(), { runState: 'Stopped' })
    await settle(stopped)
    expect(said(stopped).action).toMatchObject({ result: 'Failed', reason: 'RunStateChanged' })
    expect(driver.done).toEqual(['shutdown'])
  })
})

test('a higher number without an action makes no disk, and is not made later', async () => {
  await settle(machine(undefined, { rootDisksGiven: 2 }))
  expect(said(machine())).toEqual({ rootDisk: 0, rootDisksSettled: 2 })
  await settle(machine(rebuild(FIRST, { rootDisk: 2 })))
  expect(said(machine(rebuild())).action).toMatchObject({ reason: 'RootDiskSuperseded' })
  expect(driver.done).toEqual([])
})

test('what was done is not done again', async () => {
  for (const document of [machine(rebuild()), machine(), machine(rebuild()), machine(rebuild())]) {
    await settle(document)
    startAgent()
  }
  expect(driver.done).toEqual(['shutdown', 'make 1', 'on from 1'])
})

test.each(['guest', 'crashed'] as const)(
  'a machine that ended (%s) and stays off gets its disk, and starts',
  async (why) => {
    driver.guestStops(UID, why)
    const never = (action?: MachineAction) => machine(action, { restartPolicy: 'Never' })
    await settle(never())
    expect(await power()).toBe('off')
    await settle(never(rebuild()))
    expect(driver.done).toEqual(['make 1', 'on from 1'])
  },
)

test('a guest that does not shut down is cut off after a minute', async () => {
  driver.ignoresShutdown = true
  const document = machine(rebuild())
  await run(document)
  aheadMs += 59_000
  await run(document)
  expect(driver.done).toEqual([])
  aheadMs += 1_000
  await settle(document)
  expect(driver.done).toEqual(['off', 'make 1', 'on from 1'])
})

test('the ephemeral disk is made anew, or stays', async () => {
  await settle(machine(rebuild(FIRST, { rootDisk: 1 })))
  expect(driver.wants.at(-1)?.disks).toEqual({ root: 1, ephemeral: 1 })
  await settle(machine(rebuild(SECOND, { rootDisk: 2, preserveEphemeral: true })))
  expect(driver.wants.at(-1)?.disks).toEqual({ root: 2, ephemeral: 1 })
})

test('a reset of the state gives it up: the disk that the machine runs from is the one that it has', async () => {
  const reset = machine({ uid: SECOND, type: 'ResetState' }, { rootDisksGiven: 1 })
  await runUntilMade(machine(rebuild()))
  await settle(reset)
  expect([driver.rootDisks(UID), await power()]).toEqual([{ 0: OLD }, 'running'])
  const again = machine(rebuild('33333333-0000-4000-8000-000000000000', { rootDisk: 2 }))
  await runUntilMade(again)
  await killAtStart(again)
  await settle(machine({ uid: '44444444-0000-4000-8000-000000000000', type: 'ResetState' }, { rootDisksGiven: 2 }))
  expect([driver.rootDisks(UID), record().rootDisk?.disks.root]).toEqual([{ 2: NEW }, 2])
})

test('an ephemeral disk that was kept is found again without the record', async () => {
  await settle(machine(rebuild(FIRST, { rootDisk: 1 })))
  const { image } = rebuild().rebuild!
  await settle(machine(rebuild(SECOND, { rootDisk: 2, preserveEphemeral: true })))
  disk.set(UID, JSON.stringify({ ...NEW_RECORD, actionsLost: true }))
  await driver.setPower(UID, 'off')
  await settle(machine(undefined, { image, rootDisksGiven: 2 }))
  expect(driver.wants.at(-1)?.disks).toEqual({ root: 2, ephemeral: 1 })
})

test('a record that was lost: the machine has the disk that it is defined with, and none on another image', async () => {
  await settle(machine(rebuild()))
  disk.set(UID, JSON.stringify({ ...NEW_RECORD, actionsLost: true }))
  await driver.setPower(UID, 'off')
  driver.done.length = 0
  await expect(run(machine())).rejects.toMatchObject({ reason: 'RootDiskOfOtherImage' })
  const { image } = rebuild().rebuild!
  await settle(machine(undefined, { image, rootDisksGiven: 1 }))
  expect([driver.done, driver.rootDisks(UID)]).toEqual([['on from 1'], { 1: NEW }])
})
