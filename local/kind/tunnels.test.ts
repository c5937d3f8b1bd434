// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { bridgeCommands, interfaceOf, networkOf, tunnelEnd } from './tunnels.ts'

const networks = {
  kind: { IPAddress: '172.18.0.3', IPPrefixLen: 16 },
  'nephele-tunnels': { IPAddress: '172.19.0.2', IPPrefixLen: 16 },
  later: { IPAddress: '', IPPrefixLen: 0 },
}

test.each([
  ['nephele-tunnels', { address: '172.19.0.2', prefixLength: 16 }],
  ['later', undefined],
  ['absent', undefined],
])('the end in %s', (network, end) => {
  expect(tunnelEnd(JSON.stringify(networks), network)).toEqual(end)
})

test.each([
  ['172.19.0.2', 16, '172.19.0.0/16'],
  ['10.89.1.70', 26, '10.89.1.64/26'],
])('%s/%d is in %s', (address, prefixLength, network) => {
  expect(networkOf({ address, prefixLength })).toBe(network)
})

test('the interface with an address, and none without', () => {
  const listed = JSON.stringify([
    { ifname: 'lo', addr_info: [{ local: '127.0.0.1' }] },
    { ifname: 'br-int' },
    { ifname: 'eth1', addr_info: [{ local: 'fe80::1' }, { local: '172.19.0.2' }] },
  ])
  expect(interfaceOf(listed, '172.19.0.2')).toBe('eth1')
  expect(interfaceOf(listed, '172.19.0.3')).toBeUndefined()
})

test('the address leaves the interface before the bridge takes it', () => {
  const commands = bridgeCommands('eth1', { address: '172.19.0.2', prefixLength: 16 }).map((argv) => argv.join(' '))
  const order = ['add-port br-phys eth1', 'flush dev eth1', 'set br-phys up', 'replace 172.19.0.2/16 dev br-phys']
  expect(order.map((text) => commands.findIndex((c) => c.includes(text)))).toEqual([0, 2, 3, 4])
})
