// SPDX-License-Identifier: Apache-2.0
// What a run of a machine does in which order, what it does when a step fails, and when it looks again.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import { InstanceReconciler, type InstanceReconcilerOptions } from './instance-reconciler.ts'
import { instanceDocument, runContext, tombstoneOf } from './testing.ts'

const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }
let dir: string
let driver: FakeInstanceDriver
let reconciler: InstanceReconciler
/** What was asked of the driver. */
let calls: string[]
let hostStoppingAsked: number

function create(more: Partial<InstanceReconcilerOptions> = {}): InstanceReconciler {
  return new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    isHostStopping: async () => {
      hostStoppingAsked++
      return false
    },
    readCapacity: async () => undefined,
    ...more,
  })
}

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-steps-')
  driver = new FakeInstanceDriver()
  calls = []
  hostStoppingAsked = 0
  for (const method of ['ensure', 'ensureVolumes', 'setPower', 'remove'] as const) {
    const real = driver[method].bind(driver) as (...args: unknown[]) => Promise<never>
    driver[method] = (...args: unknown[]) => {
      calls.push(method === 'setPower' ? `power ${String(args[1])}` : method)
      return real(...args)
    }
  }
  reconciler = create()
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const volume = (uid: string) => ({
  ...{ uid, name: uid },
  connection: {
    ...{ protocol: 'nbd' as const, host: '192.0.2.9', port: 10900, exportName: uid, tls: true, tlsHostname: 's1' },
  },
})
const withVolumes = (document: InstanceDocument, ...uids: string[]): InstanceDocument => ({
  ...document,
  spec: { ...document.spec, volumes: uids.map(volume) },
})
const to = (document: InstanceDocument, runState: InstanceDocument['spec']['runState']): InstanceDocument => ({
  ...document,
  spec: { ...document.spec, runState },
})
const run = (document: InstanceDocument, context: RunContext = runContext({ image })) =>
  reconciler.reconcile(document, context)
const called = (): string[] => calls.splice(0)

