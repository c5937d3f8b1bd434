// SPDX-License-Identifier: Apache-2.0
// A machine gets a node: who had it lets go first, what was decided is whole, and what was said of the place before goes.
import { describe, expect, jest, test } from '@jest/globals'
import type { Instance, ServerGroup } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { machine, machineWorld, parts, putNode, setSecret, setSize, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'

const bare = (spec: Partial<Instance['spec']> = {}, status?: Instance['status']) =>
  machine({ networks: [], ...spec }, status ? { status } : {})
/** On its way from c1, which has let go of it unless said otherwise. */
const moving = (w: MemoryWorld, spec: Partial<Instance['spec']> = {}, more: Instance['status'] = {}) => {
  const i = bare(spec, { epoch: 1, flavor: SMALL, pendingReleases: [{ node: 'c1', epoch: 1 }], ...more })
  w.report('instance', i, { node: 'c1', epoch: 1, state: 'gone' })
  return i
}
const SMALL = { name: 'small', vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
const scheduled = (i: Instance) => findCondition(i.status?.conditions, 'Scheduled')
const sizeOf = (i: Instance) => i.status?.flavor?.name

describe('who had it lets go first', () => {
  test('the tombstone is stored before anything else is looked at', async () => {
    const w = machineWorld()
    const i = bare({}, { epoch: 1, flavor: SMALL, pendingReleases: [{ node: 'c1', epoch: 1 }] })
    let store = (): void => undefined
    w.bus.desired.delay = () => new Promise((resolve) => (store = resolve))
    let outcome: unknown
    const run = step(w, i).then((said) => (outcome = said))
    await new Promise((resolve) => setImmediate(resolve))
    expect([outcome, i.status?.node]).toEqual([undefined, undefined])
    store()
    await run
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'Releasing' })
    expect(i.status?.node).toBeUndefined()
  })

  test('every node that it left, then every Port', async () => {
    const w = machineWorld()
    const i = machine(
      {},
      {
        status: {
          epoch: 2,
          flavor: SMALL,
          pendingReleases: [
            { node: 'c1', epoch: 1 },
            { node: 'c2', epoch: 2 },
          ],
        },
      },
    )
    const reason = async () => {
      const outcome = await step(w, i)
      return outcome.kind === 'wait' ? outcome.message : outcome.kind
    }
    const port = async () => w.deps.caches.ports.list()[0]!
    expect(await reason()).toBe('waiting for node c1 to release it')
    w.report('instance', i, { node: 'c1', epoch: 1, state: 'gone' })
    expect(await reason()).toMatch(/^waiting for Port vm-0-.* to leave node c1$/)
    w.report('port', await port(), { node: 'c1', epoch: 1, state: 'gone' })
    expect(await reason()).toBe('waiting for node c2 to release it')
    w.report('instance', i, { node: 'c2', epoch: 2, state: 'gone' })
    expect(await reason()).toMatch(/to leave node c2$/)
    w.report('port', await port(), { node: 'c2', epoch: 2, state: 'gone' })
    expect(await reason()).toBe('saved')
    expect(i.status?.epoch).toBe(3)
  })

  test.each<[string, Partial<Instance['spec']>, string | undefined]>([
    ['of a Secret stays with the tombstone', { userDataSecretRef: { name: 'cloud-init' } }, 'aQ=='],
    ['of the spec needs no keeping', { userData: 'i' }, undefined],
    ['that there is none of', {}, undefined],
  ])('user data %s', async (_, spec, kept) => {
    const w = machineWorld()
    setSecret(w, { userData: 'aQ==' })
    await step(w, bare(spec, { epoch: 1, flavor: SMALL, pendingReleases: [{ node: 'c1', epoch: 1 }] }))
    const [document] = [...w.bus.desired.documents.values()]
    expect(document).toMatchObject({ node: 'c1', tombstone: true })
    expect(document && 'userDataBase64' in document ? document.userDataBase64 : undefined).toBe(kept)
  })
})

