// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type {
  Cloud,
  ComputeNode,
  Image,
  Instance,
  KubeNode,
  Port,
  StoragePool,
  Volume,
} from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { DesiredDocument, NodeDocument } from '../../../lib/contract/documents.ts'
import { toDocumentKey } from '../../../lib/contract/subjects.ts'
import { createPrivateKey, createRequest } from '../../../lib/pki/key.ts'
import { keyIdOf } from '../../../lib/pki/key-id.ts'
import { createSealingKey, sealingKeyOf } from '../../../lib/pki/sealed.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { DEFAULT_RESERVED, EMULATED_CODE_MIB } from '../../../lib/node-room.ts'
import { DEFAULT_RATIOS } from '../../scheduler/nodes/node-facts.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { whyShut } from '../../auth/why-shut.ts'
import { projectNode } from './kind.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import type { NodeSettings } from './settings.ts'
import { ensureComputeNode, rolesOf } from './discover.ts'
import { reconcileComputeNode } from './reconcile.ts'

const COMPUTE = { 'nephele.dev/compute': 'libvirt' }
const kubeNode = (labels: Record<string, string> = COMPUTE) => stored<KubeNode>('n1', {}, { namespace: '', labels })
const computeNode = (spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>('n1', spec, { namespace: '', ...more })

interface Signs {
  labels?: Record<string, string> | undefined
  beats?: boolean
  inventory?: boolean
  state?: string
}

/** A node that is as well as can be, but for what the signs say. */
function world({ labels = COMPUTE, beats = true, inventory = true, state = 'ready' }: Signs = {}): MemoryWorld {
  const w = memoryWorld()
  if (Object.keys(labels).length > 0) w.put('nodes', kubeNode(labels))
  w.bus.heartbeats.expect(['n1'])
  if (beats) w.bus.heartbeats.beat('n1', 'boot-0001')
  if (inventory) w.bus.publishInventory(inventoryOf('n1'))
  const error = { reason: 'CertificatePending', message: 'waits', terminal: false }
  if (state !== '') w.report('node', computeNode(), { node: 'n1', epoch: 1, state, error })
  return w
}
const step = (w: MemoryWorld, c: ComputeNode, settings: NodeSettings = {}) =>
  reconcileComputeNode(c, w.deps, settings, w.run)
const documentOf = (w: MemoryWorld) => w.bus.desired.read('n1', 'node', 'uid-n1') as Promise<NodeDocument>

describe('roles by label', () => {
  test.each([
    [{}, []],
    [COMPUTE, ['compute', 'network']],
    [{ 'nephele.dev/compute': 'xen' }, []],
    [{ 'nephele.dev/network': 'gateway' }, ['network', 'gateway']],
    [{ 'nephele.dev/storage': 'true', 'nephele.dev/image': 'true' }, ['storage', 'image']],
    [{ 'nephele.dev/storage': 'yes' }, []],
  ])('%j', (labels, roles) => {
    expect([...rolesOf(kubeNode(labels))].sort()).toEqual([...roles].sort())
  })
  test('a Node with a role becomes a ComputeNode, one without does not', async () => {
    const w = memoryWorld()
    await ensureComputeNode(kubeNode({}), w.deps, w.run)
    expect(w.deps.caches.computeNodes.find(undefined, 'n1')).toBeUndefined()
    await ensureComputeNode(kubeNode(), w.deps, w.run)
    expect(w.deps.caches.computeNodes.find(undefined, 'n1')?.spec).toEqual({})
  })
})

test.each([
  ['as the cloud says', { heartbeat: { intervalSeconds: 2 } }, 2],
  ['when it says nothing, as the agent has it', {}, undefined],
])('how often a node beats: %s', async (_, spec, seconds) => {
  const w = world()
  w.put('clouds', stored<Cloud>('default', spec, { namespace: '' }))
  await step(w, computeNode())
  expect((await documentOf(w)).spec.heartbeatSeconds).toBe(seconds)
})

test.each<[string, Cloud['spec'], object | undefined]>([
  [
    'as the cloud says, in one order',
    { images: { allowedNetworks: ['fd00:20::/64', '10.20.0.0/24'], maxSizeGiB: 64, maxCachePercent: 50 } },
    { allowedNetworks: ['10.20.0.0/24', 'fd00:20::/64'], maxSizeGiB: 64, maxCachePercent: 50 },
  ],
  ['when it says nothing, as the agent has it', {}, undefined],
])('what images may be and come from: %s', async (_, spec, images) => {
  const w = world()
  w.put('clouds', stored<Cloud>('default', spec, { namespace: '' }))
  await step(w, computeNode())
  expect((await documentOf(w)).spec.images).toEqual(images)
})

describe('what a node keeps for the host', () => {
  const cloudWide = { cpus: 1, memoryMiB: 2048, diskGiB: 10 }
  test.each<[string, Cloud['spec'] | undefined, ComputeNode['spec'], object]>([
    ['by default', undefined, {}, DEFAULT_RESERVED],
    ['as the Cloud says', { reserved: cloudWide }, {}, cloudWide],
    ['as the node says, field by field', { reserved: cloudWide }, { reserved: { cpus: 0 } }, { ...cloudWide, cpus: 0 }],
    ['without a word of the Cloud', {}, { reserved: { diskGiB: 5 } }, { ...DEFAULT_RESERVED, diskGiB: 5 }],
  ])('%s: its agent is told, and the scheduler counts with it', async (_, cloud, spec, reserved) => {
    const w = world({ inventory: false })
    const has = { cpus: 8, memoryMiB: 8192, hugepagesMiB: 1024, diskGiB: 100 }
    w.bus.publishInventory(inventoryOf('n1', { ...has, imageCache: { images: 3, usedGiB: 7, maxGiB: 50 } }))
    if (cloud) w.put('clouds', stored<Cloud>('default', cloud, { namespace: '' }))
    const c = computeNode(spec)
    await step(w, c)
    expect((await documentOf(w)).spec.reserved).toEqual(reserved)
    expect(c.status?.inventory).toMatchObject({ memoryMiB: 8192, hugepagesMiB: 1024, diskGiB: 100, imageCacheGiB: 7 })
    const kept = { ...DEFAULT_RESERVED, ...reserved }
    const row = w.deps.scheduler.nodes.find('n1')!
    expect([row.vcpus, row.memoryMiB, row.diskGiB, row.reserved]).toEqual([
      (8 - kept.cpus) * DEFAULT_RATIOS.vcpus,
      8192 - 1024 - kept.memoryMiB,
      100 - 7 - kept.diskGiB,
      reserved,
    ])
  })

  test('what is left for machines is shown, of nodes that run some', async () => {
    const w = world({ inventory: false })
    w.bus.publishInventory(inventoryOf('n1', { cpus: 4, memoryMiB: 5120, diskGiB: 50 }))
    const c = computeNode()
    await step(w, c)
    expect(c.status?.free).toEqual({ vcpus: 16, memoryMiB: 4096, diskGiB: 50 })
    const claim = { vcpus: 3, memoryMiB: 1000.5, diskGiB: 7 }
    w.deps.scheduler.confirm('u1', [{ node: 'n1', amounts: claim }])
    await step(w, c)
    expect(c.status?.free).toEqual({ vcpus: 13, memoryMiB: 3095, diskGiB: 43 })
    // More than it has, since it keeps more for itself now.
    c.spec.reserved = { memoryMiB: 5000 }
    await step(w, c)
    expect(c.status?.free?.memoryMiB).toBe(0)
    w.put('nodes', kubeNode({ 'nephele.dev/storage': 'true' }))
    await step(w, c)
    expect(c.status).not.toHaveProperty('free')
  })

  test.each([
    ['qemu' as const, EMULATED_CODE_MIB],
    ['kvm' as const, 0],
    [undefined, 0],
  ])('guests that run by %s take %d MiB more each', async (acceleration, mib) => {
    const w = world({ inventory: false })
    const hypervisor = acceleration && { type: 'QEMU', version: '10.0.0', acceleration }
    w.bus.publishInventory(inventoryOf('n1', hypervisor ? { hypervisor } : {}))
    await step(w, computeNode())
    expect(w.deps.scheduler.nodes.find('n1')?.perMachineMiB).toBe(mib)
  })
})

describe('state', () => {
  test.each([
    ['all is well', {}, {}, { kind: 'done' }, 'up', undefined],
    ['no Kubernetes Node', { labels: {} }, {}, { reason: 'NodeMissing' }, 'down', undefined],
    ['not heard yet', { beats: false }, {}, { reason: 'AgentUnknown' }, 'down', undefined],
    ['no inventory', { inventory: false }, {}, { reason: 'InventoryMissing' }, 'down', undefined],
    ['no report of its roles', { state: '' }, {}, { reason: 'SettingUp' }, 'up', 'is not set up yet'],
    ['degraded', { state: 'degraded' }, {}, { reason: 'CertificatePending' }, 'up', 'is degraded'],
    ['closed', {}, { unschedulable: true }, { kind: 'done' }, 'up', 'is closed'],
    ['confirmed lost', {}, { lost: 'Confirmed' }, { reason: 'Lost' }, 'lost', undefined],
  ] as const)('%s', async (_, signs, spec, outcome, state, closed) => {
    const w = world(signs)
    const c = computeNode(spec)
    expect(await step(w, c)).toMatchObject(outcome)
    expect(c.status?.state).toBe(state)
    const rows = w.deps.scheduler.nodes.list().map(({ name, up, closed: why }) => ({ name, up, why }))
    expect(rows).toEqual([{ name: 'n1', up: state === 'up', why: closed }])
  })
  test('kubectl cordon closes it and says so; uncordon opens it; what is there goes on', async () => {
    const w = world()
    const c = computeNode()
    const closed = () => w.deps.scheduler.nodes.find('n1')?.closed
    await step(w, c)
    expect([closed(), c.status?.closed]).toEqual([undefined, undefined])
    const node = w.deps.caches.nodes.find(undefined, 'n1')!
    // As the informer keeps it.
    w.put('nodes', projectNode({ ...node, spec: { unschedulable: true } }))
    expect(await step(w, c)).toMatchObject({ kind: 'done' })
    expect(closed()).toContain('cordoned')
    expect(c.status).toMatchObject({
      state: 'up',
      closed: expect.stringContaining('kubectl uncordon'),
      roleNames: 'compute,network',
    })
    w.put('nodes', projectNode({ ...node, spec: {} }))
    await step(w, c)
    expect([closed(), c.status?.closed]).toEqual([undefined, undefined])
    expect(w.events).toEqual(['NodeClosed', 'NodeOpened'])
  })
  test('silence makes it down, with an event; while nobody is heard it stays as it was', async () => {
    const w = world()
    const c = computeNode({}, { status: { state: 'up' } })
    w.bus.heartbeats.connected(false)
    w.clock.ms = 60_000
    w.bus.heartbeats.tick()
    await step(w, c)
    expect(c.status?.state).toBe('up')
    w.bus.heartbeats.connected(true)
    w.clock.ms = 120_000
    w.bus.heartbeats.tick()
    expect(await step(w, c)).toMatchObject({ reason: 'AgentSilent' })
    expect(c.status?.state).toBe('down')
    expect(w.events).toEqual(['NodeDown'])
  })
})

describe('the node’s document', () => {
  test('names its roles, the southbound database, and the pools that it serves', async () => {
    const w = world({ labels: { ...COMPUTE, 'nephele.dev/storage': 'true' } })
    w.put('storagePools', stored<StoragePool>('b', { driver: 'file' }, { namespace: '' }))
    const disk = { path: '/srv/a', requireMount: true }
    w.put('storagePools', stored<StoragePool>('a', { driver: 'file', file: disk }, { namespace: '' }))
    w.put('storagePools', stored<StoragePool>('going', { driver: 'file' }, { namespace: '', deleted: true }))
    w.put('storagePools', stored<StoragePool>('used', { driver: 'file' }, { namespace: '', deleted: true }))
    w.put('volumes', stored<Volume>('v', { sizeGiB: 1 }, { status: { pool: 'used' } }))
    const apart = { driver: 'file', nodeSelector: { matchLabels: { tier: 'fast' } } } as const
    w.put('storagePools', stored<StoragePool>('apart', apart, { namespace: '' }))
    await step(w, computeNode(), { ovnRemote: 'ssl:192.0.2.9:6642' })
    expect((await documentOf(w)).spec).toMatchObject({
      roles: { compute: 'libvirt', gateway: false, storage: true, image: false },
      ovnRemote: 'ssl:192.0.2.9:6642',
      pools: [
        { name: 'a', path: '/srv/a', requireMount: true },
        { name: 'b', path: '/var/lib/nephele/volumes/b' },
        { name: 'used', path: '/var/lib/nephele/volumes/used' },
      ],
    })
  })
  test.each([
    ['a certificate', async () => ({ certificate: 'C', certificateAuthority: 'A' }), 'True', 'Issued', 'C'],
    [
      'none for a bad request, which keeps nothing else from the node',
      async () => {
        throw new TerminalError('CertificateRequestInvalid', 'not signed by its own key')
      },
      'False',
      'CertificateRequestInvalid',
      undefined,
    ],
  ])('has %s', async (_, ensure, status, reason, certificate) => {
    const w = world()
    w.bus.publishInventory(inventoryOf('n1', { certificateRequest: 'R' }))
    const c = computeNode()
    expect(await step(w, c, { certificates: { ensure } })).toMatchObject({ kind: 'done' })
    expect(findCondition(c.status?.conditions, 'Certificate')).toMatchObject({ status, reason })
    expect((await documentOf(w)).spec.certificate).toBe(certificate)
  })
})

describe('ports that it claims in OVN', () => {
  const port = (name: string) => stored<Port>(name, { networkRef: { name: 'lan' } })
  test('none of its own business: said with names and what to do, once as an Event, and taken back', async () => {
    const w = world()
    w.bus.publishInventory(inventoryOf('n1', {}))
    for (const name of ['p1', 'p2', 'p3', 'p4']) w.put('ports', port(name))
    const take = (node: string, ...uids: string[]) =>
      w.network.setTaken(uids.map((uid) => ({ uid, node, wanted: 'n2' })))
    const c = computeNode()
    take('n2', 'uid-p1')
    await step(w, c)
    expect(findCondition(c.status?.conditions, 'PortClaims')).toBeUndefined()
    take('n1', 'uid-p4', 'uid-p2', 'uid-p3', 'unknown')
    w.events.length = 0
    expect(await step(w, c)).toMatchObject({ kind: 'wait', reason: 'PortsTaken' })
    await step(w, c)
    const { status, reason, message } = findCondition(c.status?.conditions, 'PortClaims')!
    expect([status, reason]).toEqual(['False', 'PortsTaken'])
    expect(message).toContain('Port ns/p2, ns/p3, ns/p4 and 1 more')
    expect(message).toContain('set spec.lost: Confirmed')
    expect(w.events).toEqual(['PortsTaken'])
    take('n1')
    expect(await step(w, c)).toMatchObject({ kind: 'done' })
    expect(findCondition(c.status?.conditions, 'PortClaims')).toMatchObject({ status: 'True', reason: 'AsRequested' })
  })
})

describe('machines that nothing put there', () => {
  const machine = (name: string) => stored<Instance>(name, { flavorRef: { name: 'f' }, imageRef: { name: 'i' } })
  const tell = (w: MemoryWorld, name: string, more: object = {}) =>
    w.report('instance', machine(name), {
      ...{ node: 'n1', epoch: 1, state: 'running' },
      facts: { nics: [{ mac: 'fa:16:3e:00:00:01', portUid: 'uid-p', networkUid: 'uid-lan', addresses: ['10.0.0.2'] }] },
      ...more,
    })
  const claims = (c: ComputeNode) => findCondition(c.status?.conditions, 'MachineClaims')

  test('are said with UIDs and what to do, once as an Event, and taken back; the node stays Ready', async () => {
    const w = world()
    const c = computeNode()
    for (const name of ['x4', 'x2', 'x3', 'x1']) tell(w, name)
    expect(await step(w, c)).toMatchObject({ kind: 'done' })
    await step(w, c)
    expect(claims(c)).toMatchObject({ status: 'False', reason: 'MachinesUnknown' })
    expect(claims(c)?.message).toMatch(
      /^node n1 says .*: uid-x1, uid-x2, uid-x3 and 1 more\. .*docs\/backup\.md.*spec\.lost: Confirmed$/,
    )
    expect(w.events).toEqual(['MachinesUnknown'])
    for (const name of ['x4', 'x2', 'x3', 'x1']) tell(w, name, { state: 'gone' })
    await step(w, c)
    expect(claims(c)).toMatchObject({ status: 'True', reason: 'MachinesOnRecord' })
    expect(w.events).toEqual(['MachinesUnknown'])
  })

  test.each<[string, (w: MemoryWorld) => void, string | undefined]>([
    ['one', (w) => tell(w, 'x'), 'False'],
    ['one without interfaces', (w) => tell(w, 'x', { facts: {} }), undefined],
    ['an orphan', (w) => orphan(w), 'False'],
    ['one that has a resource', (w) => tellMany(w, 1, true), undefined],
    ['one while a restore may have forgotten it', (w) => tellMany(began(w), 1), undefined],
    ['more than it can run, even then', (w) => tellMany(began(w), 513), 'False'],
    ['more, although they have resources', (w) => tellMany(began(w), 513, true), 'False'],
  ])('%s: %#', async (_, prepare, status) => {
    const w = world()
    prepare(w)
    const c = computeNode()
    await step(w, c)
    expect(claims(c)?.status).toBe(status)
  })
  const began = (w: MemoryWorld) => {
    w.bus.memory = { madeAt: undefined, followedFrom: w.run.now }
    return w
  }
  const orphan = (w: MemoryWorld) => {
    const orphans = [{ kind: 'instance' as const, uid: 'u', what: 'domain', nics: [{ mac: 'fa:16:3e:00:00:01' }] }]
    w.report('node', computeNode(), { node: 'n1', epoch: 1, state: 'ready', facts: { orphans } })
  }
  const tellMany = (w: MemoryWorld, count: number, areKnown = false) => {
    for (let i = 0; i < count; i++) {
      tell(w, `x${i}`)
      if (areKnown) w.put('instances', machine(`x${i}`))
    }
  }

  test('of a lost node nobody is told', async () => {
    const w = world()
    tell(w, 'x')
    const c = computeNode({ lost: 'Confirmed' })
    w.put('computeNodes', c)
    await step(w, c)
    expect(claims(c)).toBeUndefined()
  })
})

describe('who is shut out', () => {
  const signing = (calls: string[]): NodeSettings => ({
    certificates: {
      ensure: async () => {
        calls.push('node')
        return { certificate: 'C', certificateAuthority: 'A' }
      },
    },
    nbdCertificates: {
      ensure: async () => {
        calls.push('volumes')
        return undefined
      },
    },
  })
  const asking = inventoryOf('n1', { certificateRequest: 'R', nbdRequests: { client: 'R', server: 'R' } })

  test('a sealing key for which nothing can be sealed leaves the one before', async () => {
    const w = world()
    const c = computeNode()
    const sealingKey = sealingKeyOf(createSealingKey())
    for (const announced of [sealingKey, 'A'.repeat(43)]) {
      w.bus.publishInventory({ ...asking, sealingKey: announced })
      await step(w, c, signing([]))
      expect(c.status?.sealingKey).toBe(sealingKey)
    }
  })

  test('confirmed lost: its sessions end, at each look, and nothing is signed whatever it asks for', async () => {
    const w = world()
    w.bus.publishInventory(asking)
    const calls: string[] = []
    const c = computeNode({ lost: 'Confirmed' })
    for (let look = 0; look < 2; look++) expect(await step(w, c, signing(calls))).toMatchObject({ reason: 'Lost' })
    expect([calls, w.bus.ended]).toEqual([[], ['n1', 'n1']])
    expect((await documentOf(w)).spec).not.toHaveProperty('certificate')
  })

  test('beyond its share of the bus: said in a condition, by which no replica lets it in, and taken back by itself', async () => {
    const w = world()
    w.bus.excesses.set('n1', 'Unasked')
    const c = computeNode()
    expect(await step(w, c)).toMatchObject({ kind: 'wait', reason: 'TooMuchWritten', retryAfterMs: 60_000 })
    const { message } = findCondition(c.status?.conditions, 'BusAccess') ?? {}
    expect(message).toContain('1024 documents that nobody asked for')
    expect([whyShut(kubeNode(), c), w.bus.ended]).toEqual([expect.stringContaining('cut off'), ['n1']])
    w.bus.excesses.clear()
    expect(await step(w, c)).toMatchObject({ kind: 'done' })
    expect([whyShut(kubeNode(), c), w.bus.ended]).toEqual([undefined, ['n1']])
  })

  test('any other: nothing of this is said or done', async () => {
    const w = world()
    w.bus.publishInventory(asking)
    const calls: string[] = []
    const c = computeNode()
    await step(w, c, signing(calls))
    expect([calls, w.bus.ended]).toEqual([['node', 'volumes'], []])
    expect(findCondition(c.status?.conditions, 'BusAccess')).toBeUndefined()
  })

  test('deleted: what it has open ends with it', async () => {
    const w = world({ labels: {} })
    expect(await step(w, computeNode({}, { deleted: true }))).toMatchObject({ kind: 'released' })
    expect(w.bus.ended).toEqual(['n1'])
  })
})

describe('certificates for volumes', () => {
  const nbd = { client: 'C', server: 'S', authority: 'A' }
  test('go into its document; its key is remembered when nothing is heard of it', async () => {
    const w = world()
    const client = await createRequest(await createPrivateKey(), 'n1')
    const settings = { nbdCertificates: { ensure: async () => nbd } }
    w.bus.publishInventory(inventoryOf('n1', { nbdRequests: { client, server: 'R' } }))
    const c = computeNode()
    await step(w, c, settings)
    expect((await documentOf(w)).spec.nbd).toEqual(nbd)
    expect(c.status?.volumeKey).toBe(keyIdOf(client))
    w.bus.publishInventory(inventoryOf('n1'))
    await step(w, c, settings)
    expect(c.status?.volumeKey).toBe(keyIdOf(client))
  })
  test('a request that cannot be signed is said, and keeps nothing else from the node', async () => {
    const w = world()
    w.bus.publishInventory(inventoryOf('n1', { nbdRequests: { client: 'x', server: 'y' } }))
    const ensure = async () => {
      throw new TerminalError('CertificateRequestInvalid', 'it cannot be read')
    }
    const c = computeNode()
    expect(await step(w, c, { nbdCertificates: { ensure } })).toMatchObject({ kind: 'done' })
    expect(findCondition(c.status?.conditions, 'Certificate')).toMatchObject({
      status: 'False',
      reason: 'CertificateRequestInvalid',
    })
    expect((await documentOf(w)).spec.nbd).toBeUndefined()
  })
})

describe('an authority that is away', () => {
  test.each(['certificates', 'nbdCertificates'] as const)('%s: tried again, and no word to the node', async (which) => {
    const w = world()
    const nbdRequests = { client: 'x', server: 'y' }
    w.bus.publishInventory(inventoryOf('n1', { certificateRequest: 'c', nbdRequests }))
    const ensure = async () => Promise.reject(new Error('no answer'))
    const c = computeNode()
    await expect(step(w, c, { [which]: { ensure } })).rejects.toThrow('no answer')
    expect(findCondition(c.status?.conditions, 'Certificate')).toBeUndefined()
    expect(w.bus.desired.writes).toBe(0)
  })
  test('is not asked for who asks for nothing', async () => {
    const w = world()
    const ensure = async () => Promise.reject(new Error('asked'))
    expect(await step(w, computeNode(), { certificates: { ensure }, nbdCertificates: { ensure } })).toMatchObject({
      kind: 'done',
    })
  })
  test('a certificate that was given is said, and looked at again in time', async () => {
    const w = world()
    w.bus.publishInventory(inventoryOf('n1', { certificateRequest: 'c' }))
    const certificates = { ensure: async () => ({ certificate: 'C', authority: 'A' }) }
    const c = computeNode()
    expect(await step(w, c, { certificates, certificateCheckMs: 77 })).toEqual({ kind: 'done', retryAfterMs: 77 })
    expect(findCondition(c.status?.conditions, 'Certificate')).toMatchObject({ status: 'True', reason: 'Issued' })
    expect((await documentOf(w)).spec).toMatchObject({ certificate: 'C', authority: 'A' })
  })
})

describe('releases of a lost node', () => {
  const release = { kind: 'image', uid: 'uid-i', name: 'i', namespace: 'ns', epoch: 2 } as const
  const lost = (releases?: object[]) => computeNode({ lost: 'Confirmed' }, releases ? { status: { releases } } : {})
  test('asked for: written first, and published as a tombstone', async () => {
    const w = world()
    w.deps.releases.request('n1', release)
    const c = lost()
    expect(await step(w, c)).toEqual({ kind: 'saved' })
    expect(c.status?.releases).toEqual([release])
    expect(w.bus.desired.find('n1', 'image', 'uid-i')).toMatchObject({ tombstone: true, versions: { epoch: 2 } })
    expect(await step(w, c)).toMatchObject({ kind: 'wait', reason: 'Lost' })
  })
  test('a newer epoch of the same object takes the older one’s place', async () => {
    const w = world()
    const c = lost([{ ...release, epoch: 1 }])
    w.deps.releases.request('n1', release)
    expect(await step(w, c)).toEqual({ kind: 'saved' })
    expect(c.status?.releases).toEqual([release])
  })
  test.each([
    ['answered', { state: 'gone', epoch: 2 }, undefined],
    ['answered for an older epoch', { state: 'gone', epoch: 1 }, [release]],
  ])('%s', async (_, report, left) => {
    const w = world()
    w.report('image', stored<Image>('i', {} as Image['spec']), { node: 'n1', ...report })
    const c = lost([release])
    await step(w, c)
    expect(c.status?.releases).toEqual(left)
  })
  test('NATS lost the tombstone: it is published again', async () => {
    const w = world()
    const c = lost([release])
    await step(w, c)
    w.bus.desired.wipe()
    await step(w, c)
    expect(w.bus.desired.find('n1', 'image', 'uid-i')?.tombstone).toBe(true)
  })
})

describe('what a node has without a resource', () => {
  const vm = () => stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } })
  const port = () => stored<Port>('p', { networkRef: { name: 'l' } })
  const STRAY = { kind: 'instance', uid: 'uid-vm', what: 'ns/vm, running, epoch 3: there is no resource of it' }
  const handOut = (w: MemoryWorld, tombstone: boolean) => {
    const document = { ...tombstoneOf('instance', vm(), 'n1', 3, w.deps.writer()), tombstone }
    w.bus.desired.documents.set(toDocumentKey(document), document as unknown as DesiredDocument)
  }
  test.each<[string, (w: MemoryWorld) => void, object[] | undefined]>([
    ['a machine', () => undefined, [STRAY]],
    ['with its document', (w) => handOut(w, false), [STRAY]],
    ['that is being released', (w) => handOut(w, true), undefined],
    ['that is gone', (w) => w.report('instance', vm(), { node: 'n1', epoch: 3, state: 'gone' }), undefined],
    ['one with a resource', (w) => void w.put('instances', vm()), undefined],
    [
      'a cached image, which is a copy',
      (w) => {
        w.put('instances', vm())
        w.report('image', stored<Image>('i', {} as Image['spec']), { node: 'n1', epoch: 1, state: 'ready' })
      },
      undefined,
    ],
  ])('%s is shown', async (_, change, orphans) => {
    const w = world()
    w.report('instance', vm(), { node: 'n1', epoch: 3, state: 'running' })
    change(w)
    const c = computeNode()
    await step(w, c)
    expect(c.status?.orphans).toEqual(orphans)
  })
  test('beside what its agent has no document of, without what the resource cannot keep', async () => {
    const w = world()
    const c = computeNode()
    const orphan = { kind: 'instance' as const, uid: 'x', what: 'domain' }
    w.report('port', port(), { node: 'n1', epoch: 1, state: 'active' })
    w.report('node', c, {
      node: 'n1',
      epoch: 1,
      state: 'ready',
      facts: { orphans: [{ ...orphan, nics: [{ mac: 'fa:16:3e:00:00:01' }] }] },
    })
    await step(w, c)
    expect(c.status?.orphans).toEqual([expect.objectContaining({ kind: 'port', uid: 'uid-p' }), orphan])
  })
  describe('what the node cannot look at', () => {
    const orphan = (kind: 'volume' | 'instance', uid: string) => ({ kind, uid, what: uid })
    const before = () => [orphan('volume', 'x'), orphan('volume', 'y'), orphan('instance', 'z')]
    const pool = { kind: 'volume' as const, what: 'pool a', reason: 'PoolUnavailable', message: 'mount it' }
    const of = (facts: object, conditions: object[] = []) => {
      const w = world()
      const c = computeNode({}, { status: { orphans: before(), conditions } })
      w.report('node', c, { node: 'n1', epoch: 1, state: 'ready', facts })
      return { w, c }
    }
    test('stays as it was seen, says so, and closes the node to nobody', async () => {
      const { w, c } = of({ orphans: [{ ...orphan('volume', 'y'), asOf: '2026-01-01T00:00:00Z' }], unlisted: [pool] })
      expect((await step(w, c)).kind).toBe('done')
      expect(c.status).toMatchObject({ state: 'up' })
      expect(c.status).not.toHaveProperty('closed')
      const shown = () => c.status?.orphans?.map(({ what }) => what)
      const expected = [
        'y (seen 2026-01-01T00:00:00Z; it cannot be looked for now)',
        'x (seen before; it cannot be looked for now)',
      ]
      expect(shown()).toEqual(expected)
      expect(findCondition(c.status?.conditions, 'OrphansListed')).toMatchObject({
        ...{ status: 'False', reason: 'PoolUnavailable' },
        message: 'what is there without a resource is not known: pool a: mount it',
      })
      await step(w, c)
      expect(shown()).toEqual(expected)
      w.report('node', c, { node: 'n1', epoch: 1, state: 'ready', facts: { orphans: [] } })
      await step(w, c)
      expect(c.status?.orphans).toBeUndefined()
      expect(findCondition(c.status?.conditions, 'OrphansListed')).toMatchObject({ status: 'True', reason: 'Listed' })
    })
    test.each<[string, object, string[] | undefined, string | undefined]>([
      ['nothing was listed yet', {}, ['x', 'y', 'z'], undefined],
      ['all was listed', { orphans: [] }, undefined, 'True'],
    ])('%s: said only once it was', async (_, facts, left, listed) => {
      const { w, c } = of(facts)
      await step(w, c)
      expect(c.status?.orphans?.map(({ uid }) => uid)).toEqual(left)
      expect(findCondition(c.status?.conditions, 'OrphansListed')?.status).toBe(listed)
    })
    test('what has a resource now, or was heard of itself, is not kept; a long text keeps its note', async () => {
      const { w, c } = of({ orphans: [], unlisted: [pool, { ...pool, kind: 'instance' }] })
      c.status!.orphans!.push({ kind: 'instance', uid: 'uid-vm', what: 'w'.repeat(255) })
      w.put('volumes', stored<Volume>('x', { sizeGiB: 1 }, { uid: 'x' }))
      w.report('volume', stored<Volume>('y', { sizeGiB: 1 }, { uid: 'y' }), { node: 'n1', epoch: 1, state: 'gone' })
      await step(w, c)
      expect(c.status?.orphans?.map(({ uid }) => uid)).toEqual(['z', 'uid-vm'])
      expect(c.status?.orphans?.[1]?.what).toMatch(/^w{205,} \(seen before; it cannot be looked for now\)$/)
      expect(c.status?.orphans?.[1]?.what).toHaveLength(255)
    })
  })
  test.each([
    ['is released when an administrator says so', () => undefined, true],
    ['is not, as long as it has a resource', (w: MemoryWorld) => w.put('instances', vm()), false],
  ])('%s', async (_, change, tombstone) => {
    const w = world()
    handOut(w, false)
    w.report('instance', vm(), { node: 'n1', epoch: 3, state: 'running' })
    change(w)
    const releases = [{ kind: 'instance' as const, uid: 'uid-vm', name: 'vm', namespace: 'ns', epoch: 3 }]
    await step(w, computeNode({}, { status: { releases } }))
    expect(w.bus.desired.find('n1', 'instance', 'uid-vm')?.tombstone).toBe(tombstone)
  })
})

