// SPDX-License-Identifier: Apache-2.0
// Each row of the table at resolveVolumes, and what lies beside it.
import { describe, expect, test } from '@jest/globals'
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import { CONTRACT_VERSION, type InstanceDocument } from '../../../lib/contract/documents.ts'
import { machine, machineWorld } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { resolveVolumes, type GivenVolume } from './volumes.ts'

const mine = { name: 'vm', uid: 'uid-vm', node: 'c1' }
const connection = {
  protocol: 'nbd' as const,
  host: '192.0.2.1',
  port: 10900,
  exportName: 'uid-data',
  tls: true,
  tlsHostname: 'c2',
}
const given = (name: string, uid = `uid-${name}`): GivenVolume => ({ uid, name, connection })
const vm = (...names: string[]) =>
  machine({ volumes: names.map((name) => ({ volumeRef: { name } })) }, { status: { node: 'c1', epoch: 1 } })

interface Is {
  status?: Volume['status']
  /** What its node says of it; undefined: nothing. */
  report?: { state?: string; epoch?: number; facts?: object; generation?: number } | undefined
  deleted?: boolean
}

function put(w: MemoryWorld, name: string, { status, deleted = false, ...is }: Is = {}): Volume {
  const whole = { node: 'c2', pool: 'files', epoch: 2, attachedTo: mine, ...status }
  const volume = w.put('volumes', stored<Volume>(name, { sizeGiB: 1 }, { status: whole, deleted, generation: 3 }))
  const { state = 'available', epoch = 2, facts = { connection, sizeGiB: 4 }, generation = 3 } = is.report ?? {}
  const versions = { incarnation: 1, term: 1, epoch, generation }
  if (!('report' in is) || is.report) w.report('volume', volume, { node: 'c2', state, epoch, facts, versions })
  return volume
}
const served = (name: string) => ({
  uid: `uid-${name}`,
  name,
  sizeGiB: 4,
  connection: { ...connection, exportName: `uid-${name}` },
})

describe('a volume of the machine that is served', () => {
  test('goes into the document, in the order of the spec', () => {
    const w = machineWorld()
    for (const name of ['b', 'a']) put(w, name)
    expect(resolveVolumes(vm('a', 'b'), undefined, w.deps)).toEqual({
      volumes: [served('a'), served('b')],
      mustWait: false,
    })
  })
  test('does so while it still grows, and while it is being deleted', () => {
    const w = machineWorld()
    put(w, 'data', { report: { generation: 1 }, deleted: true })
    expect(resolveVolumes(vm('data'), undefined, w.deps).volumes).toEqual([served('data')])
  })
  test('without a size, where its node does not say', () => {
    const w = machineWorld()
    put(w, 'data', { report: { facts: { connection } } })
    const [volume] = resolveVolumes(vm('data'), undefined, w.deps).volumes
    expect(Object.keys(volume!).sort()).toEqual(['connection', 'name', 'uid'])
  })
  test('as a file of its pool on the machine’s own node', () => {
    const w = machineWorld()
    w.put('storagePools', stored<StoragePool>('files', { driver: 'file' }, { namespace: '' }))
    const path = '/var/lib/nephele/volumes/files/uid-data.raw'
    const file = { protocol: 'file' as const, path, format: 'raw' as const }
    const volume = put(w, 'data', { status: { node: 'c1' } })
    w.report('volume', volume, { node: 'c1', state: 'available', epoch: 2, facts: { connection: file } })
    expect(resolveVolumes(vm('data'), undefined, w.deps).volumes).toMatchObject([{ connection: file }])
  })
})

