// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { NumaTopology } from '../../lib/contract/documents.ts'
import { findCellShortage, listHostCells, type HostCell } from './host-cells.ts'

const CELL: HostCell = {
  ...{ id: 0, sharedCpus: [0, 1], dedicatedCpus: [2, 3, 6, 7], availableMemoryMiB: 1000, memoryMiB: 2000 },
  hugepages: [{ sizeKiB: 2048, free: 100, count: 120 }],
}
type Placed = NumaTopology['cells'][number]
const on = (cell: Partial<Placed> = {}, pageSizeKiB?: number): NumaTopology => ({
  cells: [{ hostCell: 0, vcpus: [0, 1], memoryMiB: 200, ...cell }],
  ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }),
})
const OTHER = { uid: 'o', numa: on({ cpus: [2], idleCpus: [6], vcpus: [0] }) }

test.each<[string, NumaTopology | undefined, string | undefined, Partial<HostCell>?]>([
  ['a machine on no cell', undefined, undefined],
  ['shared CPUs', on(), undefined],
  ['CPUs of its own', on({ cpus: [3, 7] }), undefined],
  ['a cell that there is not', on({ hostCell: 1 }), 'no NUMA cell 1'],
  ['CPUs that are for all', on({ cpus: [0, 3] }), 'CPUs 0 of cell 0 are not for machines of their own'],
  ['CPUs that are not there', on({ cpus: [3, 9] }), 'CPUs 9 of cell 0'],
  ['CPUs that another has', on({ cpus: [2, 3] }), "in part another machine's"],
  ['the idle thread of another', on({ cpus: [6, 3] }), "in part another machine's"],
  ['idle threads that another has', on({ cpus: [3, 7], idleCpus: [6] }), "in part another machine's"],
  ['too few CPUs', on({ cpus: [3] }), '1 CPUs for 2 vCPUs'],
  ['no shared CPUs', on(), 'cell 0 has no CPUs that machines share', { sharedCpus: [] }],
  ['all of the memory', on({ memoryMiB: 1000 }), undefined],
  ['more memory than is free', on({ memoryMiB: 1001 }), '1001 MiB of memory are more than the 1000 MiB'],
  ['all hugepages', on({}, 2048), undefined],
  ['more hugepages than are free', on({ memoryMiB: 202 }, 2048), '101 hugepages of 2048 KiB are more than the 100'],
  ['hugepages of another size', on({ memoryMiB: 1024 }, 1048576), '1 hugepages of 1048576 KiB are more than the 0'],
])('%s', (_, numa, said, cell = {}) => {
  const why = findCellShortage({ uid: 'u', numa }, [OTHER], [{ ...CELL, ...cell }])
  if (said === undefined) expect(why).toBeUndefined()
  else expect(why).toContain(said)
})

describe('what others were promised is theirs, whether they have it yet or not', () => {
  const others = (numa: NumaTopology, ...more: NumaTopology[]) =>
    [numa, ...more].map((one, i) => ({ uid: `o${i}`, numa: one }))
  const why = (want: NumaTopology, ...all: [NumaTopology, ...NumaTopology[]]) =>
    findCellShortage({ uid: 'u', numa: want }, others(...all), [CELL, { ...CELL, id: 1 }])
  test('hugepages: of two that come at once, one is refused before the other runs', () => {
    expect(why(on({ memoryMiB: 100 }, 2048), on({ memoryMiB: 140 }, 2048))).toBeUndefined()
    expect(why(on({ memoryMiB: 102 }, 2048), on({ memoryMiB: 140 }, 2048))).toContain(
      '51 hugepages of 2048 KiB are more than what is left of the 120 of cell 0: 70 are other machines',
    )
    expect(why(on({ memoryMiB: 102 }, 2048), on({ memoryMiB: 70 }, 2048), on({ memoryMiB: 70 }, 2048))).toContain('70')
  })
  test('memory in ordinary pages', () => {
    expect(why(on({ memoryMiB: 1000 }), on({ memoryMiB: 1000 }))).toBeUndefined()
    expect(why(on({ memoryMiB: 1000 }), on({ memoryMiB: 1001 }))).toContain(
      '1000 MiB of memory are more than what is left of the 2000 MiB of cell 0: 1001 are other machines',
    )
  })
  test('what they have of another kind or cell is not in the way', () => {
    expect(why(on({ memoryMiB: 200 }, 2048), on({ memoryMiB: 2000 }))).toBeUndefined()
    expect(why(on({ memoryMiB: 200 }, 2048), on({ memoryMiB: 200, hostCell: 1 }, 2048))).toBeUndefined()
    expect(why(on({ memoryMiB: 1000 }), on({ memoryMiB: 4096 }, 2048), on({ memoryMiB: 2000, hostCell: 1 }))).toBe(
      undefined,
    )
  })
})

test('hugepages that are kept for others are promised to no machine', async () => {
  const root = await mkdtemp(join(tmpdir(), 'nephele-cells-'))
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const node = 'sys/devices/system/node/node0'
  await write('sys/devices/system/cpu/online', '0-1\n')
  await write(`${node}/cpulist`, '0-1\n')
  await write(
    `${node}/meminfo`,
    ['MemTotal: 4096000', 'MemFree: 1024000', 'Active(file): 0', 'Inactive(file): 0', 'SReclaimable: 0']
      .map((line) => `Node 0 ${line} kB\n`)
      .join(''),
  )
  await write(`${node}/hugepages/hugepages-2048kB/nr_hugepages`, '100\n')
  await write(`${node}/hugepages/hugepages-2048kB/free_hugepages`, '90\n')
  const reserved = [
    { cell: 0, sizeKiB: 2048, count: 30 },
    { cell: 1, sizeKiB: 2048, count: 5 },
  ]
  expect(await listHostCells({ dedicatedCpus: [1], reserved }, root)).toEqual([
    {
      ...{ id: 0, sharedCpus: [0], dedicatedCpus: [1], memoryMiB: 3800, availableMemoryMiB: 1000 },
      hugepages: [{ sizeKiB: 2048, count: 70, free: 90 }],
    },
  ])
  const [cell] = await listHostCells({ reserved: [{ cell: 0, sizeKiB: 2048, count: 101 }] }, root)
  expect(cell?.hugepages).toEqual([{ sizeKiB: 2048, count: 0, free: 90 }])
  await rm(root, { recursive: true })
})

test('of this host, each CPU is for all or for one', async () => {
  const all = await listHostCells()
  const [first] = all.flatMap(({ sharedCpus }) => sharedCpus)
  const own = await listHostCells({ dedicatedCpus: [first!, 9999] })
  expect(own.flatMap(({ dedicatedCpus }) => dedicatedCpus)).toEqual([first])
  expect(own.flatMap(({ sharedCpus }) => sharedCpus)).not.toContain(first)
  const polled = await listHostCells({ dedicatedCpus: [first!], polled: [first!] })
  expect(polled.flatMap(({ dedicatedCpus, sharedCpus }) => [...dedicatedCpus, ...sharedCpus])).not.toContain(first)
  expect(all.every(({ availableMemoryMiB }) => availableMemoryMiB > 0)).toBe(true)
})
