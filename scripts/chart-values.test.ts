// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { CHART_SCHEMA, CHART_VALUES, listValues, renderValuesPage, type ValueSchema } from './chart-values.ts'
import { ROOT } from './generated-files.ts'

const SCHEMA: ValueSchema = {
  definitions: { size: { description: 'Of the schema.' } },
  properties: { a: { properties: { none: {}, size: { $ref: '#/definitions/size' } } } },
}

test('a value is told by its comment, else by the schema; maps that are set whole are one', () => {
  const yaml = `a:
  # The first,
  # in two lines.
  first: [1]
  size: 4
  # Of both.
  resources:
    requests: { cpu: 1 }
  # Any.
  labels: { a: b }
`
  expect(listValues(yaml, SCHEMA)).toEqual([
    { path: 'a.first', standard: '[ 1 ]', text: 'The first, in two lines.' },
    { path: 'a.size', standard: '4', text: 'Of the schema.' },
    { path: 'a.resources', standard: '{ requests: { cpu: 1 } }', text: 'Of both.' },
    { path: 'a.labels', standard: '{ a: b }', text: 'Any.' },
  ])
})

test('a value of which nothing is said is found', () => {
  expect(() => renderValuesPage('a:\n  none: 1\n', JSON.stringify(SCHEMA))).toThrow('nothing is said of a.none')
})

test('values.yaml and its schema have the same keys', () => {
  const schema = JSON.parse(readFileSync(join(ROOT, CHART_SCHEMA), 'utf8')) as ValueSchema
  const values = parse(readFileSync(join(ROOT, CHART_VALUES), 'utf8')) as Record<string, unknown>
  const { global, ...own } = schema.properties ?? {}
  expect(global).toBeDefined()
  expect(Object.keys(values).sort()).toEqual(Object.keys(own).sort())
  for (const [section, { properties = {} }] of Object.entries(own))
    expect([section, ...Object.keys(values[section] as object).sort()]).toEqual([
      section,
      ...Object.keys(properties).sort(),
    ])
})
