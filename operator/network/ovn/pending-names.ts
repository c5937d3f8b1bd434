// SPDX-License-Identifier: Apache-2.0
// Entries of rows of DNS that are wanted and not written yet. Each change of such a row makes northd (25.03) compute everything twice, however many
// entries it has: so those of many ports, of whatever networks, are written together (docs/decisions/0041-names.md).
import { byUuid, type Mutation, type Operation } from '../../../lib/ovsdb/operations.ts'
import { mapOf, readMap, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'

export type Records = Readonly<Record<string, string>>

/** What a resource had in a row, by the row's uuid, and what it is to have in place of that. */
export interface NameChange {
  row: string
  had: Records
  want: Records
}

/** Rows of DNS by their uuid; of one that is not there, as after its network's removal, nothing is wanted any more. */
export type NameRows = (uuid: string) => OvsRow | undefined

/** Immutable: what a transaction that failed would have made of it is forgotten. */
export class PendingNames {
  static readonly none = new PendingNames(new Map())
  /** By row, then by entry; undefined: it goes. */
  readonly #entries: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>

  private constructor(entries: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>) {
    this.#entries = entries
  }

  /**
   * With these changes after those that are pending. What a resource had goes only where it still is as it had it, since another may have got the
   * name by then.
   * @returns this one when nothing comes of them
   */
  plus(changes: readonly NameChange[], rows: NameRows): PendingNames {
    const entries = new Map(this.#entries)
    let differs = false
    for (const { row, had, want } of changes) {
      const written = readMap(rows(row)?.['records'])
      const pending = new Map(entries.get(row))
      const now = (key: string): string | undefined => (pending.has(key) ? pending.get(key) : written[key])
      const gone = Object.entries(had).filter(([key, value]) => want[key] === undefined && now(key) === value)
      const changed = Object.entries(want).filter(([key, value]) => now(key) !== value)
      if (gone.length + changed.length === 0) continue
      for (const [key] of gone) pending.set(key, undefined)
      for (const [key, value] of changed) pending.set(key, value)
      entries.set(row, pending)
      differs = true
    }
    return differs ? new PendingNames(entries) : this
  }

  /** Entry by entry: a row of thousands is changed by what differs. Empty: the rows are as wanted. */
  operations(rows: NameRows): Operation[] {
    return [...this.#entries].flatMap(([uuid, pending]): Operation[] => {
      const row = rows(uuid)
      if (!row) return []
      const written = readMap(row['records'])
      const differing = [...pending].filter(([key, value]) => written[key] !== value)
      const out = differing.flatMap(([key]) => (written[key] === undefined ? [] : [key]))
      const into = differing.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
      const mutations: Mutation[] = []
      if (out.length > 0) mutations.push(['records', 'delete', setOf(out)])
      if (into.length > 0) mutations.push(['records', 'insert', mapOf(Object.fromEntries(into))])
      return mutations.length > 0 ? [{ op: 'mutate', table: 'DNS', where: byUuid(uuid), mutations }] : []
    })
  }
}
