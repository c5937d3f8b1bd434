// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once: in order, once, and once still when the agent is killed at any point in between.
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  passwordUse,
  type InstanceDocument,
  type MachineAction,
  type ObservedAction,
} from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { createSealingKey, seal, sealingKeyOf, unseal, type SealedFor } from '../../lib/pki/sealed.ts'
import type { Observation } from '../runtime/reconciler.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import type { GuestPassword, PowerAction } from './instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import type { Deed } from './action-record.ts'
import { NEW_RECORD, type PowerRecord } from './power-record.ts'
import { DEFAULT_PATHS, instanceDocument, runContext } from './testing.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000000'
const [FIRST, SECOND] = ['11111111-0000-4000-8000-000000000000', '22222222-0000-4000-8000-000000000000']
const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }
/** What is left of an agent that was killed: its records, as text. */
let disk: Map<string, string>
let driver: RecordingDriver
let aheadMs: number
/** Effects left until the agent is killed at one. */
let life: number
let reconciler: InstanceReconciler

class Killed extends Error {}

/** What became of the machine; calls that change nothing leave no trace. */
class RecordingDriver extends FakeInstanceDriver {
  readonly done: string[] = []
  ignoresShutdown = false
  override async setPower(uid: string, action: PowerAction): Promise<void> {
    if (action === 'shutdown' && this.ignoresShutdown) return
    const before = (await this.find(uid))?.power
    await atPoint()
    await super.setPower(uid, action)
    if ((await this.find(uid))?.power !== before) this.done.push(action)
    await atPoint()
  }
  override async setPassword(uid: string, password: GuestPassword): Promise<void> {
    await atPoint()
    await super.setPassword(uid, password)
    this.done.push('setPassword')
    await atPoint()
  }
  override async act(uid: string, deed: Exclude<Deed, 'setAdminPassword'>): Promise<void> {
    await atPoint()
    await super.act(uid, deed)
    this.done.push(deed)
    await atPoint()
  }
}

const SEALING = createSealingKey()
const sealing = {
  open: async (sealed: string, purpose: Omit<SealedFor, 'node'>) => {
    try {
      return unseal(sealed, SEALING, { ...purpose, node: 'n1' })
    } catch {
      throw new TransientError('SealedForAnotherKey', 'no')
    }
  },
}
const sealed = (password: string, uid = FIRST, key = SEALING) =>
  seal(password, sealingKeyOf(key), { node: 'n1', uid: UID, ...passwordUse(uid) })

/** The agent ends here when its time has come, and does nothing more. */
async function atPoint(): Promise<void> {
  if (--life <= 0) throw new Killed('killed')
}

