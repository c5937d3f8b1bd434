// SPDX-License-Identifier: Apache-2.0
import type { TransientError } from '../../../lib/errors.ts'
import { byUuid, type Operation } from '../../../lib/ovsdb/operations.ts'
import {
  isSameValue,
  namedUuid,
  setOf,
  uuidOf,
  type OvsAtom,
  type OvsNamedUuid,
  type OvsRow,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { FoundRow } from './northbound.ts'
import type { NameChange } from './pending-names.ts'
import type { NorthboundTable } from './northbound-tables.ts'

/** The operations of one transaction, as they come together, and names. None of both: all is as wanted. */
export class Plan {
  readonly operations: Operation[] = []
  /** May be written later, with those of other plans. */
  readonly names: NameChange[] = []
  /** Why a part of what is wanted is not among them: it is to be planned again. */
  postponed: TransientError | undefined
  #named = 0

  insert(table: NorthboundTable, row: OvsRow): OvsNamedUuid {
    const name = `row${this.#named++}`
    this.operations.push({ op: 'insert', table, row, 'uuid-name': name })
    return namedUuid(name)
  }

  /** Inserts the row, or updates the columns that differ. Columns that are not named are left alone. */
  ensure(table: NorthboundTable, held: FoundRow | undefined, want: OvsRow): OvsUuid | OvsNamedUuid {
    if (!held) return this.insert(table, want)
    const changed: [string, OvsRow[string]][] = Object.entries(want).filter(([column, value]) => {
      const now = held.row[column]
      return now === undefined || !isSameValue(now, value)
    })
    if (changed.length > 0) {
      this.operations.push({ op: 'update', table, where: byUuid(held.uuid), row: Object.fromEntries(changed) })
    }
    return uuidOf(held.uuid)
  }

  remove(table: NorthboundTable, held: FoundRow): void {
    this.operations.push({ op: 'delete', table, where: byUuid(held.uuid) })
  }

  /** Takes members out of a set of a row, and puts others in. */
  exchange(
    table: NorthboundTable,
    uuid: string,
    column: string,
    { out, into }: { out: readonly OvsAtom[]; into: readonly OvsAtom[] },
  ): void {
    if (out.length + into.length === 0) return
    const mutations = [
      [column, 'delete', setOf([...out])],
      [column, 'insert', setOf([...into])],
    ] as const
    this.push({ op: 'mutate', table, where: byUuid(uuid), mutations })
  }

  rename(change: NameChange): void {
    this.names.push(change)
  }

  push(operation: Operation): void {
    this.operations.push(operation)
  }

  /** The tables that would be written, for the log. */
  summary(): string {
    const words = this.operations.map((operation) =>
      'table' in operation ? `${operation.op} ${operation.table}` : operation.op,
    )
    return [...new Set(words)].join(', ')
  }
}
