// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import { fitCells, type Fit, type NearTo } from './fit-cells.ts'
import type { NumaWish } from '../numa/numa-wish.ts'
import type { PlacementRequest } from './request.ts'
import type { RowFilter } from './filter.ts'

/** For machines whose Flavor asks for NUMA cells, CPUs of their own or hugepages: whether there are such, each of the guest's cells on one of the node's. */
export const numaTopologyFilter: RowFilter = {
  name: 'NUMATopologyFilter',
  by: 'row',
  // With more than one card or switch to be near to, the search gives up early (MOST_TRIES), in an order that goes by what is left: less may be found where more was not.
  turnedBy: (request) => (countNear(request) > 1 ? ['freed', 'taken'] : ['freed']),
  asks: ({ numa }) => numa !== undefined,
  refuse: (node, request) => {
    const { numa } = request
    const fit = numa && fitOnNode(node, numa, request)
    return fit?.ok === false ? fit.why : undefined
  },
}

/** The same table and wish give the same cells and CPUs. */
export function fitOnNode(node: NodeRow, wish: NumaWish, request: Asked): Fit {
  const { cells, cellUses, vcpuRatio } = node
  return fitCells({ cells, uses: cellUses, vcpuRatio }, wish, [
    ...nearSwitch(node, request),
    ...nearCards(node, wish, request),
  ])
}

/** How many it may have to be near to, on whatever node. */
function countNear({ needsVhostUser, amounts }: Asked): number {
  return (needsVhostUser ? 1 : 0) + Object.keys(amounts.pciDevices ?? {}).length
}

type Asked = Pick<PlacementRequest, 'needsVhostUser' | 'amounts'>

/**
 * The memory of a guest on a vhost-user port is read by a thread of the switch: one of its cells is where such threads are, as Nova has it for
 * `[neutron_tunnel] numa_nodes`. Where nobody said on which CPUs they poll, any will do.
 */
function nearSwitch({ cells }: NodeRow, { needsVhostUser }: Asked): NearTo[] {
  if (!needsVhostUser) return []
  const polled = (cells ?? []).flatMap(({ id, isPolled }) => (isPolled === true ? [id] : []))
  if (polled.length === 0) return []
  return [{ cells: new Set(polled), what: 'where its switch polls for vhost-user ports' }]
}

/** Where virtual functions are, of each physical network that it has Ports of them on: by hw:pci_numa_affinity_policy, as Nova reads it. How many are free is counted for the node, not by cell. */
function nearCards({ pciCells }: NodeRow, { pciPolicy }: NumaWish, { amounts }: Asked): NearTo[] {
  if (pciPolicy === 'preferred') return []
  return Object.keys(amounts.pciDevices ?? {}).flatMap((network) => {
    const { cells = [], elsewhere = false } = pciCells?.[network] ?? {}
    if (pciPolicy === undefined && (elsewhere || cells.length === 0)) return []
    return [{ cells: new Set(cells), what: `where virtual functions of physical network ${network} are` }]
  })
}
