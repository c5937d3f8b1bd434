// SPDX-License-Identifier: Apache-2.0
import type { RuleCase } from './rule-case.ts'

/** Of `extraDHCPOptions` of a Port: which values of which options break a rule, and which keep it. */
const optionCase = (says: string, bad: [string, string, string?][], good: [string, string, string?][]): RuleCase => {
  const written = ([name, value, ipFamily = 'IPv4']: [string, string, string?]) => ({
    'spec.extraDHCPOptions': [{ name, value, ipFamily }],
  })
  return { kind: 'Port', path: 'spec.extraDHCPOptions[]', says, bad: bad.map(written), good: good.map(written) }
}
const BAD_ADDRESSES = [
  '10.0.0.2, 10.0.0.3',
  '10.0.0.2,',
  '10.0.0.256',
  'fd00::2',
  'boot',
  '10.0.0.2}, router = {10.0.0.3',
]

export const PORT_DHCP: RuleCase[] = [
  optionCase('DHCPv6 has no others', [['ntp-server', 'fd00::2', 'IPv6']], [['bootfile-name', 'http://x/', 'IPv6']]),
  optionCase(
    'write IPv4 addresses',
    [
      'dns-server',
      'log-server',
      'lpr-server',
      'netbios-name-server',
      'nis-server',
      'ntp-server',
      'tftp-server-address',
    ].flatMap((name) => BAD_ADDRESSES.map((value): [string, string] => [name, value])),
    [['ntp-server', '10.0.0.2,10.0.0.3']],
  ),
  optionCase('write IPv6 addresses', [['dns-server', '10.0.0.2', 'IPv6']], [['dns-server', 'fd00::2,fd00::3', 'IPv6']]),
  optionCase('write pairs', [['policy-filter', '10.1.0.0']], [['policy-filter', '10.1.0.0,255.255.0.0']]),
  optionCase(
    'write one IPv4 address',
    ['router-solicitation', 'server-ip-address', 'swap-server'].flatMap((name) =>
      [...BAD_ADDRESSES, '10.0.0.2,10.0.0.3'].map((value): [string, string] => [name, value]),
    ),
    [['server-ip-address', '10.0.0.2']],
  ),
  optionCase(
    'write true or false',
    ['ethernet-encap', 'ip-forward-enable', 'router-discovery'].map((name) => [name, '1']),
    [['router-discovery', 'true']],
  ),
  optionCase(
    'write a number from 1 to 255',
    ['default-ttl', 'tcp-ttl', 'netbios-node-type'].flatMap((name) =>
      ['0', '256', '1.5', '01', 'x', '1, router = 10.0.0.3'].map((value): [string, string] => [name, value]),
    ),
    [
      ['tcp-ttl', '1'],
      ['tcp-ttl', '255'],
    ],
  ),
  optionCase(
    'write a number from 0 to 4294967295',
    ['arp-timeout', 'tcp-keepalive'].flatMap((name) =>
      ['4294967296', '-1', 'x', '99999999999'].map((value): [string, string] => [name, value]),
    ),
    [
      ['arp-timeout', '0'],
      ['arp-timeout', '4294967295'],
    ],
  ),
  optionCase(
    'write a domain, such as',
    ['example.com.', 'a..b', 'a b', '-a', 'a,b', 'a'.repeat(64)].map((value) => ['domain-name', value]),
    [['domain-name', 'Example.com']],
  ),
  optionCase(
    'write up to 8 domains',
    [
      'a.b,',
      'a b',
      'a.,b',
      Array(9).fill('a').join(),
      `a,${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.${'e'.repeat(50)}`,
    ].map((value) => ['domain-search', value]),
    [['domain-search', 'a.io,b.in']],
  ),
  {
    kind: 'Port',
    path: 'spec.extraDHCPOptions[].value',
    says: 'write printable ASCII characters',
    bad: ['a"b', 'a\nb', 'é', 'a\tb'].map((value) => ({
      'spec.extraDHCPOptions[0]': { name: 'wpad', ipFamily: 'IPv4', value },
    })),
    good: [{ 'spec.extraDHCPOptions[0]': { name: 'wpad', ipFamily: 'IPv4', value: 'http://x/a b\\c' } }],
  },
  {
    kind: 'Port',
    path: 'spec.extraDHCPOptions',
    says: '800 characters together',
    bad: {
      'spec.extraDHCPOptions': ['wpad', 'path-prefix', 'bootfile-name', 'tftp-server'].map((name) => ({
        name,
        ipFamily: 'IPv4',
        value: 'x'.repeat(name === 'wpad' ? 36 : 255),
      })),
    },
    good: [
      {
        'spec.extraDHCPOptions': ['wpad', 'path-prefix', 'bootfile-name', 'tftp-server'].map((name) => ({
          name,
          ipFamily: 'IPv4',
          value: 'x'.repeat(name === 'wpad' ? 35 : 255),
        })),
      },
    ],
  },
]
