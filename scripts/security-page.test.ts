// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')

test('what docs/security.md says is shown by files that are there', () => {
  const named = [...page.matchAll(/`([\w./-]+\/[\w./-]+\.(?:ts|yaml))`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('each line of it has a test, or says that it has none', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (-|they try|it tries|actor)/.test(line))
  const open = rows
    .slice(rows.findIndex((row) => row.includes('its own guests and volumes')))
    .filter((row) => !/`[\w./-]+\.test\.ts`|no test/.test(row))
  expect(open).toEqual([])
})