test('a machine that a node may have already waits, is woken with those that wait for room, and says so', async () => {
  const w = machineWorld()
  const i = bare()
  w.report('instance', i, { node: 'c2', epoch: 3, state: 'running' })
  expect(await step(w, i)).toMatchObject({ reason: 'OwnershipUnclear' })
  expect(w.deps.waitingRoom.size).toBe(1)
  expect(scheduled(i)).toMatchObject({ status: 'False', reason: 'OwnershipUnclear' })
  w.report('instance', i, { node: 'c2', epoch: 3, state: 'gone' })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(w.deps.waitingRoom.size).toBe(0)
})

describe('the placement', () => {
  test('is whole, and nothing of the place before is left', async () => {
    const w = machineWorld()
    const old = (type: string) => ({
      type,
      status: 'True' as const,
      reason: 'r',
      message: 'm',
      lastTransitionTime: 't',
    })
    const stages = [
      'Admitted',
      'Scheduled',
      'ImageCached',
      'NetworkAttached',
      'VolumesAttached',
      'Booted',
      'ResizePending',
    ]
    const i = moving(
      w,
      { flavorRef: { name: 'big' } },
      {
        ...{ state: 'ERROR', restarts: 3, nextFlavor: { ...SMALL, name: 'big' } },
        ...{ addresses: [{ network: 'old', port: 'p' }], conditions: stages.map(old) },
      },
    )
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    const { node } = i.status!
    expect(i.status).toMatchObject({ state: 'BUILD', epoch: 2, addresses: [], flavor: { name: 'big' } })
    for (const gone of ['pendingReleases', 'restarts', 'nextFlavor']) expect(i.status).not.toHaveProperty(gone)
    expect(i.status?.conditions?.map(({ type }) => type)).toEqual(['Admitted', 'Scheduled', 'Reconciling'])
    expect(scheduled(i)).toMatchObject({ status: 'True', message: 'a node was chosen' })
    expect(i.status?.scheduling).toEqual({ node, score: expect.any(Number), total: 2, evaluated: 2, filters: [] })
    expect(w.events).toEqual(['Scheduled'])
    expect(w.deps.scheduler.findClaim('uid-vm')).toMatchObject([{ node }])
  })

  test.each<[string, number, string]>([
    ['that fits', 512, 'other'],
    ['that fits nowhere', 9000, 'small'],
  ])('of a machine that wishes for a size %s', async (_, memoryMiB, expected) => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('other', { memoryMiB }))
    const i = moving(w, { flavorRef: { name: 'other' } })
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(sizeOf(i)).toBe(expected)
  })

  test('of a machine that wishes for a Flavor that is gone is with its own', async () => {
    const w = machineWorld()
    const i = moving(w, { flavorRef: { name: 'gone' } })
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(sizeOf(i)).toBe('small')
  })

  test.each<[string, Partial<Instance['spec']>, object, object, string]>([
    ['its zone', { availabilityZone: 'c2' }, {}, {}, 'saved'],
    ['a zone that no node is in', { availabilityZone: 'moon' }, {}, {}, 'AvailabilityZoneFilter 2'],
    ['KVM, by its Flavor', {}, { extraSpecs: { 'hw:require_kvm': 'true' } }, {}, 'has no KVM'],
    ['KVM, by its image', {}, {}, { properties: { hw_require_kvm: 'true' } }, 'has no KVM'],
    ['no KVM, by a word that is none', {}, {}, { properties: { hw_require_kvm: 'false' } }, 'saved'],
  ])('keeps to %s', async (_, spec, flavor, image, said) => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('small', flavor))
    w.put('images', parts.image(image))
    const i = bare(spec)
    const outcome = await step(w, i)
    if (said === 'saved') expect(outcome.kind).toBe(said)
    else expect(outcome).toMatchObject({ reason: 'NoValidHost', message: expect.stringContaining(said) })
    if (spec.availabilityZone === 'c2') expect(i.status?.node).toBe('c2')
  })

  test('waits for room, woken by it, and says why once', async () => {
    const w = machineWorld()
    for (const node of ['c1', 'c2']) setSize(w, node, `big-${node}`, { vcpus: 1, memoryMiB: 4096, diskGiB: 1 })
    const i = bare()
    for (let n = 0; n < 2; n++) {
      const outcome = await step(w, i)
      expect(outcome).toMatchObject({ kind: 'wait', reason: 'NoValidHost', message: expect.stringContaining('memory') })
      expect(outcome).not.toMatchObject({ retryAfterMs: expect.any(Number) })
    }
    expect([w.deps.waitingRoom.size, w.events]).toEqual([1, ['NoValidHost']])
    expect(i.status?.scheduling).toStrictEqual({
      total: 2,
      evaluated: 2,
      filters: [{ name: 'RamFilter', refused: 2, example: expect.stringMatching(/^c1 /) }],
    })
    w.deps.scheduler.forget('big-c1')
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect([w.deps.waitingRoom.size, i.status?.node]).toEqual([0, 'c1'])
  })

  test('says what it waits for: of its filters, its group and its hints, and of both sizes that it may start with', async () => {
    const w = machineWorld()
    const enter = jest.spyOn(w.deps.waitingRoom, 'enter')
    for (const node of ['c1', 'c2']) setSize(w, node, `big-${node}`, { vcpus: 1, memoryMiB: 4096, diskGiB: 1 })
    w.put('serverGroups', stored<ServerGroup>('apart', { policy: 'anti-affinity' }))
    const hints = { sameHost: ['a'], differentHost: ['b'] }
    await step(w, bare({ serverGroupRef: { name: 'apart' }, schedulerHints: hints }))
    const said = { for: 'place' as const, group: 'ns/apart', named: ['ns/a', 'ns/b'] }
    expect(enter).toHaveBeenLastCalledWith('ns/it', { ...said, turns: new Set(['freed']) })
    w.put('flavors', parts.flavor('none', { memoryMiB: 1, extraSpecs: { ssd: 'true' } }))
    await step(w, bare({ flavorRef: { name: 'none' } }))
    expect(enter).toHaveBeenLastCalledWith('ns/it', { for: 'place', named: [], turns: new Set() })
    await step(w, bare({ flavorRef: { name: 'none' } }, { flavor: { ...SMALL, name: 'small' }, epoch: 1 }))
    expect(enter).toHaveBeenLastCalledWith('ns/it', { for: 'place', named: [], turns: new Set(['freed']) })
  })

  test('examples are of the nearest misses alone', async () => {
    const w = machineWorld()
    const node = { up: true, hypervisor: 'libvirt', zone: 'moon', capacity: { vcpus: 4, memoryMiB: 0, diskGiB: 40 } }
    w.deps.scheduler.putNode({ ...node, name: 'down', up: false })
    w.deps.scheduler.putNode({ ...node, name: 'emulated', acceleration: 'qemu' })
    w.deps.scheduler.putNode({ ...node, name: 'full', acceleration: 'kvm' })
    w.put('flavors', parts.flavor('small', { extraSpecs: { 'hw:require_kvm': 'true' } }))
    const i = bare({ availabilityZone: 'moon' })
    await step(w, i)
    expect(i.status?.scheduling?.filters?.map((filter) => [filter.name, 'example' in filter])).toEqual([
      ['RamFilter', true],
      ['ComputeCapabilitiesFilter', true],
      ['AvailabilityZoneFilter', true],
      ['ComputeFilter', false],
    ])
  })
})

test('a closed node gets nothing new', async () => {
  const w = machineWorld()
  putNode(w, 'c1', { lost: 'Confirmed' })
  const i = bare()
  await step(w, i)
  expect(i.status?.node).toBe('c2')
})

test('equal machines that come together share one pass over the nodes', async () => {
  const w = machineWorld()
  for (let i = 0; i < 6; i++) {
    const vm = bare()
    Object.assign(vm.metadata, { name: `vm-${i}`, uid: `uid-${i}` })
    expect(await step(w, vm)).toMatchObject({ kind: 'saved' })
  }
  expect(w.deps.scheduler.passes).toBe(1)
})

test('a node that takes its time costs no second write: the placement says what the next run says', async () => {
  const w = machineWorld()
  const i = bare()
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  const { reason, message } = findCondition(i.status?.conditions, 'Reconciling') ?? {}
  const placed = structuredClone(i.status)
  expect(await step(w, i)).toEqual({ kind: 'wait', reason, message })
  expect(i.status).toEqual(placed)
})