describe('the steps', () => {
  test('of a new machine: made, switched on, its volumes looked after; nothing more the next time', async () => {
    const document = instanceDocument()
    await run(document)
    expect(called()).toEqual(['ensure', 'power on', 'ensureVolumes'])
    await run(document)
    expect(called()).toEqual(['ensure', 'ensureVolumes'])
  })

  test.each<[string, () => void, InstanceDocument['spec']['runState'], string[], string]>([
    ['paused at once', () => undefined, 'Paused', ['power on', 'power pause'], 'paused'],
    ['suspended, which it is by never having run', () => undefined, 'Suspended', [], 'stopped'],
    ['stopped, which it is', () => undefined, 'Stopped', [], 'stopped'],
  ])('of a new machine that is to be %s', async (_, prepare, runState, powers, state) => {
    prepare()
    expect((await run(instanceDocument({ runState }))).state).toBe(state)
    expect(called().filter((call) => call.startsWith('power'))).toEqual(powers)
  })

  test.each<[InstanceDocument['spec']['runState'], string[], string, boolean]>([
    ['Running', ['power wake'], 'running', true],
    ['Paused', ['power wake', 'power pause'], 'paused', true],
    ['Suspended', ['power wake', 'power save'], 'suspended', false],
    ['Stopped', ['power off'], 'stopped', false],
  ])(
    'of one that sleeps and is to be %s, in one run; volumes only where it stays on',
    async (runState, powers, state, plugs) => {
      const document = instanceDocument()
      await run(document)
      driver.guestSleeps(document.uid)
      called()
      expect((await run(to(document, runState))).state).toBe(state)
      expect(called()).toEqual(['ensure', ...powers, ...(plugs ? ['ensureVolumes'] : [])])
    },
  )

  test('a shutdown is asked for once a run: the guest takes its time', async () => {
    const document = instanceDocument()
    await run(document)
    const real = driver.setPower.bind(driver)
    driver.setPower = async (uid, action) => (action === 'shutdown' ? void calls.push('asked') : real(uid, action))
    called()
    const observed = await run(to(document, 'Stopped'))
    expect(called()).toEqual(['ensure', 'asked'])
    expect(observed).toMatchObject({ state: 'running', retryAfterMs: 5_000 })
  })

  test('whether the host goes down is asked only where a machine is off', async () => {
    const document = instanceDocument()
    await run(document)
    expect(hostStoppingAsked).toBe(1)
    await run(document)
    expect(hostStoppingAsked).toBe(1)
    driver.guestStops(document.uid, 'guest')
    await run(document)
    expect(hostStoppingAsked).toBe(2)
  })

  test('a machine that never does what it is told is told three times a run', async () => {
    const document = instanceDocument()
    await run(document)
    driver.guestSleeps(document.uid)
    driver.setPower = async (_, action) => void calls.push(action)
    called()
    expect((await run(to(document, 'Suspended'))).state).toBe('paused')
    expect(called()).toEqual(['ensure', 'wake', 'wake', 'wake'])
  })

  test('a machine whose start is under way is not plugged', async () => {
    const document = instanceDocument()
    await run(document)
    const real = driver.ensure.bind(driver)
    driver.ensure = async (want) => ({ ...(await real(want)), power: 'paused', startLimitMs: 5_000 })
    called()
    expect(await run(document)).toMatchObject({ state: 'building', retryAfterMs: 5_000 })
    expect(called()).toEqual(['ensure'])
  })

  test('a machine that is off, and to stay so for now, is not plugged', async () => {
    const document = instanceDocument()
    await run(document)
    driver.guestStops(document.uid, 'guest')
    called()
    expect((await run(document)).state).toBe('stopped')
    expect(called()).toEqual(['ensure'])
  })

  test('a machine that hangs is neither plugged nor waited for', async () => {
    const document = instanceDocument()
    await run(document)
    driver.guestHangs(document.uid)
    called()
    expect((await run(document)).retryAfterMs).toBe(5_000)
    expect(called()).toEqual(['ensure'])
  })
})

describe('a step that fails', () => {
  test.each(['ensure', 'setPower'] as const)('of a machine that is off ends the run: %s', async (method) => {
    driver.failNext(method, new TransientError('Away', 'away'))
    await expect(run(instanceDocument())).rejects.toMatchObject({ reason: 'Away' })
  })

  test('of one that is on is told beside it, and the others are taken all the same', async () => {
    const document = instanceDocument()
    await run(document)
    called()
    driver.failNext('ensure', new TransientError('Away', 'away'))
    expect(await run(to(document, 'Paused'))).toMatchObject({ state: 'paused', error: { reason: 'Away' } })
    expect(called()).toEqual(['ensure', 'power pause', 'ensureVolumes'])
  })

  test('of its power is told first, and no other power is tried', async () => {
    const document = instanceDocument()
    await run(document)
    driver.guestSleeps(document.uid)
    called()
    driver.failNext('setPower', new TransientError('First', 'first'))
    driver.failNext('ensureVolumes', new TransientError('Second', 'second'))
    expect(await run(to(document, 'Paused'))).toMatchObject({ state: 'paused', error: { reason: 'First' } })
    expect(called()).toEqual(['ensure', 'power wake', 'ensureVolumes'])
  })

  test('half way is told as far as it came', async () => {
    const document = instanceDocument()
    await run(document)
    const real = driver.ensureVolumes.bind(driver)
    driver.ensureVolumes = async (want) => {
      await real({ ...want, volumes: want.volumes.slice(0, 1) })
      throw new TransientError('VolumeServerSilent', 'the second is away')
    }
    expect(await run(withVolumes(document, 'v', 'w'))).toMatchObject({
      facts: { volumesAttached: ['v'], stages: ['ImageCached'] },
    })
  })

  test('after which nobody can say what it has: all that it had and may get', async () => {
    const document = withVolumes(instanceDocument(), 'v')
    await run(document)
    driver.ensureVolumes = async () => {
      driver.guestHangs(document.uid)
      throw new TransientError('MachineUnresponsive', 'no answer')
    }
    expect((await run(withVolumes(document, 'w'))).facts?.volumesAttached).toEqual(['v', 'w'])
  })

  test('after which the machine is not found is told of it as it was', async () => {
    const document = instanceDocument()
    await run(document)
    driver.ensureVolumes = () => {
      driver.find = () => Promise.resolve(undefined)
      return Promise.reject(new TransientError('Away', 'away'))
    }
    expect(await run(document)).toMatchObject({ state: 'running', error: { reason: 'Away' } })
  })

  test('because the run was ended is nobody’s trouble', async () => {
    const document = instanceDocument()
    await run(document)
    const end = new AbortController()
    driver.ensureVolumes = () => {
      end.abort(new Error('ended'))
      return Promise.reject(new TransientError('Away', 'away'))
    }
    await expect(run(document, { ...runContext({ image }), signal: end.signal })).rejects.toThrow('ended')
  })

  test('for good ends the run when it is the machine that is refused', async () => {
    const document = instanceDocument()
    await run(document)
    for (const method of ['ensure', 'setPower'] as const) {
      driver.failNext(method, new TerminalError('StaleEpoch', 'newer'))
      await expect(run(to(document, 'Paused'))).rejects.toMatchObject({ reason: 'StaleEpoch' })
    }
  })

  test('a machine that is gone when its power was changed has vanished', async () => {
    const document = instanceDocument()
    const real = driver.setPower.bind(driver)
    driver.setPower = async (uid, action) => {
      await real(uid, action)
      await driver.remove(uid)
    }
    await expect(run(document)).rejects.toMatchObject({ reason: 'DomainVanished' })
  })
})

