// SPDX-License-Identifier: Apache-2.0
// The scheduler against an implementation that is plainly right and slow: clouds, requests and profiles at random.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { PlacementRequest } from '../filters/request.ts'
import type { Policy } from '../policy.ts'
import { compileProfile } from '../profiles/compile-profile.ts'
import { Scheduler } from '../scheduler.ts'
import { changes, facts, names, requests, type Change } from './clouds.ts'
import { NaiveCloud, onNetworks, type NaiveNode } from './naive-cloud.ts'
import { freeOf, NAIVE_FILTERS, type Profile } from './naive-filters.ts'
import { filtersOf, profiles, weighersOf } from './naive-profile.ts'
import { totalsOf } from './naive-weighers.ts'

const REQUESTS = process.env['NEPHELE_TEST_FULL'] === '1' ? 100_000 : 2_000
const [EACH, LIMIT_MS] = [25, 3_600_000]
/** Of refusals of a node, as a comparison has them. */
const MOST_SAID = 16

/** The scheduler and the plain one side by side: whatever happens, happens to both. */
class Both {
  readonly scheduler = new Scheduler()
  readonly naive = new NaiveCloud()

  change(one: Change): void {
    const { scheduler, naive } = this
    if ('put' in one) {
      scheduler.putNode(one.put)
      naive.facts.set(one.put.name, one.put)
    } else if ('remove' in one) {
      scheduler.removeNode(one.remove)
      naive.facts.delete(one.remove)
    } else if ('forget' in one) {
      scheduler.forget(one.forget)
      naive.claims.delete(one.forget)
    } else if ('failed' in one) {
      scheduler.recordBuild(one.on, { failed: one.failed })
      naive.recordBuild(one.on, one.failed)
    } else if ('image' in one) {
      scheduler.images.set('i1', one.image, one.isThere)
      if (one.isThere) naive.withImage.add(one.image)
      else naive.withImage.delete(one.image)
    } else this.#confirm(one)
    naive.forgetFailures()
  }

  /** A machine's build has ended, or it has an older node beside. */
  #confirm(one: Extract<Change, { built: string } | { also: string }>): void {
    const uid = 'built' in one ? one.built : one.also
    const [claim] = this.naive.claims.get(uid) ?? []
    if (!claim) return
    const { amounts, group } = claim
    const claims =
      'built' in one
        ? [{ ...claim, isBuilding: false }]
        : [claim, { node: one.on, amounts, isBuilding: false, ...(group === undefined ? {} : { group }) }]
    this.scheduler.confirm(uid, claims)
    this.naive.claims.set(uid, claims)
  }
}

interface Compiled {
  profile: Profile
  policy: Policy
}
const seen = { requests: 0, placed: 0, refusing: new Set<string>(), chosen: 0 }

function judge({ scheduler, naive }: Both, request: PlacementRequest, { profile, policy }: Compiled): void {
  // Its own claim counts no more when it is placed again.
  scheduler.forget(request.uid)
  naive.claims.delete(request.uid)
  naive.forgetFailures()

  const filters = filtersOf(profile)
  const here = { profile, cloud: naive }
  const nodes = naive.nodes()
  const refusals = nodes.map((node) => filters.filter(({ is }) => is(node, request, here)).map(({ name }) => name))
  const passed = nodes.filter((_, i) => refusals[i]?.length === 0)
  const weighers = weighersOf(profile)
  const totals = totalsOf(passed, request, weighers)
  const rounding = 1e-9 * (1 + weighers.reduce((all, { multiplier }) => all + Math.abs(multiplier), 0))

  const verdicts = scheduler.compare(request, nodes.length, policy)
  const sayAll = (all: readonly (readonly [string, readonly string[]])[]) =>
    all.map(([node, by]) => `${node}: ${by.slice(0, MOST_SAID).join(', ')}`).sort()
  expect(sayAll(verdicts.map(({ node, refusedBy = [] }) => [node, refusedBy.map(({ name }) => name)]))).toEqual(
    sayAll(nodes.map(({ name }, i) => [name, refusals[i] ?? []])),
  )
  const scored = verdicts.filter(({ score }) => score !== undefined)
  expect(scored.length).toBe(passed.length)
  const wrong = scored.map(({ node, score = 0 }) => Math.abs(score - 1000 * (totals.get(node) ?? NaN)))
  expect(Math.max(0, ...wrong)).toBeLessThan(0.51 + 1000 * rounding)

  const choice = scheduler.place(request, policy)
  const { total, filters: counted } = choice.explanation
  const firsts = refusals.flatMap(([first]) => first ?? [])
  expect(total).toBe(nodes.length)
  const count = (name: string) => firsts.filter((first) => first === name).length
  const furthest = filters
    .map(({ name }) => name)
    .filter((name) => firsts.includes(name))
    .reverse()
  expect(counted.map(({ name, refused }) => [name, refused])).toEqual(
    furthest.slice(0, counted.length).map((name) => [name, count(name)]),
  )
  expect(counted.length).toBeGreaterThanOrEqual(Math.min(furthest.length, 3))
  for (const { name, example } of counted.filter((one) => one.example !== ''))
    expect(example.split(' ')[0]).toBe(
      nodes.flatMap((node, i) => (refusals[i]?.[0] === name ? node.name : [])).sort()[0],
    )
  expect(choice.ok).toBe(passed.length > 0)
  seen.requests++
  for (const name of refusals.flat()) seen.refusing.add(name)
  if (!choice.ok) return
  const best = Math.max(...totals.values())
  expect(totals.get(choice.node)).toBeGreaterThanOrEqual(best - rounding)
  seen.placed++
  if (Math.min(...totals.values()) < best - rounding) seen.chosen++

  const { uid, amounts, group } = request
  naive.claims.set(uid, [
    {
      node: choice.node,
      amounts,
      isBuilding: true,
      ...(choice.numa && { numa: choice.numa }),
      ...(group && { group: group.key }),
    },
  ])
  expectSound(
    naive.nodes().find(({ name }) => name === choice.node)!,
    request,
    profile,
  )
}