describe('delete', () => {
  const instance = (status: object) =>
    stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { status })
  test.each([
    ['a machine', 'instances', instance({ node: 'n1' }), 'Instance ns/vm'],
    [
      'a machine that it has not released',
      'instances',
      instance({ node: 'n2', pendingReleases: [{ node: 'n1', epoch: 1 }] }),
      'Instance ns/vm',
    ],
    ['a volume', 'volumes', stored<Volume>('v', { sizeGiB: 1 }, { status: { node: 'n1' } }), 'Volume ns/v'],
    ['a port', 'ports', stored<Port>('p', { networkRef: { name: 'l' } }, { status: { node: 'n1' } }), 'Port ns/p'],
  ] as const)('%s is on it', async (_, cache, object, user) => {
    const w = world()
    w.put(cache, object)
    const c = computeNode({}, { deleted: true })
    expect(await step(w, c)).toMatchObject({ reason: 'InUse', message: expect.stringContaining(user) })
  })
  test('takes no new machines while it waits', async () => {
    const w = world()
    await step(w, computeNode())
    await step(w, computeNode({}, { deleted: true }))
    expect(w.deps.scheduler.nodes.list()).toEqual([])
  })
  test('while its Node has roles it would be made again', async () => {
    expect(await step(world(), computeNode({}, { deleted: true }))).toMatchObject({
      reason: 'InUse',
      message: expect.stringContaining('labels'),
    })
  })
  test('leaves nothing on the bus', async () => {
    const w = world()
    await step(w, computeNode())
    w.drop('nodes', kubeNode())
    w.report('image', stored<Image>('i', {} as Image['spec']), { node: 'n1', epoch: 1, state: 'ready' })
    expect(await step(w, computeNode({}, { deleted: true }))).toEqual({ kind: 'released' })
    expect(w.bus.desired.list()).toEqual([])
    expect(w.bus.observed.listNode('n1')).toEqual([])
    expect(w.bus.admitted.size).toBe(0)
  })
})
