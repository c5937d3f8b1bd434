// SPDX-License-Identifier: Apache-2.0
// Each weigher alone: which of the nodes wins, and, turned round, which then.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseNode } from '../choose.ts'
import { policyOf } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { aggregatesWith, nodeFacts, placementRequest } from '../testing.ts'
import { aggregateMetadataWeigher } from './aggregate-metadata.ts'
import { ALL_WEIGHERS } from './all.ts'
import { buildFailureWeigher } from './build-failure.ts'
import { cpuWeigher } from './cpu.ts'
import { diskWeigher } from './disk.ts'
import { imageLocalityWeigher } from './image-locality.ts'
import { ioOpsWeigher } from './io-ops.ts'
import { numInstancesWeigher } from './num-instances.ts'
import { pciWeigher } from './pci.ts'
import { ramWeigher } from './ram.ts'
import { serverGroupSoftAffinityWeigher } from './server-group-soft-affinity.ts'
import { serverGroupSoftAntiAffinityWeigher } from './server-group-soft-anti-affinity.ts'
import type { Weigher } from './weigher.ts'

const NODES = ['a', 'b', 'c']
const ROOM = { vcpus: 8, memoryMiB: 8192, diskGiB: 80 }
const none = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
/** What the machines on node a take, then b, then c. */
const using =
  (...use: [object, object, object]) =>
  (s: Scheduler) => {
    for (const [i, node] of NODES.entries()) s.confirm(`on-${node}`, [{ node, amounts: { ...none, ...use[i] } }])
  }
const machines =
  (counts: number[], more: object = {}) =>
  (s: Scheduler) => {
    for (const [i, node] of NODES.entries())
      for (let m = 0; m < (counts[i] ?? 0); m++) s.confirm(`${node}${m}`, [{ node, amounts: none, ...more }])
  }
const failures = (counts: number[]) => (s: Scheduler) => {
  for (const [i, node] of NODES.entries())
    for (let m = 0; m < (counts[i] ?? 0); m++) s.recordBuild(node, { failed: true })
}
const weights = (values: string[]) => (s: Scheduler) => {
  for (const [i, name] of NODES.entries())
    s.putNode(nodeFacts({ name, capacity: ROOM, aggregates: aggregatesWith({ weight: values[i] ?? '' }) }))
}
const functions = (counts: number[]) => (s: Scheduler) => {
  for (const [i, name] of NODES.entries()) {
    const count = counts[i] ?? 0
    s.putNode(nodeFacts({ name, capacity: ROOM, pciDevices: { dc: { count, direct: count, macvtap: 0 } } }))
  }
}
const taking = (node: string, direct: number) => (s: Scheduler) => {
  s.confirm('taker', [{ node, amounts: { ...none, pciDevices: { dc: { direct, macvtap: 0 } } } }])
}
const images =
  (...nodes: string[]) =>
  (s: Scheduler) => {
    for (const node of nodes) s.images.set('image-1', node, true)
  }