/** What holds of a node that has just got a machine, whoever chose it. */
function expectSound(node: NaiveNode, request: PlacementRequest, { filters }: Profile): void {
  const { amounts, group } = request
  const holds = (name: string) => filters === undefined || filters.includes(name as never)
  if (holds('CoreFilter')) expect(node.used.vcpus).toBeLessThanOrEqual(node.capacity.vcpus * 4)
  if (holds('RamFilter')) expect(node.used.memoryMiB).toBeLessThanOrEqual(node.capacity.memoryMiB)
  if (holds('DiskFilter')) expect(node.used.diskGiB).toBeLessThanOrEqual(node.capacity.diskGiB)
  const supply = new Map(onNetworks({ ...amounts, bandwidth: {}, pciDevices: {}, ...(node as object) }))
  for (const [key, amount] of onNetworks(amounts))
    if (amount > 0) expect(node.usedOnNetworks[key]).toBeLessThanOrEqual(supply.get(key) ?? 0)
  if (group?.policy === 'anti-affinity') expect(node.members[group.key]).toBeLessThanOrEqual(group.most)
  if (!request.numa) return
  const mine = node.placements.at(-1)!
  expect(new Set(mine.cells.map(({ hostCell }) => hostCell)).size).toBe(request.numa.cells.length)
  for (const cell of node.cells ?? []) {
    if (!mine.cells.some(({ hostCell }) => hostCell === cell.id)) continue
    const { taken, memoryMiB, shared, pagesMiB } = freeOf(cell, node)
    expect(new Set(taken).size).toBe(taken.length)
    if (mine.pageSizeKiB === undefined) expect(memoryMiB).toBeGreaterThanOrEqual(0)
    else expect(pagesMiB[mine.pageSizeKiB]).toBeGreaterThanOrEqual(0)
    if (request.numa.dedicated === undefined) expect(shared).toBeGreaterThanOrEqual(0)
  }
}

const one = fc.record({ before: fc.array(changes, { maxLength: 2 }), request: requests, by: fc.nat({ max: 1 }) })
const small = fc.array(facts(names), { minLength: 1, maxLength: 8, size: 'max' })
/** Of several blocks of rows. */
const large = fc.array(facts(fc.nat({ max: 199 }).map((i) => `m${i}`)), { minLength: 100, maxLength: 200, size: 'max' })

test(
  `for ${REQUESTS} requests the same nodes pass, the best of them wins, and nothing is overcommitted or against a policy`,
  () => {
    const cloud = fc.record({
      nodes: fc.oneof({ weight: 29, arbitrary: small }, { weight: 1, arbitrary: large }),
      by: fc.tuple(profiles, profiles),
      steps: fc.array(one, { minLength: EACH, maxLength: EACH }),
    })
    fc.assert(
      fc.property(cloud, ({ nodes, by, steps }) => {
        const both = new Both()
        const compiled = by.map((profile): Compiled => {
          const made = compileProfile(profile)
          if (!made.ok) throw new Error(made.why)
          return { profile, policy: made.policy }
        })
        for (const put of nodes) both.change({ put })
        for (const { before, request, by: which } of steps) {
          for (const change of before) both.change(change)
          judge(both, request, compiled[which]!)
        }
      }),
      { numRuns: REQUESTS / EACH },
    )
    expect(seen.requests).toBeGreaterThanOrEqual(REQUESTS)
    // That it asks what matters: many are placed, most of them where not all nodes are alike, and each filter is the one that refuses.
    expect(seen.placed).toBeGreaterThan(REQUESTS / 3)
    expect(seen.chosen).toBeGreaterThan(REQUESTS / 8)
    expect(Object.keys(NAIVE_FILTERS).filter((name) => !seen.refusing.has(name))).toEqual([])
  },
  LIMIT_MS,
)
