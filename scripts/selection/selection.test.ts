// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CORE, listTests, selectFiles } from './selection.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

test('of this repository: the core is there and taken, and a part of the rest', () => {
  const tests = listTests(root)
  expect(CORE.filter((path) => !tests.includes(path))).toEqual([])
  const { files, lines } = selectFiles(root)
  expect(CORE.filter((path) => files.get(path) !== 'core')).toEqual([])
  expect([...files.keys()].filter((path) => !tests.includes(path))).toEqual([])
  expect([...files.values()]).toContain('shard')
  expect(lines[0]).toMatch(new RegExp(`^${files.size} of ${tests.length} files `))
}, 30_000)