/** As after a start of the agent. */
function startAgent(): void {
  reconciler = new InstanceReconciler({
    paths: DEFAULT_PATHS,
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    isHostStopping: async () => false,
    readCapacity: async () => undefined,
    sealing,
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
  ;[aheadMs, life] = [0, Infinity]
  disk = new Map()
  driver = new RecordingDriver()
  startAgent()
  await run(machine())
  driver.done.length = 0
})

const machine = (action?: MachineAction, spec: Partial<InstanceDocument['spec']> = {}): InstanceDocument =>
  instanceDocument({ uid: UID, ...(action ? { action } : {}), ...spec })
const action = (type: string, more: Partial<MachineAction> = {}): MachineAction => ({ uid: FIRST, type, ...more })
const run = (document: InstanceDocument): Promise<Observation<'instance'>> =>
  reconciler.reconcile(document, runContext({ image }))
const said = (document: InstanceDocument): ObservedAction | undefined =>
  reconciler.standingFacts(document, runContext({ image }).state).action
const power = async () => (await driver.find(UID))?.power

/** Runs as the runtime does: again when asked to, and after a kill with a new agent. */
async function settle(document: InstanceDocument, most = 12): Promise<Observation<'instance'> | undefined> {
  let last: Observation<'instance'> | undefined
  for (let turn = 0; turn < most; turn++) {
    try {
      last = await run(document)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
    if (life <= 0) {
      life = Infinity
      startAgent()
      continue
    }
    if (last?.retryAfterMs === undefined) return last
    aheadMs += last.retryAfterMs
  }
  return last
}

test.each([
  ['SoftReboot', ['shutdown', 'on'], ['ShutdownAsked', 'PoweredOff', 'Started']],
  ['HardReboot', ['off', 'on'], ['ForcedOff', 'PoweredOff', 'Started']],
  ['Reset', ['reset'], ['Reset']],
  ['CrashDump', ['crashDump'], ['InterruptSent']],
])('%s', async (type, done, steps) => {
  const document = machine(action(type))
  expect(await settle(document)).toMatchObject({ state: 'running', facts: { restarts: 0 } })
  expect(driver.done).toEqual(done)
  expect(said(document)).toMatchObject({ uid: FIRST, result: 'Succeeded' })
  expect(said(document)?.steps.map(({ name }) => name)).toEqual(steps)
})

test('while it is off in between it is reported as building, not as one that ended', async () => {
  const off = await run(machine(action('HardReboot')))
  expect(off).toMatchObject({ state: 'building', retryAfterMs: 1 })
  expect(off.facts?.stoppedBecause).toBeUndefined()
})

test('what takes effect at a restart does so', async () => {
  const larger = machine(action('HardReboot'), { memoryMiB: 256 })
  expect((await settle(larger))?.facts).toMatchObject({ memoryMiB: 256 })
})

test('a guest that does not shut down in time is cut off', async () => {
  driver.ignoresShutdown = true
  const document = machine(action('SoftReboot', { softTimeoutSeconds: 8 }))
  const first = await run(document)
  expect(first).toMatchObject({ state: 'running', retryAfterMs: 5_000 })
  aheadMs += 5_000
  expect((await run(document)).retryAfterMs).toBeLessThanOrEqual(3_000)
  expect(driver.done).toEqual([])
  aheadMs += 3_000
  await settle(document)
  expect(driver.done).toEqual(['off', 'on'])
  expect(said(document)?.steps.map(({ name }) => name)).toEqual(['ShutdownAsked', 'ForcedOff', 'PoweredOff', 'Started'])
})

test('a guest that takes longer than a stop has is waited for, and is started again whatever its restart policy says', async () => {
  driver.ignoresShutdown = true
  const document = machine(action('SoftReboot', { softTimeoutSeconds: 600 }), { restartPolicy: 'Never' })
  await run(document)
  aheadMs += 400_000
  await run(document)
  driver.guestStops(UID, 'guest')
  await settle(document)
  expect(await power()).toBe('running')
  expect(said(document)).toMatchObject({ result: 'Succeeded' })
})

describe('killed at every point', () => {
  test.each(['SoftReboot', 'HardReboot'])('%s is done once', async (type) => {
    const document = machine(action(type))
    for (let at = 1; ; at++) {
      life = at
      driver.done.length = 0
      const uid = `${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`
      const asked = { ...document, spec: { ...document.spec, action: action(type, { uid }) } }
      await settle(asked)
      const wasKilled = life === Infinity
      life = Infinity
      expect([at, ...driver.done]).toEqual([at, type === 'SoftReboot' ? 'shutdown' : 'off', 'on'])
      expect(said(asked)).toMatchObject({ uid, result: 'Succeeded' })
      if (wasKilled) continue
      // Each record before and after it is written, and each call.
      expect(at).toBeGreaterThan(10)
      break
    }
  })

  test.each(['Reset', 'CrashDump', 'SetAdminPassword'])(
    '%s is done once, or said to be of unknown outcome',
    async (type) => {
      const results = new Set<string>()
      for (let at = 1; ; at++) {
        life = at
        driver.done.length = 0
        const uid = `${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`
        const asked = machine(
          action(type, { uid, ...(type === 'SetAdminPassword' ? { sealedPassword: sealed('x', uid) } : {}) }),
        )
        await settle(asked)
        const wasKilled = life === Infinity
        life = Infinity
        const { result = 'none' } = said(asked) ?? {}
        results.add(`${result} after ${driver.done.length}`)
        if (wasKilled) continue
        expect(at).toBeGreaterThan(5)
        break
      }
      expect([...results].toSorted()).toEqual(['Succeeded after 1', 'Unknown after 0', 'Unknown after 1'])
    },
  )
})

test('what was done is not done again, by whatever the document says later', async () => {
  const [one, two] = [machine(action('Reset')), machine(action('Reset', { uid: SECOND }))]
  for (const document of [one, one, two, one, machine(), one, two]) {
    await settle(document)
    startAgent()
  }
  expect(driver.done).toEqual(['reset', 'reset'])
})

test('one that is no longer asked for is ended all the same, before the next begins', async () => {
  driver.ignoresShutdown = true
  await run(machine(action('SoftReboot')))
  const next = machine(action('Reset', { uid: SECOND }))
  await run(next)
  expect(said(next)).toBeUndefined()
  driver.guestStops(UID, 'guest')
  await settle(next)
  expect(driver.done).toEqual(['on'])
  await settle(next)
  expect(said(next)).toMatchObject({ uid: SECOND, result: 'Succeeded' })
  expect(driver.done).toEqual(['on', 'reset'])
})

test('a machine that is stopped meanwhile stays off', async () => {
  driver.ignoresShutdown = true
  await run(machine(action('SoftReboot')))
  const stopped = machine(action('SoftReboot'), { runState: 'Stopped' })
  driver.ignoresShutdown = false
  await settle(stopped)
  expect(said(stopped)).toMatchObject({ result: 'Failed', reason: 'RunStateChanged' })
  expect(await power()).toBe('off')
  await settle(machine(action('SoftReboot')))
  expect(driver.done).toEqual(['shutdown', 'on'])
})

describe('a machine that is not running', () => {
  beforeEach(() => driver.guestStops(UID, 'guest'))
  test.each(['SoftReboot', 'Reset'])('%s is refused', async (type) => {
    const document = machine(action(type))
    await settle(document)
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'InstanceNotRunning' })
    expect(await power()).toBe('off')
  })
  test('a hard reboot starts it', async () => {
    const document = machine(action('HardReboot'))
    expect(await settle(document)).toMatchObject({ state: 'running' })
    expect(said(document)).toMatchObject({ result: 'Succeeded' })
  })
})