describe('when it looks again', () => {
  test('after trouble ever later, five minutes at most; the row ends with success and with the machine', async () => {
    const document = instanceDocument()
    await run(document)
    const failing = async (): Promise<number | undefined> => {
      driver.failNext('ensureVolumes', new TransientError('Away', 'away'))
      return (await run(document)).retryAfterMs
    }
    const waits: (number | undefined)[] = []
    for (let i = 0; i < 10; i++) waits.push(await failing())
    expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000))
    expect((await run(document)).retryAfterMs).toBeUndefined()
    expect([await failing(), await failing()]).toEqual([2_000, 4_000])
    await reconciler.remove(tombstoneOf(document), runContext({}))
    // Its record goes with its folder.
    await rm(join(dir, 'instances'), { recursive: true })
    expect(await failing()).toBe(2_000)
  })

  test('for a guest that holds a volume, a minute at most', async () => {
    const document = withVolumes(instanceDocument(), 'v')
    await run(document)
    driver.holdsVolumes = true
    const waits: (number | undefined)[] = []
    for (let i = 0; i < 6; i++) waits.push((await run(withVolumes(document))).retryAfterMs)
    expect(waits).toEqual([5, 10, 20, 40, 60, 60].map((seconds) => seconds * 1_000))
    // Nor is anything waited for that is in no memory.
    expect((await run(to(withVolumes(document), 'Suspended'))).retryAfterMs).toBeUndefined()
    // What a machine that is off still lists leaves with its next start.
    driver.guestStops(document.uid, 'guest')
    expect((await run(withVolumes(document))).retryAfterMs).toBeUndefined()
  })

  test('not by itself at one that is off, although nobody can say what it has', async () => {
    const real = driver.ensure.bind(driver)
    driver.ensure = async (want) => ({ ...(await real(want)), volumes: undefined })
    expect(await run(instanceDocument({ runState: 'Stopped' }))).not.toHaveProperty('retryAfterMs')
  })

  test('not by itself after a refusal for good, nor of a machine that runs', async () => {
    const document = instanceDocument()
    expect((await run(document)).retryAfterMs).toBeUndefined()
    driver.failNext('ensureVolumes', new TerminalError('VolumeUnsafe', 'a link'))
    expect((await run(document)).retryAfterMs).toBeUndefined()
  })
})

