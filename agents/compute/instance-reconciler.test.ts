// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import type { Observation } from '../runtime/reconciler.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { DEFAULT_RESERVED } from '../../lib/node-room.ts'
import type { InstanceDriver } from './instance-driver.ts'
import { FakeInstanceDriver } from './drivers/fake/fake-instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { filePowerStore } from './power-store.ts'
import { instanceDocument, runContext, tombstoneOf, type ContextOptions } from './testing.ts'

const PORT = 'eeeeeeee-0000-4000-8000-000000000000'
const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }
let dir: string
let driver: FakeInstanceDriver
let reconciler: InstanceReconciler
let hostStopping = false
/** So far ahead is the clock. */
let aheadMs = 0
const create = (current: () => InstanceDriver | undefined): InstanceReconciler =>
  new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    isHostStopping: async () => hostStopping,
    readCapacity: async () => undefined,
    nowMs: () => Date.now() + aheadMs,
  })

beforeEach(async () => {
  hostStopping = false
  dir = await makeMemoryFolder('nephele-compute-')
  driver = new FakeInstanceDriver()
  reconciler = create(() => driver)
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function portDocument(vnicType: 'normal' | 'vhostuser'): PortDocument {
  const { v, node, versions } = instanceDocument()
  return {
    ...{ v, kind: 'port', uid: PORT, node, versions, name: 'p', namespace: 'team-a', tombstone: false },
    spec: { logicalPort: PORT, networkUid: PORT, mac: 'fa:16:3e:00:00:01', fixedIPs: [], mtu: 1442, vnicType },
  }
}
const withPort = (): InstanceDocument => instanceDocument({ ports: [{ uid: PORT, name: 'p', networkName: 'n' }] })

describe('the interfaces that a node answers for', () => {
  const told = { ...portDocument('normal') }
  told.spec = { ...told.spec, network: 'team-a/n', fixedIPs: [{ address: '10.0.0.2', prefixLength: 24 }] }
  test.each<[string, PortDocument[], object]>([
    [
      'as the port says',
      [told],
      {
        nics: [
          { mac: 'fa:16:3e:00:00:01', portUid: PORT, networkUid: PORT, network: 'team-a/n', addresses: ['10.0.0.2'] },
        ],
      },
    ],
    [
      'as an older operator said',
      [portDocument('normal')],
      { nics: [{ mac: 'fa:16:3e:00:00:01', portUid: PORT, networkUid: PORT, addresses: [] }] },
    ],
    ['not there yet', [], {}],
  ])('%s', (_, ports, facts) => {
    expect(reconciler.standingFacts(withPort(), runContext({ ports }).state)).toEqual(facts)
  })
})

describe('what an instance waits for', () => {
  test.each<[string, ContextOptions, string, string | undefined]>([
    ['no image', {}, 'waiting', 'ImageNotReady'],
    ['no port document', { image }, 'waiting', 'PortNotReady'],
    ['a vhost-user port that is not plugged', { image, ports: [portDocument('vhostuser')] }, 'waiting', 'PortNotReady'],
    [
      'one that failed',
      { image, ports: [portDocument('vhostuser')], observedPorts: { [PORT]: { state: 'failed' } } },
      'waiting',
      'PortNotReady',
    ],
    [
      'one that is plugged',
      { image, ports: [portDocument('vhostuser')], observedPorts: { [PORT]: { state: 'plugging' } } },
      'running',
      undefined,
    ],
    ['a tap, which is plugged later', { image, ports: [portDocument('normal')] }, 'running', undefined],
  ])('%s', async (_name, options, state, reason) => {
    const observation = await reconciler.reconcile(withPort(), runContext(options))
    expect(observation.state).toBe(state)
    expect(observation.error?.reason).toBe(reason)
  })

  test('a machine that runs needs no image any more', async () => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    expect((await reconciler.reconcile(document, runContext({}))).state).toBe('running')
  })

  test('wakes with image, ports and volumes', () => {
    const connection = { protocol: 'file' as const, path: '/v', format: 'raw' as const }
    const document = instanceDocument({ volumes: [{ uid: 'v1', name: 'v', connection }] })
    expect(reconciler.dependencies(document).map((key) => key.kind)).toEqual(['image', 'volume'])
  })
})

test('guests that stop by themselves are told apart from crashes', async () => {
  const document = instanceDocument()
  const context = runContext({ image })
  await reconciler.reconcile(document, context)
  driver.guestStops(document.uid, 'guest')
  expect(await reconciler.reconcile(document, context)).toMatchObject({
    state: 'stopped',
    facts: { stoppedBecause: 'GuestStopped', hypervisor: 'fake' },
  })
  const stopped = { ...document, spec: { ...document.spec, runState: 'Stopped' as const } }
  expect((await reconciler.reconcile(stopped, context)).facts?.stoppedBecause).toBeUndefined()
  expect((await reconciler.reconcile(document, context)).state).toBe('running')
  driver.guestStops(document.uid, 'crashed')
  expect((await reconciler.reconcile(document, context)).state).toBe('crashed')
})

test('restarts are told, and that the next one has to wait', async () => {
  const document = instanceDocument({ restartPolicy: 'Always' })
  const context = runContext({ image })
  const first = await reconciler.reconcile(document, context)
  expect(first).toMatchObject({ state: 'running', facts: { restarts: 0 } })
  expect(first.facts).not.toHaveProperty('restartedAfter')
  driver.guestStops(document.uid, 'guest')
  const waits = await reconciler.reconcile(document, context)
  expect(waits).toMatchObject({
    state: 'stopped',
    facts: { restarts: 0, stoppedBecause: 'GuestStopped' },
    error: {
      reason: 'RestartBackOff',
      terminal: false,
      message: expect.stringContaining('1 times in a row (GuestStopped)'),
    },
  })
  expect(waits.retryAfterMs).toBeGreaterThan(3_000)
  aheadMs = waits.retryAfterMs!
  const again = await reconciler.reconcile(document, context)
  expect(again).toMatchObject({ state: 'running', facts: { restarts: 1, restartedAfter: 'GuestStopped' } })
  expect(again).not.toHaveProperty('error')
  aheadMs = 0
})

test('a failed removal is tried again; nothing is left', async () => {
  const document = instanceDocument()
  const context = runContext({ image })
  await reconciler.reconcile(document, context)
  driver.failNext('remove', new Error('away'))
  await expect(reconciler.remove(tombstoneOf(document), context)).rejects.toThrow('away')
  expect(await reconciler.listOwned(context.signal)).toHaveLength(1)
  expect(await reconciler.remove(tombstoneOf(document), context)).toEqual({ state: 'gone' })
  expect(await reconciler.listOwned(context.signal)).toEqual([])
})

test('before the node knows its driver, it says so and destroys nothing', async () => {
  const early = create(() => undefined)
  const context = runContext({ image })
  await expect(early.reconcile(instanceDocument(), context)).rejects.toMatchObject({ reason: 'RoleNotReady' })
  await expect(early.remove(tombstoneOf(instanceDocument()), context)).rejects.toMatchObject({ reason: 'RoleNotReady' })
  await expect(early.listOwned(context.signal)).rejects.toMatchObject({ reason: 'RoleNotReady' })
})

test('no room: a new machine is refused, one that ran here keeps its place although the hypervisor forgot it', async () => {
  const full = {
    room: { vcpus: 1, memoryMiB: 64 },
    reserved: DEFAULT_RESERVED,
    isEmulated: false,
    availableMemoryMiB: 64,
    freeDiskBytes: 2 ** 40,
    writtenBytes: new Map(),
    cells: [],
  }
  const capacities = [undefined, full]
  reconciler = new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    isHostStopping: async () => hostStopping,
    readCapacity: async () => capacities.shift(),
  })
  const document = instanceDocument({ memoryMiB: 128 })
  await reconciler.reconcile(document, runContext({ image }))
  driver = new FakeInstanceDriver()
  expect(await reconciler.reconcile(document, runContext({ image }))).toMatchObject({ state: 'crashed' })
  await expect(reconciler.reconcile(instanceDocument({ memoryMiB: 128 }), runContext({ image }))).rejects.toMatchObject(
    {
      reason: 'InsufficientResources',
    },
  )
})

