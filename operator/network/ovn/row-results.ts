// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import type { OvsRow } from '../../../lib/ovsdb/values.ts'
import { Listeners } from '../../bus/listeners.ts'
import { OwnedByRows } from './owned-by-rows.ts'

export interface RowResultsOptions<V> {
  table: string
  keyOf: (row: OvsRow) => string
  /** Undefined: the row says nothing yet. */
  resultOf: (row: OvsRow) => V | undefined
  /** Whom its changes are told of. */
  subjectOf: (row: OvsRow) => string | undefined
}

/** What nodes write into the rows of a table, by a key of theirs. */
export class RowResults<V> {
  readonly #options: RowResultsOptions<V>
  readonly #results = new OwnedByRows<V>()
  readonly #changed = new Listeners<ReadonlySet<string>>()

  constructor(options: RowResultsOptions<V>) {
    this.#options = options
  }

  get(key: string): V | undefined {
    return this.#results.get(key)
  }

  onChanged(listener: (subjects: ReadonlySet<string>) => void): () => void {
    return this.#changed.add(listener)
  }

  update(changes: readonly RowChange[]): void {
    const { keyOf, resultOf, subjectOf } = this.#options
    const subjects = new Set<string>()
    for (const { table, uuid, before, after } of changes) {
      if (table !== this.#options.table) continue
      if (before) this.#results.delete(keyOf(before), uuid)
      const result = after && resultOf(after)
      if (after && result !== undefined) this.#results.set(keyOf(after), uuid, result)
      for (const row of [before, after]) {
        const subject = row && subjectOf(row)
        if (subject !== undefined) subjects.add(subject)
      }
    }
    if (subjects.size > 0) this.#changed.emit(subjects)
  }
}
