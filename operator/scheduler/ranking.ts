// SPDX-License-Identifier: Apache-2.0
import type { PlacementRequest } from './filters/request.ts'
import { PASSED, type Judgement } from './judgement.ts'
import type { NodeTable } from './nodes/node-table.ts'
import { pickOf } from './nodes/tie-break.ts'
import type { Weigher } from './weighers/weigher.ts'

/** Rows are looked at by so many at a time: of each block is known between what its weights are, and therefore what its best can be. A power of two. */
const BLOCK = 64
const SHIFT = 6

/** What is known of a block: its best row; between what its weights are; nothing. */
const [RANKED, RANGED, UNKNOWN] = [0, 1, 2]

/** One weigher, over the rows that passed. */
interface Weight {
  weigher: Weigher
  column: Float64Array
  /** The least and the most of each block. */
  least: Float64Array
  most: Float64Array
  min: number
  /** From the column's unit to its part of the total: each is between 0 and 1 over the rows that passed, times the multiplier. */
  factor: number
}

/**
 * What weighers say of the rows that passed, and which of them are the best. Kept up block by block as nodes change; totals are found only where the
 * best may be.
 */
export class Ranking {
  readonly #table: NodeTable
  readonly #judgement: Judgement
  #request: PlacementRequest | undefined
  #weighers: readonly Weigher[] = []
  #weights: Weight[] = []
  /** The same, by as many as are looked at in one pass. */
  #parts: Weight[][] = []
  /** Those that are not the same for all rows. */
  #counting: Weight[][] = []
  /** What weighers say of nodes that the table has no column for, and the ranges, one of each for each weigher. */
  readonly #spare: { column: Float64Array; least: Float64Array; most: Float64Array }[] = []
  #totals = new Float64Array(0)
  /** Of each block: what is known, what its best can be, its greatest total, and how many have it. */
  #known = new Uint8Array(0)
  #bounds = new Float64Array(0)
  #peaks = new Float64Array(0)
  #ties = new Int32Array(0)
  /** Blocks of which nothing is known. */
  #unknown: number[] = []

  constructor(table: NodeTable, judgement: Judgement) {
    this.#table = table
    this.#judgement = judgement
  }

  /** About as much memory as it holds. */
  get bytes(): number {
    return this.#spare.reduce((sum, { column }) => sum + column.byteLength, this.#totals.byteLength)
  }

  get #blocks(): number {
    return (this.#table.length + BLOCK - 1) >> SHIFT
  }

  /** All rows that passed, in place of what was ranked before. */
  rank(request: PlacementRequest, weighers: readonly Weigher[]): void {
    const size = this.#table.classOf.length
    if (this.#totals.length < size) {
      const blocks = (size >> SHIFT) + 1
      this.#totals = new Float64Array(size)
      this.#known = new Uint8Array(blocks)
      this.#bounds = new Float64Array(blocks)
      this.#peaks = new Float64Array(blocks)
      this.#ties = new Int32Array(blocks)
    }
    this.#request = request
    this.#weighers = weighers
    this.#weights = []
    for (const [i, weigher] of weighers.entries()) {
      const column = weigher.multiplier === 0 ? undefined : this.#columnOf(weigher, i, request)
      if (!column) continue
      const { least, most } = this.#spareOf(i)
      this.#weights.push({ weigher, column, least, most, min: Infinity, factor: 0 })
    }
    this.#parts = inParts(this.#weights)
    this.#counting = []
    this.#unknown = []
    this.#findRanges(0, this.#blocks)
    this.#setFactors()
    this.#known.fill(RANGED)
  }

