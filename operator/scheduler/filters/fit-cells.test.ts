// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fitCells, matchCells, matchNear } from './fit-cells.ts'
import { usesOf, type HostCell, type NumaPlacement } from '../numa/host-cells.ts'
import { numaWishOf } from '../numa/numa-wish.ts'
import { pickCpus } from './pick-cpus.ts'

const MIB = 2048
/** Two sockets with threads: on each two cores for machines of their own and four CPUs that they share. */
const cell = (id: number, more: Partial<HostCell> = {}): HostCell => ({
  ...{ id, sharedCpus: 4, memoryMiB: 4096, hugepages: [{ sizeKiB: MIB, count: 512 }] },
  cores: [
    [10 * id + 2, 10 * id + 6],
    [10 * id + 3, 10 * id + 7],
  ],
  ...more,
})
const TWO = [cell(0), cell(1)]
const fit = (
  cells: HostCell[] | undefined,
  specs: Record<string, string>,
  { taken = [], vcpus = 2, memoryMiB = 1024 }: { taken?: NumaPlacement[]; vcpus?: number; memoryMiB?: number } = {},
) => fitCells({ cells, uses: usesOf(taken), vcpuRatio: 4 }, numaWishOf({ vcpus, memoryMiB }, specs)!)
const said = (...args: Parameters<typeof fit>) => {
  const found = fit(...args)
  return found.ok ? found.placement.cells.map(({ hostCell, cpus }) => [hostCell, ...(cpus ?? [])].join(' ')) : found.why
}
const OWN = { 'hw:cpu_policy': 'dedicated' }
const on = (hostCell: number, cpus: number[], memoryMiB = 0): NumaPlacement => ({
  cells: [{ hostCell, vcpus: cpus.map((_, i) => i), memoryMiB, cpus }],
})

describe('on two cells', () => {
  test.each<[string, Parameters<typeof fit>, string | string[]]>([
    ['one guest cell goes where most is left', [TWO, OWN, { taken: [on(0, [2])] }], ['1 12 16']],
    ['of equal ones to the first', [TWO, OWN], ['0 2 6']],
    ['two guest cells never share one', [TWO, { ...OWN, 'hw:numa_nodes': '2' }], ['0 2', '1 12']],
    ['and shared CPUs are not named', [TWO, { 'hw:numa_nodes': '2' }], ['0', '1']],
    ['more cells than there are', [[cell(0)], { 'hw:numa_nodes': '2' }], 'has 1 NUMA cell, 2 wanted'],
    ['a node that does not say', [undefined, OWN], expect.stringContaining('does not say which NUMA cells') as never],
    [
      'no CPUs for machines alone anywhere',
      [[cell(0, { cores: [] })], OWN],
      expect.stringContaining('spec.dedicatedCPUs of its ComputeNode') as never,
    ],
    [
      'CPUs that others have: which cell lacks how many',
      [TWO, OWN, { taken: [on(0, [2, 3]), on(1, [12, 13, 16])], vcpus: 3, memoryMiB: 3 }],
      'cell 0 has 2 of 4 dedicated CPUs free, 3 wanted; cell 1 has 1 of 4 dedicated CPUs free, 3 wanted',
    ],
    [
      'enough on one of two',
      [TWO, { ...OWN, 'hw:numa_nodes': '2' }, { taken: [on(1, [12, 13, 16, 17])] }],
      'has 1 NUMA cell with room, 2 wanted: cell 1 has 0 of 4 dedicated CPUs free, 1 wanted',
    ],
    [
      'memory',
      [[cell(0)], { 'hw:numa_nodes': '1' }, { taken: [on(0, [2], 3100)] }],
      'cell 0 has 996 of 4096 MiB of memory free, 1024 wanted',
    ],
    [
      'hugepages',
      [[cell(0)], { 'hw:mem_page_size': '2MB' }, { taken: [{ ...on(0, [2], 2), pageSizeKiB: MIB }] }],
      'cell 0 has 511 of 512 hugepages of 2048 KiB free, 512 wanted',
    ],
    ['hugepages do not take of memory', [[cell(0, { memoryMiB: 0 })], { 'hw:mem_page_size': '2MB' }], ['0']],
    [
      'of a size that the cell does not have',
      [[cell(0)], { 'hw:mem_page_size': '1GB' }],
      'cell 0 has 0 of 0 hugepages of 1048576 KiB free, 1 wanted',
    ],
    [
      'more shared vCPUs than the cell has CPUs, whatever the ratio',
      [[cell(0)], { 'hw:numa_nodes': '1' }, { vcpus: 5 }],
      'cell 0 has 4 shared CPUs, fewer than the 5 vCPUs wanted',
    ],
    [
      'more than the ratio lets',
      [
        [cell(0)],
        { 'hw:numa_nodes': '1' },
        { taken: [{ cells: [{ hostCell: 0, vcpus: [...Array(15).keys()], memoryMiB: 0 }] }] },
      ],
      'cell 0 has 1 of 16 vCPUs free, 2 wanted',
    ],
    [
      'a core for each vCPU, where somebody is on a thread',
      [[cell(0)], { ...OWN, 'hw:cpu_thread_policy': 'isolate' }, { taken: [on(0, [7])] }],
      'cell 0 has no 2 of its 3 free dedicated CPUs as hw:cpu_thread_policy isolate asks for',
    ],
    [
      'threads of whole cores alone',
      [[cell(0)], { ...OWN, 'hw:cpu_thread_policy': 'require' }, { taken: [on(0, [2, 3])] }],
      'cell 0 has no 2 of its 2 free dedicated CPUs as hw:cpu_thread_policy require asks for',
    ],
    ['which prefer does without', [[cell(0)], OWN, { taken: [on(0, [2, 3])] }], ['0 6 7']],
  ])('%s', (_, args, expected) => expect(said(...args)).toEqual(expected))

  test('large takes the largest that all of it fits in', () => {
    const pages = [
      { sizeKiB: MIB, count: 512 },
      { sizeKiB: 1048576, count: 1 },
    ]
    const size = (memoryMiB: number, taken: NumaPlacement[] = []) => {
      const found = fit([cell(0, { hugepages: pages })], { 'hw:mem_page_size': 'large' }, { memoryMiB, taken })
      return found.ok ? found.placement.pageSizeKiB : found.why
    }
    expect([size(1024), size(512)]).toEqual([1048576, MIB])
    expect(size(1024, [{ ...on(0, [], 1024), pageSizeKiB: 1048576 }])).toBe(MIB)
    expect(size(2048)).toBe('cell 0 has 512 of 512 hugepages of 2048 KiB free, 1024 wanted')
    expect(size(1023)).toBe('has no hugepages of a size that divides the memory of each cell')
  })

  test('an isolated machine keeps the other threads from all', () => {
    const found = fit([cell(0)], { ...OWN, 'hw:cpu_thread_policy': 'isolate' })
    expect(found).toMatchObject({ placement: { cells: [{ cpus: [2, 3], idleCpus: [6, 7] }] } })
    expect(said([cell(0)], OWN, { taken: found.ok ? [found.placement] : [] })).toContain('0 of 4 dedicated CPUs')
  })
})

