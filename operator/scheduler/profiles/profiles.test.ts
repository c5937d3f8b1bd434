// SPDX-License-Identifier: Apache-2.0
// What SchedulerProfiles come to: which filters and weighers, in which order, and what of expressions is refused before it is evaluated.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readCrds } from '../../../crds/suite/schema.ts'
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { ALL_FILTERS, ASKED_FILTERS, FIRST_FILTERS, LAST_FILTERS } from '../filters/all.ts'
import type { PlacementRequest } from '../filters/request.ts'
import { DEFAULT_POLICY, policyOf } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { aggregatesWith, nodeFacts, placementRequest } from '../testing.ts'
import { ALL_WEIGHERS, ASKED_WEIGHERS } from '../weighers/all.ts'
import { BUILT_IN } from './built-in.ts'
import { compileProfile } from './compile-profile.ts'
import { compileExpression } from './expression.ts'

type Spec = SchedulerProfile['spec']
const compile = (spec: Spec) => {
  const made = compileProfile(spec)
  if (!made.ok) throw new Error(`${made.field}: ${made.why}`)
  return made.policy
}
const namesOf = (all: readonly { name: string }[]) => all.map(({ name }) => name)
const ADDRESSES = { a: '10.0.0.1', b: '10.0.0.2' } as const
const ROOM = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }
const cloud = (...facts: Parameters<typeof nodeFacts>[0][]) => {
  const s = new Scheduler()
  for (const one of facts) s.putNode(nodeFacts({ capacity: ROOM, ...one }))
  return s
}

