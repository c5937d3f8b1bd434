// SPDX-License-Identifier: Apache-2.0
import type { NodeTable } from './nodes/node-table.ts'
import { hashOf, tieBreak } from './nodes/tie-break.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { ClassWeigher, NodeWeigher, Weigher } from './weighers/weigher.ts'

/** Used again by every decision, of which there is one at a time. */
let scratch = new Float64Array(0)
/** What weighers say of nodes that the table has no column for, one each. */
const spare: Float64Array[] = []

/** Of the first `count` rows of `passed` the one with the greatest weight; of equal ones that which the machine’s UID chooses. */
export function pickBest(
  table: NodeTable,
  { passed, count }: { passed: Int32Array; count: number },
  request: PlacementRequest,
  weighers: readonly Weigher[],
): { name: string; total: number } | undefined {
  if (count === 0) return undefined
  const { totals } = weigh(table, { passed, count }, request, weighers)
  const best = findBest(totals, table, { passed, count, seed: hashOf(request.uid) })
  const node = table.get(passed[best] ?? 0)
  return node && { name: node.name, total: totals[best] ?? 0 }
}

/** The best of them, each with what it got of which weigher; the first one is that of `pickBest`. */
export function listBest(
  table: NodeTable,
  { passed, count }: { passed: Int32Array; count: number },
  request: PlacementRequest,
  weighers: readonly Weigher[],
  most: number,
): { row: number; total: number; weights: { name: string; weight: number }[] }[] {
  const { totals, counting } = weigh(table, { passed, count }, request, weighers)
  const seed = hashOf(request.uid)
  const tieOf = (i: number) => tieBreak(seed, table.hashes[passed[i] ?? 0] ?? 0)
  const rankOf = (i: number) => table.ranks[passed[i] ?? 0] ?? 0
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => (totals[b] ?? 0) - (totals[a] ?? 0) || tieOf(b) - tieOf(a) || rankOf(a) - rankOf(b),
  )
  return order.slice(0, most).map((i) => {
    const row = passed[i] ?? 0
    const weights = weighers.map((weigher) => {
      const felt = counting.find((one) => one.weigher === weigher)
      return { name: weigher.name, weight: felt ? ((felt.column[row] ?? 0) - felt.min) * felt.factor : 0 }
    })
    return { row, total: totals[i] ?? 0, weights }
  })
}

/** The weight of each of the rows, and by which weighers they differ. Both are used again by the next decision. */
function weigh(
  table: NodeTable,
  { passed, count }: { passed: Int32Array; count: number },
  request: PlacementRequest,
  weighers: readonly Weigher[],
): { totals: Float64Array; counting: Weight[] } {
  if (scratch.length < count) scratch = new Float64Array(2 * count)
  const totals = scratch.fill(0, 0, count)
  const felt: Weight[] = []
  for (const [i, weigher] of weighers.entries()) {
    const column = weigher.multiplier === 0 ? undefined : columnOf(table, weigher, { request, i, passed, count })
    if (column) felt.push({ weigher, column, multiplier: weigher.multiplier, min: Infinity, factor: 0 })
  }
  for (let i = 0; i < felt.length; i += 4) normalise(passed, count, felt.slice(i, i + 4))
  const counting = felt.filter(({ factor }) => factor !== 0)
  for (let i = 0; i < counting.length; i += 4) addWeights(totals, passed, count, counting.slice(i, i + 4))
  return { totals, counting }
}

/** Undefined: all weigh the same. */
function columnOf(
  table: NodeTable,
  weigher: Weigher,
  { request, i, passed, count }: { request: PlacementRequest; i: number; passed: Int32Array; count: number },
): Float64Array | undefined {
  switch (weigher.by) {
    case 'column':
      return table.columns[weigher.column]
    case 'rows':
      return weigher.rows(request)
    case 'class':
      return fillByClass(table, weigher, request, i)
    case 'node':
      return fillByName(table, weigher, request, i)
    case 'row': {
      const column = spareColumn(i, table.length)
      for (const row of passed.subarray(0, count)) {
        const node = table.get(row)
        column[row] = node ? weigher.weigh(node, request) : 0
      }
      return column
    }
  }
}

function fillByClass(table: NodeTable, weigher: ClassWeigher, request: PlacementRequest, i: number): Float64Array {
  const { classes, classOf, length } = table
  const weights = Array.from({ length: classes.size }, (_, id) => {
    const facts = classes.get(id)
    return facts ? weigher.weigh(facts, request) : 0
  })
  const column = spareColumn(i, length)
  for (let row = 0; row < length; row++) column[row] = weights[classOf[row] as number] as number
  return column
}

