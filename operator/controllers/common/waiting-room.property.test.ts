// SPDX-License-Identifier: Apache-2.0
// Whoever waits for a node hears of all that may give it one: against a room that wakes everybody each time, with clouds, machines, profiles and events at random.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Instance } from '../../../lib/api/types.ts'
import type { Turn } from '../../scheduler/filters/filter.ts'
import type { NodeFacts } from '../../scheduler/nodes/node-facts.ts'
import type { PlacementRequest } from '../../scheduler/filters/request.ts'
import { changes, facts, names, requests, type Change } from '../../scheduler/oracle/clouds.ts'
import { profiles } from '../../scheduler/oracle/naive-profile.ts'
import type { Policy } from '../../scheduler/policy.ts'
import { compileProfile } from '../../scheduler/profiles/compile-profile.ts'
import { Scheduler } from '../../scheduler/scheduler.ts'
import { tellBuild, tellClaim } from './machine-claims.ts'
import { WaitingRoom } from './waiting-room.ts'

const RUNS = process.env['NEPHELE_TEST_FULL'] === '1' ? 5_000 : 150

/** Machines that want little, or something of others, so that most of them meet. */
const QUERIES = [
  ...['["<", "$num_instances", 1]', '[">", "$num_instances", 1]', '["<", "$num_io_ops", 1]', '[">", "$num_io_ops", 0]'],
  ...[
    '["=", "$failed_builds", 0]',
    '[">", "$failed_builds", 0]',
    '["<", "$free_ram_mb", 5]',
    '[">", "$vcpus_used", 1]',
  ],
  ...['["not", [">", "$free_disk_mb", 3000]]', '["=", "$host", "n1"]'],
]
const EXPRESSIONS = [
  ...['node.instances > 1', 'node.ioOps == 0', 'node.ioOps > 0', 'node.failedBuilds > 0', 'node.failedBuilds == 0'],
  ...['node.freeVcpus < 6', 'node.freeMemoryMiB > 6', 'node.name != "a"', 'size(string(node.freeDiskGiB)) > 1'],
]
const machines = fc.constantFrom('u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8')
const some = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one })
/** Every other one asks for nothing but room, and what its hints, its group and the profile say. */
const plain = fc
  .record({
    uid: machines,
    memoryMiB: fc.integer({ min: 0, max: 8 }),
    policy: fc.constantFrom('affinity' as const, 'anti-affinity' as const, undefined),
  })
  .map(({ uid, memoryMiB, policy }): PlacementRequest => ({
    ...{ uid, amounts: { vcpus: 0, memoryMiB, diskGiB: 0 }, excluded: new Map() },
    ...{ requireKvm: false, needsVhostUser: false },
    ...(policy ? { group: { key: `red/${policy}`, policy, most: 1 } } : {}),
  }))
const asks = fc.record({
  request: fc.oneof(requests, plain),
  sameHost: some(fc.uniqueArray(machines, { minLength: 1, maxLength: 2 })),
  differentHost: some(fc.uniqueArray(machines, { minLength: 1, maxLength: 3 })),
  query: some(fc.constantFrom(...QUERIES)),
})
type Ask = typeof asks extends fc.Arbitrary<infer T> ? T : never
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ place: asks }) },
    { weight: 2, arbitrary: fc.record({ shrink: machines }) },
    { weight: 2, arbitrary: fc.record({ stand: machines, on: names }) },
    { weight: 4, arbitrary: fc.record({ forget: machines }) },
    { weight: 6, arbitrary: changes },
  ),
  { minLength: 20, maxLength: 40, size: 'max' },
)
const policies = fc.oneof(
  { weight: 1, arbitrary: profiles },
  {
    weight: 1,
    arbitrary: fc.record({
      customFilters: fc.tuple(fc.constantFrom(...EXPRESSIONS).map((expression) => ({ name: 'Own', expression }))),
      filters: fc.subarray(['RamFilter', 'IoOpsFilter', 'NumInstancesFilter', 'AggregateIoOpsFilter'] as const),
      maxIoOpsPerHost: fc.integer({ min: 1, max: 2 }),
      maxInstancesPerHost: fc.integer({ min: 1, max: 3 }),
    }),
  },
)

type Step = { place: Ask } | { shrink: string } | { stand: string; on: string } | Change

const keyOf = (uid: string) => `ns/${uid}`
const seen = { waiting: 0, woken: 0, placed: 0 }

