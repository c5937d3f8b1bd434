// SPDX-License-Identifier: Apache-2.0
import type { Operation, OperationResult } from '../../../lib/ovsdb/operations.ts'
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import {
  atomKey,
  isMap,
  mapOf,
  readMap,
  readNumber,
  readSet,
  readString,
  readUuids,
  setOf,
  uuidOf,
  type OvsRow,
  type OvsValue,
} from '../../../lib/ovsdb/values.ts'
import type { SWITCH_TABLES, SwitchView } from '../drivers/ovs/switch-database.ts'

type Table = keyof typeof SWITCH_TABLES
type Tables = Map<string, Map<string, OvsRow>>

/** What holds the rows of a table, and goes with the last that does: ovs-vswitchd.conf.db(5). */
const HELD_BY: Record<string, [string, string]> = {
  Bridge: ['Open_vSwitch', 'bridges'],
  Port: ['Bridge', 'ports'],
  Interface: ['Port', 'interfaces'],
}

/** The switch's database without a switch: transactions of inserts, updates and mutations of the tables that we write. For tests. */
export class MemorySwitch implements SwitchView {
  synced = true
  /** Transactions that changed something. */
  transactions = 0
  #tables: Tables = new Map([['Open_vSwitch', new Map([['root', {}]])]])
  readonly #changeListeners = new Set<(changes: RowChange[]) => void>()
  readonly #syncListeners = new Set<(synced: boolean) => void>()
  #failure: Error | undefined
  #made = 0

  rows(table: Table): ReadonlyMap<string, OvsRow> {
    return this.#tables.get(table) ?? new Map<string, OvsRow>()
  }

  failNext(error: Error): void {
    this.#failure = error
  }

  onChange(listener: (changes: RowChange[]) => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  onSync(listener: (synced: boolean) => void): () => void {
    this.#syncListeners.add(listener)
    return () => this.#syncListeners.delete(listener)
  }

  setSynced(synced: boolean): void {
    this.synced = synced
    for (const listener of this.#syncListeners) listener(synced)
  }

  /** @throws when two bridges, ports or interfaces would have one name; then nothing is changed */
  transact(operations: readonly Operation[]): Promise<OperationResult[]> {
    const failure = this.#failure
    this.#failure = undefined
    if (failure) return Promise.reject(failure)
    const draft: Tables = new Map([...this.#tables].map(([table, rows]) => [table, new Map(rows)]))
    const uuids = new Map(
      operations.flatMap((o) => (o.op === 'insert' && o['uuid-name'] ? [[o['uuid-name'], `u${++this.#made}`]] : [])),
    )
    for (const operation of operations) apply(draft, operation, uuids)
    // It does at once what its database says.
    const root = draft.get('Open_vSwitch')?.get('root') ?? {}
    const next_cfg = (readNumber(root['next_cfg']) ?? 0) + Number(operations.some(isCount))
    draft.get('Open_vSwitch')?.set('root', { ...root, next_cfg, cur_cfg: next_cfg })
    collectGarbage(draft)
    for (const [table, rows] of draft) {
      const names = [...rows.values()].flatMap((row) => readString(row['name']) ?? [])
      if (new Set(names).size < names.length) return Promise.reject(new Error(`constraint violation in ${table}`))
    }
    this.#tables = draft
    this.transactions++
    for (const listener of this.#changeListeners) listener([])
    return Promise.resolve(operations.map((o) => (o.op === 'select' ? { rows: [{ next_cfg }] } : {})))
  }

  waitUntil<T>(probe: () => T | undefined): Promise<T> {
    const found = probe()
    return found === undefined
      ? Promise.reject(new Error('this switch does everything at once'))
      : Promise.resolve(found)
  }

  /** As the switch, or somebody else, writes it. */
  set(table: Table, name: string, columns: OvsRow): void {
    void this.transact([{ op: 'update', table, where: [['name', '==', name]], row: columns }])
  }
}

/** countChange of plug-plan.ts */
function isCount(operation: Operation): boolean {
  return operation.op === 'mutate' && operation.mutations.some(([column]) => column === 'next_cfg')
}

function apply(tables: Tables, operation: Operation, uuids: ReadonlyMap<string, string>): void {
  const resolve = (value: OvsValue): OvsValue => {
    if (isMap(value)) return value
    const atoms = readSet(value).map((atom) =>
      Array.isArray(atom) && atom[0] === 'named-uuid' ? uuidOf(uuids.get(atom[1] as string) ?? '') : atom,
    )
    const [first] = atoms
    return atoms.length === 1 && first !== undefined ? first : setOf(atoms)
  }
  const resolved = (row: OvsRow): OvsRow => Object.fromEntries(Object.entries(row).map(([c, v]) => [c, resolve(v)]))
  const rows = tables.get('table' in operation ? operation.table : '') ?? new Map<string, OvsRow>()
  if ('table' in operation) tables.set(operation.table, rows)
  if (operation.op === 'insert') rows.set(uuids.get(operation['uuid-name'] ?? '') ?? '', resolved(operation.row))
  if (operation.op !== 'update' && operation.op !== 'mutate') return
  for (const [uuid, row] of rows) {
    const isMeant = operation.where.every(([column, , value]) =>
      column === '_uuid' ? readUuids(value).includes(uuid) : row[column] === value,
    )
    if (!isMeant) continue
    let next: OvsRow = operation.op === 'update' ? { ...row, ...resolved(operation.row) } : row
    for (const [column, mutator, value] of operation.op === 'mutate' && !isCount(operation) ? operation.mutations : [])
      next = { ...next, [column]: mutate(next[column], mutator, resolve(value)) }
    rows.set(uuid, next)
  }
}

function mutate(held: OvsValue | undefined, mutator: string, value: OvsValue): OvsValue {
  if (isMap(value)) return mapOf({ ...readMap(value), ...readMap(held) })
  const keys = new Set(readSet(value).map(atomKey))
  if (held !== undefined && isMap(held)) {
    return mapOf(Object.fromEntries(Object.entries(readMap(held)).filter(([key]) => !keys.has(atomKey(key)))))
  }
  const others = readSet(held).filter((atom) => !keys.has(atomKey(atom)))
  return setOf(mutator === 'insert' ? [...others, ...readSet(value)] : others)
}

function collectGarbage(tables: Tables): void {
  for (const [table, [holder, column]] of Object.entries(HELD_BY)) {
    const held = new Set(
      [...(tables.get(holder) ?? new Map<string, OvsRow>()).values()].flatMap((r) => readUuids(r[column])),
    )
    for (const uuid of [...(tables.get(table)?.keys() ?? [])]) if (!held.has(uuid)) tables.get(table)?.delete(uuid)
  }
}
