// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { usesOf, type HostCell, type NumaPlacement } from '../../scheduler/numa/host-cells.ts'
import { whyOverdrawn } from './overdrawn.ts'

const CELL: HostCell = {
  ...{ id: 0, sharedCpus: 2, memoryMiB: 512, hugepages: [{ sizeKiB: 2048, count: 4 }] },
  cores: [
    [2, 6],
    [3, 7],
  ],
}
const own = (cpus: number[], idleCpus: number[] = [], hostCell = 0): NumaPlacement => ({
  cells: [{ hostCell, vcpus: cpus.map((_, i) => i), memoryMiB: 64, cpus, idleCpus }],
})
const inPages = (memoryMiB: number, pageSizeKiB = 2048): NumaPlacement => ({
  ...{ pageSizeKiB, cells: [{ hostCell: 0, vcpus: [0], memoryMiB }] },
})
const inMemory = (memoryMiB: number): NumaPlacement => ({ cells: [{ hostCell: 0, vcpus: [0], memoryMiB }] })

test.each<[string, NumaPlacement[], string | undefined]>([
  ['nobody', [], undefined],
  ['all that there is', [own([2, 3], [6, 7]), inPages(8), inMemory(384)], undefined],
  ['a node that does not say', [own([9])], undefined],
  ['a CPU that is no longer for one alone', [own([2, 4, 5])], 'CPUs 4-5 of cell 0, on which others run, too'],
  ['an idle thread of such', [own([2], [8])], 'CPUs 8 of cell 0'],
  ['pages that are gone', [inPages(8), inPages(2)], '5 of 4 hugepages of 2048 KiB of cell 0'],
  ['pages of a size that is gone', [inPages(1024, 1048576)], '1 of 0 hugepages of 1048576 KiB of cell 0'],
  ['memory that became pages', [inMemory(512), inMemory(1)], '513 of 512 MiB of memory of cell 0'],
  ['a cell that is gone', [own([2], [], 1)], 'CPUs 2 of cell 1, .*; 64 of 0 MiB of memory of cell 1\\. They run on'],
  ['much of it', [0, 1, 2, 3, 4].map((cell) => own([20 + cell], [], cell)), '; and 5 more\\. They run on'],
])('%s', (name, placements, said) => {
  const cells = name.includes('does not say') ? undefined : [CELL]
  const outcome = whyOverdrawn({ cells, cellUses: usesOf(placements) }, 7)
  if (said === undefined) expect(outcome).toBeUndefined()
  else
    expect(outcome).toEqual({
      ...{ kind: 'wait', reason: 'CellsOverdrawn', retryAfterMs: 7 },
      message: expect.stringMatching(new RegExp(`^machines have more of its NUMA cells .*${said}`)),
    })
})
