// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readHostInterfaces, toHostInterfaces } from './host-interfaces.ts'

test('link-local addresses are none, all others count, also of interfaces that are down', () => {
  const links = [
    { ifname: 'eth0', operstate: 'UP', addr_info: [{ local: '192.0.2.7', scope: 'global' }] },
    { ifname: 'lo', addr_info: [{ local: '127.0.0.1', scope: 'host' }] },
    { ifname: 'eth1', operstate: 'DOWN', addr_info: [{ local: '2001:db8::7', scope: 'global' }] },
    { ifname: 'eth2', addr_info: [{ local: 'fe80::1', scope: 'link' }, {}] },
    { ifname: 'eth3', master: 'bond0' },
    {},
  ]
  expect(Object.fromEntries(toHostInterfaces(links))).toEqual({
    eth0: { addresses: ['192.0.2.7'] },
    lo: { addresses: ['127.0.0.1'] },
    eth1: { addresses: ['2001:db8::7'] },
    eth2: { addresses: [] },
    eth3: { addresses: [], master: 'bond0' },
  })
})

test('of this host', async () => {
  const lo = (await readHostInterfaces(AbortSignal.timeout(10_000))).get('lo')
  expect(lo?.addresses).toContain('127.0.0.1')
})
