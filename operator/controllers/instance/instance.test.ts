// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type {
  ComputeNode,
  Flavor,
  Image,
  Instance,
  IPClaim,
  Network,
  SecurityGroup,
  Subnet,
} from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { MANAGED_BY_LABEL } from '../../../lib/api/kinds.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { instanceReadiness } from './readiness.ts'
import { reconcileInstance } from './reconcile.ts'

const SHA = 'ab'.repeat(32)
const cluster = { namespace: '' }
const machine = (spec: Partial<Instance['spec']> = {}, more: object = {}) =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks: [{ networkRef: { name: 'lan' } }], ...spec },
    more,
  )

const all = {
  flavor: () => stored<Flavor>('small', { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }, cluster),
  image: () =>
    stored<Image>(
      'guest',
      { source: { http: { url: 'http://x/y' } }, format: 'qcow2' },
      { status: { sha256: SHA, importNode: 'n', epoch: 1 } },
    ),
  network: () => stored<Network>('lan', {}, { status: { logicalSwitch: 'x', mtu: 1442 } }),
  subnet: () => stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }),
}

function world(): MemoryWorld {
  const w = memoryWorld()
  w.put('flavors', all.flavor())
  w.put('images', all.image())
  w.put('networks', all.network())
  w.put('subnets', all.subnet())
  w.put('securityGroups', stored<SecurityGroup>('default', {}, { status: { state: 'ACTIVE' } }))
  for (const name of ['c1', 'c2']) {
    w.put(
      'computeNodes',
      stored<ComputeNode>(name, {}, { namespace: '', status: { inventory: { bootID: 'boot-0001' } } }),
    )
    w.deps.scheduler.putNode({
      name,
      up: true,
      hypervisor: 'libvirt',
      zone: name,
      capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
    })
  }
  w.bus.heartbeats.expect(['c1', 'c2'])
  for (const name of ['c1', 'c2']) w.bus.heartbeats.beat(name, 'boot-0001')
  return w
}
const step = (w: MemoryWorld, i: Instance) => {
  w.put('instances', i)
  return reconcileInstance(i, w.deps, w.run)
}
const portOf = (w: MemoryWorld) => w.deps.caches.ports.list()[0]!

/** Placed, told and running. */
async function active(w: MemoryWorld, i = machine()): Promise<Instance> {
  await step(w, i)
  const { node = '', epoch = 0 } = i.status!
  await step(w, i)
  for (const port of w.deps.caches.ports.list()) w.report('port', port, { node, epoch, state: 'active' })
  w.report('instance', i, {
    node,
    epoch,
    state: 'running',
    facts: { stages: ['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'], volumesAttached: [] },
  })
  expect(await step(w, i)).toEqual({ kind: 'done' })
  return i
}

test('create: ports with all in them, then the placement, and only then documents', async () => {
  const w = world()
  const i = machine()
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({
    state: 'BUILD',
    epoch: 1,
    flavor: { vcpus: 1 },
    scheduling: { node: i.status!.node, evaluated: 2 },
  })
  expect(w.bus.desired.writes).toBe(0)
  const port = portOf(w)
  expect(port.spec).toMatchObject({
    macAddress: expect.stringMatching(/^fa:16:3e:/),
    fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.2' }],
  })
  expect(port.metadata).toMatchObject({
    labels: { [MANAGED_BY_LABEL]: 'nephele' },
    ownerReferences: [{ kind: 'Instance', uid: 'uid-vm', controller: true }],
  })
  expect(w.deps.caches.ipClaims.list().flatMap((c: IPClaim) => c.spec.claims.map((e) => e.address))).toEqual([
    '10.0.0.2',
  ])
  expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'Building' })
  expect(w.bus.desired.list().map((d) => [d.kind, d.node])).toEqual([
    ['image', i.status!.node],
    ['instance', i.status!.node],
  ])
  expect([...w.bus.desired.documents.values()][1]).toMatchObject({
    grantedBootId: 'boot-0001',
    spec: { hostname: 'vm', runState: 'Running' },
  })
  expect(w.events).toEqual(['Scheduled'])
})

test('create: ACTIVE only when the machine runs and its port is plugged', async () => {
  const w = world()
  const i = machine()
  await step(w, i)
  const { node = '' } = i.status!
  w.report('instance', i, { node, epoch: 1, state: 'running', facts: { stages: ['Booted'], volumesAttached: [] } })
  expect(await step(w, i)).toMatchObject({ reason: 'AttachingNetwork' })
  w.report('port', portOf(w), { node, epoch: 1, state: 'active' })
  expect(await step(w, i)).toEqual({ kind: 'done' })
  expect(i.status?.state).toBe('ACTIVE')
})

