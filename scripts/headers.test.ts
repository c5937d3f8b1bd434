// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDERS = [
  'agents',
  'bench',
  'charts',
  'clients',
  'crds',
  'e2e',
  'examples',
  'lib',
  'local',
  'operator',
  'scripts',
]

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
).filter((path) => /\.(ts|mjs|js|sh|ya?ml)$/.test(path))

test('every source names its licence at its top', () => {
  const bare = sources.filter((path) => {
    const top = readFileSync(join(root, path), 'utf8').split('\n').slice(0, 3)
    return !top.some((line) => line.includes('SPDX-License-Identifier: Apache-2.0'))
  })
  expect(bare).toEqual([])
  expect(sources.length).toBeGreaterThan(400)
})
