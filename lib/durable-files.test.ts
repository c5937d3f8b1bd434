// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordDurableSteps, syncFolder, writeWhole } from './durable-files.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-durable-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('a file is whole on the disk before it has its name', async () => {
  const path = join(dir, 'a.json')
  await writeWhole(path, 'a longer text than the next')
  const { steps, stop } = recordDurableSteps()
  await writeWhole(path, 'short')
  await syncFolder(dir)
  stop()
  await writeWhole(path, 'unheard')
  expect(steps).toEqual([
    { step: 'write', path },
    { step: 'sync', path },
    { step: 'rename', path },
    { step: 'syncFolder', path: dir },
  ])
  expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual(['unheard', 0o600])
  expect(await readdir(dir)).toEqual(['a.json'])
})
