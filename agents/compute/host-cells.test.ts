// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { NumaTopology } from '../../lib/contract/documents.ts'
import { findCellShortage, listHostCells, type HostCell } from './host-cells.ts'

const CELL: HostCell = {
  ...{ id: 0, sharedCpus: [0, 1], dedicatedCpus: [2, 3, 6, 7], availableMemoryMiB: 1000 },
  hugepages: [{ sizeKiB: 2048, free: 100 }],
}
type Placed = NumaTopology['cells'][number]
const on = (cell: Partial<Placed> = {}, pageSizeKiB?: number): NumaTopology => ({
  cells: [{ hostCell: 0, vcpus: [0, 1], memoryMiB: 200, ...cell }],
  ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }),
})
const OTHER = { uid: 'o', name: 'team-b/other', numa: on({ cpus: [2], idleCpus: [6], vcpus: [0] }) }

test.each<[string, NumaTopology | undefined, string | undefined, Partial<HostCell>?]>([
  ['a machine on no cell', undefined, undefined],
  ['shared CPUs', on(), undefined],
  ['CPUs of its own', on({ cpus: [3, 7] }), undefined],
  ['a cell that there is not', on({ hostCell: 1 }), 'no NUMA cell 1'],
  ['CPUs that are for all', on({ cpus: [0, 3] }), 'CPUs 0 of cell 0 are not for machines of their own'],
  ['CPUs that are not there', on({ cpus: [3, 9] }), 'CPUs 9 of cell 0'],
  ['CPUs that another has', on({ cpus: [2, 3] }), 'in part those of machine team-b/other'],
  ['the idle thread of another', on({ cpus: [6, 3] }), 'in part those of machine team-b/other'],
  ['idle threads that another has', on({ cpus: [3, 7], idleCpus: [6] }), 'in part those of machine team-b/other'],
  ['too few CPUs', on({ cpus: [3] }), '1 CPUs for 2 vCPUs'],
  ['no shared CPUs', on(), 'cell 0 has no CPUs that machines share', { sharedCpus: [] }],
  ['all of the memory', on({ memoryMiB: 1000 }), undefined],
  ['more memory than is free', on({ memoryMiB: 1001 }), '1001 MiB of memory are more than the 1000 MiB'],
  ['all hugepages', on({}, 2048), undefined],
  ['more hugepages than are free', on({ memoryMiB: 202 }, 2048), '101 hugepages of 2048 KiB are more than the 100'],
  ['hugepages of another size', on({ memoryMiB: 1024 }, 1048576), '1 hugepages of 1048576 KiB are more than the 0'],
])('%s', (_, numa, said, cell = {}) => {
  const why = findCellShortage({ uid: 'u', name: 'vm', numa }, [OTHER], [{ ...CELL, ...cell }])
  if (said === undefined) expect(why).toBeUndefined()
  else expect(why).toContain(said)
})

test('of this host, each CPU is for all or for one', async () => {
  const all = await listHostCells([])
  const [first] = all.flatMap(({ sharedCpus }) => sharedCpus)
  const own = await listHostCells([first!, 9999])
  expect(own.flatMap(({ dedicatedCpus }) => dedicatedCpus)).toEqual([first])
  expect(own.flatMap(({ sharedCpus }) => sharedCpus)).not.toContain(first)
  const polled = await listHostCells([first!], [first!])
  expect(polled.flatMap(({ dedicatedCpus, sharedCpus }) => [...dedicatedCpus, ...sharedCpus])).not.toContain(first)
  expect(all.every(({ availableMemoryMiB }) => availableMemoryMiB > 0)).toBe(true)
})
