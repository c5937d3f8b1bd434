// SPDX-License-Identifier: Apache-2.0
// Machines keep the NUMA cells, CPUs and pages that they were given, whatever becomes of the node: here it says where that is more than there is now.
import { formatCpuList } from '../../../lib/cpu-list.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { CellUse, CellUses, HostCell } from '../../scheduler/numa/host-cells.ts'

const MOST_SAID = 4

interface OnNode {
  /** Undefined: not known. */
  cells: readonly HostCell[] | undefined
  cellUses: CellUses
}

/** @param retryAfterMs when the node is to be looked at again in any case. Pure */
export function whyOverdrawn({ cells, cellUses }: OnNode, retryAfterMs: number): Outcome | undefined {
  if (!cells) return undefined
  const said = [...cellUses]
    .sort(([a], [b]) => a - b)
    .flatMap(([id, use]) => lacksOf(cells.find((cell) => cell.id === id) ?? absent(id), use))
  if (said.length === 0) return undefined
  const more = said.length > MOST_SAID ? `; and ${said.length - MOST_SAID} more` : ''
  const message = `machines have more of its NUMA cells than it gives now: ${said.slice(0, MOST_SAID).join('; ')}${more}. They run on until they stop: give it back, or delete some of them`
  return waitFor('CellsOverdrawn', message, retryAfterMs)
}

const absent = (id: number): HostCell => ({ id, sharedCpus: 0, cores: [], memoryMiB: 0, hugepages: [] })

function lacksOf({ id, cores, memoryMiB, hugepages }: HostCell, use: CellUse): string[] {
  const own = new Set(cores.flat())
  const foreign = [...use.cpus].filter((cpu) => !own.has(cpu))
  const pages = [...use.pages].flatMap(([sizeKiB, used]) => {
    const count = hugepages.find((one) => one.sizeKiB === sizeKiB)?.count ?? 0
    return used > count ? [`${used} of ${count} hugepages of ${sizeKiB} KiB of cell ${id}`] : []
  })
  return [
    ...(foreign.length > 0
      ? [
          `CPUs ${formatCpuList(foreign)} of cell ${id}, on which others run, too, since spec.dedicatedCPUs does not name them or a switch polls on them`,
        ]
      : []),
    ...pages,
    ...(use.memoryMiB > memoryMiB ? [`${use.memoryMiB} of ${memoryMiB} MiB of memory of cell ${id}`] : []),
  ]
}
