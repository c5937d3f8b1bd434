// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { listOpenFiles } from '../../../../lib/open-files.ts'
import { consoleDir, type ComputePaths } from '../../paths.ts'
import { listConsoleLogs, readConsoleLog, removeConsoleLog } from './console-log.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000001'
const OTHER = 'aaaaaaaa-0000-4000-8000-000000000002'
let dir: string
let paths: ComputePaths
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-console-')
  paths = { dataDir: join(dir, 'data'), runDir: join(dir, 'run') }
})
afterEach(() => rm(dir, { recursive: true }))
async function put(files: Record<string, string>): Promise<void> {
  await mkdir(consoleDir(paths), { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(consoleDir(paths), name), text)
}

describe('a console log', () => {
  test.each<[string, Record<string, string>, number, string]>([
    ['the newest bytes', { [`${UID}.log`]: 'abcdef' }, 3, 'def'],
    ['all that there is', { [`${UID}.log`]: 'abc' }, 9, 'abc'],
    ['as much as was asked for, without the rotated one', { [`${UID}.log`]: 'abc', [`${UID}.log.0`]: 'old' }, 3, 'abc'],
    ['and the end of the one that was rotated away', { [`${UID}.log`]: 'abc', [`${UID}.log.0`]: 'older' }, 5, 'erabc'],
    ['the rotated one alone', { [`${UID}.log.0`]: 'old' }, 5, 'old'],
    ['nobody else’s', { [`${OTHER}.log`]: 'abc' }, 5, ''],
    ['none', {}, 5, ''],
  ])('%s', async (_, files, maxBytes, text) => {
    await put(files)
    expect((await readConsoleLog(paths, UID, maxBytes)).toString()).toBe(text)
    expect(listOpenFiles().filter((path) => path.startsWith(dir))).toEqual([])
  })

  test('goes with all that was rotated away, and nobody else’s does', async () => {
    await put({ [`${UID}.log`]: '', [`${UID}.log.0`]: '', [`${UID}.log.12`]: '', [`${OTHER}.log`]: '', notes: '' })
    expect([...(await listConsoleLogs(paths))].sort()).toEqual([UID, OTHER])
    await removeConsoleLog(paths, UID)
    expect((await readdir(consoleDir(paths))).sort()).toEqual([`${OTHER}.log`, 'notes'])
    // Again is success.
    await removeConsoleLog(paths, UID)
    expect([...(await listConsoleLogs(paths))]).toEqual([OTHER])
  })

  test('of a node that had none', async () => {
    expect([...(await listConsoleLogs(paths))]).toEqual([])
    await removeConsoleLog(paths, UID)
  })
})