describe('filters and weighers', () => {
  test('that nothing is said of are those of the built-in default', () => {
    expect(compile({})).toEqual(DEFAULT_POLICY)
    expect(BUILT_IN.get('default')).toBe(DEFAULT_POLICY)
  })
  test('are those that it names, in its order, between those without which no machine runs', () => {
    const { filters, weighers } = compile({
      filters: ['RamFilter', 'AvailabilityZoneFilter'],
      weighers: [{ name: 'CPUWeigher', multiplier: '-2.5' }, { name: 'RAMWeigher' }],
    })
    const own = ['RamFilter', 'AvailabilityZoneFilter']
    const asked = namesOf(ASKED_FILTERS).filter((name) => !own.includes(name))
    expect(namesOf(filters)).toEqual([...namesOf(FIRST_FILTERS), ...own, ...asked, ...namesOf(LAST_FILTERS)])
    expect(weighers.map(({ name, multiplier }) => [name, multiplier])).toEqual([
      ['CPUWeigher', -2.5],
      ['RAMWeigher', 1],
      ...ASKED_WEIGHERS.map(({ name }) => [name, 1]),
    ])
  })
  const away = { a: 'b', b: 'a' } as const
  const asks: [string, (on: 'a' | 'b') => Partial<PlacementRequest>][] = [
    ['AvailabilityZoneFilter', (on) => ({ availabilityZone: `zone-${on}` })],
    ['SameHostFilter', (on) => ({ hints: { sameHost: new Set([on]) } })],
    ['DifferentHostFilter', (on) => ({ hints: { differentHost: new Set([away[on]]) } })],
    ['SimpleCIDRAffinityFilter', (on) => ({ hints: { buildNearHostIP: ADDRESSES[on], prefix: 32 } })],
    ['JsonFilter', (on) => ({ hints: { query: `["=", "$host", "${on}"]` } })],
    ['ServerGroupAffinityFilter', (on) => ({ group: { key: `ns/on-${on}`, policy: 'affinity', most: 1 } })],
    [
      'ServerGroupAntiAffinityFilter',
      (on) => ({ group: { key: `ns/on-${away[on]}`, policy: 'anti-affinity', most: 1 } }),
    ],
    ['ServerGroupSoftAffinityWeigher', (on) => ({ group: { key: `ns/on-${on}`, policy: 'soft-affinity', most: 1 } })],
    [
      'ServerGroupSoftAntiAffinityWeigher',
      (on) => ({ group: { key: `ns/on-${away[on]}`, policy: 'soft-anti-affinity', most: 1 } }),
    ],
  ]
  test.each(asks)('what an Instance asks for by %s holds in a profile that does not name it', (_, ask) => {
    for (const policy of [compile({ filters: ['RamFilter'], weighers: [] }), BUILT_IN.get('chance')])
      for (const on of ['a', 'b'] as const) {
        const s = new Scheduler()
        for (const name of ['a', 'b'] as const) {
          s.putNode(nodeFacts({ name, zone: `zone-${name}`, address: ADDRESSES[name] }))
          s.confirm(`on-${name}`, [{ node: name, amounts: { ...ROOM, diskGiB: 1 }, group: `ns/on-${name}` }])
        }
        expect(
          s.place(placementRequest({ amounts: { vcpus: 1, memoryMiB: 0, diskGiB: 1 }, ...ask(on) }), policy),
        ).toMatchObject({
          node: on,
        })
      }
  })
  test('all that an Instance asks for by itself is among these', () => {
    expect(asks.map(([name]) => name).sort()).toEqual(namesOf([...ASKED_FILTERS, ...ASKED_WEIGHERS]).sort())
  })
  test('multiplier 0 turns the soft ones off', () => {
    const name = 'ServerGroupSoftAntiAffinityWeigher'
    const weighers: Spec['weighers'] = [{ name, multiplier: '0' }]
    expect(namesOf(compile({ weighers }).weighers).filter((one) => one === name)).toHaveLength(1)
    expect(compile({ weighers }).weighers[0]).toMatchObject({ multiplier: 0 })
  })
  test('none is none', () => {
    expect(compile({ filters: [], weighers: [] })).toEqual(policyOf([], []))
  })
  test('that this version does not have break it', () => {
    expect(compileProfile({ filters: ['NewFilter' as never] })).toEqual({
      ...{ ok: false, field: 'spec.filters[0]', why: 'this version has no NewFilter' },
    })
    expect(compileProfile({ weighers: [{ name: 'NewWeigher' as never }] })).toMatchObject({
      field: 'spec.weighers[0].name',
    })
  })
  test.each([
    ['filters', ALL_FILTERS],
    ['weighers', ALL_WEIGHERS],
  ])('the schema knows the same %s', (field, all) => {
    const crd = readCrds().find(({ spec }) => spec.names.kind === 'SchedulerProfile')
    const listed = crd?.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec']?.properties?.[field]?.items
    const names = listed?.enum ?? listed?.properties?.['name']?.enum ?? []
    expect([...names].sort()).toEqual(namesOf(all).sort())
  })
  test('what it says to them is what they go by', () => {
    const images = [{ namespace: 'images', name: 'windows' }]
    const { settings } = compile({ maxInstancesPerHost: 3, isolation: { nodes: ['a'], images } })
    expect(settings).toEqual({
      ...{ maxInstancesPerHost: 3, maxIoOpsPerHost: 8 },
      isolation: { nodes: new Set(['a']), images: new Set(['images/windows']), restrict: true },
    })
  })
  test('isolation holds whether its filter is named or not', () => {
    const isolation = { nodes: ['a'], images: [{ namespace: 'images', name: 'windows' }] }
    const specs: Spec[] = [{}, { filters: ['RamFilter'] }, { filters: ['IsolatedHostsFilter'] }]
    for (const spec of specs) {
      const policy = compile({ ...spec, isolation })
      expect(namesOf(policy.filters).filter((name) => name === 'IsolatedHostsFilter')).toHaveLength(1)
      const placed = cloud({ name: 'a' }).place(placementRequest({ image: 'images/debian' }), policy)
      expect(placed).toMatchObject({ ok: false, why: expect.stringContaining('is for isolated images alone') })
    }
  })
  test('settings reach the filters of a placement', () => {
    const s = cloud({ name: 'a' })
    const policy = compile({ filters: ['NumInstancesFilter'], maxInstancesPerHost: 1 })
    expect(s.place(placementRequest({ uid: 'u1' }), policy).ok).toBe(true)
    expect(s.place(placementRequest({ uid: 'u2' }), policy)).toMatchObject({
      ok: false,
      why: expect.stringContaining('1 may be'),
    })
    expect(s.place(placementRequest({ uid: 'u2' })).ok).toBe(true)
  })
  test('the allocation ratio of an aggregate counts for growing, too, where the profile has its filter', () => {
    const s = cloud({ name: 'a', aggregates: aggregatesWith({ cpu_allocation_ratio: '8' }) })
    const policy = compile({ filters: ['AggregateCoreFilter'] })
    const amounts = { vcpus: 32, memoryMiB: 1024, diskGiB: 10 }
    expect(s.place(placementRequest(), policy).ok).toBe(true)
    expect(s.resize('a', placementRequest({ amounts }))).toContain('has 16 of 16 vCPUs free')
    expect(s.resize('a', placementRequest({ amounts }), policy)).toBeUndefined()
  })
})

