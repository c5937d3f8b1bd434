// SPDX-License-Identifier: Apache-2.0
// Decisions that are kept, against ones that are made anew each time: whatever happens between two equal machines, nothing tells them apart.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseNode } from './choose.ts'
import { ALL_FILTERS } from './filters/all.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { NodeFacts } from './nodes/node-facts.ts'
import { policyOf, type Policy } from './policy.ts'
import { compileProfile } from './profiles/compile-profile.ts'
import { BUILT_IN } from './profiles/built-in.ts'
import { Scheduler } from './scheduler.ts'
import { aggregatesWith, nodeFacts, placementRequest } from './testing.ts'
import { ALL_WEIGHERS } from './weighers/all.ts'

const few = (max: number) => fc.integer({ min: 0, max })
const name = few(90).map((i) => `n${i}`)
const uid = few(30).map((i) => `u${i}`)
const AGGREGATES = aggregatesWith({ ssd: 'true', weight: '2' }, { max_instances_per_host: '2' })
const facts: fc.Arbitrary<NodeFacts> = fc.record({
  name,
  up: fc.constantFrom(true, true, true, false),
  hypervisor: fc.constant('libvirt'),
  zone: fc.constantFrom('z1', 'z2'),
  capacity: fc.record({ vcpus: few(3), memoryMiB: few(9), diskGiB: few(9) }),
  aggregates: fc.subarray(AGGREGATES),
  pciDevices: fc.record({ dc: fc.constant({ count: 1, direct: 1, macvtap: 0 }) }),
})
const ONE = { vcpus: 1, memoryMiB: 1, diskGiB: 1 }
/** Few of them, so that most have been asked before. */
const REQUESTS: Partial<PlacementRequest>[] = [
  {},
  { availabilityZone: 'z1', image: 'ns/i', imageUid: 'i1' },
  { image: 'ns/i', imageUid: 'i1', amounts: { vcpus: 1, memoryMiB: 3, diskGiB: 2 } },
  { hints: { query: '["<", "$num_instances", 2]' } },
  { amounts: { ...ONE, pciDevices: { dc: { direct: 1, macvtap: 0 } } } },
  { amounts: { vcpus: 90, memoryMiB: 1, diskGiB: 1 } },
  { group: { key: 'ns/g', policy: 'anti-affinity', most: 1 } },
  { group: { key: 'ns/g', policy: 'soft-affinity', most: 1 } },
  { hints: { sameHost: new Set(['n1', 'n2']) } },
  { excluded: new Map([['n1', 'refused it']]) },
]
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: facts }) },
  { weight: 1, arbitrary: fc.record({ remove: name }) },
  { weight: 2, arbitrary: fc.record({ forget: uid }) },
  { weight: 1, arbitrary: fc.record({ confirm: uid, on: name, isBuilding: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ built: name, failed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ image: name, isThere: fc.boolean() }) },
  {
    weight: 9,
    arbitrary: fc.record({ place: uid, as: fc.constantFrom(...REQUESTS), times: fc.constantFrom(1, 1, 5) }),
  },
)
const own = compileProfile({
  customFilters: [{ name: 'Own', expression: 'node.freeDiskGiB > 2 || node.zone == "z1"' }],
  customWeighers: [
    { name: 'Own', expression: 'node.freeVcpus - node.instances' },
    { name: 'Shared', expression: 'node.zone == "z1" || "ssd" in aggregate.metadata ? 1 : 0' },
  ],
})
if (!own.ok) throw new Error(own.why)
const POLICIES: [string, Policy][] = [
  ...BUILT_IN,
  [
    'one with all there is',
    policyOf(
      ALL_FILTERS,
      ALL_WEIGHERS.map((one) => ({ ...one, multiplier: one.multiplier || 1 })),
    ),
  ],
  ['one with expressions', own.policy],
]

function act(
  scheduler: Scheduler,
  one: Exclude<typeof step extends fc.Arbitrary<infer T> ? T : never, { place: string }>,
): void {
  if ('put' in one) scheduler.putNode(one.put)
  else if ('remove' in one) scheduler.removeNode(one.remove)
  else if ('forget' in one) scheduler.forget(one.forget)
  else if ('built' in one) scheduler.recordBuild(one.built, { failed: one.failed })
  else if ('image' in one) scheduler.images.set('i1', one.image, one.isThere)
  else scheduler.confirm(one.confirm, [{ node: one.on, amounts: ONE, isBuilding: one.isBuilding }])
}