describe('before anything is made', () => {
  test('a machine waits for its image, and is not even looked for room', async () => {
    let read = 0
    reconciler = create({
      readCapacity: () => {
        read++
        return Promise.resolve(undefined)
      },
    })
    expect((await run(instanceDocument(), runContext({}))).state).toBe('waiting')
    expect([called(), read]).toEqual([[], 0])
    await run(instanceDocument())
    expect(read).toBe(1)
  })

  test('a machine that is there is not looked for room, though its record is lost', async () => {
    const document = instanceDocument()
    await run(document)
    await rm(join(dir, 'instances'), { recursive: true })
    reconciler = create({ readCapacity: () => Promise.reject(new Error('asked')) })
    expect((await run(document)).state).toBe('running')
  })

  test('a machine that is off and to be started waits too; one that stays off does not', async () => {
    const document = instanceDocument()
    await run(document)
    driver.guestStops(document.uid, 'guest')
    called()
    expect((await run(document, runContext({}))).state).toBe('waiting')
    expect((await run(to(document, 'Stopped'), runContext({}))).state).toBe('stopped')
    expect((await run(to(instanceDocument(), 'Stopped'), runContext({}))).state).toBe('waiting')
  })

  test('what it waits for is told with what it has', async () => {
    expect(await run(instanceDocument(), runContext({}))).toEqual({
      state: 'waiting',
      facts: { stages: [] },
      error: { reason: 'ImageNotReady', message: expect.any(String), terminal: false },
    })
  })

  test('the config drive is made for the ports that the machine has', async () => {
    const files: unknown[] = []
    reconciler = create({
      configDriveFiles: (document, ports) => {
        files.push([document.uid, ports])
        return []
      },
    })
    const document = instanceDocument({ configDrive: true })
    await run(document)
    expect(files).toEqual([[document.uid, []]])
  })
})

describe('who wakes it', () => {
  test('the hypervisor, by uid or for all; a slow timer, until the role ends', async () => {
    const timers = new Map<object, { call: () => void; ms: number }>()
    const real = { setInterval: globalThis.setInterval, clearInterval: globalThis.clearInterval }
    globalThis.setInterval = ((call: () => void, ms: number) => {
      const timer = { unref: () => void timers.set(timer, { call, ms }) }
      return timer
    }) as unknown as typeof setInterval
    globalThis.clearInterval = ((timer: object) => void timers.delete(timer)) as typeof clearInterval
    try {
      const woken: string[] = []
      const stop = new AbortController()
      await reconciler.start({ one: (uid) => woken.push(uid), all: () => woken.push('all') }, stop.signal)
      await new Promise((resolve) => setImmediate(resolve))
      expect(woken.splice(0)).toEqual(['all'])
      const document = instanceDocument()
      await run(document)
      woken.length = 0
      driver.guestStops(document.uid, 'guest')
      expect(woken.splice(0)).toEqual([document.uid])
      expect([...timers.values()].map(({ ms }) => ms)).toEqual([300_000])
      for (const { call } of timers.values()) call()
      expect(woken.splice(0)).toEqual(['all'])
      stop.abort()
      await new Promise((resolve) => setImmediate(resolve))
      expect(timers.size).toBe(0)
      await driver.remove(document.uid)
      expect(woken).toEqual([])
    } finally {
      Object.assign(globalThis, real)
    }
  })

  test('its image, ports and volumes', () => {
    const document = withVolumes(instanceDocument({ ports: [{ uid: 'p', name: 'p', networkName: 'n' }] }), 'v', 'w')
    expect(reconciler.dependencies(document)).toEqual([
      { kind: 'image', uid: document.spec.image.uid },
      { kind: 'port', uid: 'p' },
      { kind: 'volume', uid: 'v' },
      { kind: 'volume', uid: 'w' },
    ])
  })
})