describe('built in', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => ({ name }))
  test('chance goes anywhere that filters let it', () => {
    const s = cloud(...nodes)
    s.confirm('big', [{ node: 'a', amounts: { ...ROOM, vcpus: 0, memoryMiB: 1024, diskGiB: 9 } }])
    const seen = Array.from({ length: 40 }, (_, i) => {
      const choice = s.place(placementRequest({ uid: `u${i}` }), BUILT_IN.get('chance'))
      s.forget(`u${i}`)
      return choice.ok && choice.node
    })
    expect(new Set(seen)).toEqual(new Set(['a', 'b', 'c', 'd']))
  })
  test('simple takes the node with the most cores left, whatever else', () => {
    const s = cloud(...nodes)
    for (const { name } of nodes)
      s.confirm(`on-${name}`, [{ node: name, amounts: { vcpus: name === 'c' ? 0 : 1, memoryMiB: 0, diskGiB: 0 } }])
    s.confirm('memory', [{ node: 'c', amounts: { vcpus: 0, memoryMiB: 3000, diskGiB: 30 } }])
    expect(s.place(placementRequest(), BUILT_IN.get('simple'))).toMatchObject({ node: 'c' })
  })
})

describe('expressions', () => {
  const custom = (expression: string): Spec => ({ filters: [], customFilters: [{ name: 'Own', expression }] })
  const facts = {
    ...{ name: 'n1', zone: 'z1', acceleration: 'qemu', hypervisorVersion: '10.0.2' },
    aggregates: aggregatesWith({ ssd: 'true, nvme' }),
  }
  test.each<[string, boolean]>([
    ['node.freeMemoryMiB >= instance.memoryMiB * 4', true],
    ['node.freeMemoryMiB >= instance.memoryMiB * 5', false],
    ['node.zone == "z1" && node.instances == 0', true],
    ['"ssd" in aggregate.metadata && "nvme" in aggregate.metadata["ssd"]', true],
    ['aggregate.metadata["ssd"].exists(v, v.startsWith("nv"))', true],
    ['aggregate.names.all(name, name != "a1")', false],
    ['flavor.name == "small" && flavor.extraSpecs["tier"] == "gold"', true],
    ['image.properties["os_distro"] == "debian"', true],
    ['instance.namespace == "red" ? node.name == "n1" : true', true],
    ['node.vcpus > 15 && node.freeDiskGiB > 39', true],
    ['has(node.zone) && size(aggregate.names) == 1 && int("2") + 1 == 3 && string(1) == "1"', true],
    ['node.name.upperAscii().startsWith("N") && node.name.indexOf("1") == 1 && node.name.substring(1) == "1"', true],
    ['"a, b".split(",").map(v, v.trim()) == ["a", "b"] && "a,b".split(",").exists_one(v, v.endsWith("b"))', true],
  ])('%s: %s', (expression, passes) => {
    const request = placementRequest({
      ...{ project: 'red', flavor: { name: 'small', extraSpecs: { tier: 'gold' } } },
      imageProperties: { os_distro: 'debian' },
    })
    const choice = cloud(facts).place(request, compile(custom(expression)))
    expect(choice.ok).toBe(passes)
    if (!choice.ok)
      expect(choice.explanation.filters).toEqual([
        { name: 'Own', refused: 1, example: `n1 is refused by ${expression}` },
      ])
  })

  test.each(['instance.namespace in ["bank-a", "bank-b"]', 'image . name == "bank-a/secret"'])(
    '%s may name other projects, and is not said to all',
    (expression) => {
      const choice = cloud(facts).place(placementRequest(), compile(custom(expression)))
      expect(choice).toMatchObject({
        ok: false,
        explanation: { filters: [{ example: 'n1 is refused by its expression' }] },
      })
    },
  )

  test.each([
    ['a key that the node does not have', 'aggregate.metadata["gpu"].size() > 0', 'No such key: gpu'],
    ['a result that is no answer', 'dyn(node.name)', 'is refused by dyn(node.name)'],
    ['division by nothing', '1 / node.instances == 1', 'cannot be judged by its expression'],
  ])('%s refuses the node, and says so', (_, expression, why) => {
    const choice = cloud(facts).place(placementRequest(), compile(custom(expression)))
    expect(choice).toMatchObject({ ok: false, why: expect.stringContaining(why) })
  })

  test.each([
    ['node.name ==', /./],
    ['node.', /./],
    ['unknown.x == 1', /Unknown variable: unknown/],
    ['1 + "a" == 2', /no such overload/],
    ['"text"', /gives string, not bool/],
    ['node.name', /gives string, not bool/],
    ['node.gpus > 0', /No such key: gpus/],
    ['node.name + node.zone == "n1z1"', /^\+ adds numbers alone/],
    ['["a"] + aggregate.names == ["b"]', /^\+ adds numbers alone/],
    ['aggregate.names.map(n, n + n) == ["aa"]', /^\+ adds numbers alone/],
    ['dyn(node.name) + node.zone == "n1z1"', /^\+ adds numbers alone/],
    ['cel.bind(v, [1], v.size() > 0)', /bind is not allowed/],
    ['node.name.matches("^(a+)+$")', /matches is not allowed: an expression may call all, bool, .*upperAscii$/],
    // Sixty characters would be as many to the fourth.
    [`"aaaa"${'.split("").join("aaaa")'.repeat(3)}.size() > 0`, /join is not allowed/],
    ['timestamp("2026-01-01T00:00:00Z").getHours("Europe/Berlin") > 0', /getHours is not allowed/],
    ['bytes(node.name).hex() == ""', /hex is not allowed/],
    ['aggregate.names.exists(a, bytes(a).size() > 1)', /bytes is not allowed/],
    ['aggregate.names.all(a, aggregate.names.exists(b, a == b))', /inside of another walk/],
    ['aggregate.names.map(a, a).all(b, aggregate.names.exists(c, b == c))', /inside of another walk/],
    [`${'('.repeat(40)}true${')'.repeat(40)} && ${'!'.repeat(40)}true`, /./],
    [Array.from({ length: 300 }, () => 'true').join(' && '), /./],
  ])('%s breaks the profile', (expression, why) => {
    expect(compileProfile(custom(expression))).toEqual({
      ...{ ok: false, field: 'spec.customFilters[0].expression', why: expect.stringMatching(why) },
    })
  })

  test.each([
    ['node.zone == "z1" && flavor.name != "x" && "ssd" in aggregate.metadata', 'class'],
    ['aggregate.names.exists(a, a == node.zone) || instance.vcpus + 1 > 2', 'class'],
    ['node.name == "n1"', 'row'],
    ['node.freeVcpus + 1 > 2 || node.zone == "z1"', 'row'],
    ['dyn(node) == dyn(node)', 'row'],
  ])('%s is asked of each %s', (expression, by) => {
    const { filters } = compile({
      ...custom(expression),
      customWeighers: [{ name: 'Own', expression: `${expression} ? 1 : 0` }],
    })
    expect(filters.find(({ name }) => name === 'Own')?.by).toBe(by)
  })

  test('one that reads the UID shares nothing with other machines', () => {
    const s = cloud({ name: 'a' }, { name: 'b' })
    const policy = compile(custom('instance.uid == "u1" ? node.name == "a" : node.name == "b"'))
    const nodes = ['u1', 'u2', 'u1', 'u3'].map((uid) => s.place(placementRequest({ uid }), policy))
    expect(nodes).toMatchObject([{ node: 'a' }, { node: 'b' }, { node: 'a' }, { node: 'b' }])
  })

  test('what is known of a node follows it', () => {
    const s = cloud({ name: 'a' })
    const policy = compile(custom('node.instances < 2 && node.freeDiskGiB >= 10'))
    const fits = (uid: string) => s.place(placementRequest({ uid }), policy).ok
    expect([fits('u1'), fits('u2'), fits('u3')]).toEqual([true, true, false])
    s.forget('u1')
    expect(fits('u3')).toBe(true)
  })

  test('one walk behind another is cheap enough', () => {
    expect(compileProfile(custom('aggregate.names.all(a, a != "") && aggregate.names.exists(b, b != "")')).ok).toBe(
      true,
    )
  })

  test('whatever is written, it is a profile or a reason', () => {
    const piece = fc.constantFrom(
      'node',
      '.name',
      '==',
      '&&',
      '(',
      ')',
      '1',
      '"a"',
      '[',
      ']',
      '.all(x, x)',
      '?',
      ':',
      ' in ',
      '!',
      '{}',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
        ),
        (text) => {
          const made = compileExpression(text, ['bool'])
          expect(made.ok ? typeof made.evaluate : typeof made.why).toMatch(/function|string/)
        },
      ),
    )
  })

  test('weigh nodes; what fails weighs nothing', () => {
    const s = cloud({ name: 'a' }, { name: 'b', aggregates: aggregatesWith({ tier: '5' }) })
    const spec = {
      weighers: [],
      customWeighers: [{ name: 'Tier', expression: 'double(aggregate.metadata["tier"][0])', multiplier: '-1' }],
    }
    expect(s.place(placementRequest({ uid: 'u1' }), compile(spec))).toMatchObject({ node: 'a' })
    spec.customWeighers[0]!.multiplier = '1'
    expect(s.place(placementRequest({ uid: 'u2' }), compile(spec))).toMatchObject({ node: 'b' })
    expect(compileProfile({ customWeighers: [{ name: 'Own', expression: 'node.name == "a"' }] })).toMatchObject({
      why: 'it gives bool, not int or uint or double',
    })
  })
})
