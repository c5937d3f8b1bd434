// SPDX-License-Identifier: Apache-2.0
import type { Refusals } from './explanation.ts'
import type { BoundFilter, ClassFilter, Filter, RoomFilter } from './filters/filter.ts'
import { NO_CLASS } from './nodes/node-classes.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { PlacementRequest } from './filters/request.ts'

/** In place of the filter that refuses a row first: none does, or the row has no node. */
const [NONE, NO_NODE] = [255, 254]

/** The filters of a policy by how they judge, each with its depth: sorted once, not for each decision. */
interface Plan {
  classes: { filter: ClassFilter; depth: number }[]
  rooms: { filter: RoomFilter; depth: number }[]
  others: { filter: Exclude<Filter, ClassFilter | RoomFilter>; depth: number }[]
}
const plans = new WeakMap<readonly Filter[], Plan>()

function planOf(filters: readonly Filter[]): Plan {
  const known = plans.get(filters)
  if (known) return known
  const plan: Plan = { classes: [], rooms: [], others: [] }
  for (const [depth, filter] of filters.entries()) {
    if (filter.by === 'class') plan.classes.push({ filter, depth })
    else if (filter.by === 'room') plan.rooms.push({ filter, depth })
    else plan.others.push({ filter, depth })
  }
  plans.set(filters, plan)
  return plan
}

/** Writes for each row which filter refuses it first. */
export function judge(
  table: NodeTable,
  request: PlacementRequest,
  filters: readonly Filter[],
  first: Uint8Array,
): void {
  const { classOf, columns, length } = table
  const plan = planOf(filters)
  const rooms = plan.rooms.map(({ filter, depth }): Shortage => {
    return { column: columns[filter.column], wanted: filter.wanted(request), depth }
  })
  const verdicts = judgeClasses(table, request, plan.classes)
  for (let row = 0; row < length; row++) first[row] = verdicts[classOf[row] as number] as number
  for (let i = 0; i < rooms.length; i += 3) refuseShort(first, length, rooms.slice(i, i + 3))
  for (const { filter, depth } of plan.others) {
    if (filter.by === 'name') refuseNamed(table, filter.named(request), first, depth)
    else if (filter.by === 'bound') refuseFull(table, filter, request, { first, depth })
    else if (filter.by === 'only') refuseOthers(table, filter.allowed(request), first, depth)
    else if (filter.asks(request)) {
      for (let row = 0; row < length; row++) {
        if (classOf[row] === NO_CLASS || (first[row] ?? 0) <= depth) continue
        const node = table.get(row)
        if (node && filter.refuse(node, request) !== undefined) first[row] = depth
      }
    }
  }
}

function refuseNamed(table: NodeTable, names: Iterable<string>, first: Uint8Array, depth: number): void {
  for (const name of names) {
    const row = table.rowOf(name)
    if (row !== undefined && table.classOf[row] !== NO_CLASS && (first[row] ?? 0) > depth) first[row] = depth
  }
}

/** What is the most is found once for each class. */
function refuseFull(
  { classes, classOf, columns, length }: NodeTable,
  filter: BoundFilter,
  request: PlacementRequest,
  { first, depth }: { first: Uint8Array; depth: number },
): void {
  const most = new Float64Array(classes.size).fill(Infinity)
  for (let id = NO_CLASS + 1; id < classes.size; id++) {
    const facts = classes.get(id)
    if (facts) most[id] = filter.most(facts, request)
  }
  const column = columns[filter.column]
  for (let row = 0; row < length; row++) {
    if ((column[row] as number) >= (most[classOf[row] as number] as number) && (first[row] as number) > depth)
      first[row] = depth
  }
}

/** All that got as far as this filter, but for the few that are allowed. */
function refuseOthers(table: NodeTable, allowed: Iterable<string> | undefined, first: Uint8Array, depth: number): void {
  if (!allowed) return
  const kept = [...allowed].flatMap((name) => table.rowOf(name) ?? []).map((row) => [row, first[row] ?? 0] as const)
  for (let row = 0; row < table.length; row++) {
    const before = first[row] as number
    if (before > depth && before !== NO_NODE) first[row] = depth
  }
  for (const [row, before] of kept) first[row] = before
}

function judgeClasses(table: NodeTable, request: PlacementRequest, filters: Plan['classes']): Uint8Array {
  const { classes } = table
  const verdicts = new Uint8Array(classes.size).fill(NO_NODE)
  for (let id = NO_CLASS + 1; id < classes.size; id++) {
    const facts = classes.get(id)
    if (!facts) continue
    verdicts[id] = NONE
    for (const { filter, depth } of filters) {
      if (filter.refuse(facts, request) === undefined) continue
      verdicts[id] = depth
      break
    }
  }
  return verdicts
}

interface Shortage {
  column: Float64Array
  wanted: number
  depth: number
}

/** Up to three in one pass over the rows: what takes the time is the passes. Rows without a node have infinite room. */
function refuseShort(first: Uint8Array, length: number, [a, b = a, c = b]: readonly Shortage[]): void {
  if (!a || !b || !c) return
  const [columnA, columnB, columnC] = [a.column, b.column, c.column]
  const [wantedA, wantedB, wantedC] = [a.wanted, b.wanted, c.wanted]
  const [depthA, depthB, depthC] = [a.depth, b.depth, c.depth]
  for (let row = 0; row < length; row++) {
    if ((columnA[row] as number) < wantedA && (first[row] as number) > depthA) first[row] = depthA
    if ((columnB[row] as number) < wantedB && (first[row] as number) > depthB) first[row] = depthB
    if ((columnC[row] as number) < wantedC && (first[row] as number) > depthC) first[row] = depthC
  }
}

/** Lists the rows that passed; of each filter how many it refused, and which of these is the first by name. */
export function tally(
  table: NodeTable,
  first: Uint8Array,
  passed: Int32Array,
  filters: number,
): { refusals: Refusals; count: number } {
  const { ranks } = table
  const refused = new Int32Array(filters)
  const examples = new Int32Array(filters).fill(-1)
  let count = 0
  for (let row = 0; row < table.length; row++) {
    const depth = first[row] ?? NO_NODE
    if (depth === NONE) passed[count++] = row
    else if (depth !== NO_NODE) {
      refused[depth] = (refused[depth] ?? 0) + 1
      const example = examples[depth] ?? -1
      if (example < 0 || (ranks[row] ?? 0) < (ranks[example] ?? 0)) examples[depth] = row
    }
  }
  return { refusals: { refused, examples }, count }
}
