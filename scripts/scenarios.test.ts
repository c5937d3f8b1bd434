// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { readScenarios, SCENARIOS, toFolder } from './scenarios.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const page = readFileSync(join(root, 'docs/testing.md'), 'utf8')
const cells = readScenarios(page)
const fileOf = (name: string) => join(root, 'e2e', `${name}.test.ts`)

test('every kind has its row', () => {
  const kinds = readdirSync(join(root, 'crds'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => parse(readFileSync(join(root, 'crds', name), 'utf8')) as { spec: { names: { kind: string } } })
    .map(({ spec }) => toFolder(spec.names.kind))
  expect([...new Set(cells.map(({ kind }) => kind))].sort()).toEqual(kinds.sort())
})

test('what it names is there, and what does not apply has its note', () => {
  const missing = cells.filter(({ file }) => file !== undefined && !existsSync(fileOf(file)))
  expect(missing).toEqual([])
  const unexplained = cells.filter(({ note }) => note !== undefined && !new RegExp(`^${note}\\. `, 'm').test(page))
  expect(unexplained).toEqual([])
})

test('a file of a scenario is named in its own cell', () => {
  const unnamed = cells.filter(({ kind, scenario, file }) => {
    const own = `${kind}/${scenario}`
    return existsSync(fileOf(own)) && file !== own
  })
  expect(unnamed).toEqual([])
})

test.each([
  ['IPClaim', 'ip-claim'],
  ['VolumeType', 'volume-type'],
  ['Cloud', 'cloud'],
])('%s is in the folder %s', (kind, folder) => {
  expect(toFolder(kind)).toBe(folder)
})

test('a cell that says nothing of these is refused', () => {
  const table = (cell: string) =>
    `| kind | ${SCENARIOS.join(' | ')} |\n| - |\n| Port | ${SCENARIOS.map(() => cell).join(' | ')} |\n\n`
  expect(readScenarios(table('update')).map(({ file }) => file)).toEqual(SCENARIOS.map(() => 'port/update'))
  expect(() => readScenarios(table('–'))).toThrow('port create-minimal')
  expect(() => readScenarios(table('to do'))).toThrow('port create-minimal')
})
