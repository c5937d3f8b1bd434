// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listTests } from './selection.ts'
import { listTouched, SEEN_IN } from './touched.ts'

const TESTS = [
  'agents/compute/driver.integration.test.ts',
  'e2e/instance/create.test.ts',
  'e2e/instance/delete.test.ts',
  'e2e/volume/create.test.ts',
  'e2e/key-pair/create.test.ts',
  'operator/far.integration.test.ts',
  'operator/near.integration.test.ts',
]
const IMPORTERS: Record<string, string[]> = {
  '/r/operator/controllers/volume/room.ts': [
    'operator/controllers/volume/room.test.ts',
    'operator/near.integration.test.ts',
    'operator/far.integration.test.ts',
  ],
  '/r/docs/page.md': ['operator/near.integration.test.ts'],
}
const touched = (...changed: string[]) =>
  listTouched(changed, TESTS, { listTests: (file) => IMPORTERS[file] ?? [] }, '/r')

test.each<[string, string[], string[]]>([
  ['nothing', [], []],
  ['a page', ['docs/page.md'], []],
  ['a test itself', ['e2e/volume/create.test.ts'], ['e2e/volume/create.test.ts']],
  [
    'a controller: what imports it and its scenarios, in turn, the nearest first',
    ['operator/controllers/volume/room.ts'],
    ['e2e/volume/create.test.ts', 'operator/near.integration.test.ts', 'operator/far.integration.test.ts'],
  ],
  ['definitions: the scenarios of the kind', ['crds/keypairs.yaml'], ['e2e/key-pair/create.test.ts']],
  [
    'two: what either touches, a changed test first',
    ['operator/controllers/volume/room.ts', 'operator/far.integration.test.ts'],
    ['operator/far.integration.test.ts', 'e2e/volume/create.test.ts', 'operator/near.integration.test.ts'],
  ],
])('a change of %s', (_, changed, tests) => {
  expect(touched(...changed)).toEqual(tests)
})

test('every folder that a part is seen in has tests', () => {
  const tests = listTests(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
  const folders = [...new Set(SEEN_IN.flatMap(([, found]) => found))].filter((folder) => !folder.includes('$'))
  expect(folders.filter((folder) => !tests.some((path) => path.startsWith(folder)))).toEqual([])
})
