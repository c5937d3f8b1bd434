// SPDX-License-Identifier: Apache-2.0
import type { NodeRow, SharedFacts } from '../nodes/node-facts.ts'
import type { Columns } from '../nodes/node-table.ts'
import type { PlacementRequest } from './request.ts'

/**
 * A filter of Nova's name. `refuse` says why a node cannot take the machine, in a few words; undefined when it can. Filters differ in what
 * they look at, which decides how all nodes are judged at once.
 */
export type Filter<Request = PlacementRequest> =
  | ClassFilter<Request>
  | NameFilter<Request>
  | OnlyFilter<Request>
  | RoomFilter<Request>
  | BoundFilter<Request>
  | RowFilter<Request>

/** Looks at what nodes have in common alone: asked once for all that are alike. */
export interface ClassFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'class'
  refuse(node: SharedFacts, request: Request): string | undefined
}

/** Refuses nodes that the request names, and no others: exactly for these `refuse` has something to say. */
export interface NameFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'name'
  named(request: Request): Iterable<string>
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses all nodes but those that the request names: exactly for these `refuse` has nothing to say. */
export interface OnlyFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'only'
  /** Undefined: it refuses nobody. */
  allowed(request: Request): Iterable<string> | undefined
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses where a column has less than is wanted: exactly then `refuse` has something to say. */
export interface RoomFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'room'
  readonly column: keyof Columns
  wanted(request: Request): number
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses where a column has as much as nodes of a class may have, or more: exactly then `refuse` has something to say. */
export interface BoundFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'bound'
  readonly column: keyof Columns
  most(node: SharedFacts, request: Request): number
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Looks at each node by itself, which takes the longest. */
export interface RowFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'row'
  /** Whether the request asks for anything that it judges. */
  asks(request: Request): boolean
  refuse(node: NodeRow, request: Request): string | undefined
}

/** What a filter says of one node. */
export function whyRefused<Request>(filter: Filter<Request>, node: NodeRow, request: Request): string | undefined {
  return filter.refuse(node, request)
}

/** The first that has something against it. */
export function findRefusal<Request>(
  filters: readonly Filter<Request>[],
  node: NodeRow,
  request: Request,
): string | undefined {
  for (const filter of filters) {
    const why = whyRefused(filter, node, request)
    if (why !== undefined) return why
  }
  return undefined
}