test('a guest that hangs is ended by a hard reboot; a reset of it has an unknown outcome', async () => {
  driver.guestHangs(UID)
  const reset = machine(action('Reset'))
  await settle(reset, 1)
  expect(said(reset)).toMatchObject({ result: 'Unknown' })
  const hard = machine(action('HardReboot', { uid: SECOND }))
  await settle(hard)
  expect(said(hard)).toMatchObject({ result: 'Succeeded' })
})

test('a call that is refused fails, and is not made again', async () => {
  driver.failNext('act', new TransientError('HypervisorRefused', 'no'))
  const document = machine(action('Reset'))
  await settle(document)
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'HypervisorRefused', message: 'no' })
  expect(driver.done).toEqual([])
})

test('what was asked for long ago is not begun; what has begun by then is ended', async () => {
  const late = machine(action('Reset', { notAfter: new Date(Date.now() - 1000).toISOString() }))
  await settle(late)
  expect(said(late)).toMatchObject({ result: 'Failed', reason: 'DeadlineExceeded' })
  const notAfter = new Date(Date.now() + 10_000).toISOString()
  driver.ignoresShutdown = true
  const soft = machine(action('SoftReboot', { uid: SECOND, notAfter }))
  await run(soft)
  aheadMs += 60_000
  driver.guestStops(UID, 'guest')
  await settle(soft)
  expect(said(soft)).toMatchObject({ result: 'Succeeded' })
  expect(driver.done).toEqual(['on'])
})

