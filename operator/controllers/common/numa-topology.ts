// SPDX-License-Identifier: Apache-2.0
// A machine's place on its node's NUMA cells, between status.numaTopology, the scheduler's claim and the document for its node.
import type { Instance } from '../../../lib/api/types.ts'
import type { InstanceSpec } from '../../../lib/contract/documents.ts'
import { formatCpuList, parseCpuList } from '../../../lib/cpu-list.ts'
import type { OnCells } from '../../scheduler/nodes/amounts.ts'
import type { NumaPlacement, PlacedCell } from '../../scheduler/numa/host-cells.ts'
import type { NumaWish } from '../../scheduler/numa/numa-wish.ts'

type Topology = NonNullable<NonNullable<Instance['status']>['numaTopology']>

export function recordNuma(instance: Instance, placement: NumaPlacement | undefined): void {
  const status = (instance.status ??= {})
  if (placement) status.numaTopology = toTopology(placement)
  else delete status.numaTopology
}

function toTopology({ cells, pageSizeKiB }: NumaPlacement): Topology {
  return {
    ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }),
    cells: cells.map(({ hostCell, vcpus, memoryMiB, cpus, idleCpus }) => ({
      ...{ hostCell, vcpus: formatCpuList(vcpus), memoryMiB },
      ...(cpus ? { cpus: formatCpuList(cpus) } : {}),
      ...(idleCpus ? { idleCPUs: formatCpuList(idleCpus) } : {}),
    })),
  }
}

/** As it is stored; undefined: the machine is on no cell in particular. */
export function numaPlacementOf({ status }: Pick<Instance, 'status'>): NumaPlacement | undefined {
  const { cells = [], pageSizeKiB } = status?.numaTopology ?? {}
  if (cells.length === 0) return undefined
  const placed = cells.map(({ hostCell, vcpus, memoryMiB, cpus, idleCPUs }): PlacedCell => ({
    ...{ hostCell, vcpus: parseCpuList(vcpus), memoryMiB },
    ...(cpus === undefined ? {} : { cpus: parseCpuList(cpus) }),
    ...(idleCPUs === undefined ? {} : { idleCpus: parseCpuList(idleCPUs) }),
  }))
  return { cells: placed, ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }) }
}

export function onCellsBy(placement: NumaPlacement | undefined): OnCells | undefined {
  return (
    placement && {
      dedicatedCpus: placement.cells.some(({ cpus }) => cpus !== undefined),
      hugepages: placement.pageSizeKiB !== undefined,
    }
  )
}

export function onCellsWished(wish: NumaWish | undefined): OnCells | undefined {
  return wish && { dedicatedCpus: wish.dedicated !== undefined, hugepages: wish.hugepages !== undefined }
}

/** For a spread. */
export function toDocumentNuma(instance: Pick<Instance, 'status'>): Pick<InstanceSpec, 'numa'> {
  const placement = numaPlacementOf(instance)
  if (!placement) return {}
  const { cells, pageSizeKiB } = placement
  return {
    numa: {
      ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }),
      cells: cells.map(({ hostCell, vcpus, memoryMiB, cpus, idleCpus }) => ({
        ...{ hostCell, vcpus: [...vcpus], memoryMiB },
        ...(cpus ? { cpus: [...cpus] } : {}),
        ...(idleCpus ? { idleCpus: [...idleCpus] } : {}),
      })),
    },
  }
}