test.each([
  ['has not, or not yet', 'waiting', [], 'False'],
  ['has', 'waiting', ['ImageCached'], 'True'],
  ['made it from', 'stopped', [], 'True'],
] as const)('create: a machine that is to be off, of an image that its node %s', async (_, state, stages, cached) => {
  const w = world()
  const i = machine()
  i.spec.runState = 'Stopped'
  await step(w, i)
  w.report('instance', i, { node: i.status!.node!, epoch: 1, state, facts: { stages: [...stages] } })
  await step(w, i)
  expect(i.status?.conditions?.find((c) => c.type === 'ImageCached')?.status).toBe(cached)
})

describe('dependency: names what is missing', () => {
  test.each([
    ['flavors', all.flavor(), 'FlavorNotFound', 'Flavor small'],
    ['images', all.image(), 'ImageNotFound', 'Image ns/guest'],
    ['networks', all.network(), 'NetworkNotFound', 'Network ns/lan'],
    ['subnets', all.subnet(), 'NoSubnet', 'Network ns/lan'],
  ] as const)('%s', async (cache, object, reason, name) => {
    const w = world()
    w.drop(cache, object)
    const i = machine()
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason, message: expect.stringContaining(name) })
    w.put(cache, object)
    expect(await step(w, i)).toEqual({ kind: 'saved' })
  })
  test('an image that is not ready gives its own reason', async () => {
    const w = world()
    const image = all.image()
    const conditions = [
      {
        type: 'Ready',
        status: 'False' as const,
        reason: 'ImageUnsafe',
        message: 'backing file',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ]
    w.put('images', { ...image, status: { conditions } })
    expect(await step(w, machine())).toMatchObject({
      reason: 'ImageNotReady',
      message: expect.stringContaining('ImageUnsafe: backing file'),
    })
  })
  test.each([
    ['private', undefined, 'ImageNotFound'],
    ['shared', [{ namespace: 'other' }], 'ImageNotFound'],
    ['shared', [{ namespace: 'ns' }], undefined],
    ['public', undefined, undefined],
  ] as const)('a foreign image that is %s with %j', async (visibility, sharedWith, reason) => {
    const w = world()
    const foreign = all.image()
    foreign.metadata = { ...foreign.metadata, namespace: 'library', uid: 'foreign' }
    foreign.spec = { ...foreign.spec, visibility, ...(sharedWith ? { sharedWith: [...sharedWith] } : {}) }
    w.put('images', foreign)
    const outcome = await step(w, machine({ imageRef: { name: 'guest', namespace: 'library' } }))
    expect(outcome).toMatchObject(reason ? { reason } : { kind: 'saved' })
  })
  test('no room: the filters say why, and the machine waits for capacity', async () => {
    const w = world()
    const i = machine({ availabilityZone: 'moon' })
    expect(await step(w, i)).toMatchObject({
      reason: 'NoValidHost',
      message: expect.stringContaining('AvailabilityZoneFilter 2'),
    })
    expect(i.status?.scheduling?.filters).toMatchObject([{ name: 'AvailabilityZoneFilter', refused: 2 }])
    expect(findCondition(i.status?.conditions, 'Scheduled')).toMatchObject({ status: 'False' })
    expect(w.deps.waitingRoom.size).toBe(1)
    // Said once, however often it is tried.
    await step(w, i)
    expect(w.events).toEqual(['NoValidHost'])
  })
})

test('refused: leaves the node, waits for its release, then the next epoch elsewhere', async () => {
  const w = world()
  const i = machine({ networks: [] })
  await step(w, i)
  const first = i.status!.node!
  w.report('instance', i, {
    node: first,
    epoch: 1,
    state: 'refused',
    error: { reason: 'InsufficientResources', message: 'no', terminal: true },
  })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({ excludedNodes: [first], pendingReleases: [{ node: first, epoch: 1 }] })
  expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
  w.report('instance', i, { node: first, epoch: 1, state: 'gone' })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({ epoch: 2 })
  expect(i.status?.node).not.toBe(first)
  expect(i.status?.pendingReleases).toBeUndefined()
})