describe('a reset of the state', () => {
  const reset = (uid = FIRST, spec: Partial<InstanceDocument['spec']> = {}) =>
    machine(action('ResetState', { uid }), { restartPolicy: 'Never', ...spec })
  const record = () => JSON.parse(disk.get(UID) ?? '{}') as PowerRecord

  test('starts a machine that crashed and that its policy leaves off; once, whenever the agent is killed', async () => {
    for (let at = 1; ; at++) {
      driver.guestStops(UID, 'crashed')
      await settle(machine(undefined, { restartPolicy: 'Never' }))
      expect(await power()).toBe('off')
      ;[life, driver.done.length] = [at, 0]
      const asked = reset(`${String(at).padStart(8, '0')}-0000-4000-8000-000000000000`)
      await settle(asked)
      const wasKilled = life === Infinity
      life = Infinity
      expect([at, said(asked)?.result, ...driver.done]).toEqual([at, 'Succeeded', 'on'])
      if (wasKilled) continue
      expect(at).toBeGreaterThan(4)
      break
    }
  })
  test('a machine that ends at once starts without the delay that it had come to', async () => {
    const ends = machine(undefined, { restartPolicy: 'Always' })
    for (let turn = 0; turn < 4; turn++) {
      driver.guestStops(UID, 'crashed')
      await settle(ends)
    }
    driver.guestStops(UID, 'crashed')
    expect(await run(ends)).toMatchObject({ retryAfterMs: expect.any(Number) })
    expect(record().ends).toBeGreaterThan(2)
    driver.done.length = 0
    expect((await run(reset(FIRST, { restartPolicy: 'Always' }))).state).toBe('running')
    expect([driver.done, record().ends]).toEqual([['on'], 0])
  })
  test('leaves alone what its guest shut down, and one that is to be off', async () => {
    driver.guestStops(UID, 'guest')
    await settle(reset())
    await settle(reset(SECOND, { runState: 'Stopped' }))
    expect([await power(), driver.done]).toEqual(['off', []])
  })
  test('gives up what is under way, and the machine is as its run state says', async () => {
    driver.ignoresShutdown = true
    const hung = machine(action('SoftReboot'))
    await run(hung)
    const asked = reset(SECOND)
    await settle(asked)
    expect([said(hung)?.result, said(asked)?.result, await power()]).toEqual(['Unknown', 'Succeeded', 'running'])
    // The guest was asked, after all.
    driver.guestStops(UID, 'guest')
    await settle(asked)
    expect(driver.done).toEqual(['on'])
  })
  test('of one that is refused is done, and what was lost of its record does not matter', async () => {
    disk.set(UID, JSON.stringify({ ...NEW_RECORD, actionsLost: true }))
    startAgent()
    driver.failNext('ensure', new TerminalError('StaleEpoch', 'another epoch'))
    await expect(run(reset())).rejects.toThrow('another')
    expect(said(reset())).toMatchObject({ result: 'Succeeded', steps: [{ name: 'StateReset' }] })
  })
})

test('a type that a later operator has is refused, not the machine', async () => {
  const document = machine(action('Levitate'))
  expect(await settle(document)).toMatchObject({ state: 'running' })
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'UnsupportedAction' })
})

test('a machine that does not start again is reported in time, and goes on being started', async () => {
  const document = machine(action('HardReboot'))
  await run(document)
  for (let turn = 0; turn < 3; turn++) {
    driver.failNext('setPower', new TransientError('StartTimeout', 'no'))
    await expect(run(document)).rejects.toThrow('no')
    expect(said(document)?.steps.at(-1)?.name).toBe('PoweredOff')
    aheadMs += 150_000
  }
  expect(await settle(document)).toMatchObject({ state: 'running' })
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
})

test('where its deadline comes first, the node says before it what it knows', async () => {
  const document = machine(action('HardReboot', { notAfter: new Date(Date.now() + 60_000).toISOString() }))
  await run(document)
  for (const seconds of [40, 20]) {
    driver.failNext('setPower', new TransientError('StartTimeout', 'no'))
    await expect(run(document)).rejects.toThrow('no')
    expect(said(document)?.result).toBeUndefined()
    aheadMs += seconds * 1000
  }
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
  expect(await power()).toBe('running')
})

