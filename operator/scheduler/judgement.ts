// SPDX-License-Identifier: Apache-2.0
import type { BoundFilter, ClassFilter, Filter, RoomFilter } from './filters/filter.ts'
import { whyRefused } from './filters/filter.ts'
import type { PlacementRequest } from './filters/request.ts'
import { NO_CLASS } from './nodes/node-classes.ts'
import type { NodeTable } from './nodes/node-table.ts'

/** In place of the filter that refuses a row first: none does. */
export const PASSED = 255
/** The row has no node. */
const NO_NODE = 254
/** Of the numbers above. */
const VERDICTS = 256

type OtherFilter = Exclude<Filter, ClassFilter | RoomFilter>

/** The filters of a policy by how they judge, each with its depth: sorted once, not for each decision. */
interface Plan {
  classes: { filter: ClassFilter; depth: number }[]
  rooms: { filter: RoomFilter; depth: number }[]
  others: { filter: OtherFilter; depth: number }[]
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

interface Shortage {
  column: Float64Array
  wanted: number
  depth: number
}

/** What filters say of all nodes about one request: which of them refuses a row first. Kept up row by row as nodes change. */
export class Judgement {
  /** By row: the depth of the filter, or PASSED. */
  first = new Uint8Array(0)
  /** How many rows have which. */
  readonly counts = new Int32Array(VERDICTS)
  readonly #table: NodeTable
  #request: PlacementRequest | undefined
  #plan: Plan = { classes: [], rooms: [], others: [] }
  #rooms: Shortage[] = []
  /** Those that have something to say of this request. */
  #others: Plan['others'] = []
  /** Of each class, and of which state of the classes. */
  #verdicts = new Uint8Array(0)
  #classesVersion = -1

  constructor(table: NodeTable) {
    this.#table = table
  }

  /** How many rows passed. */
  get passed(): number {
    return this.counts[PASSED] as number
  }