describe('the disks that a machine is seen with', () => {
  const connection = {
    protocol: 'nbd' as const,
    host: '192.0.2.9',
    port: 10900,
    exportName: 'v',
    tls: true,
    tlsHostname: 's1',
  }
  const withVolume = (): InstanceDocument => instanceDocument({ volumes: [{ uid: 'v', name: 'v', connection }] })
  test('are said before anything is done about them, and again after it', async () => {
    const lists: (readonly string[])[] = []
    const context = runContext({ image, onListed: (list) => lists.push(list) })
    const wanted = withVolume()
    await reconciler.reconcile(wanted, context)
    await reconciler.reconcile({ ...wanted, spec: { ...wanted.spec, volumes: [] } }, context)
    // Found, ensured, plugged; while it is plugged it may have what it had and what it is to get.
    expect(lists).toEqual([[], ['v'], ['v'], ['v'], ['v'], ['v']])
  })
  test('are said also when nothing can be done now', async () => {
    const lists: (readonly string[])[] = []
    const waiting = await reconciler.reconcile(withVolume(), runContext({ onListed: (list) => lists.push(list) }))
    expect([waiting.state, lists]).toEqual(['waiting', [[]]])
  })
})

const volume = (uid: string) => ({
  uid,
  name: uid,
  connection: {
    ...{ protocol: 'nbd' as const, host: '192.0.2.9', port: 10900, exportName: uid, tls: true, tlsHostname: 's1' },
  },
})
const withState = (document: InstanceDocument, runState: InstanceDocument['spec']['runState']): InstanceDocument => ({
  ...document,
  spec: { ...document.spec, runState },
})