  /** Whether all weighers still read what they did when all was ranked. */
  isFor(request: PlacementRequest): boolean {
    let at = 0
    for (const weigher of this.#weighers) {
      if (weigher.multiplier === 0) continue
      const weight = this.#weights[at]?.weigher === weigher ? this.#weights[at++] : undefined
      if (weigher.by !== 'column' && weigher.by !== 'rows') continue
      if (weight?.column !== sharedColumn(this.#table, weigher, request)) return false
    }
    return true
  }

  /** One row again, after its node changed and was judged again. */
  rankAgain(row: number): void {
    const request = this.#request
    if (!request) return
    for (const { weigher, column } of this.#weights) {
      if (weigher.by !== 'row' && weigher.by !== 'class') continue
      const node = this.#table.get(row)
      if (node) column[row] = weigher.weigh(node, request)
    }
    const block = row >> SHIFT
    if (this.#known[block] === UNKNOWN) return
    this.#known[block] = UNKNOWN
    this.#unknown.push(block)
  }

  /** The row with the greatest total; of equal ones, in the order of names, that which the machine’s UID chooses. */
  best(uid: string): { row: number; total: number } | undefined {
    if (this.#unknown.length > 0) {
      for (const block of this.#unknown) {
        this.#findRanges(block, block + 1)
        this.#known[block] = RANGED
      }
      this.#unknown = []
      if (this.#setFactors()) this.#known.fill(RANGED)
    }
    const total = this.#findPeak()
    return total === -Infinity ? undefined : { row: this.#pick(total, uid), total }
  }

  /** The best of them, each with what it got of which weigher; the first one is that of `best`. */
  list(uid: string, most: number): { row: number; total: number; weights: { name: string; weight: number }[] }[] {
    const winner = this.best(uid)?.row
    const { first } = this.#judgement
    for (let block = 0; block < this.#blocks; block++) this.#weigh(block)
    const rows = Array.from({ length: this.#table.length }, (_, row) => row).filter((row) => first[row] === PASSED)
    const totalOf = (row: number) => this.#totals[row] ?? 0
    rows.sort((a, b) => totalOf(b) - totalOf(a) || Number(b === winner) - Number(a === winner) || a - b)
    const counting = this.#counting.flat()
    return rows.slice(0, most).map((row) => {
      const weights = this.#weighers.map((weigher) => {
        const felt = counting.find((one) => one.weigher === weigher)
        return { name: weigher.name, weight: felt ? ((felt.column[row] ?? 0) - felt.min) * felt.factor : 0 }
      })
      return { row, total: totalOf(row), weights }
    })
  }

  /** The greatest total. Blocks that cannot have it are left alone. */
  #findPeak(): number {
    const [blocks, known, bounds, peaks] = [this.#blocks, this.#known, this.#bounds, this.#peaks]
    let most = -Infinity
    let first = 0
    for (let block = 0; block < blocks; block++) {
      const bound = known[block] === RANKED ? (peaks[block] as number) : this.#boundOf(block)
      bounds[block] = bound
      if (bound <= most) continue
      most = bound
      first = block
    }
    if (most === -Infinity) return most
    this.#weigh(first)
    let peak = peaks[first] as number
    for (let block = 0; block < blocks; block++) {
      if ((bounds[block] as number) < peak) continue
      this.#weigh(block)
      if ((peaks[block] as number) > peak) peak = peaks[block] as number
    }
    return peak
  }

  /** No row of the block has a greater total: computed as totals are, so that this also holds of the last bit. */
  #boundOf(block: number): number {
    // Nobody passed.
    if ((this.#weights[0]?.least[block] ?? 0) === Infinity) return -Infinity
    let bound = 0
    for (const part of this.#counting)
      for (const { least, most, min, factor } of part)
        bound += ((factor > 0 ? (most[block] as number) : (least[block] as number)) - min) * factor
    return bound
  }

  #pick(total: number, uid: string): number {
    const [blocks, bounds, peaks, ties] = [this.#blocks, this.#bounds, this.#peaks, this.#ties]
    const has = (block: number) => (bounds[block] as number) >= total && peaks[block] === total
    let count = 0
    for (let block = 0; block < blocks; block++) if (has(block)) count += ties[block] as number
    let left = pickOf(count, uid)
    let block = 0
    for (; !has(block) || left >= (ties[block] as number); block++) if (has(block)) left -= ties[block] as number
    let row = block << SHIFT
    for (; this.#totals[row] !== total || left > 0; row++) if (this.#totals[row] === total) left--
    return row
  }

  /** Undefined: all weigh the same. */
  #columnOf(weigher: Weigher, i: number, request: PlacementRequest): Float64Array | undefined {
    const table = this.#table
    switch (weigher.by) {
      case 'column':
      case 'rows':
        return sharedColumn(table, weigher, request)
      case 'class': {
        const { classes, classOf, length } = table
        const weights = Array.from({ length: classes.size }, (_, id) => {
          const facts = classes.get(id)
          return facts ? weigher.weigh(facts, request) : 0
        })
        const column = this.#ownColumn(i)
        for (let row = 0; row < length; row++) column[row] = weights[classOf[row] as number] as number
        return column
      }
      case 'node': {
        const weights = weigher.weights(request)
        if (!weights || weights.size === 0) return undefined
        const column = this.#ownColumn(i).fill(0, 0, table.length)
        for (const [name, weight] of weights) {
          const row = table.rowOf(name)
          if (row !== undefined) column[row] = weight
        }
        return column
      }
      case 'row': {
        const column = this.#ownColumn(i)
        const { first } = this.#judgement
        for (let row = 0; row < table.length; row++) {
          const node = first[row] === PASSED ? table.get(row) : undefined
          if (node) column[row] = weigher.weigh(node, request)
        }
        return column
      }
    }
  }

  #spareOf(i: number): { column: Float64Array; least: Float64Array; most: Float64Array } {
    const blocks = (this.#table.classOf.length >> SHIFT) + 1
    const known = this.#spare[i]
    if (known && known.least.length >= blocks) return known
    const [least, most] = [new Float64Array(blocks), new Float64Array(blocks)]
    return (this.#spare[i] = { column: new Float64Array(0), least, most })
  }

  #ownColumn(i: number): Float64Array {
    const spare = this.#spareOf(i)
    if (spare.column.length < this.#table.length) spare.column = new Float64Array(this.#table.classOf.length)
    return spare.column
  }

  #findRanges(from: number, to: number): void {
    for (const part of this.#parts) findRanges(this.#judgement.first, this.#table.length, part, from, to)
  }

  /** @returns whether any has changed */
  #setFactors(): boolean {
    const blocks = this.#blocks
    let isChanged = false
    for (const weight of this.#weights) {
      let [min, max] = [weight.weigher.minimum ?? Infinity, -Infinity]
      for (let block = 0; block < blocks; block++) {
        const [least, most] = [weight.least[block] as number, weight.most[block] as number]
        if (least < min) min = least
        if (most > max) max = most
      }
      const factor = max > min ? weight.weigher.multiplier / (max - min) : 0
      if (min === weight.min && factor === weight.factor) continue
      weight.min = min
      weight.factor = factor
      isChanged = true
    }
    if (isChanged) this.#counting = inParts(this.#weights.filter(({ factor }) => factor !== 0))
    return isChanged
  }

  #weigh(block: number): void {
    if (this.#known[block] === RANKED) return
    const ranked = { first: this.#judgement.first, totals: this.#totals, peaks: this.#peaks, ties: this.#ties }
    const none = { column: this.#table.columns.vcpus, min: 0, factor: 0 }
    const { length } = this.#table
    if (this.#counting.length === 0) weigh(ranked, length, block, [none], none, true)
    for (const [i, part] of this.#counting.entries()) weigh(ranked, length, block, part, none, i === 0)
    this.#known[block] = RANKED
  }
}

function inParts(weights: readonly Weight[]): Weight[][] {
  const parts: Weight[][] = []
  for (let i = 0; i < weights.length; i += 4) parts.push(weights.slice(i, i + 4))
  return parts
}

/** Undefined: all weigh the same. */
function sharedColumn(
  table: NodeTable,
  weigher: Extract<Weigher, { by: 'column' | 'rows' }>,
  request: PlacementRequest,
): Float64Array | undefined {
  if (weigher.by === 'rows') return weigher.rows(request)
  const { column } = weigher
  const isSame =
    (column === 'failedBuilds' && table.failing === 0) || (column === 'pciScarcity' && table.withPciDevices === 0)
  return isSame ? undefined : table.columns[column]
}

/** Up to four in one pass over the rows: what takes the time is the passes. */
function findRanges(
  first: Uint8Array,
  length: number,
  [a, b = a, c = b, d = c]: readonly Weight[],
  from: number,
  to: number,
): void {
  if (!a || !b || !c || !d) return
  const [columnA, columnB, columnC, columnD] = [a.column, b.column, c.column, d.column]
  for (let block = from; block < to; block++) {
    const end = Math.min(length, (block + 1) << SHIFT)
    let minA = Infinity
    let minB = Infinity
    let minC = Infinity
    let minD = Infinity
    let maxA = -Infinity
    let maxB = -Infinity
    let maxC = -Infinity
    let maxD = -Infinity
    for (let row = block << SHIFT; row < end; row++) {
      if (first[row] !== PASSED) continue
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
    a.least[block] = minA
    a.most[block] = maxA
    b.least[block] = minB
    b.most[block] = maxB
    c.least[block] = minC
    c.most[block] = maxC
    d.least[block] = minD
    d.most[block] = maxD
  }
}

interface Ranked {
  first: Uint8Array
  totals: Float64Array
  peaks: Float64Array
  ties: Int32Array
}
type Part = Pick<Weight, 'column' | 'min' | 'factor'>

/** Adds what up to four say to the totals of a block, and finds the greatest. */
function weigh(
  { first, totals, peaks, ties }: Ranked,
  length: number,
  block: number,
  [a, b, c, d]: readonly Part[],
  none: Part,
  isFirst: boolean,
): void {
  const { column: columnA, min: minA, factor: factorA } = a ?? none
  const { column: columnB, min: minB, factor: factorB } = b ?? none
  const { column: columnC, min: minC, factor: factorC } = c ?? none
  const { column: columnD, min: minD, factor: factorD } = d ?? none
  const end = Math.min(length, (block + 1) << SHIFT)
  let peak = -Infinity
  let count = 0
  for (let row = block << SHIFT; row < end; row++) {
    if (first[row] !== PASSED) {
      totals[row] = -Infinity
      continue
    }
    const total =
      (isFirst ? 0 : (totals[row] as number)) +
      ((columnA[row] as number) - minA) * factorA +
      ((columnB[row] as number) - minB) * factorB +
      ((columnC[row] as number) - minC) * factorC +
      ((columnD[row] as number) - minD) * factorD
    totals[row] = total
    if (total > peak) {
      peak = total
      count = 1
    } else if (total === peak) count++
  }
  peaks[block] = peak
  ties[block] = count
}
