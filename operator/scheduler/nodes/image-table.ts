// SPDX-License-Identifier: Apache-2.0
import type { NodeTable } from './node-table.ts'

/** Columns are made for the images that machines are placed with; of these, as many are kept as are placed at one time. */
const MOST_COLUMNS = 32

interface Known {
  rows: Float64Array
  /** Of the table's rows, when this was made. */
  version: number
}

/** Which nodes have which image, by UID, as their reports say; a column of 0 and 1 for each that is asked for. */
export class ImageTable {
  readonly #table: NodeTable
  readonly #nodes: Map<string, Set<string>>
  readonly #columns = new Map<string, Known>()

  constructor(table: NodeTable, nodes = new Map<string, Set<string>>()) {
    this.#table = table
    this.#nodes = nodes
  }

  /** The same for a copy of the table. What is set in either is set in both. */
  over(table: NodeTable): ImageTable {
    return new ImageTable(table, this.#nodes)
  }

  set(image: string, node: string, isThere: boolean): void {
    const nodes = this.#nodes.get(image) ?? new Set()
    if (isThere) nodes.add(node)
    else nodes.delete(node)
    if (nodes.size > 0) this.#nodes.set(image, nodes)
    else this.#nodes.delete(image)
    const row = this.#table.rowOf(node)
    const known = this.#columns.get(image)
    if (known && row !== undefined && row < known.rows.length) known.rows[row] = isThere ? 1 : 0
    this.#table.touch(node)
  }

  /** Undefined: no node has it. The column changes with the next report: read it, never keep it. */
  rowsOf(image: string): Float64Array | undefined {
    const nodes = this.#nodes.get(image)
    if (!nodes) return undefined
    this.#table.arrange()
    const { rowsVersion, length } = this.#table
    const known = this.#columns.get(image)
    if (known?.version === rowsVersion) return known.rows
    const rows = new Float64Array(length)
    for (const node of nodes) {
      const row = this.#table.rowOf(node)
      if (row !== undefined) rows[row] = 1
    }
    this.#columns.delete(image)
    this.#columns.set(image, { rows, version: rowsVersion })
    const [oldest] = this.#columns.keys()
    if (this.#columns.size > MOST_COLUMNS && oldest !== undefined) this.#columns.delete(oldest)
    return rows
  }
}
