// SPDX-License-Identifier: Apache-2.0
// NUMA cells of this host: which CPUs machines share, which they get for themselves, and what is free at present.
import type { NumaTopology } from '../../lib/contract/documents.ts'
import { formatCpuList } from '../../lib/cpu-list.ts'
import { readHostCells, type MeasuredCell } from '../node/hardware.ts'

export interface HostCell {
  id: number
  sharedCpus: readonly number[]
  dedicatedCpus: readonly number[]
  /** That could be had without swapping, in ordinary pages. */
  availableMemoryMiB: number
  hugepages: readonly { sizeKiB: number; free: number }[]
}

/**
 * @param wanted CPUs for machines of their own; those that the host does not have count for nothing
 * @param polled by the switch: no machine's
 */
export async function listHostCells(
  wanted: readonly number[],
  polled: readonly number[] = [],
  root = '/',
): Promise<HostCell[]> {
  const own = new Set(wanted)
  return (await readHostCells(root)).map((cell) => toHostCell(cell, own, new Set(polled)))
}

function toHostCell(
  { id, cpus, hugepages, availableMemoryMiB }: MeasuredCell,
  own: ReadonlySet<number>,
  polled: ReadonlySet<number>,
): HostCell {
  const ids = cpus.flatMap((cpu) => (polled.has(cpu.id) ? [] : [cpu.id]))
  return {
    id,
    sharedCpus: ids.filter((cpu) => !own.has(cpu)),
    dedicatedCpus: ids.filter((cpu) => own.has(cpu)),
    availableMemoryMiB,
    hugepages: hugepages.map(({ sizeKiB, free }) => ({ sizeKiB, free })),
  }
}

export interface OnCells {
  uid: string
  name: string
  numa: NumaTopology | undefined
}

/**
 * Why the machine cannot be put on the cells that the scheduler chose; undefined: it can. The last guard against two leaders, a host that has
 * changed, and hugepages that others took. Pure.
 */
export function findCellShortage(
  want: OnCells,
  others: readonly OnCells[],
  cells: readonly HostCell[],
): string | undefined {
  const { cells: wanted = [], pageSizeKiB } = want.numa ?? {}
  for (const { hostCell, memoryMiB, cpus, idleCpus = [], vcpus } of wanted) {
    const cell = cells.find(({ id }) => id === hostCell)
    if (!cell) return `it has no NUMA cell ${hostCell}`
    const own = [...(cpus ?? []), ...idleCpus]
    const foreign = own.filter((cpu) => !cell.dedicatedCpus.includes(cpu))
    if (foreign.length > 0)
      return `CPUs ${formatCpuList(foreign)} of cell ${hostCell} are not for machines of their own (spec.dedicatedCPUs of its ComputeNode)`
    const taken = others.find(({ numa }) => cpusOf(numa).some((cpu) => own.includes(cpu)))
    if (taken) return `CPUs ${formatCpuList(own)} of cell ${hostCell} are in part those of machine ${taken.name}`
    if (cpus && cpus.length !== vcpus.length) return `${cpus.length} CPUs for ${vcpus.length} vCPUs of cell ${hostCell}`
    if (!cpus && cell.sharedCpus.length === 0) return `cell ${hostCell} has no CPUs that machines share`
    const lacks = whyNoMemory(cell, memoryMiB, pageSizeKiB)
    if (lacks !== undefined) return lacks
  }
  return undefined
}

function cpusOf(numa: NumaTopology | undefined): number[] {
  return (numa?.cells ?? []).flatMap(({ cpus = [], idleCpus = [] }) => [...cpus, ...idleCpus])
}

function whyNoMemory(cell: HostCell, memoryMiB: number, pageSizeKiB: number | undefined): string | undefined {
  if (pageSizeKiB === undefined) {
    if (memoryMiB <= cell.availableMemoryMiB) return undefined
    return `${memoryMiB} MiB of memory are more than the ${cell.availableMemoryMiB} MiB that are free now on cell ${cell.id}`
  }
  const free = cell.hugepages.find(({ sizeKiB }) => sizeKiB === pageSizeKiB)?.free ?? 0
  const pages = Math.ceil((memoryMiB * 1024) / pageSizeKiB)
  if (pages <= free) return undefined
  return `${pages} hugepages of ${pageSizeKiB} KiB are more than the ${free} that are free now on cell ${cell.id} (spec.reservedHugepages of its ComputeNode keeps those of others)`
}