describe.each<[Weigher, number, (s: Scheduler) => void, string, string]>([
  [ramWeigher, 1, using({ memoryMiB: 2000 }, { memoryMiB: 100 }, { memoryMiB: 3000 }), 'b', 'c'],
  [cpuWeigher, 1, using({ vcpus: 3 }, { vcpus: 1 }, { vcpus: 2 }), 'b', 'a'],
  [diskWeigher, 1, using({ diskGiB: 3 }, { diskGiB: 1 }, { diskGiB: 2 }), 'b', 'a'],
  [ioOpsWeigher, -1, machines([2, 1, 3], { isBuilding: true }), 'b', 'c'],
  [numInstancesWeigher, 0, machines([2, 1, 3]), '', ''],
  [{ ...numInstancesWeigher, multiplier: 1 }, 1, machines([2, 1, 3]), 'c', 'b'],
  [buildFailureWeigher, -1_000_000, failures([1, 0, 2]), 'b', 'c'],
  [serverGroupSoftAffinityWeigher, 1, machines([2, 3, 1], { group: 'ns/soft-affinity' }), 'b', 'c'],
  [serverGroupSoftAntiAffinityWeigher, 1, machines([2, 3, 1], { group: 'ns/soft-anti-affinity' }), 'c', 'b'],
  [aggregateMetadataWeigher, 1, weights(['1', '2.5', '-3']), 'b', 'c'],
  [aggregateMetadataWeigher, 1, weights(['1', '0.5', 'heavy']), 'a', 'c'],
  [imageLocalityWeigher, 1, images('b'), 'b', ''],
  [pciWeigher, 1, functions([4, 0, 9]), 'b', 'c'],
  // Those that are taken count no more, and of many, a hundred less.
  [pciWeigher, 1, (s) => [functions([4, 5, 9]), taking('c', 6)].forEach((one) => one(s)), 'c', 'b'],
  [pciWeigher, 1, (s) => [functions([400, 98, 120]), taking('a', 250)].forEach((one) => one(s)), 'b', ''],
])('$name', (weigher, multiplier, before, best, worst) => {
  const win = (turned: number) => {
    const scheduler = new Scheduler()
    for (const name of NODES) scheduler.putNode(nodeFacts({ name, capacity: ROOM }))
    before(scheduler)
    const policy = policyOf([], [{ ...weigher, multiplier: weigher.multiplier * turned }])
    const winners = Array.from({ length: 20 }, (_, i) => {
      const kind = weigher.name.includes('SoftAnti') ? 'soft-anti-affinity' : 'soft-affinity'
      const group = { key: `ns/${kind}`, policy: kind, most: 1 } as const
      const request = placementRequest({ uid: `u${i}`, group, imageUid: 'image-1' })
      const choice = scheduler.place(request, policy)
      scheduler.forget(request.uid)
      return choice.ok ? choice.node : 'none'
    })
    return new Set(winners)
  }
  test(`${weigher.multiplier} times: ${best} wins`, () => {
    expect(weigher.multiplier).toBe(multiplier)
    if (best !== '') expect(win(1)).toEqual(new Set([best]))
    else expect(win(1).size).toBe(3)
  })
  test(`turned round: ${worst} wins`, () => {
    if (worst !== '') expect(win(-1)).toEqual(new Set([worst]))
    else expect(win(-1)).not.toContain(best)
  })
})

test('a machine that starts ends the failures of its node', () => {
  const s = new Scheduler()
  s.putNode(nodeFacts({ name: 'a' }))
  for (const failed of [true, true]) s.recordBuild('a', { failed })
  s.recordBuild('gone', { failed: true })
  expect(s.nodes.find('a')?.failedBuilds).toBe(2)
  s.recordBuild('a', { failed: false })
  expect(s.nodes.find('a')?.failedBuilds).toBe(0)
})

test('virtual functions are weighed from the first node that has some to the last', () => {
  const s = new Scheduler()
  const put = (name: string, count?: number) => {
    const pciDevices = count === undefined ? {} : { pciDevices: { dc: { count, direct: count, macvtap: 0 } } }
    s.putNode(nodeFacts({ name, ...pciDevices }))
  }
  const wins = () => {
    const policy = policyOf([], [pciWeigher])
    const nodes = Array.from({ length: 20 }, (_, i) => s.place(placementRequest({ uid: `u${i}` }), policy))
    for (let i = 0; i < 20; i++) s.forget(`u${i}`)
    return [...new Set(nodes.map((one) => one.ok && one.node))].sort()
  }
  const expectWith = (count: number, winners: string[]) => {
    expect(s.nodes.withPciDevices).toBe(count)
    expect(wins()).toEqual(winners)
  }
  for (const name of NODES) put(name, name === 'a' ? 0 : undefined)
  expectWith(0, NODES)
  put('b', 2)
  expectWith(1, ['a', 'c'])
  put('b', 3)
  put('c', 1)
  expectWith(2, ['a'])
  expect(s.nodes.copy().withPciDevices).toBe(2)
  put('c')
  expectWith(1, ['a', 'c'])
  s.removeNode('b')
  expectWith(0, ['a', 'c'])
})