describe('a host that goes down', () => {
  test.each(['guest', 'host'] as const)('a machine ended by its %s starts again with the next boot', async (who) => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    hostStopping = true
    driver.guestStops(document.uid, who)
    const rebooted = { state: 'stopped', facts: { stoppedBecause: 'HostRebooted' } }
    expect(await reconciler.reconcile(document, runContext({ image }))).toMatchObject(rebooted)
    hostStopping = false
    const noGrant = runContext({ image, bootId: 'boot-2' })
    expect(await reconciler.reconcile(document, noGrant)).toMatchObject(rebooted)
    const granted = runContext({ image, bootId: 'boot-2', grantedBootId: 'boot-2' })
    expect((await reconciler.reconcile(document, granted)).state).toBe('running')
  })

  test('a machine that was on when the agent went, and off in the next boot, was not stopped by its guest', async () => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    driver.guestStops(document.uid, 'guest')
    const granted = runContext({ image, bootId: 'boot-2', grantedBootId: 'boot-2' })
    expect((await create(() => driver).reconcile(document, granted)).state).toBe('running')
  })

  test('one that its guest stopped before stays off', async () => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    driver.guestStops(document.uid, 'guest')
    await reconciler.reconcile(document, runContext({ image }))
    const granted = runContext({ image, bootId: 'boot-2', grantedBootId: 'boot-2' })
    expect(await reconciler.reconcile(document, granted)).toMatchObject({ facts: { stoppedBecause: 'GuestStopped' } })
  })
})