test('threads of one core go together, and whole cores stay for others', () => {
  const cores = [
    [0, 4],
    [1, 5],
    [2, 6],
  ]
  expect(pickCpus(cores, new Set([0]), 2, 'prefer')).toEqual({ cpus: [1, 5], idleCpus: [] })
  expect(pickCpus(cores, new Set(), 3, 'require')).toEqual({ cpus: [0, 1, 4], idleCpus: [] })
  expect(pickCpus([[0], [1]], new Set(), 2, 'isolate')).toEqual({ cpus: [0, 1], idleCpus: [] })
  expect(pickCpus([[0], [1]], new Set(), 1, 'require')).toBeUndefined()
})

/** What Nova's nova.virt.hardware decides in the same places; where it is otherwise here, docs/scheduling.md says so. */
describe('as in Nova', () => {
  const shares = (hostCell: number, vcpus: number, memoryMiB: number): NumaPlacement => ({
    cells: [{ hostCell, vcpus: [...Array(vcpus).keys()], memoryMiB }],
  })
  const SHARED = { 'hw:numa_nodes': '1' }
  test.each<[string, Parameters<typeof fit>, string | string[]]>([
    ['shared: fewer vCPUs first', [TWO, SHARED, { taken: [shares(0, 2, 1), shares(1, 1, 2048)] }], ['1']],
    ['then more memory', [TWO, SHARED, { taken: [shares(0, 1, 2048), shares(1, 1, 1)] }], ['1']],
    [
      'and memory is not handed out twice',
      [[cell(0)], SHARED, { memoryMiB: 4096, taken: [shares(0, 1, 1)] }],
      expect.stringContaining('4095 of 4096 MiB') as never,
    ],
    [
      'dedicated: more free CPUs first, whatever the memory',
      [TWO, OWN, { taken: [on(0, [2]), shares(1, 1, 4000)], memoryMiB: 64 }],
      ['1 12 16'],
    ],
    [
      'CPUs that machines share do not help',
      [[cell(0, { sharedCpus: 40 })], OWN, { vcpus: 5 }],
      expect.stringContaining('4 of 4 dedicated CPUs') as never,
    ],
    [
      'nor the other way round',
      [[cell(0, { sharedCpus: 1 })], SHARED, { vcpus: 2 }],
      expect.stringContaining('1 shared CPUs') as never,
    ],
  ])('%s', (_, args, expected) => expect(said(...args)).toEqual(expected))

  test('but large is one size for all cells of a guest', () => {
    const of = (id: number, sizeKiB: number) => cell(id, { hugepages: [{ sizeKiB, count: 4096 }] })
    const wish = { 'hw:numa_nodes': '2', 'hw:mem_page_size': 'large' }
    expect(said([of(0, MIB), of(1, 1048576)], wish, { memoryMiB: 2048 })).toContain('has 1 NUMA cell with room')
    expect(said([of(0, MIB), of(1, MIB)], wish, { memoryMiB: 2048 })).toEqual(['0', '1'])
  })

  test.each<[string, number[][], number[], number, 'prefer' | 'require' | 'isolate', number[] | undefined]>([
    [
      'require leaves single threads',
      [
        [0, 4],
        [1, 5],
      ],
      [4],
      3,
      'require',
      undefined,
    ],
    [
      'and may leave one of a core',
      [
        [0, 4],
        [1, 5],
      ],
      [],
      3,
      'require',
      [0, 1, 4],
    ],
    [
      'prefer takes what there is',
      [
        [0, 4],
        [1, 5],
      ],
      [4],
      3,
      'prefer',
      [0, 1, 5],
    ],
    // Nova: one thread of each core here, and no whole core is left.
    [
      'but begins with whole cores',
      [
        [0, 4],
        [1, 5],
        [2, 6],
      ],
      [5, 6],
      3,
      'prefer',
      [0, 1, 4],
    ],
    // Nova: the same number of each core, 4 at the most.
    [
      'but require takes 3 and 2 of cores with more threads',
      [
        [0, 4, 8],
        [1, 5, 9],
      ],
      [9],
      5,
      'require',
      [0, 1, 4, 5, 8],
    ],
    // Nova, with cpu_dedicated_set: no core with threads at all.
    [
      'but isolate has cores with threads',
      [
        [0, 4],
        [1, 5],
      ],
      [],
      2,
      'isolate',
      [0, 1],
    ],
    [
      'isolate wants whole ones',
      [
        [0, 4],
        [1, 5],
      ],
      [5],
      2,
      'isolate',
      undefined,
    ],
  ])('%s', (_, cores, taken, count, policy, cpus) =>
    expect(pickCpus(cores, new Set(taken), count, policy)?.cpus).toEqual(cpus),
  )
})

