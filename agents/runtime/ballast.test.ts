// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordDurableSteps } from '../../lib/durable-files.ts'
import { listOpenFiles } from '../../lib/open-files.ts'
import { Ballast, isDiskFull } from './ballast.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-ballast-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))
const bytes = async (): Promise<number | undefined> => (await stat(join(dir, 'ballast')).catch(() => undefined))?.size
const full = (): Error => Object.assign(new Error('no space'), { code: 'ENOSPC' })

test('takes 2 MiB for its owner alone, once, and what is missing of it again', async () => {
  const ballast = new Ballast(dir)
  const { steps, stop } = recordDurableSteps()
  await ballast.ensure()
  stop()
  const path = join(dir, 'ballast')
  expect(steps).toEqual([
    { step: 'write', path },
    { step: 'sync', path },
  ])
  const first = await stat(join(dir, 'ballast'))
  expect([first.size, first.mode & 0o777, first.blocks * 512 >= first.size]).toEqual([2 ** 21, 0o600, true])
  await ballast.ensure()
  expect((await stat(join(dir, 'ballast'))).mtimeMs).toBe(first.mtimeMs)
  await truncate(join(dir, 'ballast'), 100)
  await ballast.ensure()
  expect(await bytes()).toBe(2 ** 21)
})

test('leaves no file open', async () => {
  await new Ballast(dir).ensure()
  expect(listOpenFiles()).not.toContain(join(dir, 'ballast'))
})

test('does without where there is no room, and follows no link', async () => {
  await new Ballast(join(dir, 'missing')).ensure()
  await writeFile(join(dir, 'other'), 'x')
  await symlink(join(dir, 'other'), join(dir, 'ballast'))
  await new Ballast(dir).ensure()
  expect([(await stat(join(dir, 'other'))).size, await bytes()]).toEqual([1, undefined])
})

test('gives its room for what a full disk refused, which is then done once more', async () => {
  const ballast = new Ballast(dir)
  await ballast.ensure()
  const seen: (number | undefined)[] = []
  const work = async (): Promise<string> => {
    seen.push(await bytes())
    if (seen.length === 1) throw full()
    return 'done'
  }
  expect(await ballast.withRoom(work)).toBe('done')
  expect(seen).toEqual([2 ** 21, undefined])
  await expect(ballast.withRoom(() => Promise.reject(full()))).rejects.toThrow('no space')
})

test('keeps its room when it is not for want of it that work failed, and when work succeeds', async () => {
  const ballast = new Ballast(dir)
  await ballast.ensure()
  let runs = 0
  const broken = async (): Promise<void> => {
    runs += 1
    throw Object.assign(new Error('broken'), { code: 'EIO' })
  }
  await expect(ballast.withRoom(broken)).rejects.toThrow('broken')
  expect(await ballast.withRoom(async () => 1)).toBe(1)
  expect([runs, await bytes()]).toEqual([1, 2 ** 21])
})

test.each([
  ['ENOSPC', true],
  ['EDQUOT', true],
  ['EIO', false],
])('%s is a full disk: %s', (code, expected) => {
  expect(isDiskFull(Object.assign(new Error(), { code }))).toBe(expected)
})
