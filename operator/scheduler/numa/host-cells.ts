// SPDX-License-Identifier: Apache-2.0

/** A NUMA cell of a node, with what machines may have of it. */
export interface HostCell {
  id: number
  /** How many CPUs machines share there. */
  sharedCpus: number
  /** CPUs that machines may have for themselves, those of one core together. */
  cores: readonly (readonly number[])[]
  /** Its switch on DPDK has threads that poll there. */
  isPolled?: boolean
  /** In ordinary pages. */
  memoryMiB: number
  /** By size, without those that are kept for others. */
  hugepages: readonly Pages[]
}

/** Where virtual functions of a physical network are. */
export interface PciCells {
  cells: readonly number[]
  /** There are some of which nobody knows. */
  elsewhere?: boolean
}

export interface Pages {
  sizeKiB: number
  count: number
}

/** Where a cell of a guest is: on which cell of its node, and on which CPUs there where it has them for itself. */
export interface PlacedCell {
  hostCell: number
  vcpus: readonly number[]
  memoryMiB: number
  /** One for each of `vcpus`, in the same order. */
  cpus?: readonly number[]
  /** Other threads of their cores, which nobody gets. */
  idleCpus?: readonly number[]
}

/** What a machine with a topology claims of its node's cells. */
export interface NumaPlacement {
  cells: readonly PlacedCell[]
  /** Of the hugepages that its memory is in; absent: in ordinary ones. */
  pageSizeKiB?: number
}

export interface CellUse {
  /** That nobody else gets. */
  cpus: Set<number>
  sharedVcpus: number
  memoryMiB: number
  /** Hugepages by their size in KiB. */
  pages: Map<number, number>
}

export type CellUses = ReadonlyMap<number, CellUse>

/** What these take together, by the id of each cell. */
export function usesOf(placements: Iterable<NumaPlacement>): CellUses {
  const uses = new Map<number, CellUse>()
  for (const { cells, pageSizeKiB } of placements) {
    for (const { hostCell, vcpus, memoryMiB, cpus, idleCpus = [] } of cells) {
      const use: CellUse = uses.get(hostCell) ?? { cpus: new Set(), sharedVcpus: 0, memoryMiB: 0, pages: new Map() }
      uses.set(hostCell, use)
      for (const cpu of [...(cpus ?? []), ...idleCpus]) use.cpus.add(cpu)
      if (cpus === undefined) use.sharedVcpus += vcpus.length
      if (pageSizeKiB === undefined) use.memoryMiB += memoryMiB
      else use.pages.set(pageSizeKiB, (use.pages.get(pageSizeKiB) ?? 0) + pagesFor(memoryMiB, pageSizeKiB))
    }
  }
  return uses
}

export function pagesFor(memoryMiB: number, sizeKiB: number): number {
  return (memoryMiB * 1024) / sizeKiB
}