function spareColumn(i: number, length: number): Float64Array {
  const column = spare[i]
  if (column && column.length >= length) return column
  return (spare[i] = new Float64Array(2 * length))
}

/** Undefined: all weigh the same. */
function fillByName(
  table: NodeTable,
  weigher: NodeWeigher,
  request: PlacementRequest,
  i: number,
): Float64Array | undefined {
  const weights = weigher.weights(request)
  if (!weights || weights.size === 0) return undefined
  const column = spareColumn(i, table.length).fill(0, 0, table.length)
  for (const [name, weight] of weights) {
    const row = table.rowOf(name)
    if (row !== undefined) column[row] = weight
  }
  return column
}

interface Weight {
  weigher: Weigher
  column: Float64Array
  multiplier: number
  min: number
  /** From the column's unit to its part of the total: each is between 0 and 1 over the rows that passed, times the multiplier. */
  factor: number
}

/** Up to four in one pass over the rows: what takes the time is the passes. */
function normalise(passed: Int32Array, count: number, [a, b = a, c = b, d = c]: readonly Weight[]): void {
  if (!a || !b || !c || !d) return
  const [columnA, columnB, columnC, columnD] = [a.column, b.column, c.column, d.column]
  let [minA, minB, minC, minD] = [Infinity, Infinity, Infinity, Infinity]
  let [maxA, maxB, maxC, maxD] = [-Infinity, -Infinity, -Infinity, -Infinity]
  for (let i = 0; i < count; i++) {
    const row = passed[i] as number
    const valueA = columnA[row] as number
    const valueB = columnB[row] as number
    const valueC = columnC[row] as number
    const valueD = columnD[row] as number
    if (valueA < minA) minA = valueA
    if (valueA > maxA) maxA = valueA
    if (valueB < minB) minB = valueB
    if (valueB > maxB) maxB = valueB
    if (valueC < minC) minC = valueC
    if (valueC > maxC) maxC = valueC
    if (valueD < minD) minD = valueD
    if (valueD > maxD) maxD = valueD
  }
  setRange(a, minA, maxA)
  setRange(b, minB, maxB)
  setRange(c, minC, maxC)
  setRange(d, minD, maxD)
}

function setRange(weight: Weight, min: number, max: number): void {
  weight.min = min
  weight.factor = max > min ? weight.multiplier / (max - min) : 0
}

/** Counts nothing. */
const NO_WEIGHT = { min: 0, factor: 0 }

/** The same. */
function addWeights(totals: Float64Array, passed: Int32Array, count: number, [a, b, c, d]: readonly Weight[]): void {
  if (!a) return
  const { column: columnA, min: minA, factor: factorA } = a
  const { column: columnB, min: minB, factor: factorB } = b ?? { ...NO_WEIGHT, column: columnA }
  const { column: columnC, min: minC, factor: factorC } = c ?? { ...NO_WEIGHT, column: columnA }
  const { column: columnD, min: minD, factor: factorD } = d ?? { ...NO_WEIGHT, column: columnA }
  for (let i = 0; i < count; i++) {
    const row = passed[i] as number
    totals[i] =
      (totals[i] as number) +
      ((columnA[row] as number) - minA) * factorA +
      ((columnB[row] as number) - minB) * factorB +
      ((columnC[row] as number) - minC) * factorC +
      ((columnD[row] as number) - minD) * factorD
  }
}

/** Ties are broken only where there are any: hashing takes longer than comparing. */
function findBest(
  totals: Float64Array,
  { hashes, ranks }: NodeTable,
  { passed, count, seed }: { passed: Int32Array; count: number; seed: number },
): number {
  const tieOf = (i: number) => tieBreak(seed, hashes[passed[i] ?? 0] ?? 0)
  const rankOf = (i: number) => ranks[passed[i] ?? 0] ?? 0
  let best = 0
  let tie = -1
  let most = totals[0] ?? 0
  for (let i = 1; i < count; i++) {
    const total = totals[i] as number
    if (total < most) continue
    if (total > most) {
      best = i
      tie = -1
      most = total
      continue
    }
    if (tie < 0) tie = tieOf(best)
    const other = tieOf(i)
    if (other > tie || (other === tie && rankOf(i) < rankOf(best))) {
      best = i
      tie = other
    }
  }
  return best
}
