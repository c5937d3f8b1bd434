// SPDX-License-Identifier: Apache-2.0
// Users that exist keep what they had: whatever becomes of what a machine names, it goes on, and moves to another node with it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { Instance, KeyPair, Port, ServerGroup, Volume } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { active, machine, machineWorld, parts, putNode, setSecret, runs, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileImage } from '../image/reconcile.ts'
import { UserDataStore } from './user-data.ts'

interface Case {
  /** The field of the Instance, and what becomes of its target. */
  field: string
  what: string
  spec?: Partial<Instance['spec']>
  before?: (world: MemoryWorld) => void
  happens: (world: MemoryWorld) => void
}

const VM = { name: 'vm', uid: 'uid-vm' }
const deleted = { deleted: true }
const keyPair = (more: object = {}) =>
  stored<KeyPair>('key', { publicKey: 'ssh-ed25519 AAAA me' }, { status: { fingerprint: 'SHA256:x' }, ...more })
const ownPort = (more: object = {}) =>
  stored<Port>(
    'eth',
    { networkRef: { name: 'lan' } },
    { status: { macAddress: 'fa:16:3e:00:00:01', networkUID: 'uid-lan', epoch: 1, instance: VM }, ...more },
  )
const foreign = { imageRef: { name: 'guest', namespace: 'library' } }
const library = (spec: object) => parts.image({ visibility: 'shared', ...spec } as never, { namespace: 'library' })

const CASES: Case[] = [
  { field: 'imageRef', what: 'Terminating', happens: (w) => w.put('images', parts.image({}, deleted)) },
  {
    field: 'imageRef',
    what: 'no longer shared',
    spec: foreign,
    before: (w) => w.put('images', library({ sharedWith: [{ namespace: 'ns' }] })),
    happens: (w) => w.put('images', library({ sharedWith: [] })),
  },
  {
    field: 'imageRef',
    what: 'private now, and Terminating',
    spec: foreign,
    before: (w) => w.put('images', library({ visibility: 'public' })),
    happens: (w) => w.put('images', parts.image({ visibility: 'private' }, { namespace: 'library', ...deleted })),
  },
  { field: 'flavorRef', what: 'gone', happens: (w) => w.drop('flavors', parts.flavor()) },
  {
    field: 'flavorRef',
    what: 'made anew with another size',
    happens: (w) => w.put('flavors', parts.flavor('small', { vcpus: 2, memoryMiB: 512 })),
  },
  {
    field: 'flavorRef',
    what: 'made anew for others alone',
    happens: (w) => w.put('flavors', parts.flavor('small', { public: false })),
  },
  {
    field: 'keyPairRef',
    what: 'Terminating',
    spec: { keyPairRef: { name: 'key' } },
    before: (w) => w.put('keyPairs', keyPair()),
    happens: (w) => w.put('keyPairs', keyPair(deleted)),
  },
  {
    field: 'serverGroupRef',
    what: 'Terminating',
    spec: { serverGroupRef: { name: 'apart' } },
    before: (w) => w.put('serverGroups', stored<ServerGroup>('apart', { policy: 'anti-affinity' })),
    happens: (w) => w.put('serverGroups', stored<ServerGroup>('apart', { policy: 'anti-affinity' }, deleted)),
  },
  {
    field: 'userDataSecretRef',
    what: 'gone, and the operator is another one',
    spec: { userDataSecretRef: { name: 'cloud-init' } },
    before: (w) => setSecret(w, { userData: 'aGVsbG8=' }),
    happens: (w) => setSecret(w, undefined),
  },
  {
    field: 'networks.networkRef',
    what: 'Terminating',
    happens: (w) => w.put('networks', parts.network(deleted)),
  },
  {
    field: 'networks.portRef',
    what: 'Terminating',
    spec: { networks: [{ portRef: { name: 'eth' } }] },
    before: (w) => w.put('ports', ownPort()),
    happens: (w) => w.put('ports', ownPort(deleted)),
  },
  {
    field: 'volumes.volumeRef',
    what: 'Terminating',
    spec: { volumes: [{ volumeRef: { name: 'data' } }] },
    happens: (w) => w.put('volumes', { ...w.deps.caches.volumes.find('ns', 'data')!, ...deletedOf(volume()) }),
  },
]
/** Ports have them, and keep them: operator/controllers/port. */
const OF_PORTS = ['securityGroupRefs', 'networks.subnetRef']

function deletedOf({ metadata }: Volume): Pick<Volume, 'metadata'> {
  return { metadata: { ...metadata, deletionTimestamp: '2026-01-02T00:00:00Z' } }
}

function volume(more: object = {}): Volume {
  return stored<Volume>('data', { sizeGiB: 1 }, { status: { node: 'c1', pool: 'p', epoch: 1 }, ...more })
}

