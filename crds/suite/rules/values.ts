// SPDX-License-Identifier: Apache-2.0
import type { Json } from '../places.ts'

export const CIDRS = [
  '10.0.0.0',
  '10.0.0.5/24',
  '10.0.0.0/33',
  '010.0.0.0/24',
  'FD00::/64',
  'fd00::1/64',
  '10.0.0.0/24 ',
]

/** Rules of single values that stand in many places: the message and the values that must be refused and accepted in each. */
export const VALUE_RULES: { says: string; bad: Json[]; good: Json[] }[] = [
  {
    says: 'write an IP address in its canonical form',
    bad: [
      '10.0.0.256',
      '010.0.0.5',
      '10.0.0.5/24',
      'FD00::5',
      'fd00:0::5',
      '::ffff:10.0.0.5',
      'fe80::1%eth0',
      'localhost',
    ],
    good: [],
  },
  {
    says: 'write a unicast MAC address',
    bad: ['FA:16:3E:00:00:01', '01:00:5e:00:00:01', 'fa-16-3e-00-00-01', 'ff:ff:ff:ff:ff:ff'],
    good: ['02:00:00:00:00:00'],
  },
  {
    says: 'write keys of 1 to 255 characters',
    bad: [{ '': 'x' }, { ['k'.repeat(256)]: 'x' }],
    good: [{ ['k'.repeat(255)]: 'x' }],
  },
  {
    says: 'write an address of one machine, a name such as gw.example.com',
    bad: [
      ...['CN=*', 'CN=gw,O=x', 'CN=a/b', 'X=gw', 'CN=', 'CN=gw, ', 'asn1dn:#30', 'fe80::1%eth0'],
      '%any',
      // To charon anybody, and no machine.
      ...['0.0.0.0', '::', '224.0.0.1', '239.1.2.3', '255.255.255.255', 'ff02::1', 'ff0e::1'],
      '*.example.com',
      '10.0.0.256',
      '1.2.3',
      'a b',
      'gw@',
      '@example.com',
      'fqdn:gw',
      'a\nb',
      '-a',
      'a..b',
    ],
    good: [
      ...['203.0.113.7', '2001:db8::5', '10.0.0.1', '169.254.9.1', 'gw', 'gw.example.com', 'VPN_1@example.com'],
      'C=CH, O=An Example, CN=gw.example.com',
    ],
  },
  {
    says: 'write a range with its first address, such as 10.1.0.0/16 or',
    bad: ['10.0.0.0', '10.0.0.5/24', '10.0.0.0/33', '010.0.0.0/24', 'fd00::1/64', 'FD00::/64', 'fd00::/129'],
    good: ['10.20.0.0/16', 'fd00:1::/64'],
  },
  { says: 'write the name of one namespace', bad: ['Team', '**', 'a.b', '-a'], good: ['*', 'team-b'] },
]
