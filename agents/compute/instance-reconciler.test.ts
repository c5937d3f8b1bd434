// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import type { Observation } from '../runtime/reconciler.ts'
import type { InstanceDriver } from './drivers/driver.ts'
import { FakeInstanceDriver } from './drivers/fake/driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { instanceDocument, runContext, tombstoneOf, type ContextOptions } from './testing.ts'

const PORT = 'eeeeeeee-0000-4000-8000-000000000000'
const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1024 }
let dir: string
let driver: FakeInstanceDriver
let reconciler: InstanceReconciler
const create = (current: () => InstanceDriver | undefined): InstanceReconciler =>
  new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
    readCapacity: async () => undefined,
  })

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-compute-'))
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

  test('NetworkAttached comes when all ports are active', async () => {
    const document = withPort()
    const ports = [portDocument('normal')]
    const before = await reconciler.reconcile(document, runContext({ image, ports }))
    expect(before.facts?.stages).toEqual(['ImageCached', 'VolumesAttached', 'Booted'])
    const observedPorts: Record<string, Observation> = { [PORT]: { state: 'active' } }
    const after = await reconciler.reconcile(document, runContext({ image, ports, observedPorts }))
    expect(after.facts?.stages).toEqual(['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'])
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
  expect(await early.listOwned(context.signal)).toEqual([])
})

test('no room: a new machine is refused, one that ran here keeps its place although the hypervisor forgot it', async () => {
  const full = { cpus: 1, memoryMiB: 64, availableMemoryMiB: 64, freeDiskBytes: 2 ** 40 }
  const capacities = [undefined, full]
  reconciler = new InstanceReconciler({
    paths: { dataDir: dir, runDir: dir },
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    configDriveFiles: () => [],
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
    expect(lists).toEqual([[], ['v'], ['v'], []])
  })
  test('are said also when nothing can be done now', async () => {
    const lists: (readonly string[])[] = []
    const waiting = await reconciler.reconcile(withVolume(), runContext({ onListed: (list) => lists.push(list) }))
    expect([waiting.state, lists]).toEqual(['waiting', [[]]])
  })
})