test('restarts: counted in the status, told by an Event each, and counted anew elsewhere', async () => {
  const w = world()
  const i = await active(w, machine({ networks: [] }))
  const says = async (facts: object, state = 'running') => {
    w.report('instance', i, { node: i.status!.node!, epoch: 1, state, facts: { volumesAttached: [], ...facts } })
    await step(w, i)
    return w.events.splice(0)
  }
  w.events.splice(0)
  expect(await says({ restarts: 0 })).toEqual([])
  expect(i.status?.restarts).toBe(0)
  expect(await says({ restarts: 0, stoppedBecause: 'Crashed' }, 'crashed')).toEqual([])
  expect(await says({ restarts: 1, restartedAfter: 'Crashed' })).toEqual(['Restarted'])
  expect(await says({ restarts: 1, restartedAfter: 'Crashed' })).toEqual([])
  // Some went unheard.
  expect(await says({ restarts: 4, restartedAfter: 'GuestStopped' })).toEqual(['Restarted'])
  expect(i.status).toMatchObject({ restarts: 4, state: 'ACTIVE' })
  // What is not said is not none.
  expect(await says({})).toEqual([])
  expect(i.status?.restarts).toBe(4)
  delete i.status!.node
  await step(w, i)
  expect(i.status).not.toHaveProperty('restarts')
})

test.each<[string, object, boolean]>([
  ['of this placement, under an older generation', { generation: 1 }, true],
  ['of an older placement on the same node', { epoch: 1, generation: 9 }, false],
  ['of an older incarnation', { incarnation: 0, epoch: 9 }, false],
  ['for another reason', { reason: 'PathUnsafe' }, false],
])('refused for want of room, %s: it leaves %s', async (_, more, leaves) => {
  const w = world()
  const i = machine({ networks: [] })
  await step(w, i)
  const node = i.status!.node!
  Object.assign(i.status!, { epoch: 3 })
  i.metadata.generation = 2
  const { reason = 'InsufficientResources', ...versions } = more as { reason?: string }
  w.report('instance', i, {
    node,
    epoch: 3,
    versions: { incarnation: 1, term: 1, epoch: 3, generation: 1, ...versions },
    state: 'refused',
    error: { reason, message: 'no', terminal: true },
  })
  await step(w, i).catch(() => undefined)
  expect(i.status?.node).toBe(leaves ? undefined : node)
  expect(i.status?.excludedNodes).toEqual(leaves ? [node] : undefined)
  expect(w.events.includes('Rescheduled')).toBe(leaves)
})

test('adopt: a node has this machine, but the resource was never placed', async () => {
  const w = world()
  const i = machine({ networks: [] })
  w.report('instance', i, { node: 'c2', epoch: 3, state: 'running' })
  expect(await step(w, i)).toMatchObject({ reason: 'OwnershipUnclear', message: expect.stringContaining('c2') })
})

describe('power', () => {
  test.each([
    ['Stopped', 'stopped', undefined, 'SHUTOFF', 'True'],
    ['Paused', 'paused', undefined, 'PAUSED', 'True'],
    ['Suspended', 'suspended', undefined, 'SUSPENDED', 'True'],
    ['Running', 'stopped', 'GuestStopped', 'SHUTOFF', 'False'],
  ] as const)('wanted %s, node says %s because %s: %s', async (runState, state, stoppedBecause, word, ready) => {
    const w = world()
    const i = await active(w, machine({ networks: [] }))
    i.spec.runState = runState
    i.metadata.generation = 2
    w.report('instance', i, {
      node: i.status!.node!,
      epoch: 1,
      state,
      facts: { ...(stoppedBecause ? { stoppedBecause } : {}), volumesAttached: [] },
    })
    const outcome = await step(w, i)
    expect(outcome).toEqual({ kind: 'done' })
    expect(i.status?.state).toBe(word)
    const readiness = instanceReadiness(i, { kind: 'outcome', outcome })
    expect(readiness.ready ? 'True' : 'False').toBe(ready)
    if (stoppedBecause) expect(readiness).toMatchObject({ reason: stoppedBecause, reconciling: false, stalled: false })
  })
})

describe('delete', () => {
  test('machine first, then its port, then nothing', async () => {
    const w = world()
    const i = await active(w)
    const { node = '' } = i.status!
    i.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await step(w, i)).toMatchObject({ reason: 'Releasing', message: expect.stringContaining(node) })
    expect(w.deps.caches.ports.size).toBe(1)
    w.report('instance', i, { node, epoch: 1, state: 'gone' })
    expect(await step(w, i)).toMatchObject({ reason: 'Releasing', message: expect.stringContaining('Port') })
    expect(await step(w, i)).toEqual({ kind: 'released' })
  })
  test('before it had a place: at once', async () => {
    const w = world()
    expect(await step(w, machine({ networks: [] }, { deleted: true }))).toEqual({ kind: 'released' })
  })
})

describe('node-lost', () => {
  test.each([
    ['Never', { kind: 'wait', reason: 'NodeLost' }],
    ['WhenFenced', { kind: 'saved' }],
  ] as const)('evacuation %s', async (evacuation, outcome) => {
    const w = world()
    const i = await active(w, machine({ networks: [], evacuation }))
    w.put('computeNodes', stored<ComputeNode>(i.status!.node!, { lost: 'Confirmed' }, cluster))
    expect(await step(w, i)).toMatchObject(outcome)
  })
})