describe('a volume that cannot be attached', () => {
  const away = new TransientError('VolumeServerSilent', 'away')
  test.each(['Stopped', 'Paused', 'Suspended', 'Running'] as const)('does not keep the machine from %s', async (to) => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    const more = withState({ ...document, spec: { ...document.spec, volumes: [volume('v1')] } }, to)
    for (let i = 0; i < 3; i++) driver.failNext('ensureVolumes', away)
    const first = await reconciler.reconcile(more, runContext({ image }))
    const state = { Stopped: 'stopped', Paused: 'paused', Suspended: 'suspended', Running: 'running' }[to]
    expect((await reconciler.reconcile(more, runContext({ image }))).state).toBe(state)
    if (to === 'Stopped' || to === 'Suspended') return
    expect(first).toMatchObject({
      state,
      error: { reason: 'VolumeServerSilent', terminal: false },
      facts: { stages: ['ImageCached'], volumesAttached: [] },
      retryAfterMs: 2_000,
    })
    expect((await reconciler.reconcile(more, runContext({ image }))).retryAfterMs).toBe(8_000)
    const healed = await reconciler.reconcile(more, runContext({ image }))
    expect(healed).toMatchObject({ state, facts: { volumesAttached: ['v1'] } })
    expect(healed).not.toHaveProperty('error')
    expect(healed).not.toHaveProperty('retryAfterMs')
  })

  test('refused for good, it is said beside a machine that runs on', async () => {
    const document = instanceDocument({ volumes: [volume('v1')] })
    await reconciler.reconcile(document, runContext({ image }))
    driver.failNext('ensureVolumes', new TerminalError('VolumeUnsafe', 'a link'))
    expect(await reconciler.reconcile(document, runContext({ image }))).toMatchObject({
      state: 'running',
      error: { reason: 'VolumeUnsafe', terminal: true },
    })
  })

  test('one that may still come by a call under way is listed, however the call was given up', async () => {
    const document = instanceDocument()
    const lists: (readonly string[])[] = []
    const context = runContext({ image, onListed: (list) => lists.push(list) })
    await reconciler.reconcile(document, context)
    const more = { ...document, spec: { ...document.spec, volumes: [volume('v1')] } }
    driver.failNext('ensureVolumes', new TransientError('MachineUnresponsive', 'no answer'))
    const seen = await reconciler.reconcile(more, context)
    expect(seen).toMatchObject({ state: 'running', facts: { volumesAttached: ['v1'] } })
    expect(lists.at(-1)).toEqual(['v1'])
    // Refused is over: it has what it has.
    driver.failNext('ensureVolumes', new TransientError('HypervisorRefused', 'no'))
    expect((await reconciler.reconcile(more, context)).facts?.volumesAttached).toEqual([])
  })

  test('a volume that must not become a disk is not one, and the machine stops all the same', async () => {
    const document = instanceDocument()
    await reconciler.reconcile(document, runContext({ image }))
    const unsafe = volume('v1')
    unsafe.connection.tls = false
    const more = { ...document, spec: { ...document.spec, volumes: [unsafe] } }
    const beside = { state: 'running', error: { reason: 'VolumeUnsafe' }, facts: { volumesAttached: [] } }
    expect(await reconciler.reconcile(more, runContext({ image }))).toMatchObject(beside)
    await reconciler.reconcile(withState(more, 'Stopped'), runContext({ image }))
    expect((await driver.find(document.uid))?.power).toBe('off')
    const other = { ...instanceDocument(), spec: more.spec }
    await expect(reconciler.reconcile(other, runContext({ image }))).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
  })

  test('the refusal of an older epoch is no trouble beside: nothing is done', async () => {
    const document = instanceDocument({ volumes: [volume('v1')] })
    await reconciler.reconcile(document, runContext({ image }))
    driver.failNext('ensure', new TerminalError('StaleEpoch', 'newer'))
    await expect(reconciler.reconcile(withState(document, 'Stopped'), runContext({ image }))).rejects.toMatchObject({
      reason: 'StaleEpoch',
    })
    expect((await driver.find(document.uid))?.power).toBe('running')
  })
})

test('a volume that the guest does not let go of stays reported as its own, and is asked for again', async () => {
  const document = instanceDocument({ volumes: [volume('v1'), volume('v2')] })
  await reconciler.reconcile(document, runContext({ image }))
  driver.holdsVolumes = true
  const less = { ...document, spec: { ...document.spec, volumes: [volume('v2')] } }
  const held = { state: 'running', facts: { volumesAttached: ['v1', 'v2'] }, error: { reason: 'VolumeDetaching' } }
  expect(await reconciler.reconcile(less, runContext({ image }))).toMatchObject({ ...held, retryAfterMs: 5_000 })
  expect(await reconciler.reconcile(less, runContext({ image }))).toMatchObject({ ...held, retryAfterMs: 10_000 })
  driver.holdsVolumes = false
  const gone = await reconciler.reconcile(less, runContext({ image }))
  expect(gone).toMatchObject({ state: 'running', facts: { volumesAttached: ['v2'] } })
  expect(gone).not.toHaveProperty('error')
})