  /** All rows, in place of what was judged before. */
  judge(request: PlacementRequest, filters: readonly Filter[]): void {
    const { columns, length } = this.#table
    if (this.first.length < length) this.first = new Uint8Array(this.#table.classOf.length)
    this.#request = request
    this.#plan = planOf(filters)
    this.#rooms = this.#plan.rooms.map(({ filter, depth }) => ({
      ...{ column: columns[filter.column], wanted: filter.wanted(request), depth },
    }))
    this.#others = this.#plan.others.filter(({ filter }) => asks(filter, request))
    this.#judgeClasses(request)
    const { first } = this
    refuseByClass(first, this.#verdicts, this.#table, this.#rooms.slice(0, 3))
    for (let i = 3; i < this.#rooms.length; i += 3) refuseShort(first, length, this.#rooms.slice(i, i + 3))
    for (const { filter, depth } of this.#others) this.#refuseBy(filter, depth, request)
    this.#count()
  }

  /** One row again, after its node changed. */
  judgeAgain(row: number): void {
    const { classes, classOf } = this.#table
    const request = this.#request
    if (!request) return
    if (classes.version !== this.#classesVersion) this.#judgeClasses(request)
    let verdict = this.#verdicts[classOf[row] as number] as number
    for (const { column, wanted, depth } of this.#rooms)
      if ((column[row] as number) < wanted && verdict > depth) verdict = depth
    for (const { filter, depth } of this.#others) {
      if (verdict <= depth || verdict === NO_NODE) continue
      const node = this.#table.get(row)
      if (node && whyRefused(filter, node, request) !== undefined) verdict = depth
    }
    const before = this.first[row] as number
    if (before === verdict) return
    this.counts[before] = (this.counts[before] as number) - 1
    this.counts[verdict] = (this.counts[verdict] as number) + 1
    this.first[row] = verdict
  }

  /** The row that sorts first of those that a filter refuses; -1: it refuses none. */
  exampleOf(depth: number): number {
    const row = this.first.indexOf(depth)
    return row < this.#table.length ? row : -1
  }

  #judgeClasses(request: PlacementRequest): void {
    const { classes } = this.#table
    if (this.#verdicts.length < classes.size) this.#verdicts = new Uint8Array(2 * classes.size)
    const verdicts = this.#verdicts
    verdicts[NO_CLASS] = NO_NODE
    for (let id = NO_CLASS + 1; id < classes.size; id++) {
      const facts = classes.get(id)
      if (!facts) continue
      verdicts[id] = PASSED
      for (const { filter, depth } of this.#plan.classes) {
        if (filter.refuse(facts, request) === undefined) continue
        verdicts[id] = depth
        break
      }
    }
    this.#classesVersion = classes.version
  }

  #refuseBy(filter: OtherFilter, depth: number, request: PlacementRequest): void {
    const { first } = this
    const table = this.#table
    if (filter.by === 'name') refuseNamed(table, filter.named(request), first, depth)
    else if (filter.by === 'bound') refuseFull(table, filter, request, { first, depth })
    else if (filter.by === 'only') refuseOthers(table, filter.allowed(request), first, depth)
    else {
      for (let row = 0; row < table.length; row++) {
        const before = first[row] as number
        if (before <= depth || before === NO_NODE) continue
        const node = table.get(row)
        if (node && filter.refuse(node, request) !== undefined) first[row] = depth
      }
    }
  }

  #count(): void {
    const { first, counts } = this
    const { length } = this.#table
    counts.fill(0)
    let passed = 0
    for (let row = 0; row < length; row++) {
      const verdict = first[row] as number
      if (verdict === PASSED) passed++
      else counts[verdict] = (counts[verdict] as number) + 1
    }
    counts[PASSED] = passed
  }
}

function asks(filter: OtherFilter, request: PlacementRequest): boolean {
  switch (filter.by) {
    case 'name':
      for (const _ of filter.named(request)) return true
      return false
    case 'only':
      return filter.allowed(request) !== undefined
    case 'bound':
      return true
    case 'row':
      return filter.asks(request)
  }
}

/** Columns that are read where there is nothing to refuse by. */
const NEVER = { wanted: -Infinity, depth: PASSED }

/** Writes the verdict of each row's class, and of up to three columns beside: what takes the time is the passes. */
function refuseByClass(
  first: Uint8Array,
  verdicts: Uint8Array,
  { classOf, columns, length }: NodeTable,
  [a, b, c]: readonly Shortage[],
): void {
  const { column: columnA, wanted: wantedA, depth: depthA } = a ?? { column: columns.vcpus, ...NEVER }
  const { column: columnB, wanted: wantedB, depth: depthB } = b ?? { column: columnA, ...NEVER }
  const { column: columnC, wanted: wantedC, depth: depthC } = c ?? { column: columnA, ...NEVER }
  for (let row = 0; row < length; row++) {
    let verdict = verdicts[classOf[row] as number] as number
    if ((columnA[row] as number) < wantedA && verdict > depthA) verdict = depthA
    if ((columnB[row] as number) < wantedB && verdict > depthB) verdict = depthB
    if ((columnC[row] as number) < wantedC && verdict > depthC) verdict = depthC
    first[row] = verdict
  }
}

/** The same for further columns. Rows without a node have infinite room. */
function refuseShort(first: Uint8Array, length: number, [a, b = a, c = b]: readonly Shortage[]): void {
  if (!a || !b || !c) return
  const { column: columnA, wanted: wantedA, depth: depthA } = a
  const { column: columnB, wanted: wantedB, depth: depthB } = b
  const { column: columnC, wanted: wantedC, depth: depthC } = c
  for (let row = 0; row < length; row++) {
    if ((columnA[row] as number) < wantedA && (first[row] as number) > depthA) first[row] = depthA
    if ((columnB[row] as number) < wantedB && (first[row] as number) > depthB) first[row] = depthB
    if ((columnC[row] as number) < wantedC && (first[row] as number) > depthC) first[row] = depthC
  }
}

function refuseNamed(table: NodeTable, names: Iterable<string>, first: Uint8Array, depth: number): void {
  for (const name of names) {
    const row = table.rowOf(name)
    if (row !== undefined && first[row] !== NO_NODE && (first[row] ?? 0) > depth) first[row] = depth
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
