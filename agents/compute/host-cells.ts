// SPDX-License-Identifier: Apache-2.0
// NUMA cells of this host: which CPUs machines share, which they get for themselves, and what is free at present.
import type { NodeSpec, NumaTopology } from '../../lib/contract/documents.ts'
import { formatCpuList } from '../../lib/cpu-list.ts'
import { readHostCells, type MeasuredCell } from '../node/hardware.ts'

export interface HostCell {
  id: number
  sharedCpus: readonly number[]
  dedicatedCpus: readonly number[]
  /** In ordinary pages: what machines may be promised, and what could be had now without swapping. */
  memoryMiB: number
  availableMemoryMiB: number
  /** `count`: those that machines may be promised, used ones included. */
  hugepages: readonly { sizeKiB: number; count: number; free: number }[]
}

type Reserved = NonNullable<NodeSpec['reservedHugepages']>

export interface CellSettings {
  /** CPUs for machines of their own; those that the host does not have count for nothing. */
  dedicatedCpus?: readonly number[]
  /** By the switch: no machine's. */
  polled?: readonly number[]
  /** Hugepages that are kept for others. */
  reserved?: Reserved
}

/** @param root of the file system, another in tests */
export async function listHostCells(settings: CellSettings = {}, root = '/'): Promise<HostCell[]> {
  return (await readHostCells(root)).map((cell) => toHostCell(cell, settings))
}

function toHostCell(
  { id, cpus, memoryMiB, hugepages, availableMemoryMiB }: MeasuredCell,
  { dedicatedCpus = [], polled = [], reserved = [] }: CellSettings,
): HostCell {
  const [own, taken] = [new Set(dedicatedCpus), new Set(polled)]
  const ids = cpus.flatMap((cpu) => (taken.has(cpu.id) ? [] : [cpu.id]))
  const keptOf = (size: number) => reserved.find((one) => one.cell === id && one.sizeKiB === size)?.count ?? 0
  const inHugepagesMiB = hugepages.reduce((sum, { sizeKiB, total }) => sum + Math.ceil((sizeKiB * total) / 1024), 0)
  return {
    id,
    sharedCpus: ids.filter((cpu) => !own.has(cpu)),
    dedicatedCpus: ids.filter((cpu) => own.has(cpu)),
    memoryMiB: Math.max(0, memoryMiB - inHugepagesMiB),
    availableMemoryMiB,
    hugepages: hugepages.map(({ sizeKiB, total, free }) => ({
      ...{ sizeKiB, free, count: Math.max(0, total - keptOf(sizeKiB)) },
    })),
  }
}

export interface OnCells {
  uid: string
  numa: NumaTopology | undefined
}

/**
 * Why the machine cannot be put on the cells that the scheduler chose; undefined: it can. The last guard against two leaders, a host that has
 * changed, and hugepages that others took. What other machines were promised counts, too, whether they run or not: they take it when they start. What is said
 * reaches the machine's owner, and names nobody else's. Pure.
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
    if (others.some(({ numa }) => cpusOf(numa).some((cpu) => own.includes(cpu))))
      return `CPUs ${formatCpuList(own)} of cell ${hostCell} are in part another machine's`
    if (cpus && cpus.length !== vcpus.length) return `${cpus.length} CPUs for ${vcpus.length} vCPUs of cell ${hostCell}`
    if (!cpus && cell.sharedCpus.length === 0) return `cell ${hostCell} has no CPUs that machines share`
    const lacks = whyNoMemory(cell, memoryMiB, pageSizeKiB, others)
    if (lacks !== undefined) return lacks
  }
  return undefined
}

function cpusOf(numa: NumaTopology | undefined): number[] {
  return (numa?.cells ?? []).flatMap(({ cpus = [], idleCpus = [] }) => [...cpus, ...idleCpus])
}

function whyNoMemory(
  cell: HostCell,
  memoryMiB: number,
  pageSizeKiB: number | undefined,
  others: readonly OnCells[],
): string | undefined {
  const promisedMiB = others
    .flatMap(({ numa }) => (numa && numa.pageSizeKiB === pageSizeKiB ? numa.cells : []))
    .reduce((sum, placed) => sum + (placed.hostCell === cell.id ? placed.memoryMiB : 0), 0)
  if (pageSizeKiB === undefined) {
    if (memoryMiB > cell.availableMemoryMiB)
      return `${memoryMiB} MiB of memory are more than the ${cell.availableMemoryMiB} MiB that are free now on cell ${cell.id}`
    if (promisedMiB + memoryMiB <= cell.memoryMiB) return undefined
    return `${memoryMiB} MiB of memory are more than what is left of the ${cell.memoryMiB} MiB of cell ${cell.id}: ${promisedMiB} are other machines'`
  }
  const { free = 0, count = 0 } = cell.hugepages.find(({ sizeKiB }) => sizeKiB === pageSizeKiB) ?? {}
  const [pages, promised] = [memoryMiB, promisedMiB].map((mib) => Math.ceil((mib * 1024) / pageSizeKiB)) as [
    number,
    number,
  ]
  const kept = '(spec.reservedHugepages of its ComputeNode keeps those of others)'
  if (pages > free)
    return `${pages} hugepages of ${pageSizeKiB} KiB are more than the ${free} that are free now on cell ${cell.id} ${kept}`
  if (promised + pages <= count) return undefined
  return `${pages} hugepages of ${pageSizeKiB} KiB are more than what is left of the ${count} of cell ${cell.id}: ${promised} are other machines', whether they run or not ${kept}`
}
