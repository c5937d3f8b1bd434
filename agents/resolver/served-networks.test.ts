// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readServed, readUpstreams, resolverFolder, ServedNetworks } from './served-networks.ts'

let folder: string
beforeEach(async () => (folder = resolverFolder(await mkdtemp(join(tmpdir(), 'resolver-')))))
afterEach(() => rm(folder, { recursive: true, force: true }))

test('what the agent says the resolver reads', async () => {
  // Of no ProviderNetwork is anything known yet.
  expect([await readServed(folder), await readUpstreams(folder)]).toEqual([new Map(), { withoutUpstreams: [] }])
  const agent = new ServedNetworks(folder)
  await agent.serve('net-1', { domain: 'a.example' })
  await agent.serve('net-2', { providerNetwork: 'dc' })
  await agent.setUpstreams({ addresses: ['10.0.0.2'] })
  expect(await readServed(folder)).toEqual(
    new Map([
      ['net-1', { domain: 'a.example' }],
      ['net-2', { providerNetwork: 'dc' }],
    ]),
  )
  expect(await readUpstreams(folder)).toEqual({ addresses: ['10.0.0.2'] })
  const ofProviderNetworks = [{ providerNetwork: 'dc', upstreams: ['fd00::2'] }]
  await agent.setUpstreams({ ofProviderNetworks, withoutUpstreams: ['lab'] })
  expect(await readUpstreams(folder)).toEqual({ ofProviderNetworks, withoutUpstreams: ['lab'] })
  await agent.end('net-1')
  await agent.end('net-1')
  await agent.setUpstreams({})
  expect([[...(await readServed(folder)).keys()], await readUpstreams(folder)]).toEqual([['net-2'], {}])
  // As it is: nothing is written, and the resolver not woken.
  const { mtimeNs } = await stat(join(folder, 'net-2.json'), { bigint: true })
  await agent.serve('net-2', { providerNetwork: 'dc' })
  expect((await stat(join(folder, 'net-2.json'), { bigint: true })).mtimeNs).toBe(mtimeNs)
})

test.each(['', '{', '{"ofProviderNetworks":7}'])(
  'servers that cannot be read are not the same as none: %j',
  async (text) => {
    await new ServedNetworks(folder).setUpstreams({})
    await writeFile(join(folder, 'upstreams.json'), text)
    await expect(readUpstreams(folder)).rejects.toThrow()
  },
)

test('what is no network of ours is left out', async () => {
  await new ServedNetworks(folder).serve('net-1', {})
  for (const [name, text] of [
    ['net-2.json', '{'],
    ['..json', '{}'],
    ['UP.json', '{}'],
    ['net-3.json.new', '{}'],
    ['net-4.json', '{"domain":7}'],
  ] as const)
    await writeFile(join(folder, name), text)
  expect([...(await readServed(folder)).keys()]).toEqual(['net-1'])
  expect(() => new ServedNetworks(folder).serve('../net', {})).toThrow(TypeError)
})
