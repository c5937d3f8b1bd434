// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readHostInterfaces, toHostInterfaces } from './host-interfaces.ts'

test('link-local addresses are none, all others count, also of interfaces that are down', () => {
  const links = [
    { ifindex: 1, ifname: 'eth0', operstate: 'UP', addr_info: [{ local: '192.0.2.7', scope: 'global' }] },
    { ifindex: 2, ifname: 'lo', addr_info: [{ local: '127.0.0.1', scope: 'host' }] },
    { ifindex: 3, ifname: 'eth1', operstate: 'DOWN', addr_info: [{ local: '2001:db8::7', scope: 'global' }] },
    { ifindex: 4, ifname: 'eth2', addr_info: [{ local: 'fe80::1', scope: 'link' }, {}] },
    { ifindex: 5, ifname: 'eth3', master: 'bond0' },
    { ifname: 'eth4' },
    {},
  ]
  expect(Object.fromEntries(toHostInterfaces(links))).toEqual({
    eth0: { ifindex: 1, addresses: ['192.0.2.7'] },
    lo: { ifindex: 2, addresses: ['127.0.0.1'] },
    eth1: { ifindex: 3, addresses: ['2001:db8::7'] },
    eth2: { ifindex: 4, addresses: [] },
    eth3: { ifindex: 5, addresses: [], master: 'bond0' },
  })
})

test('of this host', async () => {
  const lo = (await readHostInterfaces(AbortSignal.timeout(10_000))).get('lo')
  expect(lo?.addresses).toContain('127.0.0.1')
})
