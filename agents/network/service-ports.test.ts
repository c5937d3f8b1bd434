// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ServicePort, servicePortMac, servicePortName } from '../../lib/contract/service-port.ts'
import { planAddresses, planSurplus, serviceNamespace } from './service-ports.ts'

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

test('addresses and ways that it had before go; those that programs or the kernel give stay', () => {
  const address = (local: string, prefixlen: number, more: object = {}) => ({
    local,
    prefixlen,
    scope: 'global',
    ...more,
  })
  const held = {
    addresses: [
      ...[address('10.0.0.11', 24), address('10.0.0.11', 16), address('10.0.0.99', 32), address('10.0.0.13', 32)],
      ...[address('fd00::11', 64), address('fd00::12', 64), address('fd00::13', 64, { dynamic: true })],
      address('fe80::1', 64, { scope: 'link' }),
    ],
    ways: [
      ...[{ gateway: '10.0.0.1' }, { gateway: '10.0.0.254' }, { gateway: 'fd00::1' }, { gateway: 'fd00::fe' }],
      ...[{ gateway: 'fe80::1', protocol: 'ra' }, {}],
    ],
  }
  expect(planSurplus(port, held, ['10.0.0.13/32'])).toEqual([
    'route delete default via 10.0.0.254 dev svc0',
    'route delete default via fd00::fe dev svc0',
    'address delete 10.0.0.11/16 dev svc0',
    'address delete 10.0.0.99/32 dev svc0',
    'address delete fd00::12/64 dev svc0',
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
