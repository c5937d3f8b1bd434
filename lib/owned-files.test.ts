// SPDX-License-Identifier: Apache-2.0
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ensureFile, ensureFolder } from './owned-files.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-owned-'))
})
afterEach(async () => {
  await rm(dir, { recursive: true })
})

test('a file is made, mended and otherwise left alone', async () => {
  const path = join(dir, 'f')
  await ensureFile(path, 'one', { mode: 0o640 })
  const first = await stat(path)
  expect(first.mode & 0o7777).toBe(0o640)
  await ensureFile(path, 'one', { mode: 0o640 })
  expect((await stat(path)).ino).toBe(first.ino)
  await chmod(path, 0o666)
  await ensureFile(path, 'one', { mode: 0o640 })
  expect((await stat(path)).mode & 0o7777).toBe(0o640)
  await ensureFile(path, 'two', { mode: 0o640 })
  expect(await readFile(path, 'utf8')).toBe('two')
  expect(await readdir(dir)).toEqual(['f'])
})

test('a link in the file’s place is replaced, and what it leads to is not touched', async () => {
  const target = join(dir, 'secret')
  await writeFile(target, 'one', { mode: 0o600 })
  await symlink(target, join(dir, 'f'))
  await ensureFile(join(dir, 'f'), 'one', { mode: 0o640 })
  expect((await lstat(join(dir, 'f'))).isFile()).toBe(true)
  expect((await stat(target)).mode & 0o777).toBe(0o600)
})

test('a folder gets its mode, and what is no folder is refused', async () => {
  await ensureFolder(join(dir, 'a/b'), { mode: 0o750 })
  expect((await stat(join(dir, 'a/b'))).mode & 0o7777).toBe(0o750)
  await symlink(dir, join(dir, 'link'))
  await expect(ensureFolder(join(dir, 'link'), { mode: 0o777 })).rejects.toThrow('no folder')
})
