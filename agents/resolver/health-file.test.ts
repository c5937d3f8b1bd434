// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { healthFolder, readHealth, watchHealth, writeHealth } from './health-file.ts'

let folder: string
beforeEach(async () => (folder = healthFolder(await mkdtemp(join(tmpdir(), 'resolver-')))))
afterEach(() => rm(folder, { recursive: true, force: true }))

const STATE = { from: 'cloud', upstreams: [{ address: '10.0.0.2', since: '2026-01-01T00:00:00Z' }] } as const
const state = () => ({ ...STATE, upstreams: [...STATE.upstreams] })

test('the agent hears what the resolver says, once; as it is nothing is written', async () => {
  let heard = Promise.withResolvers<undefined>()
  const end = await watchHealth(folder, () => heard.resolve(undefined))
  expect(await readHealth(folder)).toBeUndefined()
  await writeHealth(folder, state())
  await heard.promise
  expect(await readHealth(folder)).toEqual(STATE)
  const file = join(folder, 'health.json')
  const { mtimeNs } = await stat(file, { bigint: true })
  await writeHealth(folder, state())
  expect((await stat(file, { bigint: true })).mtimeNs).toBe(mtimeNs)
  heard = Promise.withResolvers()
  await writeHealth(folder, { from: 'node', upstreams: [] })
  await heard.promise
  expect(await readHealth(folder)).toEqual({ from: 'node', upstreams: [] })
  // Another resolver of the node wrote something else.
  await writeFile(file, '{}')
  await writeHealth(folder, { from: 'node', upstreams: [] })
  expect(await readHealth(folder)).toEqual({ from: 'node', upstreams: [] })
  end()
})

test.each<[string, (file: string) => Promise<unknown>]>([
  ['no JSON', (file) => writeFile(file, '{')],
  ['another sort of JSON', (file) => writeFile(file, '{"upstreams":7}')],
  ['what is too long', (file) => writeFile(file, JSON.stringify(STATE).padEnd(70_000))],
  ['a folder', (file) => mkdir(file)],
  [
    'a link',
    async (file) => {
      await writeFile(`${file}.other`, JSON.stringify(STATE))
      await symlink(`${file}.other`, file)
    },
  ],
])('%s is not taken', async (_, make) => {
  await mkdir(folder)
  await make(join(folder, 'health.json'))
  expect(await readHealth(folder)).toBeUndefined()
})
