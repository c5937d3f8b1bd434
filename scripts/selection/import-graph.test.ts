// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImportGraph } from './import-graph.ts'

let root = ''

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nephele-graph-'))
  for (const folder of ['a', 'b']) mkdirSync(join(root, folder))
  const files = {
    'a/one.ts': '',
    'a/one.test.ts': "import { one } from './one.ts'",
    'a/beside.test.ts': "import { one } from './one.ts'",
    'a/another.test.ts': "import { two } from '../b/two.ts'",
    'b/two.ts': "import type { One } from '../a/one.ts'",
    'b/two.test.ts': "import { two } from './two.ts'",
    'b/other.test.ts': "import { join } from 'node:path'",
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
})
afterAll(() => rmSync(root, { recursive: true }))

test('the tests that reach a file: its own, those of its folder, the nearest of the others', () => {
  const graph = new ImportGraph(root, ['a', 'b'])
  expect(graph.listTests(join(root, 'a/one.ts'))).toEqual([
    'a/one.test.ts',
    'a/beside.test.ts',
    'a/another.test.ts',
    'b/two.test.ts',
  ])
  expect(graph.listTests(join(root, 'b/two.ts'))).toEqual(['b/two.test.ts', 'a/another.test.ts'])
  expect(graph.listTests(join(root, 'b/nobody.ts'))).toEqual([])
})
