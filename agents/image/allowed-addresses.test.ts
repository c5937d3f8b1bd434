// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { judgeAddress, type AddressVerdict } from './allowed-addresses.ts'

const judge = (address: string, allowedNetworks: string[] = [], own: string[] = ['198.51.100.7', '2001:db8::7']) =>
  judgeAddress(address, { allowedNetworks, ownAddresses: () => own })

test.each([
  '10.0.0.5',
  '10.96.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.10',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.8.8.8',
  '169.254.169.254',
  '0.0.0.0',
  '0.1.2.3',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::10.0.0.1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'fc00::1',
  'fd12:3456::1',
  'fd00:ec2::254',
  'ff02::1',
  '2001::1',
  '64:ff9b:1::1',
  // IPv4 in other clothes
  '::ffff:169.254.169.254',
  '::ffff:10.0.0.1',
  '::ffff:a00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b::10.1.2.3',
  '2002:0a00:0001::1',
  // the node's own
  '198.51.100.7',
  '::ffff:198.51.100.7',
  '64:ff9b::c633:6407',
  '2001:db8::7',
  '2001:db8:0::0:7',
  'not an address',
  '',
])('%j is refused', (address) => expect(judge(address)).toBe('refused'))

test.each([
  '8.8.8.8',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '192.0.1.1',
  '198.51.100.8',
  '2001:db8::8',
  '2a00:1450::1',
  '64:ff9b::808:808',
  '2002:0808:0808::1',
  '::ffff:8.8.8.8',
])('%s is public', (address) => expect(judge(address)).toBe('public'))

describe('what the Cloud allows', () => {
  test.each<[string, string[], AddressVerdict]>([
    ['10.20.0.5', ['10.20.0.0/24'], 'allowed'],
    ['::ffff:10.20.0.5', ['10.20.0.0/24'], 'allowed'],
    ['64:ff9b::10.20.0.5', ['10.20.0.0/24'], 'allowed'],
    ['10.20.1.5', ['10.20.0.0/24'], 'refused'],
    ['fd00:20::1', ['10.0.0.0/8', 'fd00:20::/64'], 'allowed'],
    ['192.168.1.1', ['0.0.0.0/0'], 'allowed'],
    ['8.8.8.8', ['8.8.8.0/24'], 'public'],
    ['198.51.100.7', ['198.51.100.0/24'], 'allowed'],
    // A wide entry does not open what only the node itself should reach.
    ['127.0.0.1', ['0.0.0.0/0'], 'refused'],
    ['169.254.169.254', ['0.0.0.0/0', '168.0.0.0/5'], 'refused'],
    ['::1', ['::/0'], 'refused'],
    ['fd00:ec2::254', ['fc00::/7'], 'refused'],
    ['127.0.0.1', ['127.0.0.0/8'], 'allowed'],
    ['127.0.0.1', ['127.0.0.1/32'], 'allowed'],
    ['127.0.0.2', ['127.0.0.1/32'], 'refused'],
  ])('%s with %j: %s', (address, allowed, expected) => expect(judge(address, allowed)).toBe(expected))
})