test('a node that knows a newer epoch holds the machine, and nothing is sent to it', async () => {
  const w = world()
  const i = await active(w, machine({ networks: [] }))
  const before = w.bus.desired.writes
  w.report('instance', i, { node: i.status!.node!, epoch: 7, state: 'running' })
  i.metadata.generation = 2
  expect(await step(w, i)).toMatchObject({ reason: 'NodeAhead', message: expect.stringContaining(i.status!.node!) })
  expect(w.bus.desired.writes).toBe(before)
})

describe('user data from a Secret', () => {
  const spec = { userDataSecretRef: { name: 'cloud-init' } }
  const MARKED = { metadata: { namespace: 'ns', labels: { 'nephele.dev/user-data': 'true' } } }
  const withSecret = (w: MemoryWorld, there: boolean, userData = 'aGVsbG8=', more: object = MARKED): void => {
    const secret = { ...more, data: { userData } }
    const find = w.run.client.find.bind(w.run.client)
    Object.assign(w.run.client, {
      find: async (kind: { kind: string }, ...rest: [never]) =>
        kind.kind === 'Secret' ? (there ? secret : undefined) : find(kind as never, ...rest),
    })
  }
  test('waits for it by name before a node is chosen', async () => {
    const w = world()
    withSecret(w, false)
    expect(await step(w, machine(spec))).toMatchObject({
      kind: 'wait',
      reason: 'SecretNotFound',
      message: expect.stringContaining('ns/cloud-init in spec.userDataSecretRef'),
    })
  })
  test.each([
    [
      'without a mark',
      { metadata: { namespace: 'ns' } },
      /is not marked as user data.*kubectl label secret -n ns cloud-init nephele\.dev\/user-data=true/,
    ],
    ['marked otherwise', { metadata: { namespace: 'ns', labels: { 'nephele.dev/user-data': 'no' } } }, /is not marked/],
    [
      'a token, marked or not',
      { ...MARKED, type: 'kubernetes.io/service-account-token' },
      /token, which no machine is given/,
    ],
  ])('a Secret %s is given to no machine, until it is mended', async (_, secret, message) => {
    const w = world()
    withSecret(w, true, undefined, secret)
    const i = machine(spec)
    expect(await step(w, i)).toMatchObject({
      ...{ kind: 'wait', reason: 'SecretNotUserData', message: expect.stringMatching(message) },
      retryAfterMs: expect.any(Number),
    })
    expect(i.status?.node).toBeUndefined()
    expect(w.bus.desired.list()).toEqual([])
    withSecret(w, true)
    expect(await step(w, i)).toEqual({ kind: 'saved' })
  })
  test('a machine that was placed before marks were asked for keeps what it has', async () => {
    const w = world()
    withSecret(w, true)
    const i = await active(w, machine(spec))
    withSecret(w, true, undefined, { metadata: { namespace: 'ns' } })
    w.deps.userData.forget(i.metadata.uid)
    w.bus.desired.documents.clear()
    expect(await step(w, i)).toEqual({ kind: 'done' })
  })
  test('one that is too large is read again, ever more rarely, until it was mended', async () => {
    const w = world()
    withSecret(w, true, Buffer.alloc(64 * 1024 + 1).toString('base64'))
    const i = machine(spec)
    const waits: number[] = []
    for (let n = 0; n < 12; n++) {
      const outcome = await step(w, i)
      expect(outcome).toMatchObject({
        kind: 'wait',
        reason: 'UserDataTooLarge',
        message: expect.stringMatching(/Secret cloud-init .* 65537 bytes, at most 65536 .* within ten minutes/),
      })
      waits.push(outcome.kind === 'wait' ? (outcome.retryAfterMs ?? 0) : 0)
    }
    expect(waits[0]).toBeLessThanOrEqual(10_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(600_000)
    expect(Math.min(...waits.slice(-3))).toBeGreaterThanOrEqual(300_000)
    withSecret(w, true)
    expect(await step(w, i)).toEqual({ kind: 'saved' })
  })
  test('a new leader finds it in the machine’s document: the Secret may be gone, and the machine still be stopped', async () => {
    const w = world()
    withSecret(w, true)
    const i = await active(w, machine(spec))
    withSecret(w, false)
    w.deps.userData.forget(i.metadata.uid)
    i.spec.runState = 'Stopped'
    i.metadata.generation = 2
    await step(w, i)
    expect(await w.bus.desired.read(i.status?.node ?? '', 'instance', i.metadata.uid)).toMatchObject({
      versions: { generation: 2 },
      spec: { runState: 'Stopped', userDataBase64: 'aGVsbG8=' },
    })
  })
})
