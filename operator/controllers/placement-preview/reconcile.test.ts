// SPDX-License-Identifier: Apache-2.0
// What a PlacementPreview promises: the answer that the scheduler would give, and nothing but the answer.
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { PlacementPreview, SchedulerProfile, ServerGroup } from '../../../lib/api/types.ts'
import { active, CAPACITY, machine, machineWorld, parts, setSize, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { describeAnswer } from './describe.ts'
import { reconcilePlacementPreview } from './reconcile.ts'

type Spec = PlacementPreview['spec']
let w: MemoryWorld
beforeEach(() => void (w = machineWorld()))

const TEMPLATE = { flavorRef: { name: 'small' }, imageRef: { name: 'guest' } }
const CREATED = '2026-01-01T00:00:00Z'
const preview = (spec: Partial<Spec> = {}, more: object = {}) => {
  const isWhole = spec.instanceRef !== undefined || spec.drainNode !== undefined
  const made = stored<PlacementPreview>('why', isWhole ? spec : { template: TEMPLATE, ...spec }, more)
  made.metadata.creationTimestamp = CREATED
  return made
}
const ask = async (spec: Partial<Spec> = {}, more: object = {}) => {
  const asked = preview(spec, more)
  const outcome = await reconcilePlacementPreview(asked, w.deps, w.run)
  return { outcome, status: asked.status ?? {}, said: describeAnswer(asked) }
}
const limit = (amounts: Record<string, number>) =>
  w.deps.quotas.limit(
    'ns',
    new Map(Object.entries(amounts).map(([key, amount]) => [key, { amount, by: 'Quota ns/main' }])),
  )

describe('where a machine would go', () => {
  test('is where it goes, with the same explanation', async () => {
    setSize(w, 'c1', 'other', { vcpus: 4, memoryMiB: 2048, diskGiB: 10 })
    const { outcome, status, said } = await ask()
    expect(outcome).toEqual({ kind: 'done', retryAfterMs: 600_000 })
    const real = machine({ networks: [] })
    await step(w, real)
    expect(real.status?.node).toBe('c2')
    expect(status).toEqual({
      ...{ state: 'Succeeded', completionTime: CREATED, fits: 1, instances: 1 },
      placements: [{ node: 'c2', instances: 1 }],
      scheduling: real.status?.scheduling,
    })
    expect(said).toBe('it fits: on c2')
  })

  test('nothing is claimed, promised or made by it', async () => {
    limit({ instances: 5 })
    const before = JSON.stringify(w.deps.scheduler.nodes.list().map((n) => [n.name, n.usedMemoryMiB, n.instances]))
    await ask({ count: 3, template: { ...TEMPLATE, networks: [{ networkRef: { name: 'lan' } }] } })
    expect(JSON.stringify(w.deps.scheduler.nodes.list().map((n) => [n.name, n.usedMemoryMiB, n.instances]))).toBe(
      before,
    )
    expect([...w.deps.quotas.project('ns').reserved]).toEqual([])
    expect([w.deps.caches.ports.list(), w.events, w.deps.waitingRoom.size]).toEqual([[], [], 0])
  })

  test('of several, each takes its room before the next is judged', async () => {
    w.put('flavors', parts.flavor('large', { memoryMiB: 3000 }))
    const { status, said } = await ask({ count: 5, template: { ...TEMPLATE, flavorRef: { name: 'large' } } })
    expect(status).toMatchObject({ fits: 2, scheduling: { filters: [{ name: 'RamFilter', refused: 2 }] } })
    expect(status.placements).toEqual([
      { node: 'c1', instances: 1 },
      { node: 'c2', instances: 1 },
    ])
    expect(said).toMatch(
      /^2 of 5 fit: 1 on c1, 1 on c2; all 2 nodes were refused: RamFilter 2 \(c1 has \d+ of 4096 MiB/,
    )
  })

  test('by its ServerGroup, with the members that there are', async () => {
    w.put('serverGroups', stored<ServerGroup>('apart', { policy: 'anti-affinity' }, { status: { state: 'ACTIVE' } }))
    const grouped = machine({ networks: [], serverGroupRef: { name: 'apart' }, availabilityZone: 'c1' })
    await step(w, grouped)
    const { status, said } = await ask({ count: 2, template: { ...TEMPLATE, serverGroupRef: { name: 'apart' } } })
    expect(status).toMatchObject({ fits: 1, placements: [{ node: 'c2' }] })
    expect(said).toContain('ServerGroupAntiAffinityFilter 2')
  })

  test.each([
    ['a zone', { availabilityZone: 'c1' }, 'c1'],
    ['the node that an administrator names', { schedulerHints: { node: 'c2' } }, 'c2'],
    ['the nodes of other machines', { schedulerHints: { differentHost: ['vm'] } }, 'c2'],
  ])('keeps to %s', async (_, more, node) => {
    await step(w, machine({ networks: [], availabilityZone: 'c1' }))
    expect((await ask({ template: { ...TEMPLATE, ...more } })).status.placements).toEqual([{ node, instances: 1 }])
  })

  test('keeps to what its Ports need, made or not', async () => {
    const vhost = { networks: [{ networkRef: { name: 'lan' }, vnicType: 'vhostuser' as const }] }
    expect((await ask({ template: { ...TEMPLATE, ...vhost } })).said).toContain('DpdkFilter 2')
    w.put('images', parts.image({ properties: { hw_vif_type: 'vhostuser' } }))
    const usual = { networks: [{ networkRef: { name: 'lan' } }] }
    expect((await ask({ template: { ...TEMPLATE, ...usual } })).said).toContain('DpdkFilter 2')
  })
})

test('what cannot be answered yet costs no copy of the table', async () => {
  const fork = jest.spyOn(w.deps.scheduler, 'fork')
  for (const spec of [{ template: { ...TEMPLATE, flavorRef: { name: 'none' } } }, { drainNode: 'none' }])
    expect((await ask(spec)).outcome).toMatchObject({ kind: 'wait' })
  expect(fork).not.toHaveBeenCalled()
  await ask()
  expect(fork).toHaveBeenCalledTimes(1)
})

describe('an Instance that there is', () => {
  test('is judged as if it were placed anew, without the room that it has', async () => {
    w.put('flavors', parts.flavor('small', { memoryMiB: 3500 }))
    const real = await active(w)
    setSize(w, real.status?.node === 'c1' ? 'c2' : 'c1', 'other', { vcpus: 1, memoryMiB: 4000, diskGiB: 1 })
    limit({ instances: 1 })
    const { status } = await ask({ instanceRef: { name: 'vm' }, count: 2 })
    expect(status).toMatchObject({ fits: 1, placements: [{ node: real.status?.node, instances: 1 }] })
    expect(status.overQuota).toMatch(/^Quota ns\/main allows 1 instances: 1 is taken, and this needs 1/)
  })

  test('that has no place says what it waits for', async () => {
    w.put('flavors', parts.flavor('small', { memoryMiB: 9000 }))
    const real = machine({ networks: [] })
    await step(w, real)
    limit({ instances: 1 })
    const { status, said } = await ask({ instanceRef: { name: 'vm' } })
    expect(status).toMatchObject({ fits: 0, scheduling: real.status?.scheduling })
    expect(said).toMatch(/^it does not fit; all 2 nodes were refused: RamFilter 2/)
  })

  test('reads none of its Secrets', async () => {
    w.put('instances', machine({ networks: [], userDataSecretRef: { name: 'gone', key: 'userData' } }))
    expect((await ask({ instanceRef: { name: 'vm' } })).status).toMatchObject({ fits: 1 })
  })
})

describe('the Quota', () => {
  test.each([
    [{ instances: 2 }, 'Quota ns/main allows 2 instances: 2 are taken, and this needs 1'],
    [{ cores: 2 }, 'Quota ns/main allows 2 cores: 2 are taken'],
    [{ ports: 5 }, 'Quota ns/main allows 5 ports: 4 are taken, and this needs 2'],
  ])('%j ends the answer', async (amounts, why) => {
    limit(amounts)
    const lan = { networkRef: { name: 'lan' } }
    const { status, said } = await ask({ count: 3, template: { ...TEMPLATE, networks: [lan, lan] } })
    expect(status.fits).toBe(2)
    expect(status.overQuota).toContain(why)
    expect(said).toContain(`2 of 3 fit: 1 on c1, 1 on c2; ${why}`)
  })

  test('is left out of it for an administrator who asks for that', async () => {
    limit({ instances: 1 })
    expect((await ask({ count: 3, ignoreQuota: true })).status).toMatchObject({ fits: 3 })
  })
})

describe('with detail', () => {
  test('each node says what it weighs', async () => {
    setSize(w, 'c1', 'other', { vcpus: 4, memoryMiB: 2048, diskGiB: 10 })
    const { status } = await ask({ detailed: true, count: 2 })
    expect(status.nodes?.map(({ name, instances, score }) => [name, instances, score])).toEqual([
      ['c2', 1, 3000],
      ['c1', 1, 2000],
    ])
    expect(status.nodes?.[0]?.weights).toContainEqual({ name: 'RAMWeigher', weight: 1000 })
  })

  test('or all that refuses the first machine that gets no place', async () => {
    w.put('flavors', parts.flavor('large', { memoryMiB: 2000, rootDiskGiB: 30 }))
    const large = { ...TEMPLATE, flavorRef: { name: 'large' } }
    const { status } = await ask({ detailed: true, count: 3, limit: 1, template: large })
    expect(status.nodes).toMatchObject([
      { name: 'c1', instances: 1, refusedBy: [{ name: 'RamFilter' }, { name: 'DiskFilter' }] },
    ])
    expect(status.placements).toEqual([{ node: 'c1', instances: 1 }])
  })
})

describe('a node that is drained', () => {
  const put = async (name: string, more: object = {}) => {
    const vm = machine({ networks: [], availabilityZone: 'c1', ...more })
    Object.assign(vm.metadata, { name, uid: `uid-${name}` })
    await step(w, vm)
    w.put('instances', vm)
    return vm
  }
  const drain = (more: object = {}) => ask({ drainNode: 'c1', ...more })
  /** As an administrator would change the zones. */
  const joinZones = () => {
    for (const name of ['c1', 'c2'])
      w.deps.scheduler.putNode({ name, up: true, hypervisor: 'libvirt', zone: 'c1', capacity: CAPACITY })
  }

  test('each machine goes where it would be placed, or says why nowhere', async () => {
    await put('a')
    await put('b', { evacuation: 'WhenFenced' })
    w.put('flavors', parts.flavor('large', { memoryMiB: 2500 }))
    await put('c', { flavorRef: { name: 'large' } })
    setSize(w, 'c2', 'other', { vcpus: 1, memoryMiB: 2000, diskGiB: 1 })
    const { status, said } = await drain()
    expect(said).toMatch(/^0 of 3 machines of node c1 would get another place; ns\/a: all 2 nodes were refused: Av/)
    expect(status).toMatchObject({ fits: 0, instances: 3, placements: [] })
    joinZones()
    const after = await drain()
    expect(after.status.machines).toEqual([
      { namespace: 'ns', name: 'c', message: expect.stringContaining('RamFilter 1 (c2 has'), evacuable: false },
      { namespace: 'ns', name: 'a', node: 'c2', evacuable: false },
      { namespace: 'ns', name: 'b', node: 'c2', evacuable: true },
    ])
    expect(after.status.machines?.[0]?.message).toContain('RetryFilter 1 (c1 is the one that is drained)')
    expect(after.said).toMatch(/^2 of 3 machines of node c1 would get another place: 2 on c2; ns\/c: all 2 nodes/)
    expect((await drain({ limit: 1 })).status).toMatchObject({ fits: 2, machines: [{ name: 'c' }] })
  })

  test('machines that are to be together go together, those that are to be apart do not', async () => {
    w.put('serverGroups', stored<ServerGroup>('as-one', { policy: 'affinity' }, { status: { state: 'ACTIVE' } }))
    for (const name of ['a', 'b']) await put(name, { serverGroupRef: { name: 'as-one' } })
    const apart = { policy: 'anti-affinity', maxServersPerHost: 1 } as const
    w.put('serverGroups', stored<ServerGroup>('apart', apart, { status: { state: 'ACTIVE' } }))
    await put('c', { serverGroupRef: { name: 'apart' } })
    await put('d', { serverGroupRef: { name: 'apart' }, availabilityZone: 'c2' })
    joinZones()
    const { status } = await drain()
    expect(status.machines?.map(({ name, node }) => [name, node])).toEqual([
      ['c', undefined],
      ['a', 'c2'],
      ['b', 'c2'],
    ])
  })

  test('nothing of it happens', async () => {
    const vm = await put('a')
    joinZones()
    await drain()
    expect(w.deps.scheduler.findClaim('uid-a')).toMatchObject([{ node: 'c1' }])
    expect(w.deps.caches.instances.findByUid('uid-a')).toEqual(vm)
  })

  test('one without machines, and one that is not there', async () => {
    expect((await drain()).said).toBe('node c1 has no machines')
    expect((await drain({ drainNode: 'c9' })).outcome).toMatchObject({ kind: 'wait', reason: 'NodeNotFound' })
  })

  test('a machine whose image is gone says so', async () => {
    await put('a')
    w.drop('images', w.deps.caches.images.list()[0]!)
    expect((await drain()).status.machines).toMatchObject([
      { name: 'a', message: expect.stringMatching(/^Image ns\/guest/) },
    ])
  })

  test('there is time for only so many', async () => {
    for (const name of ['a', 'b', 'c']) await put(name)
    joinZones()
    let turns = 0
    const asked = preview({ drainNode: 'c1' })
    await reconcilePlacementPreview(asked, w.deps, w.run, { next: async () => ++turns <= 2 })
    expect(asked.status).toMatchObject({ fits: 2, instances: 3, unjudged: 1 })
  })
})

describe('its life', () => {
  test('it waits for what it names, for a minute', async () => {
    const template = { ...TEMPLATE, flavorRef: { name: 'gone' } }
    const { outcome, status } = await ask({ template })
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'FlavorNotFound', retryAfterMs: 60_000 })
    expect(status).toEqual({ state: 'Pending' })
    const late = preview({ template })
    late.metadata.creationTimestamp = '2025-12-31T23:59:00Z'
    expect(await reconcilePlacementPreview(late, w.deps, w.run)).toMatchObject({
      reason: 'FlavorNotFound',
      retryAfterMs: 600_000,
    })
    expect(late.status).toEqual({ state: 'Failed', completionTime: CREATED })
  })

  test('what can never be placed fails it at once', async () => {
    w.put('flavors', parts.flavor('small', { memoryMiB: 64 }))
    w.put('images', parts.image({ minMemoryMiB: 128 }))
    const { outcome, status } = await ask()
    expect([outcome, status.state]).toMatchObject([{ kind: 'wait', reason: 'FlavorTooSmall' }, 'Failed'])
  })

  test('a profile that is broken is waited for', async () => {
    const broken = { customFilters: [{ name: 'Own', expression: 'node.name ==' }] }
    w.put('schedulerProfiles', stored<SchedulerProfile>('default', broken, { namespace: '' }))
    expect((await ask()).outcome).toMatchObject({ kind: 'wait', reason: 'ProfileStalled' })
  })

  test('it is about another namespace where it says so', async () => {
    w.put('instances', machine({ networks: [] }))
    const asked = preview({ instanceRef: { name: 'vm' } }, { namespace: 'admins' })
    expect(await reconcilePlacementPreview(asked, w.deps, w.run)).toMatchObject({ reason: 'InstanceNotFound' })
    const other = preview({ instanceRef: { name: 'vm' }, namespace: 'ns' }, { namespace: 'admins' })
    await reconcilePlacementPreview(other, w.deps, w.run)
    expect(other.status).toMatchObject({ fits: 1 })
  })

  test('an answer is not given twice, and goes after its time', async () => {
    const asked = preview({ ttlSecondsAfterFinished: 60 })
    await reconcilePlacementPreview(asked, w.deps, w.run)
    w.put('placementPreviews', asked)
    const answer = structuredClone(asked.status)
    setSize(w, 'c1', 'big-1', { vcpus: 1, memoryMiB: 4096, diskGiB: 1 })
    setSize(w, 'c2', 'big-2', { vcpus: 1, memoryMiB: 4096, diskGiB: 1 })
    const at = (second: number) => ({ ...w.run, now: new Date(Date.parse(CREATED) + second * 1000) })
    expect(await reconcilePlacementPreview(asked, w.deps, at(59))).toEqual({ kind: 'done', retryAfterMs: 1000 })
    expect(asked.status).toEqual(answer)
    await reconcilePlacementPreview(asked, w.deps, at(60))
    expect(w.deps.caches.placementPreviews.list()).toEqual([])
  })

  test('of more machines than there is time for, it says how many it left out', async () => {
    let turns = 0
    const asked = preview({ count: 9 })
    const pace = { next: async () => ++turns <= 3 }
    await reconcilePlacementPreview(asked, w.deps, w.run, pace)
    expect(asked.status).toMatchObject({ fits: 3, unjudged: 6 })
    expect(describeAnswer(asked)).toMatch(/^3 of 9 fit: .*; 6 were not judged/)
  })
})