describe('a machine that hangs', () => {
  test('what it holds is unknown, not nothing; what it had reached stands', async () => {
    const document = instanceDocument({ volumes: [volume('v1')] })
    const last = await reconciler.reconcile(document, runContext({ image }))
    driver.guestHangs(document.uid)
    const seen = await reconciler.reconcile(document, runContext({ image, last }))
    expect(seen).toMatchObject({ state: 'running', error: { reason: 'MachineUnresponsive' } })
    expect(seen.facts).not.toHaveProperty('volumesAttached')
    expect(seen.facts?.stages).toEqual(['ImageCached'])
    expect(seen.retryAfterMs).toBeGreaterThan(0)
  })

  test('stops when its time is up, and is deleted at once', async () => {
    let nowMs = 1_000_000
    const options = { paths: { dataDir: dir, runDir: dir }, configDriveFiles: () => [] }
    reconciler = new InstanceReconciler({
      ...options,
      driver: { current: () => driver, ready: Promise.resolve(driver) },
      isHostStopping: async () => false,
      readCapacity: async () => undefined,
      nowMs: () => nowMs,
    })
    const document = withState(instanceDocument(), 'Running')
    await reconciler.reconcile(document, runContext({ image }))
    driver.guestHangs(document.uid)
    const stopped = withState(document, 'Stopped')
    expect((await reconciler.reconcile(stopped, runContext({ image }))).state).toBe('running')
    nowMs += 60_000
    expect((await reconciler.reconcile(stopped, runContext({ image }))).state).toBe('stopped')
    const other = instanceDocument()
    await reconciler.reconcile(other, runContext({ image }))
    driver.guestHangs(other.uid)
    expect(await reconciler.remove(tombstoneOf(other), runContext({ image }))).toEqual({ state: 'gone' })
  })
})

test('the intent is on disk before the action is taken', async () => {
  const order: string[] = []
  const store = filePowerStore({ dataDir: dir, runDir: dir })
  const setPower = driver.setPower.bind(driver)
  driver.setPower = async (uid, action) => {
    order.push(`power ${action}, recorded ${(await store.read(uid)).phase}`)
    await setPower(uid, action)
  }
  reconciler = new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    isHostStopping: async () => false,
    readCapacity: async () => undefined,
    powerStore: {
      read: (uid) => store.read(uid),
      async write(uid, old, next) {
        await store.write(uid, old, next)
        order.push(`recorded ${next.phase}${next.shutdownAskedAtMs === undefined ? '' : ', shutdown asked'}`)
      },
    },
  })
  const document = instanceDocument()
  await reconciler.reconcile(document, runContext({ image }))
  await reconciler.reconcile(withState(document, 'Stopped'), runContext({ image }))
  expect(order).toEqual([
    // Once for what the order came to, and once for what was seen then.
    ...['recorded starting', 'power on, recorded starting', 'recorded on', 'recorded on'],
    ...['recorded on, shutdown asked', 'power shutdown, recorded on', 'recorded on, shutdown asked'],
  ])
})

test('a machine that is on is not reported as one that is built, however long its run takes', async () => {
  const reports: string[] = []
  const onReport = (observation: Observation): void => void reports.push(observation.state)
  const document = instanceDocument()
  // Nor is one whose run is over by then, well or not: these two are quick.
  await reconciler.reconcile(instanceDocument(), runContext({ image, onReport }))
  driver.failNext('ensure', new Error('away'))
  await expect(reconciler.reconcile(instanceDocument(), runContext({ image, onReport }))).rejects.toThrow('away')
  const slowly = async (): Promise<void> => {
    const ensure = driver.ensure.bind(driver)
    driver.ensure = async (want) => {
      await new Promise((resolve) => setTimeout(resolve, 1_100))
      return ensure(want)
    }
    await reconciler.reconcile(document, runContext({ image, onReport }))
    driver.ensure = ensure
  }
  await slowly()
  expect(reports).toEqual(['building'])
  await slowly()
  expect(reports).toEqual(['building'])
})