describe('one that is not', () => {
  const failing = {
    type: 'Ready',
    status: 'False' as const,
    reason: 'NoRoom',
    message: 'the pool is full',
    lastTransitionTime: 't',
  }
  test.each<[string, Is, string]>([
    ['nobody has', { status: { attachedTo: undefined as never } }, 'waiting for Volume data'],
    [
      'says why it is not ready',
      { status: { attachedTo: undefined as never, conditions: [failing] } },
      'Volume data: NoRoom: the pool is full',
    ],
    [
      'is ready, and nobody has',
      { status: { attachedTo: undefined as never, conditions: [{ ...failing, status: 'True' }] } },
      'waiting for Volume data',
    ],
    [
      'is for the machine at another place',
      { status: { attachedTo: { ...mine, node: 'c9' } } },
      'waiting for Volume data',
    ],
    ['has no place', { status: { node: undefined as never } }, 'waiting for Volume data'],
    ['its node does not speak of', { report: undefined }, 'waiting for node c2 to export Volume data'],
    [
      'its node speaks of under the holder before',
      { report: { epoch: 1 } },
      'waiting for node c2 to export Volume data',
    ],
    ['fails', { report: { state: 'failed' } }, 'waiting for node c2 to export Volume data'],
    ['is available, and not exported', { report: { facts: {} } }, 'waiting for node c2 to export Volume data'],
  ])('%s', (_, is, message) => {
    const w = machineWorld()
    put(w, 'data', is)
    const unresolved = { kind: 'wait', reason: 'VolumeNotReady', message }
    if (message.includes(': ')) unresolved.message = `waiting for ${message}`
    // There is no document: then all have to resolve.
    expect(resolveVolumes(vm('data'), undefined, w.deps)).toEqual({ volumes: [], mustWait: true, unresolved })
    // As it was published.
    expect(resolveVolumes(vm('data'), [given('data')], w.deps)).toEqual({
      volumes: [given('data')],
      mustWait: false,
      unresolved,
    })
    // Not yet.
    expect(resolveVolumes(vm('data'), [given('other')], w.deps)).toEqual({ volumes: [], mustWait: false, unresolved })
  })

  test('is another machine’s: it is taken out, whatever was published, and a first document waits for it', () => {
    const w = machineWorld()
    put(w, 'data', { status: { attachedTo: { name: 'vm2', uid: 'uid-vm2', node: 'c1' } } })
    const unresolved = expect.objectContaining({
      reason: 'VolumeInUse',
      message: expect.stringContaining('Instance vm2'),
    })
    expect(resolveVolumes(vm('data'), [given('data')], w.deps)).toEqual({ volumes: [], mustWait: false, unresolved })
    expect(resolveVolumes(vm('data'), undefined, w.deps)).toEqual({ volumes: [], mustWait: true, unresolved })
  })

  test('belongs to the machine that had this name before: another machine’s all the same', () => {
    const w = machineWorld()
    put(w, 'data', { status: { attachedTo: { ...mine, uid: 'uid-before' } } })
    const found = resolveVolumes(vm('data'), [given('data')], w.deps)
    expect(found).toMatchObject({ volumes: [], unresolved: { reason: 'VolumeInUse' } })
  })

  test('is not there: what was published under its name stays', () => {
    const w = machineWorld()
    expect(resolveVolumes(vm('data'), [given('data')], w.deps)).toMatchObject({
      volumes: [given('data')],
      mustWait: false,
    })
    expect(resolveVolumes(vm('data'), [], w.deps)).toMatchObject({
      ...{ volumes: [], mustWait: false },
      unresolved: { reason: 'VolumeNotFound', message: expect.stringContaining('spec.volumes[0].volumeRef') },
    })
  })

  test('was made anew under its name: the one before does not stay for it', () => {
    const w = machineWorld()
    put(w, 'data', { report: undefined })
    expect(resolveVolumes(vm('data'), [given('data', 'uid-before')], w.deps).volumes).toEqual([])
  })

  test('is the first of two: the outcome is about this one', () => {
    const w = machineWorld()
    put(w, 'b', { report: undefined })
    expect(resolveVolumes(vm('a', 'b'), [], w.deps).unresolved).toMatchObject({ reason: 'VolumeNotFound' })
    expect(resolveVolumes(vm('b', 'a'), [], w.deps).unresolved).toMatchObject({ reason: 'VolumeNotReady' })
  })
})

describe('one that the guest may have in its hands, and that cannot be named now, holds the document back', () => {
  const sent = (uid: string, node: string): InstanceDocument => ({
    ...{ v: CONTRACT_VERSION, kind: 'instance', uid, name: 'x', namespace: 'ns', node, tombstone: false },
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    spec: {
      ...{ hostname: 'x', project: 'ns', runState: 'Running', restartPolicy: 'OnFailure', offlineRestart: true },
      ...{ vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, ephemeralGiB: 0, swapMiB: 0, requireKvm: false },
      ...{
        image: { uid: 'i', sha256: 'ab'.repeat(32), format: 'raw', properties: {} },
        ports: [],
        volumes: [given('data')],
      },
      ...{ configDrive: false, publicKeys: [], metadata: {} },
    },
  })
  test.each<[string, string, string, boolean]>([
    ['the machine on its node', 'uid-vm', 'c1', true],
    ['the machine on another node', 'uid-vm', 'c2', false],
    ['another machine on its node', 'uid-vm2', 'c1', false],
  ])('%s', async (_, uid, node, mustWait) => {
    for (const by of ['sent', 'seen']) {
      const w = machineWorld()
      put(w, 'data', { report: undefined })
      const i = vm('data')
      if (by === 'sent') await w.bus.desired.publish(sent(uid, node))
      else {
        const holder = { ...i, metadata: { ...i.metadata, uid } }
        w.report('instance', holder, { node, epoch: 1, state: 'running', facts: { volumesAttached: ['uid-data'] } })
      }
      expect(resolveVolumes(i, [], w.deps)).toMatchObject({ volumes: [], mustWait })
    }
  })
})
