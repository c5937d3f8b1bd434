// SPDX-License-Identifier: Apache-2.0
import type { PlacementRequest } from '../filters/request.ts'
import type { NodeRow, SharedFacts } from '../nodes/node-facts.ts'
import type { Columns } from '../nodes/node-table.ts'

/**
 * A weigher of Nova's name. Larger is better; what it says is normalised to 0…1 over the nodes that passed the filters before it is multiplied
 * (nova.weights.normalize): where all are equal, and at the minimum, it counts nothing.
 */
export type Weigher = ColumnWeigher | RowsWeigher | ClassWeigher | NodeWeigher | RowWeigher

interface Named {
  readonly name: string
  /** A negative one turns it round. */
  readonly multiplier: number
  /** What counts nothing, unless a node has less (Nova's `minval`): of much, a little more counts little. Absent: the least of all nodes. */
  readonly minimum?: number
}

/** Weighs by a number that the table has of every node. */
export interface ColumnWeigher extends Named {
  readonly by: 'column'
  readonly column: keyof Columns
}

/** Weighs by a number of each row that comes with the request. */
export interface RowsWeigher extends Named {
  readonly by: 'rows'
  /** Undefined: it weighs nobody. */
  rows(request: PlacementRequest): Float64Array | undefined
}

/** Weighs by what nodes have in common: asked once for all that are alike. */
export interface ClassWeigher extends Named {
  readonly by: 'class'
  weigh(node: SharedFacts, request: PlacementRequest): number
}

/** Weighs each node by itself, which takes the longest. */
export interface RowWeigher extends Named {
  readonly by: 'row'
  weigh(node: NodeRow, request: PlacementRequest): number
}

/** Weighs the few nodes that the request names; the others weigh 0. */
export interface NodeWeigher extends Named {
  readonly by: 'node'
  /** Undefined: it weighs nobody. */
  weights(request: PlacementRequest): ReadonlyMap<string, number> | undefined
}