test.each(POLICIES)('by profile %s, equal machines are decided as if each were the first', (_, policy) => {
  fc.assert(
    fc.property(
      fc.array(facts, { maxLength: 90 }),
      fc.array(step, { minLength: 20, maxLength: 60 }),
      (nodes, steps) => {
        const scheduler = new Scheduler()
        for (const one of nodes) scheduler.putNode(one)
        for (const one of steps) {
          if (!('place' in one)) {
            act(scheduler, one)
            continue
          }
          for (let i = 0; i < one.times; i++) {
            const request = placementRequest({ uid: `${one.place}-${i}`, amounts: ONE, ...one.as })
            scheduler.forget(request.uid)
            const twin = twinOf(scheduler, request, policy)
            expect(scheduler.place(request, policy)).toEqual(twin)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

/** What a scheduler without memory decides of the same nodes. */
function twinOf({ nodes, images, membersOn }: Scheduler, request: PlacementRequest, { settings, ...policy }: Policy) {
  const imageRows = request.imageUid === undefined ? undefined : images.rowsOf(request.imageUid)
  const { group } = request
  return chooseNode(
    nodes,
    {
      ...{ ...request, settings },
      ...(group ? { group: { ...group, membersOn: membersOn(group.key) } } : {}),
      ...(imageRows ? { imageRows } : {}),
    },
    { ...policy, settings },
  )
}

describe('one pass over the nodes', () => {
  const cloud = () => {
    const scheduler = new Scheduler()
    for (let i = 0; i < 500; i++)
      scheduler.putNode(nodeFacts({ name: `n${i}`, capacity: { vcpus: 64, memoryMiB: 65_536, diskGiB: 1_000 } }))
    return scheduler
  }
  const place = (scheduler: Scheduler, i: number, more: Partial<PlacementRequest> = {}) =>
    expect(scheduler.place(placementRequest({ uid: `u${i}`, ...more })).ok).toBe(true)
  const size = (vcpus: number) => ({ amounts: { vcpus, memoryMiB: 1024, diskGiB: 1 } })
  test('is enough for a thousand equal machines', () => {
    const scheduler = cloud()
    for (let i = 0; i < 1_000; i++) place(scheduler, i)
    expect(scheduler.passes).toBe(1)
  })
  test('also with others between them, once they were seen, and while some go', () => {
    const scheduler = cloud()
    for (let i = 0; i < 1_000; i++) {
      place(scheduler, i, size(1 + (i % 4)))
      if (i % 3 === 0) scheduler.forget(`u${i}`)
    }
    expect(scheduler.passes).toBeLessThanOrEqual(8)
  })
  test('is what each of a thousand different ones takes', () => {
    const scheduler = cloud()
    for (let i = 0; i < 1_000; i++) place(scheduler, i, { amounts: { vcpus: 1, memoryMiB: 1024 + i, diskGiB: 1 } })
    expect(scheduler.passes).toBe(1_000)
  })
  test('is enough for a machine that waits, while single nodes change', () => {
    const scheduler = cloud()
    const ask = () =>
      scheduler.place(placementRequest({ uid: 'waits', amounts: { vcpus: 257, memoryMiB: 1, diskGiB: 1 } }))
    for (let i = 0; i < 1_000; i++) {
      expect(ask().ok).toBe(false)
      place(scheduler, i, size(1))
    }
    expect(scheduler.passes).toBeLessThanOrEqual(4)
    scheduler.putNode(nodeFacts({ name: 'n7', capacity: { vcpus: 128, memoryMiB: 65_536, diskGiB: 1_000 } }))
    expect(ask()).toMatchObject({ node: 'n7' })
  })
  test('is enough for each of many that wait, whatever each of them asks for', () => {
    const scheduler = cloud()
    const ask = (i: number) => {
      const hints = { query: `["=", "$host", "none-${i}"]` }
      expect(scheduler.place(placementRequest({ uid: `waits-${i}`, hints })).ok).toBe(false)
    }
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 300; i++) ask(i)
      place(scheduler, round)
      if (round > 1) expect(scheduler.passes).toBeLessThanOrEqual(610)
    }
  })
})