class Cloud {
  readonly scheduler = new Scheduler()
  readonly waitingRoom = new WaitingRoom()
  readonly #deps = {
    ...{ scheduler: this.scheduler, waitingRoom: this.waitingRoom },
    claimedNodes: { changed: () => undefined },
  } as unknown as Parameters<typeof tellClaim>[2]
  readonly #policy: Policy
  readonly #waiting = new Map<string, { ask: Ask; turns: ReadonlySet<Turn> }>()
  readonly #woken = new Set<string>()

  constructor(policy: Policy) {
    this.#policy = policy
    this.waitingRoom.onWake((key) => this.#woken.add(key))
  }

  step(one: Step): void {
    this.#happen(one)
    seen.waiting += this.#waiting.size
    for (let rounds = 0; ; rounds++) {
      expect(rounds).toBeLessThan(200)
      const sleeping = [...this.#waiting].filter(([key, { ask }]) => !this.#woken.has(key) && this.#passes(ask))
      expect(sleeping.map(([key]) => key)).toEqual([])
      const [next] = this.#woken
      if (next === undefined) return
      this.#woken.delete(next)
      seen.woken++
      const { ask } = this.#waiting.get(next) ?? {}
      if (ask) this.#run(ask)
      if (!this.#waiting.has(next)) seen.placed++
    }
  }

  turnsOf(uid: string): ReadonlySet<Turn> | undefined {
    return this.#waiting.get(keyOf(uid))?.turns
  }

  #happen(one: Step): void {
    const { scheduler, waitingRoom } = this
    if ('place' in one) this.#run(one.place)
    else if ('put' in one) {
      if (scheduler.putNode(one.put)) waitingRoom.nodeIsOther(one.put.name, scheduler.isOpen(one.put.name))
    } else if ('remove' in one) scheduler.removeNode(one.remove)
    else if ('forget' in one) this.#claim(one.forget, () => scheduler.forget(one.forget))
    else if ('failed' in one) tellBuild(one.on, { failed: one.failed }, this.#deps)
    else if ('image' in one) scheduler.images.set('i1', one.image, one.isThere)
    else if ('stand' in one) {
      const claim = { node: one.on, amounts: { vcpus: 0, memoryMiB: 1, diskGiB: 0 } }
      if (!this.#waiting.has(keyOf(one.stand))) this.#claim(one.stand, () => scheduler.confirm(one.stand, [claim]))
    } else if ('shrink' in one)
      this.#confirm(one.shrink, (claim) => [{ ...claim, amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0 } }])
    else if ('built' in one) this.#confirm(one.built, (claim) => [{ ...claim, isBuilding: false }])
    else this.#confirm(one.also, (claim) => [claim, { ...claim, node: one.on, isBuilding: false }])
  }

  #confirm(uid: string, change: (claim: Claims[number]) => Claims): void {
    const [claim] = this.scheduler.findClaim(uid) ?? []
    if (claim) this.#claim(uid, () => this.scheduler.confirm(uid, change(claim)))
  }

  #claim(uid: string, change: () => void): void {
    const before = this.scheduler.findClaim(uid) ?? []
    change()
    tellClaim({ metadata: { namespace: 'ns', name: uid, uid } } as Instance, before, this.#deps)
  }

  #run(ask: Ask): void {
    const { uid } = ask.request
    const key = keyOf(uid)
    this.#claim(uid, () => {
      this.scheduler.forget(uid)
      const choice = this.scheduler.place(this.#resolve(ask), this.#policy)
      if (choice.ok) {
        this.waitingRoom.leave(key)
        this.#waiting.delete(key)
        return
      }
      const { turns } = choice
      this.#waiting.set(key, { ask, turns })
      this.waitingRoom.enter(key, {
        ...{ for: 'place', turns },
        ...(ask.request.group ? { group: ask.request.group.key } : {}),
        named: [...(ask.sameHost ?? []), ...(ask.differentHost ?? [])].map(keyOf),
      })
    })
  }

  #passes(ask: Ask): boolean {
    return this.scheduler.compare(this.#resolve(ask), 1, this.#policy).some(({ refusedBy }) => refusedBy === undefined)
  }

  /** Hints name machines, filters nodes. */
  #resolve({ request, sameHost, differentHost, query }: Ask): PlacementRequest {
    const nodesOf = (uids: readonly string[]) =>
      new Set(uids.flatMap((uid) => (this.scheduler.findClaim(uid) ?? []).map(({ node }) => node)))
    return {
      ...request,
      hints: {
        ...request.hints,
        ...(sameHost && { sameHost: nodesOf(sameHost) }),
        ...(differentHost && { differentHost: nodesOf(differentHost) }),
        ...(query === undefined ? {} : { query }),
      },
    }
  }
}
type Claims = NonNullable<ReturnType<Scheduler['findClaim']>>

test('no machine that waits sleeps while a node would take it, and few are woken in vain', () => {
  const cloud = fc.record({ nodes: fc.array(facts(names), { minLength: 1, maxLength: 3 }), by: policies, steps })
  fc.assert(
    fc.property(cloud, ({ nodes, by, steps: all }) => {
      const made = compileProfile(by)
      if (!made.ok) throw new Error(made.why)
      const here = new Cloud(made.policy)
      for (const put of nodes) here.step({ put })
      for (const one of all) here.step(one)
    }),
    { numRuns: RUNS },
  )
  expect(seen.woken).toBeLessThan(seen.waiting / 2)
  expect(seen.placed).toBeGreaterThan(RUNS / 4)
}, 600_000)

