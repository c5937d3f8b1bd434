// SPDX-License-Identifier: Apache-2.0
// A neighbour that believes in another MAC address is told the right one, by real kernels.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import { waitUntil } from '../../local/host/wait.ts'
import { announceAddresses } from './announce-address.ts'

const [own, neighbour] = ['own', 'other'].map((name) => `nephsvc-${name}-${process.pid}`) as [string, string]
const MAC = '2e:00:00:00:00:11'
const ADDRESSES = ['10.9.0.5', 'fd00:9::5']
const soon = () => AbortSignal.timeout(20_000)
const ip = async (name: string, ...args: string[]) =>
  (await exec(['ip', '-n', name, ...args], { timeoutMs: 5000 })).stdout

beforeEach(async () => {
  for (const name of [own, neighbour]) await exec(['ip', 'netns', 'add', name], { timeoutMs: 5000 })
  await ip(own, 'link', 'add', 'svc0', 'address', MAC, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', neighbour)
  for (const [name, device, last] of [
    [own, 'svc0', 5],
    [neighbour, 'eth0', 6],
  ] as const) {
    await ip(name, 'link', 'set', device, 'up')
    await ip(name, 'address', 'add', `10.9.0.${last}/24`, 'dev', device)
    await ip(name, 'address', 'add', `fd00:9::${last}/64`, 'dev', device, 'nodad')
  }
  for (const address of ADDRESSES)
    await ip(neighbour, 'neigh', 'replace', address, 'lladdr', '2e:00:00:00:00:99', 'dev', 'eth0', 'nud', 'stale')
})
afterEach(async () => {
  for (const name of [own, neighbour]) await exec(['ip', 'netns', 'delete', name], { timeoutMs: 5000 })
})

test('what another node had is known by the new MAC address at once', async () => {
  const known = async () => {
    const text = await ip(neighbour, 'neigh', 'show')
    return ADDRESSES.filter((address) => text.includes(`${address} dev eth0 lladdr ${MAC}`))
  }
  expect(await known()).toEqual([])
  await announceAddresses(own, { addresses: ADDRESSES, mac: MAC }, soon())
  await waitUntil('both', async () => (await known()).length === 2, { timeoutMs: 3000 })
})