test('images come, go, and stay with their nodes when others come and go', () => {
  const s = new Scheduler()
  const rows = () => {
    const found = s.images.rowsOf('i')
    return found && s.nodes.list().flatMap(({ name }) => (found[s.nodes.rowOf(name) ?? -1] === 1 ? [name] : []))
  }
  s.images.set('i', 'b', true)
  for (const name of NODES) s.putNode(nodeFacts({ name }))
  expect(rows()).toEqual(['b'])
  s.images.set('i', 'c', true)
  expect(rows()).toEqual(['b', 'c'])
  s.removeNode('b')
  s.putNode(nodeFacts({ name: 'd' }))
  expect(rows()).toEqual(['c'])
  s.putNode(nodeFacts({ name: 'b' }))
  expect(rows()?.sort()).toEqual(['b', 'c'])
  for (const node of ['b', 'c']) s.images.set('i', node, false)
  expect(rows()).toBeUndefined()
})

describe('properties', () => {
  test('no node that passed has a greater sum of normalised weights, whatever the multipliers', () => {
    const number = fc.integer({ min: 0, max: 3 })
    const counts = { used: number, building: number, failed: number, weight: number, devices: number }
    const node = fc.record({ ...counts, image: fc.boolean() })
    const length = ALL_WEIGHERS.length
    const multipliers = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: length, maxLength: length })
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 6 }), multipliers, (nodes, factors) => {
        const s = new Scheduler()
        for (const [i, { used, building, failed, weight, devices, image }] of nodes.entries()) {
          const name = `n${i}`
          const aggregates = aggregatesWith({ weight: String(weight) })
          const pciDevices = { dc: { count: devices, direct: devices, macvtap: 0 } }
          s.putNode(nodeFacts({ name, capacity: ROOM, aggregates, pciDevices }))
          for (let m = 0; m < used; m++)
            s.confirm(`${name}-${m}`, [{ node: name, amounts: { ...none, diskGiB: 1 }, isBuilding: m < building }])
          for (let m = 0; m < failed; m++) s.recordBuild(name, { failed: true })
          if (image) s.images.set('image-1', name, true)
        }
        const imageRows = s.images.rowsOf('image-1')
        const request = placementRequest({ ...(imageRows ? { imageRows } : {}) })
        const weighers = ALL_WEIGHERS.map((weigher, i) => ({ ...weigher, multiplier: factors[i] ?? 0 }))
        const choice = chooseNode(s.nodes, request, policyOf([], weighers))
        const columns: Record<string, number[]> = {
          RAMWeigher: nodes.map(() => 1),
          CPUWeigher: nodes.map(() => 1),
          DiskWeigher: nodes.map(({ used }) => 80 - used),
          IoOpsWeigher: nodes.map(({ used, building }) => Math.min(used, building)),
          NumInstancesWeigher: nodes.map(({ used }) => used),
          BuildFailureWeigher: nodes.map(({ failed }) => failed),
          AggregateMetadataWeigher: nodes.map(({ weight }) => weight),
          PCIWeigher: nodes.map(({ devices }) => -devices),
          ImageLocalityWeigher: nodes.map(({ image }) => (image ? 1 : 0)),
        }
        const totals = nodes.map((_, i) =>
          weighers.reduce((sum, { name, multiplier }) => {
            const all = columns[name] ?? [0]
            const from = ['RAMWeigher', 'CPUWeigher', 'DiskWeigher', 'IoOpsWeigher'].includes(name) ? 0 : Infinity
            const [min, max] = [Math.min(from, ...all), Math.max(...all)]
            return max > min ? sum + (multiplier * ((all[i] ?? 0) - min)) / (max - min) : sum
          }, 0),
        )
        expect(choice.ok && totals[Number(choice.node.slice(1))]).toBeCloseTo(Math.max(...totals), 9)
      }),
      { numRuns: 500 },
    )
  })
})
