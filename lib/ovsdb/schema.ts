// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { EMPTY_SET, ZERO_UUID, type OvsValue } from './values.ts'

const BaseType = z.union([z.string(), z.looseObject({ type: z.string() })])
const ColumnSchema = z.looseObject({
  type: z.union([
    z.string(),
    z.looseObject({
      key: BaseType,
      value: BaseType.optional(),
      min: z.number().optional(),
      max: z.union([z.number(), z.literal('unlimited')]).optional(),
    }),
  ]),
})
export const DatabaseSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  tables: z.record(z.string(), z.looseObject({ columns: z.record(z.string(), ColumnSchema) })),
})
export type DatabaseSchema = z.infer<typeof DatabaseSchema>

/** How update2 writes a change of a column (ovsdb-server(7) 4.1.14): only maps and sets of many are written as differences. */
export interface ColumnType {
  shape: 'one' | 'optional' | 'set' | 'map'
  /** The value of a row that never set the column: servers leave defaults out of updates. */
  default: OvsValue
}

/** Columns of one table, by name; undefined when this server's schema has no such table. */
export function columnTypes(schema: DatabaseSchema, table: string): ReadonlyMap<string, ColumnType> | undefined {
  const columns = schema.tables[table]?.columns
  if (!columns) return undefined
  return new Map(Object.entries(columns).map(([name, column]) => [name, toColumnType(column.type)]))
}

function toColumnType(type: z.infer<typeof ColumnSchema>['type']): ColumnType {
  if (typeof type === 'string') return { shape: 'one', default: defaultAtom(type) }
  if (type.value !== undefined) return { shape: 'map', default: ['map', []] }
  const min = type.min ?? 1
  const max = type.max ?? 1
  if (max !== 1) return { shape: 'set', default: EMPTY_SET }
  if (min === 0) return { shape: 'optional', default: EMPTY_SET }
  return { shape: 'one', default: defaultAtom(typeof type.key === 'string' ? type.key : type.key.type) }
}

function defaultAtom(type: string): OvsValue {
  switch (type) {
    case 'integer':
    case 'real':
      return 0
    case 'boolean':
      return false
    case 'uuid':
      return ['uuid', ZERO_UUID]
    default:
      return ''
  }
}
