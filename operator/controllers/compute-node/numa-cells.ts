// SPDX-License-Identifier: Apache-2.0
// NUMA cells of a node, between what its agent says, status.inventory.cells and what the scheduler counts with.
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { Inventory } from '../../../lib/contract/documents.ts'
import { formatCpuList, parseCpuList } from '../../../lib/cpu-list.ts'
import type { HostCell, PciCells } from '../../scheduler/numa/host-cells.ts'

type StatusInventory = NonNullable<NonNullable<ComputeNode['status']>['inventory']>
type StatusCells = NonNullable<StatusInventory['cells']>
type ReservedHugepages = NonNullable<ComputeNode['spec']['reservedHugepages']>

/** Bounds of the schema. */
const [MOST_CELLS, MOST_CHARACTERS] = [64, 4096]

/** Undefined: its agent cannot place machines on cells, or does not know yet which CPUs are theirs. */
export function cellsOf({
  numa,
  dedicatedCpus,
  dpdk,
}: Pick<Inventory, 'numa' | 'dedicatedCpus' | 'dpdk'>): StatusCells | undefined {
  if (!dedicatedCpus) return undefined
  const polled = new Set(dpdk?.pmdCpus)
  const own = new Set(dedicatedCpus.filter((cpu) => !polled.has(cpu)))
  return numa.slice(0, MOST_CELLS).map(({ id, memoryMiB, cpus, hugepages }) => {
    const ids = cpus.map((cpu) => cpu.id)
    const pmds = ids.filter((cpu) => polled.has(cpu))
    const dedicated = coresOf(cpus.filter((cpu) => own.has(cpu.id)))
    const inHugepagesMiB = hugepages.reduce((sum, { sizeKiB, total }) => sum + Math.ceil((sizeKiB * total) / 1024), 0)
    return {
      ...{ id, sharedCPUs: formatCpuList(ids.filter((cpu) => !own.has(cpu) && !polled.has(cpu))) },
      ...(pmds.length === 0 ? {} : { pmdCPUs: formatCpuList(pmds) }),
      ...(dedicated === '' ? {} : { dedicatedCores: dedicated }),
      memoryMiB: Math.max(0, memoryMiB - inHugepagesMiB),
      hugepages: hugepages.map(({ sizeKiB, total }) => ({ sizeKiB, count: total })),
    }
  })
}

/** `2,34 3,35`: those of a core together. */
function coresOf(cpus: Inventory['numa'][number]['cpus']): string {
  const cores = new Map<string, number[]>()
  for (const { id, socket, core } of cpus) {
    const key = `${socket} ${core}`
    cores.set(key, [...(cores.get(key) ?? []), id])
  }
  const texts = [...cores.values()].map(formatCpuList)
  // Whole cores alone, within the bound.
  while (texts.join(' ').length > MOST_CHARACTERS) texts.pop()
  return texts.join(' ')
}

export function toHostCells(
  cells: StatusCells | undefined,
  reserved: ReservedHugepages = [],
): readonly HostCell[] | undefined {
  return cells?.map(({ id, sharedCPUs, dedicatedCores, pmdCPUs, memoryMiB, hugepages }) => ({
    ...{ id, sharedCpus: parseCpuList(sharedCPUs).length, memoryMiB },
    ...(pmdCPUs === undefined ? {} : { isPolled: true }),
    cores: (dedicatedCores ?? '').split(' ').flatMap((core) => (core === '' ? [] : [parseCpuList(core)])),
    hugepages: hugepages.map(({ sizeKiB, count }) => {
      const kept = reserved.find((one) => one.cell === id && one.sizeKiB === sizeKiB)?.count ?? 0
      return { sizeKiB, count: Math.max(0, count - kept) }
    }),
  }))
}

export function countDedicated(cells: readonly HostCell[] | undefined): number {
  return (cells ?? []).reduce((sum, { cores }) => sum + cores.flat().length, 0)
}

export function countPolled(cells: StatusCells = []): number {
  return cells.reduce((sum, { pmdCPUs = '' }) => sum + parseCpuList(pmdCPUs).length, 0)
}

/** By physical network. */
export function pciCellsOf(pools: StatusInventory['pciDevices'] = []): Record<string, PciCells> {
  const found = new Map<string, { cells: number[]; elsewhere?: boolean }>()
  for (const { physicalNetwork, numaCell } of pools) {
    const had = found.get(physicalNetwork) ?? { cells: [] }
    found.set(physicalNetwork, had)
    if (numaCell === undefined) had.elsewhere = true
    else if (!had.cells.includes(numaCell)) had.cells.push(numaCell)
  }
  return Object.fromEntries(found)
}