describe.each(CASES)('$field: its target is $what', ({ spec, before, happens }) => {
  test('the machine moves with what it had', async () => {
    const w = machineWorld()
    if (spec?.volumes) w.put('volumes', volume())
    before?.(w)
    const i = await running(w, spec)
    const { node = '', flavor } = i.status!
    const given = await documentOf(w, i)
    happens(w)
    restartOperator(w)

    putNode(w, node, { lost: 'Confirmed' }, { releases: releasesOf(w, i) })
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(i.status?.node).toBeUndefined()
    restartOperator(w)
    // The old owner is released by its ComputeNode's word; the tombstone is written before that counts.
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    const next = i.status?.node
    expect(next).toBe(node === 'c1' ? 'c2' : 'c1')
    expect(i.status?.flavor).toEqual(flavor)
    restartOperator(w)
    putVolumeOn(w, i)
    await step(w, i)
    const { image, vcpus, memoryMiB, rootDiskGiB, userDataBase64, publicKeys, requireKvm } = given
    expect(await documentOf(w, i)).toMatchObject({
      ...{ image, vcpus, memoryMiB, rootDiskGiB, publicKeys, requireKvm },
      ...(userDataBase64 === undefined ? {} : { userDataBase64 }),
    })
  })
})

test('every reference of an Instance is in the table', async () => {
  const crd = await readFile(join(import.meta.dirname, '..', '..', '..', 'crds', 'instances.yaml'), 'utf8')
  const spec = crd.slice(0, crd.indexOf('            status:'))
  const names = new Set([...spec.matchAll(/^ +(\w+Refs?):$/gm)].map((m) => m[1] ?? ''))
  const covered = new Set([...CASES.map(({ field }) => field), ...OF_PORTS].map((f) => f.split('.').at(-1)))
  expect([...names].sort()).toEqual([...covered].sort())
})

test('an Image that is being deleted waits for a machine on its way between two nodes', async () => {
  const w = machineWorld()
  const i = await running(w)
  const image = parts.image({}, deleted)
  w.put('images', image)
  putNode(w, i.status?.node ?? '', { lost: 'Confirmed' })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  w.put('instances', i)
  expect(await reconcileImage(image, w.deps, w.run)).toMatchObject({
    reason: 'InUse',
    message: expect.stringContaining('ns/vm'),
  })
})

test('a machine that never had a place holds no Image, and takes none that is being deleted', async () => {
  const w = machineWorld()
  const image = parts.image({}, deleted)
  w.put('images', image)
  expect(await step(w, machine())).toMatchObject({ kind: 'wait', reason: 'ImageDeleting' })
  expect(await reconcileImage(image, w.deps, w.run)).not.toMatchObject({ reason: 'InUse' })
})

test('a tombstone keeps the user data until the next document has it', async () => {
  const w = machineWorld()
  setSecret(w, { userData: 'aGVsbG8=' })
  const i = await running(w, { userDataSecretRef: { name: 'cloud-init' } })
  const from = i.status?.node ?? ''
  putNode(w, from, { lost: 'Confirmed' })
  await step(w, i)
  await step(w, i)
  const moving = await w.bus.desired.read(from, 'instance', i.metadata.uid)
  expect(moving).toMatchObject({ tombstone: true, userDataBase64: 'aGVsbG8=' })
  i.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
  await step(w, i)
  expect(await w.bus.desired.read(from, 'instance', i.metadata.uid)).not.toHaveProperty('userDataBase64')
})

/** Running with its volumes exported and attached. */
async function running(w: MemoryWorld, spec: Partial<Instance['spec']> = {}): Promise<Instance> {
  const i = machine({ evacuation: 'WhenFenced', ...spec })
  await step(w, i)
  putVolumeOn(w, i)
  w.put('instances', i)
  if (!spec.volumes) return active(w, i)
  await step(w, i)
  // Evacuated is only what its node has answered for.
  runs(w, i)
  await step(w, i)
  return i
}

/** What its ComputeNode keeps for a node that is lost. */
function releasesOf(w: MemoryWorld, i: Instance): object[] {
  const ports = w.deps.caches.ports.list().map(({ metadata }) => ({ kind: 'port', ...metadata }))
  return [{ kind: 'instance', ...i.metadata }, ...ports].map(({ kind, uid, name }) => ({ kind, uid, name, epoch: 1 }))
}

/** As the volume controller and the volume's node would have it. */
function putVolumeOn(w: MemoryWorld, i: Instance): void {
  const held = w.deps.caches.volumes.find('ns', 'data')
  const { node = '' } = i.status ?? {}
  if (!held || node === '') return
  const attachedTo = { name: 'vm', uid: i.metadata.uid, node }
  const next = { ...held, status: { ...held.status, attachedTo } }
  w.put('volumes', next)
  const connection = { protocol: 'nbd' as const, host: 'h', port: 10900, exportName: 'x', tls: true }
  w.report('volume', next, { node: 'c1', state: 'available', epoch: 1, facts: { connection, sizeGiB: 1 } })
}

async function documentOf(w: MemoryWorld, i: Instance): Promise<InstanceDocument['spec']> {
  const document = await w.bus.desired.read(i.status?.node ?? '', 'instance', i.metadata.uid)
  if (document?.kind !== 'instance' || document.tombstone) throw new Error('no document')
  return document.spec
}

/** Nothing that was kept in memory alone. */
function restartOperator(w: MemoryWorld): void {
  Object.assign(w.deps, { userData: new UserDataStore('nephele-system') })
}
