// SPDX-License-Identifier: Apache-2.0
// One value that breaks each plain bound of a field (pattern, enum, length, range, required, type), made from the bound itself.
import type { Field, Schema } from './schema.ts'
import type { Json } from './places.ts'

export interface Violation {
  bound: string
  value: Json
  /** What the apiserver says of it. */
  says: RegExp
}

export function violationsOf(field: Field): Violation[] {
  const { schema } = field
  const found: Violation[] = []
  if (schema.type === 'string') found.push(...stringViolations(schema))
  if (schema.type === 'integer') found.push(...integerViolations(schema))
  if (schema.type === 'boolean') found.push({ bound: 'type', value: 'yes', says: /must be of type boolean/ })
  if (schema.maxItems !== undefined) {
    const value = Array.from({ length: schema.maxItems + 1 }, (_, i) => sampleItem(schema.items, i))
    found.push({ bound: 'maxItems', value, says: /must have at most \d+ items/ })
  }
  if (schema.maxProperties !== undefined) {
    const value = Object.fromEntries(Array.from({ length: schema.maxProperties + 1 }, (_, i) => [`k${i}`, 'v']))
    found.push({ bound: 'maxProperties', value, says: /must have at most \d+ items/ })
  }
  return found
}

function stringViolations(schema: Schema): Violation[] {
  const found: Violation[] = []
  if (schema.enum) found.push({ bound: 'enum', value: 'Nonsense', says: /Unsupported value: "Nonsense"/ })
  if (schema.pattern) found.push({ bound: 'pattern', value: '../x', says: /should match/ })
  if (schema.format === 'date-time')
    found.push({ bound: 'format', value: 'yesterday', says: /must be of type date-time/ })
  if (schema.minLength) found.push({ bound: 'minLength', value: '', says: /should be at least \d+ chars long/ })
  if (schema.maxLength) {
    found.push({
      bound: 'maxLength',
      value: 'a'.repeat(schema.maxLength + 1),
      says: /Too long: may not be more than \d+/,
    })
  }
  return found
}

function integerViolations(schema: Schema): Violation[] {
  const found: Violation[] = [{ bound: 'type', value: 1.5, says: /must be of type integer/ }]
  const { minimum, maximum } = schema
  if (minimum !== undefined) {
    found.push({ bound: 'minimum', value: minimum - 1, says: /should be greater than or equal to/ })
  }
  if (maximum !== undefined)
    found.push({ bound: 'maximum', value: maximum + 1, says: /should be less than or equal to/ })
  return found
}

function sampleItem(schema: Schema | undefined, i: number): Json {
  if (schema?.type !== 'object') return `item-${i}`
  return Object.fromEntries(Object.keys(schema.properties ?? {}).map((name) => [name, `item-${i}`]))
}
