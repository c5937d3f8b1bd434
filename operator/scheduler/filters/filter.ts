// SPDX-License-Identifier: Apache-2.0
import type { NodeRow, SharedFacts } from '../nodes/node-facts.ts'
import type { Columns } from '../nodes/node-table.ts'
import type { PlacementRequest } from './request.ts'

/**
 * What machines do that can turn a filter's refusal of a node into a pass; each filter says by which of them its own may turn (`turnedBy`), and machines
 * that it keeps waiting are woken by no others. What a node says of itself (NodeFacts) may turn any of them and is not listed; the machine's own spec, what it
 * names, and its profile wake it by themselves. Weighers refuse nobody: nothing that only they look at, such as which nodes have an image, wakes anyone.
 *
 * | turn       | what happened                                              | turns                                                      |
 * |------------|------------------------------------------------------------|------------------------------------------------------------|
 * | `freed`    | a machine left the node, or has less of it                 | room, numbers of machines, cells, functions, bandwidth     |
 * | `taken`    | one came to the node, has more of it, or is being built    | what may ask for little room or many machines: queries, expressions; searches that give up early |
 * | `built`    | one is being built there no longer                         | numbers of machines that are being built                   |
 * | `failures` | the node refused a machine, or started one after that      | queries, expressions                                       |
 * | `members`  | members of the machine's ServerGroup came, or left         | affinity and anti-affinity                                 |
 * | `named`    | machines that its hints name came to a node, or left one   | sameHost, differentHost                                    |
 */
export type Turn = 'freed' | 'taken' | 'built' | 'failures' | 'members' | 'named'

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
  /** Machines are nothing that nodes have in common. */
  readonly turnedBy: readonly never[]
  refuse(node: SharedFacts, request: Request): string | undefined
}

/** Refuses nodes that the request names, and no others: exactly for these `refuse` has something to say. */
export interface NameFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'name'
  readonly turnedBy: readonly ('members' | 'named')[]
  named(request: Request): Iterable<string>
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses all nodes but those that the request names: exactly for these `refuse` has nothing to say. */
export interface OnlyFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'only'
  readonly turnedBy: readonly ('members' | 'named')[]
  /** Undefined: it refuses nobody. */
  allowed(request: Request): Iterable<string> | undefined
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses where a column has less than is wanted: exactly then `refuse` has something to say. */
export interface RoomFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'room'
  readonly turnedBy: readonly 'freed'[]
  readonly column: keyof Columns
  wanted(request: Request): number
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Refuses where a column has as much as nodes of a class may have, or more: exactly then `refuse` has something to say. */
export interface BoundFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'bound'
  readonly turnedBy: readonly ('freed' | 'built')[]
  readonly column: keyof Columns
  most(node: SharedFacts, request: Request): number
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Looks at each node by itself, which takes the longest. */
export interface RowFilter<Request = PlacementRequest> {
  readonly name: string
  readonly by: 'row'
  readonly turnedBy: readonly Turn[] | ((request: Request) => readonly Turn[])
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

/** By what the refusals of these filters may turn. */
export function turnsOf<Request>(filters: readonly Filter<Request>[], request: Request): ReadonlySet<Turn> {
  return new Set(
    filters.flatMap(({ turnedBy }) =>
      typeof turnedBy === 'function' ? turnedBy(request) : (turnedBy as readonly Turn[]),
    ),
  )
}
