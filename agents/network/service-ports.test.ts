// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ServicePort, servicePortMac, servicePortName } from '../../lib/contract/service-port.ts'
import { planAddresses, serviceNamespace } from './service-ports.ts'

const port: ServicePort = {
  ...{
    logicalPort: servicePortName('uid-lb', 'n1'),
    networkUid: 'net',
    mac: servicePortMac('uid-lb', 'n1'),
    mtu: 1442,
  },
  addresses: [
    { address: '10.0.0.11', prefixLength: 24 },
    { address: 'fd00::11', prefixLength: 64 },
  ],
  gateways: ['10.0.0.1', 'fd00::1'],
}

test('its addresses and ways, in order: a way needs an address first', () => {
  expect(planAddresses(port)).toEqual([
    'link set lo up',
    'link set svc0 up mtu 1442',
    'address replace 10.0.0.11/24 dev svc0',
    'address replace fd00::11/64 dev svc0 nodad',
    'route replace default via 10.0.0.1 dev svc0',
    'route replace default via fd00::1 dev svc0',
  ])
})

test('each node has a port of its own, with a name and a MAC address that follow from service and node', () => {
  expect(servicePortName('uid-lb', 'n1')).toMatch(/^service-uid-lb-[0-9a-f]{8}$/)
  const names = ['n1', 'n2', 'n'.repeat(253)].map((node) => servicePortName('uid-lb', node))
  expect(new Set([...names, servicePortName('uid-other', 'n1')]).size).toBe(4)
  expect(servicePortMac('uid-lb', 'n1')).toMatch(/^2e(:[0-9a-f]{2}){5}$/)
  expect(servicePortMac('uid-lb', 'n1')).not.toBe(servicePortMac('uid-lb', 'n2'))
})

test.each(['../x', 'A', '', '-a', 'a b', 'a'.repeat(64)])('no namespace is named after %j', (uid) => {
  expect(() => serviceNamespace(uid)).toThrow('not a uid')
})

test.each<[string, object]>([
  ['an address that is none', { addresses: [{ address: '10.0.0.1; reboot', prefixLength: 24 }] }],
  ['a gateway with a line of its own', { gateways: ['10.0.0.1\nlink delete eth0'] }],
  ['the name of somebody else’s port', { logicalPort: 'uid-of-a-port' }],
  ['no address', { addresses: [] }],
])('the contract refuses %s', (_, more) => {
  expect(ServicePort.safeParse(port).success).toBe(true)
  expect(ServicePort.safeParse({ ...port, ...more }).success).toBe(false)
})