const node = (name: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  ...{ name, up: true, hypervisor: 'libvirt', aggregates: [] },
  ...{ capacity: { vcpus: 4, memoryMiB: 8, diskGiB: 8 }, ...more },
})
const ask = (uid: string, request: Partial<PlacementRequest> = {}, more: Omit<Partial<Ask>, 'request'> = {}): Ask => ({
  request: {
    ...{ uid, amounts: { vcpus: 1, memoryMiB: 5, diskGiB: 1 }, excluded: new Map() },
    ...{ requireKvm: false, needsVhostUser: false, ...request },
  },
  ...{ sameHost: undefined, differentHost: undefined, query: undefined, ...more },
})
const tiny = { amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0 } }
const asking = (query: string) => ask('u2', tiny, { query })
const group = (policy: 'affinity' | 'anti-affinity') => ({ ...tiny, group: { key: 'ns/g', policy, most: 1 } })
const own = (expression: string) => ({ customFilters: [{ name: 'Own', expression }] })
type Profile = Parameters<typeof compileProfile>[0]

const stands = { stand: 'u1', on: 'n0' }
const isNot = { excluded: new Map([['n0', 'no']]) }

/** On one node, beside a machine u1: u2 waits for just that. */
test.each<[string, Turn[], Profile, Step[], Ask, Step]>([
  ['room', ['freed'], {}, [{ place: ask('u1') }], ask('u2'), { forget: 'u1' }],
  ['as much', ['freed'], {}, [{ place: ask('u1') }], ask('u2'), { shrink: 'u1' }],
  [
    'fewer machines',
    ['freed'],
    { filters: ['NumInstancesFilter'], maxInstancesPerHost: 1 },
    [stands],
    ask('u2'),
    { forget: 'u1' },
  ],
  [
    'fewer builds',
    ['built'],
    { filters: ['IoOpsFilter'], maxIoOpsPerHost: 1 },
    [{ place: ask('u1') }],
    ask('u2'),
    { built: 'u1' },
  ],
  [
    'fewer builds, as one goes',
    ['built'],
    { filters: ['AggregateIoOpsFilter'], maxIoOpsPerHost: 1 },
    [{ place: ask('u1') }],
    ask('u2'),
    { forget: 'u1' },
  ],
  [
    'one more to be near to',
    ['freed', 'taken'],
    {},
    [stands],
    asking('[">", "$num_instances", 1]'),
    { stand: 'u3', on: 'n0' },
  ],
  [
    'one that is built',
    ['built', 'taken'],
    {},
    [{ place: ask('u1') }],
    asking('["=", "$num_io_ops", 0]'),
    { built: 'u1' },
  ],
  ['a failure', ['failures'], {}, [], asking('[">", "$failed_builds", 0]'), { failed: true, on: 'n0' }],
  ['less room', ['freed', 'taken'], own('node.freeMemoryMiB < 8'), [], ask('u2', tiny), stands],
  [
    'more room, by its profile',
    ['freed', 'taken'],
    own('node.freeMemoryMiB > 7'),
    [stands],
    ask('u2', tiny),
    { forget: 'u1' },
  ],
  [
    'a failure, by its profile',
    ['failures'],
    own('node.failedBuilds == 1'),
    [],
    ask('u2', tiny),
    { failed: true, on: 'n0' },
  ],
  [
    'a build, by its profile',
    ['built', 'taken'],
    own('node.ioOps != 1'),
    [{ place: ask('u1') }],
    ask('u2', tiny),
    { built: 'u1' },
  ],
  [
    'a member to go',
    ['members'],
    {},
    [{ place: ask('u1', group('anti-affinity')) }],
    ask('u2', group('anti-affinity')),
    { forget: 'u1' },
  ],
  [
    'the last member to go',
    ['members'],
    {},
    [
      { put: node('n1') },
      { place: ask('u1', { ...group('affinity'), ...isNot }) },
      { put: node('n1', { closed: 'is closed' }) },
    ],
    ask('u2', group('affinity')),
    { forget: 'u1' },
  ],
  ['a machine to come', ['named'], {}, [], ask('u2', tiny, { sameHost: ['u3'] }), { stand: 'u3', on: 'n0' }],
  ['a machine to go', ['named'], {}, [stands], ask('u2', tiny, { differentHost: ['u1'] }), { forget: 'u1' }],
])('who waits for %s hears of it', (_, turns, profile, before, waits, happens) => {
  const made = compileProfile(profile)
  if (!made.ok) throw new Error(made.why)
  const cloud = new Cloud(made.policy)
  for (const one of [{ put: node('n0') }, ...before, { place: waits }]) cloud.step(one)
  expect([...(cloud.turnsOf('u2') ?? [])].sort()).toEqual(turns)
  cloud.step(happens)
  expect(cloud.scheduler.findClaim('u2')).toMatchObject([{ node: 'n0' }])
})