describe('the choice of cells', () => {
  /** All ways, one after the other, as Nova tries them. */
  const anyWay = (
    fits: readonly (readonly boolean[])[],
    near: readonly (readonly boolean[])[] = [],
    used: readonly number[] = [],
  ): boolean => {
    const guest = fits[used.length]
    if (guest === undefined) return near.every((marked) => used.some((host) => marked[host]))
    return guest.some((can, host) => can && !used.includes(host) && anyWay(fits, near, [...used, host]))
  }
  test('is found exactly where there is one, with no cell twice', () => {
    const hosts = fc.integer({ min: 1, max: 5 })
    const table = hosts.chain((n) => {
      const row = fc.array(fc.boolean(), { minLength: n, maxLength: n })
      return fc.tuple(fc.array(row, { minLength: 1, maxLength: 5 }), fc.array(row, { maxLength: 3 }))
    })
    fc.assert(
      fc.property(table, ([fits, near]) => {
        expect(matchCells(fits) !== undefined).toBe(anyWay(fits))
        const found = matchNear(fits, near)
        expect(found !== undefined).toBe(anyWay(fits, near))
        if (!found) return
        expect(new Set(found).size).toBe(fits.length)
        for (const [guest, host] of found.entries()) expect(fits[guest]?.[host]).toBe(true)
        for (const marked of near) expect(found.some((host) => marked[host])).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
  test('beside the cards of many networks is found, or given up, in a moment', () => {
    const marks = (...hosts: number[]) => Array.from({ length: 8 }, (_, host) => hosts.includes(host))
    const guests = (count: number) => Array.from({ length: count }, () => marks(0, 1, 2, 3, 4, 5, 6, 7))
    const start = performance.now()
    // Thirty networks whose cards are all at the same two cells are as one.
    expect(
      matchNear(
        guests(2),
        Array.from({ length: 30 }, () => marks(6, 7)),
      ),
    ).toHaveLength(2)
    // A card at each of the cells, and as many guest cells: there is a way.
    const all = Array.from({ length: 8 }, (_, host) => marks(host))
    expect(new Set(matchNear(guests(8), all)).size).toBe(8)
    expect(new Set(matchNear(guests(4), all.slice(4)))).toEqual(new Set([4, 5, 6, 7]))
    // Three guest cells cannot be near eight cards, however they are laid; nor are all ways of seven beside many pairs tried.
    expect(matchNear(guests(3), all)).toBeUndefined()
    const pairs = all.flatMap((_, a) => all.slice(a + 1).map((_one, b) => marks(a, a + 1 + b)))
    expect(matchNear(guests(5), pairs)).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})