describe('a machine that does not come to be started', () => {
  const bare = (document: InstanceDocument) => reconciler.reconcile(document, runContext({}))
  test('because something of it is not on the node: the reboot ends in time, and it starts when it can', async () => {
    const document = machine(action('HardReboot'))
    await run(document)
    expect(await bare(document)).toMatchObject({ state: 'waiting', retryAfterMs: expect.any(Number) })
    expect(said(document)?.result).toBeUndefined()
    aheadMs += 301_000
    await bare(document)
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
    expect(await settle(document)).toMatchObject({ state: 'running' })
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
    expect(driver.done).toEqual(['off', 'on'])
  })
  test('a hard reboot of one that ended, too', async () => {
    driver.guestStops(UID, 'guest')
    const document = machine(action('HardReboot'))
    await bare(document)
    aheadMs += 301_000
    await bare(document)
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
  })
  test('because the machine is refused: the reboot ends at once, and says why', async () => {
    const document = machine(action('HardReboot'))
    await run(document)
    driver.failNext('ensure', new TerminalError('UnsupportedProperty', 'hw_x is not known'))
    await expect(run(document)).rejects.toThrow('hw_x')
    expect(said(document)).toMatchObject({ reason: 'StartFailed', message: expect.stringContaining('hw_x') })
  })
  test('because libvirt is away: it is tried again for five minutes', async () => {
    const document = machine(action('HardReboot'))
    await run(document)
    const away = new TransientError('HypervisorUnreachable', 'away')
    const asked: number[] = []
    const again = () => reconciler.reconcile(document, runContext({ image, onRunAgainWithin: (ms) => asked.push(ms) }))
    driver.failNext('ensure', away)
    await expect(again()).rejects.toThrow('away')
    expect(said(document)?.result).toBeUndefined()
    expect(asked).toEqual([expect.closeTo(300_000, -4)])
    aheadMs += 301_000
    driver.failNext('ensure', away)
    await expect(again()).rejects.toThrow('away')
    expect(asked).toHaveLength(1)
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
  })
  test('one that runs and is refused for good is said to be, not waited for for ever', async () => {
    const document = machine(action('Reset'))
    driver.failNext('ensure', new TerminalError('StaleEpoch', 'another epoch'))
    await expect(run(document)).rejects.toThrow('another')
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StaleEpoch' })
    expect(driver.done).toEqual([])
  })
})

describe('a password', () => {
  const asked = (more: Partial<MachineAction> = {}) =>
    machine(action('SetAdminPassword', { userName: 'ada', sealedPassword: sealed('s3cret pass'), ...more }))
  test('is opened, given to the guest’s agent, and stands in no record', async () => {
    const document = asked()
    await settle(document)
    expect(driver.passwords).toEqual([{ userName: 'ada', password: 's3cret pass' }])
    expect(said(document)).toMatchObject({ result: 'Succeeded', steps: [{ name: 'PasswordSet' }] })
    expect(JSON.stringify([...disk, said(document), document])).not.toContain('s3cret')
  })
  test.each([
    [{}, 'root'],
    [{ os_type: 'windows' }, 'Administrator'],
    [{ os_admin_user: 'debian' }, 'debian'],
    [{ os_admin_user: 'root:x\nada' }, 'root'],
  ])('is whose the image says: %j', async (properties, userName) => {
    const named = machine(action('SetAdminPassword', { sealedPassword: sealed('x') }))
    named.spec.image.properties = properties
    await settle(named)
    expect(driver.passwords).toEqual([{ userName, password: 'x' }])
  })
  test('that is sealed for another key, or for another action, is none', async () => {
    for (const [uid, sealedPassword] of [
      [FIRST, sealed('x', FIRST, createSealingKey())],
      [SECOND, sealed('x', FIRST)],
    ] as const) {
      const document = asked({ uid, sealedPassword })
      await settle(document)
      expect(said(document)).toMatchObject({ result: 'Failed', reason: 'SealedForAnotherKey' })
    }
    expect(driver.passwords).toEqual([])
  })
  test.each([
    ['NoGuestAgent', 'Failed'],
    ['GuestRefused', 'Failed'],
    ['GuestAgentTimeout', 'Unknown'],
  ])('%s: %s', async (reason, result) => {
    driver.failNext('setPassword', new TransientError(reason, 'why'))
    const document = asked()
    await settle(document)
    await settle(document)
    expect(said(document)).toMatchObject({ result, message: 'why' })
    expect(driver.passwords).toEqual([])
  })
  test('without one is said to lack it', async () => {
    const document = machine(action('SetAdminPassword'))
    await settle(document)
    expect(said(document)).toMatchObject({ result: 'Failed', reason: 'PasswordMissing' })
  })
})

test('with a record that cannot be read, what is asked for may have been done', async () => {
  // As filePowerStore reads one.
  disk.set(UID, JSON.stringify({ ...NEW_RECORD, actionsLost: true }))
  startAgent()
  const document = machine(action('Reset'))
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Unknown' })
  const next = machine(action('Reset', { uid: SECOND }))
  await settle(next)
  expect(said(next)).toMatchObject({ result: 'Succeeded' })
  expect(driver.done).toEqual(['reset'])
})
