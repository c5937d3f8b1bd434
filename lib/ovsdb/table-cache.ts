// SPDX-License-Identifier: Apache-2.0
import type { ColumnType } from './schema.ts'
import { MemberSets, toMembers } from './member-sets.ts'
import type { RowChange, RowUpdate } from './row-change.ts'
import { atomKey, isMap, readSet, type OvsAtom, type OvsMap, type OvsRow, type OvsValue } from './values.ts'

/** The monitored columns of one table, kept up to date. Rows are never modified in place. */
export class TableCache {
  readonly table: string
  readonly #columns: ReadonlyMap<string, ColumnType>
  readonly #rows = new Map<string, OvsRow>()
  /** By column, then by row. */
  readonly #members: ReadonlyMap<string, MemberSets>

  /** @param members columns that rows go without, see MonitoredTable */
  constructor(table: string, columns: ReadonlyMap<string, ColumnType>, members: readonly string[] = []) {
    this.table = table
    this.#columns = new Map([...columns].filter(([name]) => !members.includes(name)))
    this.#members = new Map(members.map((name) => [name, new MemberSets()]))
  }

  get rows(): ReadonlyMap<string, OvsRow> {
    return this.#rows
  }

  /** The members of one row that were added and removed since another mirror of the same table. */
  membersSince(old: TableCache | undefined, uuid: string): Pick<RowChange, 'members'> {
    return toMembers([...this.#members].map(([name, sets]) => [name, sets.since(old && old.#members.get(name), uuid)]))
  }

  apply(uuid: string, update: RowUpdate): RowChange | undefined {
    const before = this.#rows.get(uuid)
    if ('delete' in update) {
      if (!before) return undefined
      this.#rows.delete(uuid)
      const gone = [...this.#members].map(([name, sets]) => [name, sets.delete(uuid)] as const)
      return { table: this.table, uuid, before, ...toMembers(gone) }
    }
    const given = Object.values(update)[0] as OvsRow
    const after = 'modify' in update ? this.#modified(uuid, before, given) : this.#complete(given)
    this.#rows.set(uuid, after)
    const members = [...this.#members].map(([name, sets]) => [name, sets.toggle(uuid, given[name])] as const)
    return { table: this.table, uuid, ...(before ? { before } : {}), after, ...toMembers(members) }
  }

  #complete(given: OvsRow): OvsRow {
    const row: Record<string, OvsValue> = {}
    for (const [name, type] of this.#columns) row[name] = given[name] ?? type.default
    return row
  }

  #modified(uuid: string, before: OvsRow | undefined, difference: OvsRow): OvsRow {
    if (!before) throw new Error(`OVSDB: modification of an unknown row ${uuid} of ${this.table}`)
    const row: Record<string, OvsValue> = { ...before }
    for (const [name, value] of Object.entries(difference)) {
      if (this.#members.has(name)) continue
      const type = this.#columns.get(name)
      const old = row[name] ?? type?.default
      if (type?.shape === 'set' && old !== undefined) row[name] = applySetDifference(old, value)
      else if (type?.shape === 'map' && old !== undefined) row[name] = applyMapDifference(old, value)
      else row[name] = value
    }
    return row
  }
}

/** Symmetric difference: elements in both are removed, elements in one stay. */
export function applySetDifference(old: OvsValue, difference: OvsValue): OvsValue {
  const elements = new Map<string, OvsAtom>(readSet(old).map((atom) => [atomKey(atom), atom]))
  for (const atom of readSet(difference)) {
    if (!elements.delete(atomKey(atom))) elements.set(atomKey(atom), atom)
  }
  return ['set', [...elements.values()]]
}

/** A key with the same value is removed, with another value it changes, and a new key is added. */
export function applyMapDifference(old: OvsValue, difference: OvsValue): OvsValue {
  const entries = new Map<string, readonly [OvsAtom, OvsAtom]>(pairs(old).map((pair) => [atomKey(pair[0]), pair]))
  for (const pair of pairs(difference)) {
    const held = entries.get(atomKey(pair[0]))
    if (held && atomKey(held[1]) === atomKey(pair[1])) entries.delete(atomKey(pair[0]))
    else entries.set(atomKey(pair[0]), pair)
  }
  return ['map', [...entries.values()]]
}

function pairs(value: OvsValue): OvsMap[1] {
  return isMap(value) ? value[1] : []
}
