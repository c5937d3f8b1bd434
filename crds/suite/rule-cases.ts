// SPDX-License-Identifier: Apache-2.0
// For every CEL rule of crds/ one object that passes and one that is refused. A test enumerates the rules and fails when one has no
// case here. Cases are changes to a sample of the kind.
import type { Changes, Json } from './places.ts'
import { DIGEST } from './samples.ts'

export interface RuleCase {
  kind: string
  /** The field that holds the rule, as in Field.path. */
  path: string
  /** A part of the rule's message. */
  says: string
  /** What makes the object break the rule; several lists are several refused objects. */
  bad: Changes | Changes[]
  /** What keeps it within the rule, beside the sample itself. */
  good?: Changes[]
  /** Which sample is changed; the first when absent. */
  sample?: number
  /** Changes made before the object is created, for rules that compare with the old object. */
  before?: Changes
  /** The object has the sample's status when it is updated. */
  observed?: boolean
  /** The rule compares with the old object: the object is created first, `bad` and `good` are updates. */
  transition?: boolean
}

const changed = (
  kind: string,
  path: string,
  says: string,
  bad: Changes | Changes[],
  more: Partial<RuleCase> = {},
): RuleCase => ({
  kind,
  path,
  says,
  bad,
  transition: true,
  ...more,
})

const CLAIMED_WHOLE = Array.from({ length: 16 }, (_, i) => ({
  address: `10.0.0.${16 + i}`,
  portRef: { namespace: 'team-a', name: `port-${i}` },
}))

const BAD_DOMAINS = ['Example.com', 'example.com.', 'a..b', 'a b', '-a.b', 'a'.repeat(64)]
const IPV6 = { addressMode: 'dhcpv6-stateful', routerAdvertisements: true }

const CIDRS = ['10.0.0.0', '10.0.0.5/24', '10.0.0.0/33', '010.0.0.0/24', 'FD00::/64', 'fd00::1/64', '10.0.0.0/24 ']

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
  { says: 'write the name of one namespace', bad: ['Team', '**', 'a.b', '-a'], good: ['*', 'team-b'] },
]

const IMAGE: RuleCase[] = [
  {
    kind: 'Image',
    path: 'spec.source.http.url',
    says: 'write an http:// or https:// URL',
    bad: [
      'file:///etc/passwd',
      'ftp://example.com/a',
      'not a url',
      'http:///path',
      '--output=/etc/passwd',
      'https:nohost',
    ].map((url) => ({ 'spec.source.http.url': url })),
    good: [{ 'spec.source.http.url': 'http://[fd00::1]:80/a.raw' }],
  },
  {
    kind: 'Image',
    path: 'spec.source.http.url',
    says: 'put no user name or password into the URL',
    bad: { 'spec.source.http.url': 'https://user:secret@example.com/a' },
    good: [{ 'spec.source.http.url': 'https://example.com/a@b' }],
  },
  {
    kind: 'Image',
    path: 'spec.source.http.caBundle',
    says: 'write PEM',
    bad: { 'spec.source.http.caBundle': '/etc/ssl/cert.pem' },
  },
  {
    kind: 'Image',
    path: 'spec.sha256',
    says: 'write the SHA-256 digest as 64',
    bad: [{ 'spec.sha256': 'A'.repeat(64) }, { 'spec.sha256': 'g'.repeat(64) }],
  },
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': '0'.repeat(64) },
    { observed: true },
  ),
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': undefined },
    { observed: true },
  ),
  // An object of version 0.1.0, where a digest could be written after the import: it can be put right.
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': '0'.repeat(64) },
    {
      before: { 'spec.sha256': '1'.repeat(64) },
      observed: true,
      good: [{ 'spec.minDiskGiB': 2 }, { 'spec.sha256': DIGEST }],
    },
  ),
  changed(
    'Image',
    'spec.format',
    'format cannot change',
    { 'spec.format': 'raw' },
    { good: [{ 'spec.minDiskGiB': 2 }] },
  ),
  changed('Image', 'spec.architecture', 'architecture cannot change', { 'spec.architecture': 'aarch64' }),
  {
    kind: 'Image',
    path: 'spec',
    says: 'sharedWith has an effect with visibility: shared only',
    bad: [{ 'spec.visibility': 'private' }, { 'spec.visibility': undefined }],
    good: [{ 'spec.visibility': 'public', 'spec.sharedWith': [] }],
  },
]

const ROUTER: RuleCase[] = [
  {
    kind: 'Router',
    path: 'spec',
    says: 'write each Subnet and each Port once in interfaces',
    bad: {
      'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'b' } }, { subnetRef: { name: 'v4' } }],
    },
    good: [
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'b' } }] },
      { 'spec.interfaces': [] },
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'v4', namespace: 'team-b' } }] },
    ],
  },
  {
    kind: 'Router',
    path: 'spec.interfaces[]',
    says: 'write either subnetRef or portRef',
    bad: [
      { 'spec.interfaces': [{}] },
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' }, portRef: { name: 'eth' } }] },
    ],
    good: [{ 'spec.interfaces': [{ portRef: { name: 'eth' } }] }],
  },
  {
    kind: 'Router',
    path: 'spec.routes[]',
    says: 'write a nextHop of the same family',
    bad: [{ 'spec.routes[0].nextHop': 'fd00::9' }, { 'spec.routes[0].destination': '::/0' }],
    good: [{ 'spec.routes[0]': { destination: '::/0', nextHop: 'fd00::9' } }],
  },
  {
    kind: 'Router',
    path: 'spec.routes[].destination',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.routes[0].destination': cidr })),
    good: [{ 'spec.routes[0].destination': '0.0.0.0/0' }],
  },
]

const FAMILY4 = { bad: ['203.0.113.256', 'fd00::5', '010.0.0.1'], good: ['192.0.2.9'] }
const FORWARDINGS = 'spec.portForwardings'
const TRUNK: RuleCase[] = [
  changed('Trunk', 'spec.portRef', 'portRef cannot change', { 'spec.portRef.name': 'other' }),
  {
    ...{ kind: 'Trunk', path: 'spec', says: 'cannot be a subport of itself' },
    bad: { 'spec.portRef.name': 'blue' },
    good: [{ 'spec.subports': undefined }],
  },
  {
    ...{ kind: 'Trunk', path: 'spec.subports', says: 'write each Port once in subports' },
    bad: {
      'spec.subports': [
        { portRef: { name: 'a' }, segmentationID: 1 },
        { portRef: { name: 'a' }, segmentationID: 2 },
      ],
    },
    good: [{ 'spec.subports': [] }],
  },
  {
    ...{ kind: 'Trunk', path: 'spec.subports', says: 'cannot have the same segmentationID' },
    bad: {
      'spec.subports': [
        { portRef: { name: 'a' }, segmentationID: 1 },
        { portRef: { name: 'b' }, segmentationID: 1 },
      ],
    },
    good: [
      {
        'spec.subports': [
          { portRef: { name: 'a' }, segmentationID: 1 },
          { portRef: { name: 'b' }, segmentationID: 4094 },
        ],
      },
    ],
  },
]

const FLOATING_IP: RuleCase[] = [
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write loadBalancerRef alone', sample: 2 },
    bad: [
      { 'spec.instanceRef': { name: 'x' } },
      { 'spec.portRef': { name: 'x' } },
      { 'spec.portForwardings': [{ externalPort: 80, internalPort: 80, portRef: { name: 'x' } }] },
    ],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'no LoadBalancer takes the address along', sample: 2 },
    bad: { 'spec.reclaimPolicy': 'Delete' },
    good: [{ 'spec.reclaimPolicy': 'Retain' }],
  },
  changed('FloatingIP', 'spec', 'ipAddress cannot change', [
    { 'spec.ipAddress': '203.0.113.12' },
    { 'spec.ipAddress': undefined },
  ]),
  changed('FloatingIP', 'spec', 'subnetRef cannot change', [
    { 'spec.subnetRef.name': 'b' },
    { 'spec.subnetRef': undefined },
  ]),
  changed('FloatingIP', 'spec.networkRef', 'networkRef cannot change', { 'spec.networkRef.name': 'other' }),
  {
    ...{
      kind: 'FloatingIP',
      path: 'spec',
      says: 'write instanceRef or portRef, too',
      bad: { 'spec.portRef': undefined },
    },
    good: [{ 'spec.portRef': undefined, 'spec.instanceRef': { name: 'web' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write one of instanceRef and portRef' },
    bad: { 'spec.instanceRef': { name: 'web' } },
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write portForwardings, or one of', sample: 3 },
    bad: [{ 'spec.portRef': { name: 'eth' } }, { 'spec.instanceRef': { name: 'web' } }],
    good: [{ 'spec.portForwardings': [], 'spec.instanceRef': { name: 'web' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: FORWARDINGS, says: 'write each port once', sample: 3 },
    bad: [9_999, 10_099].map((port) => ({
      [`${FORWARDINGS}[0].protocol`]: 'udp',
      [`${FORWARDINGS}[0].externalPort`]: port,
      [`${FORWARDINGS}[0].externalEndPort`]: 10_100,
    })),
    good: [
      { [`${FORWARDINGS}[0].protocol`]: 'udp', [`${FORWARDINGS}[0].externalPort`]: 10_100 },
      { [`${FORWARDINGS}[0].externalPort`]: 10_000 },
    ],
  },
  {
    ...{ kind: 'FloatingIP', path: FORWARDINGS, says: 'at most 1024 ports', sample: 3 },
    bad: { [`${FORWARDINGS}[1].externalEndPort`]: 11_023 },
    good: [{ [`${FORWARDINGS}[1].externalEndPort`]: 11_022 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'write one of instanceRef and portRef: where', sample: 3 },
    bad: [{ [`${FORWARDINGS}[0].portRef`]: { name: 'eth' } }, { [`${FORWARDINGS}[0].instanceRef`]: undefined }],
    good: [{ [`${FORWARDINGS}[0].instanceRef`]: undefined, [`${FORWARDINGS}[0].portRef`]: { name: 'eth' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'not below externalPort', sample: 3 },
    bad: { [`${FORWARDINGS}[1].externalEndPort`]: 9999 },
    good: [{ [`${FORWARDINGS}[1].externalEndPort`]: 10_000 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'would end above 65535', sample: 3 },
    bad: { [`${FORWARDINGS}[1].internalPort`]: 65_437 },
    good: [{ [`${FORWARDINGS}[1].internalPort`]: 65_436 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[].fixedIPAddress`, says: 'write an IPv4 address', sample: 3 },
    bad: FAMILY4.bad.map((address) => ({ [`${FORWARDINGS}[1].fixedIPAddress`]: address })),
    good: FAMILY4.good.map((address) => ({ [`${FORWARDINGS}[1].fixedIPAddress`]: address })),
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'reclaimPolicy Delete contradict each other', sample: 1 },
    bad: { 'spec.deletionProtection': true },
    good: [{ 'spec.deletionProtection': true, 'spec.reclaimPolicy': 'Retain' }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'none of them takes the address along', sample: 3 },
    bad: { 'spec.reclaimPolicy': 'Delete' },
    good: [{ 'spec.reclaimPolicy': 'Retain' }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec.dnsName', says: 'such as www.example.com', sample: 1 },
    bad: [
      'www',
      'www.example.com.',
      '*.example.com',
      'WWW.example.com',
      '-a.b',
      `${'a'.repeat(64)}.com`,
      'a b.com',
    ].map((name) => ({ 'spec.dnsName': name })),
    good: ['a.b', `${'a'.repeat(63)}.example.com`, '1.2-3.com'].map((name) => ({ 'spec.dnsName': name })),
  },
  ...(['ipAddress', 'fixedIPAddress'] as const).map((field): RuleCase => ({
    ...{ kind: 'FloatingIP', path: `spec.${field}`, says: 'write an IPv4 address' },
    bad: FAMILY4.bad.map((address) => ({ [`spec.${field}`]: address })),
    good: FAMILY4.good.map((address) => ({ [`spec.${field}`]: address })),
  })),
]

const SUBNET: RuleCase[] = [
  {
    kind: 'Subnet',
    path: 'spec.cidr',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.cidr': cidr })),
  },
  {
    kind: 'Subnet',
    path: 'spec.cidr',
    says: 'write a prefix length from 8 to 30',
    bad: ['10.0.0.0/31', '0.0.0.0/0', '10.0.0.0/7', 'fd00::/47', 'fd00::/127'].map((cidr) => ({ 'spec.cidr': cidr })),
    good: [{ 'spec.cidr': '10.0.0.0/8' }],
  },
  {
    kind: 'Subnet',
    path: 'spec.cidr',
    says: 'loopback, link-local, multicast',
    bad: ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/24', 'fe80::/64'].map((cidr) => ({ 'spec.cidr': cidr })),
  },
  changed('Subnet', 'spec', 'cidr cannot change', [
    { 'spec.cidr': '10.0.0.0/16' },
    { 'spec.cidr': undefined, 'spec.gatewayIP': undefined, 'spec.allocationPools': undefined },
  ]),
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 2,
    says: 'write a cidr such as',
    bad: { 'spec.subnetPoolRef': undefined },
    good: [{ 'spec.cidr': 'fd00:1::/64', 'spec.prefixLength': undefined }],
  },
  changed(
    'Subnet',
    'spec',
    'subnetPoolRef cannot change',
    [{ 'spec.subnetPoolRef.name': 'other' }, { 'spec.subnetPoolRef': undefined, 'spec.cidr': 'fd00:1::/64' }],
    { sample: 2 },
  ),
  changed('Subnet', 'spec', 'prefixLength cannot change', { 'spec.prefixLength': undefined }, { sample: 2 }),
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 2,
    says: 'prefixLength is what a SubnetPool is asked for',
    bad: [{ 'spec.cidr': 'fd00:1::/64' }, { 'spec.subnetPoolRef': undefined }],
    good: [{ 'spec.prefixLength': undefined }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 2,
    says: 'a gatewayIP lies in a range that is known',
    bad: { 'spec.gatewayIP': 'fd00:1::9' },
    good: [{ 'spec.gatewayIP': 'fd00:1::9', 'spec.cidr': 'fd00:1::/64', 'spec.prefixLength': undefined }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 2,
    says: 'allocationPools lie in a range that is known',
    bad: { 'spec.allocationPools': [{ start: 'fd00:1::9', end: 'fd00:1::a' }] },
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 2,
    says: 'addresses of prefix and MAC need a prefix of 64 bits: write prefixLength',
    bad: { 'spec.prefixLength': 65 },
    good: [{ 'spec.prefixLength': 65, 'spec.ipv6': IPV6 }],
  },
  {
    kind: 'SubnetPool',
    path: 'spec.prefixes',
    says: 'write prefixes of one family',
    bad: { 'spec.prefixes': ['10.0.0.0/8', 'fd00::/48'] },
  },
  changed(
    'SubnetPool',
    'spec.prefixes',
    'the family of a SubnetPool cannot change',
    { 'spec.prefixes': ['10.0.0.0/8'] },
    { sample: 1, good: [{ 'spec.prefixes': ['fd01::/48'] }] },
  ),
  {
    kind: 'SubnetPool',
    path: 'spec.prefixes[]',
    says: 'write a range in CIDR form with no host bits set',
    bad: CIDRS.map((cidr) => ({ 'spec.prefixes': [cidr] })),
  },
  {
    kind: 'SubnetPool',
    path: 'spec.prefixes[]',
    says: 'write a prefix length from 4 to 30',
    bad: ['10.0.0.0/31', '0.0.0.0/3', 'fc00::/7', 'fd00::/127'].map((prefix) => ({ 'spec.prefixes': [prefix] })),
    good: [{ 'spec.prefixes': ['16.0.0.0/4'] }],
  },
  {
    kind: 'SubnetPool',
    path: 'spec.prefixes[]',
    says: 'loopback, link-local, multicast',
    bad: ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/24'].map((prefix) => ({ 'spec.prefixes': [prefix] })),
  },
  {
    kind: 'SubnetPool',
    path: 'spec',
    says: 'write a minPrefixLength that is not above maxPrefixLength',
    bad: { 'spec.minPrefixLength': 29, 'spec.defaultPrefixLength': undefined },
  },
  {
    kind: 'SubnetPool',
    path: 'spec',
    says: 'write a defaultPrefixLength from minPrefixLength to maxPrefixLength',
    bad: [{ 'spec.defaultPrefixLength': 15 }, { 'spec.defaultPrefixLength': 29 }],
    good: [{ 'spec.defaultPrefixLength': 16 }, { 'spec.defaultPrefixLength': 28 }],
  },
  {
    kind: 'SubnetPool',
    path: 'spec',
    sample: 1,
    says: 'a Subnet of IPv6 has a prefix length',
    bad: { 'spec.minPrefixLength': 47 },
    good: [{ 'spec.minPrefixLength': 48 }],
  },
  {
    kind: 'SubnetPool',
    path: 'spec',
    says: 'a Subnet of IPv4 has a prefix length',
    bad: { 'spec.maxPrefixLength': 31 },
    good: [{ 'spec.maxPrefixLength': 30 }],
  },
  {
    kind: 'SubnetPool',
    path: 'spec',
    says: 'write a defaultPrefixLength from 8 to 30',
    bad: { 'spec.defaultPrefixLength': 31, 'spec.maxPrefixLength': undefined },
    good: [{ 'spec.defaultPrefixLength': 30, 'spec.maxPrefixLength': undefined }],
  },
  changed('SubnetPool', 'spec', 'addressScopeRef cannot change', [
    { 'spec.addressScopeRef.name': 'other' },
    { 'spec.addressScopeRef': undefined },
  ]),
  changed('AddressScope', 'spec.ipVersion', 'ipVersion cannot change', { 'spec.ipVersion': 6 }),
  changed('Subnet', 'spec.networkRef', 'networkRef cannot change', { 'spec.networkRef.name': 'other' }),
  changed('Subnet', 'spec', 'gatewayIP cannot change', { 'spec.gatewayIP': '10.0.0.2' }),
  changed(
    'Subnet',
    'spec',
    'gatewayIP cannot change',
    { 'spec.gatewayIP': undefined },
    {
      good: [{ 'spec.dhcp.leaseSeconds': 600 }],
    },
  ),
  changed(
    'Subnet',
    'spec',
    'disableGateway cannot change',
    { 'spec.disableGateway': true },
    {
      before: { 'spec.gatewayIP': undefined },
    },
  ),
  changed('Subnet', 'spec', 'allocationPools cannot change', { 'spec.allocationPools': [] }),
  {
    kind: 'Subnet',
    path: 'spec',
    says: 'write a gatewayIP inside of cidr',
    bad: ['10.0.1.1', 'fd00::1', '10.0.0.0'].map((gatewayIP) => ({ 'spec.gatewayIP': gatewayIP })),
    good: [{ 'spec.gatewayIP': '10.0.0.254' }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    says: 'leave gatewayIP out, or write disableGateway: false',
    bad: { 'spec.disableGateway': true },
    good: [{ 'spec.disableGateway': true, 'spec.gatewayIP': undefined }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    says: 'write allocationPools whose start and end are inside of cidr',
    bad: { 'spec.allocationPools[0].end': '10.0.1.1' },
  },
  changed(
    'Subnet',
    'spec',
    'ipv6 cannot change',
    { 'spec.ipv6': { addressMode: 'dhcpv6-stateless', routerAdvertisements: true } },
    { sample: 1 },
  ),
  {
    kind: 'Subnet',
    path: 'spec',
    says: 'leave ipv6 out: cidr is an IPv4 range',
    bad: { 'spec.ipv6': IPV6 },
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 1,
    says: 'leave ipv6 out, or write dhcp',
    bad: { 'spec.dhcp': { enabled: false } },
    good: [{ 'spec.dhcp': { enabled: false }, 'spec.ipv6': undefined }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 1,
    says: 'router advertisements name a router',
    bad: { 'spec.disableGateway': true, 'spec.gatewayIP': undefined },
    good: [
      { 'spec.disableGateway': true, 'spec.gatewayIP': undefined, 'spec.ipv6.routerAdvertisements': false },
      { 'spec.disableGateway': true, 'spec.gatewayIP': undefined, 'spec.ipv6': undefined },
    ],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 1,
    says: 'addresses of prefix and MAC need a prefix of 64 bits',
    bad: ['fd00:1::/63', 'fd00:1::/112'].map((cidr) => ({
      'spec.cidr': cidr,
      'spec.ipv6': { ...IPV6, addressMode: 'slaac' },
    })),
    good: [{ 'spec.cidr': 'fd00:1::/112', 'spec.ipv6': IPV6 }],
  },
  {
    kind: 'Subnet',
    path: 'spec',
    sample: 1,
    says: 'leave hostRoutes out: DHCPv6 knows no routes',
    bad: { 'spec.dhcp': { hostRoutes: [{ destination: 'fd00:2::/64', nextHop: 'fd00:1::5' }] } },
    good: [{ 'spec.dhcp': { hostRoutes: [] } }],
  },
  {
    kind: 'Subnet',
    path: 'spec.allocationPools[]',
    says: 'write start and end of one family',
    bad: [{ 'spec.allocationPools[0].end': '10.0.0.8' }, { 'spec.allocationPools[0].end': 'fd00::1' }],
    good: [{ 'spec.allocationPools[0].end': '10.0.0.9' }],
  },
  {
    kind: 'Subnet',
    path: 'spec.dhcp.hostRoutes[].destination',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.dhcp.hostRoutes[0].destination': cidr })),
    good: [{ 'spec.dhcp.hostRoutes[0].destination': '0.0.0.0/0' }],
  },
]

const PORT: RuleCase[] = [
  {
    kind: 'Port',
    path: 'spec.allowedAddressPairs[].ipAddress',
    says: 'write an IP address or a range',
    bad: [{ 'spec.allowedAddressPairs[0].ipAddress': 'any' }],
    good: [{ 'spec.allowedAddressPairs[0].ipAddress': '10.0.0.96/29' }],
  },
  {
    kind: 'Port',
    path: 'spec.fixedIPs',
    says: 'leave fixedIPs out to be given an address',
    bad: { 'spec.fixedIPs': [] },
    good: [{ 'spec.fixedIPs': undefined }],
  },
  changed('Port', 'spec.networkRef', 'networkRef cannot change', { 'spec.networkRef.name': 'other' }),
  changed('Port', 'spec.vnicType', 'vnicType cannot change', { 'spec.vnicType': 'vhostuser' }),
  changed('Port', 'spec', 'macAddress cannot change once it is set', { 'spec.macAddress': 'fa:16:3e:00:00:02' }),
  changed('Port', 'spec', 'macAddress cannot change once it is set', { 'spec.macAddress': undefined }),
  changed(
    'Port',
    'spec',
    'fixedIPs cannot change',
    { 'spec.fixedIPs': [] },
    { good: [{ 'spec.securityGroupRefs': [] }] },
  ),
  {
    kind: 'Port',
    path: 'spec',
    says: 'security groups need port security',
    bad: { 'spec.portSecurityEnabled': false },
    good: [
      { 'spec.portSecurityEnabled': false, 'spec.securityGroupRefs': [] },
      { 'spec.portSecurityEnabled': undefined },
    ],
  },
]

/** Of the list of a group's rules, and of those that a new group `default` gets. */
const rulesOfGroup = (kind: string, list: string): RuleCase[] => [
  {
    kind,
    path: `${list}[].remoteIPPrefix`,
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ [`${list}[0].remoteIPPrefix`]: cidr })),
    good: [{ [`${list}[0].remoteIPPrefix`]: '0.0.0.0/0' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write both portRangeMin and portRangeMax',
    bad: [
      { [`${list}[0].portRangeMin`]: 444 },
      { [`${list}[0].portRangeMin`]: undefined },
      { [`${list}[0].portRangeMax`]: undefined },
    ],
    good: [{ [`${list}[0].portRangeMin`]: 443 }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'ports go with tcp, udp and sctp alone',
    bad: [
      { [`${list}[0].protocol`]: 'icmp' },
      { [`${list}[0].protocol`]: undefined },
      { [`${list}[0].protocol`]: '6' },
    ],
    good: [{ [`${list}[0].protocol`]: 'udp' }, { [`${list}[0].protocol`]: 'sctp' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'icmpType goes with ICMP alone',
    bad: [{ [`${list}[1].protocol`]: 'tcp' }, { [`${list}[1].protocol`]: '58' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'a code means something only of one type',
    bad: [{ [`${list}[1].icmpType`]: undefined }],
    good: [{ [`${list}[1].icmpCode`]: undefined }],
  },
  {
    kind,
    path: `${list}[].protocol`,
    says: 'write any, tcp, udp',
    bad: ['TCP', '256', '-1', '06', '4 || 1', 'ip'].map((protocol) => ({
      [`${list}[2]`]: { direction: 'ingress', protocol },
    })),
    good: ['any', 'gre', '0', '47', '255'].map((protocol) => ({ [`${list}[2]`]: { direction: 'ingress', protocol } })),
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write protocol: icmp with etherType: IPv4',
    bad: [{ [`${list}[1].protocol`]: 'icmp' }, { [`${list}[1].etherType`]: 'IPv4' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write the etherType of the remoteIPPrefix',
    bad: [{ [`${list}[0].remoteIPPrefix`]: 'fd00::/64' }, { [`${list}[0].etherType`]: 'IPv6' }],
    good: [{ [`${list}[0].remoteIPPrefix`]: 'fd00::/64', [`${list}[0].etherType`]: 'IPv6' }],
  },
]

const SECURITY_GROUP: RuleCase[] = [
  ...rulesOfGroup('SecurityGroup', 'spec.rules'),
  ...rulesOfGroup('Cloud', 'spec.defaultSecurityGroupRules'),
  changed('SecurityGroup', 'spec.stateful', 'stateful cannot be changed', [{ 'spec.stateful': false }]),
  {
    kind: 'SecurityGroup',
    path: 'spec.rules[]',
    says: 'write one of remoteIPPrefix, remoteGroupRef and',
    bad: [
      { 'spec.rules[0].remoteGroupRef': { name: 'default' } },
      { 'spec.rules[0].remoteAddressGroupRef': { name: 'partners' } },
    ],
  },
  {
    kind: 'Cloud',
    path: 'spec.defaultSecurityGroupRules[]',
    says: 'write one of remoteIPPrefix and remoteMembers',
    bad: { 'spec.defaultSecurityGroupRules[0].remoteMembers': true },
  },
]

const ADDRESS_GROUP: RuleCase[] = [
  {
    kind: 'AddressGroup',
    path: 'spec.addresses[]',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.addresses[0]': cidr })),
    good: [{ 'spec.addresses[0]': '0.0.0.0/0' }, { 'spec.addresses': [] }],
  },
]

const QOS: RuleCase[] = [
  {
    ...{ kind: 'QoSPolicy', path: 'spec', says: 'write a minKbps that is not above the maxKbps' },
    bad: { 'spec.minimumBandwidths[0].minKbps': 10_001 },
    good: [
      { 'spec.minimumBandwidths[0].minKbps': 10_000 },
      { 'spec.minimumBandwidths[0]': { direction: 'ingress', minKbps: 20_000 } },
      { 'spec.bandwidthLimits': undefined },
    ],
  },
  {
    ...{ kind: 'QoSPolicy', path: 'spec.packetRateLimits', says: 'leave packetRateLimits out' },
    bad: { 'spec.packetRateLimits': [{ direction: 'egress', maxKpps: 10, maxBurstKpps: 1 }] },
  },
]

const FIREWALL_RULE = 'spec.rules[0]'
const FIREWALL: RuleCase[] = [
  ...['sourceIPPrefix', 'destinationIPPrefix'].map((end) => ({
    kind: 'FirewallPolicy',
    path: `spec.rules[].${end}`,
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ [`${FIREWALL_RULE}.${end}`]: cidr })),
    good: [{ [`${FIREWALL_RULE}.${end}`]: '192.0.2.0/24' }],
  })),
  ...['sourcePorts', 'destinationPorts'].map((end) => ({
    kind: 'FirewallPolicy',
    path: `spec.rules[].${end}`,
    says: 'write a minimum that is not above the maximum',
    bad: { [`${FIREWALL_RULE}.${end}`]: { minimum: 81, maximum: 80 } },
    good: [
      { [`${FIREWALL_RULE}.${end}`]: { minimum: 80, maximum: 80 } },
      { [`${FIREWALL_RULE}.${end}`]: { minimum: 80 } },
    ],
  })),
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'ports go with tcp, udp and sctp alone',
    bad: [{ [`${FIREWALL_RULE}.protocol`]: 'icmp' }, { [`${FIREWALL_RULE}.protocol`]: undefined }],
    good: [{ [`${FIREWALL_RULE}.protocol`]: 'sctp' }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write sourceIPPrefix and destinationIPPrefix of one family',
    bad: { [`${FIREWALL_RULE}.sourceIPPrefix`]: 'fd00::/64', [`${FIREWALL_RULE}.etherType`]: undefined },
    good: [{ [`${FIREWALL_RULE}.sourceIPPrefix`]: undefined }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write the etherType of the prefixes',
    bad: [
      { [`${FIREWALL_RULE}.etherType`]: 'IPv6' },
      { 'spec.rules[1].etherType': 'IPv4', 'spec.rules[1].destinationIPPrefix': 'fd00::/64' },
    ],
    good: [{ [`${FIREWALL_RULE}.etherType`]: undefined }, { 'spec.rules[1].etherType': 'IPv6' }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write protocol: icmp with etherType: IPv4',
    bad: [
      { 'spec.rules[1].protocol': 'icmp', 'spec.rules[1].etherType': 'IPv6' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].etherType': 'IPv4' },
    ],
    good: [
      { 'spec.rules[1].protocol': 'icmp' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].etherType': 'IPv6' },
    ],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write protocol: icmp with prefixes of IPv4',
    bad: [
      { 'spec.rules[1].protocol': 'icmp', 'spec.rules[1].sourceIPPrefix': 'fd00::/64' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].destinationIPPrefix': '10.0.0.0/8' },
    ],
    good: [{ 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].sourceIPPrefix': 'fd00::/64' }],
  },
  {
    kind: 'FirewallGroup',
    path: 'spec',
    says: 'write ingress or egress or both',
    bad: { 'spec.ingress': undefined, 'spec.egress': undefined },
    good: [{ 'spec.ingress': undefined }, { 'spec.egress': undefined }],
  },
]

const LISTENER = 'spec.listeners[0]'
const LOAD_BALANCER: RuleCase[] = [
  changed('LoadBalancer', 'spec.vip', 'vip cannot change', [
    { 'spec.vip.ipAddress': '10.0.0.101' },
    { 'spec.vip.ipAddress': undefined },
    { 'spec.vip.subnetRef.name': 'back' },
  ]),
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners',
    says: 'write each port of a protocol in one listener',
    bad: { 'spec.listeners[1].protocol': 'tcp', 'spec.listeners[1].port': 80 },
    good: [{ 'spec.listeners[1].port': 80 }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'sctp cannot be monitored',
    bad: { [`${LISTENER}.protocol`]: 'sctp' },
    good: [{ [`${LISTENER}.protocol`]: 'sctp', [`${LISTENER}.healthMonitor`]: undefined }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].members[]',
    says: 'write one of instanceSelector, portRef and ipAddress',
    bad: [{ [`${LISTENER}.members[2].portRef`]: { name: 'x' } }, { [`${LISTENER}.members[2].ipAddress`]: undefined }],
  },
]

const NIC = 'spec.networks[0]'
const INSTANCE: RuleCase[] = [
  {
    kind: 'Instance',
    path: '',
    says: 'write spec.hostname, or choose a shorter name',
    bad: [
      { 'spec.hostname': undefined, 'metadata.name': 'a.b' },
      { 'spec.hostname': undefined, 'metadata.name': 'a'.repeat(64) },
    ],
    good: [{ 'metadata.name': 'a.b' }, { 'spec.hostname': undefined, 'metadata.name': 'a'.repeat(63) }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks[]',
    says: 'write one of networkRef (a Port is made) and portRef',
    bad: [{ 'spec.networks[1].portRef': undefined }, { 'spec.networks[1].networkRef': { name: 'net' } }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks[]',
    says: 'belong to networkRef',
    bad: [
      { 'spec.networks[1].ipAddress': '10.0.0.6' },
      { 'spec.networks[1].subnetRef': { name: 'sub' } },
      { 'spec.networks[1].macAddress': 'fa:16:3e:00:00:09' },
      { 'spec.networks[1].vnicType': 'normal' },
    ],
    good: [{ [NIC]: { networkRef: { name: 'net' } } }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks',
    says: 'write each portRef once only',
    bad: { [NIC]: { portRef: { name: 'mine' } } },
    good: [{ [NIC]: { portRef: { name: 'other' } } }],
  },
  {
    kind: 'Instance',
    path: 'spec.volumes',
    says: 'write each Volume once only',
    bad: { 'spec.volumes[1].volumeRef.name': 'data' },
  },
  {
    kind: 'Instance',
    path: 'spec.userData',
    says: 'user data in line is at most 16 KiB',
    bad: { 'spec.userData': 'é'.repeat(8193) },
    good: [{ 'spec.userData': 'é'.repeat(8192) }],
  },
  {
    kind: 'Instance',
    path: 'spec.hostname',
    says: 'write a DNS label',
    bad: ['VM', 'a.b', '-a', 'a b', '$(id)'].map((hostname) => ({ 'spec.hostname': hostname })),
  },
  {
    kind: 'Instance',
    path: 'spec',
    says: 'write one of userData and userDataSecretRef',
    bad: { 'spec.userDataSecretRef': { name: 'secret' } },
    good: [{ 'spec.userDataSecretRef': { name: 'secret' }, 'spec.userData': undefined }],
  },
  changed(
    'Instance',
    'spec.imageRef',
    'imageRef cannot change',
    { 'spec.imageRef.name': 'other' },
    {
      good: [{ 'spec.flavorRef.name': 'large', 'spec.runState': 'Stopped', 'spec.volumes': [] }],
    },
  ),
  changed('Instance', 'spec', 'keyPairRef cannot change', { 'spec.keyPairRef': undefined }),
  changed('Instance', 'spec', 'userData cannot change', { 'spec.userData': 'other' }),
  changed(
    'Instance',
    'spec',
    'userDataSecretRef cannot change',
    { 'spec.userDataSecretRef.key': 'other' },
    { sample: 1 },
  ),
  changed('Instance', 'spec', 'availabilityZone cannot change', { 'spec.availabilityZone': 'b' }),
  changed('Instance', 'spec', 'configDrive cannot change', { 'spec.configDrive': true }),
]

const PROVIDER_NETWORK: RuleCase[] = [
  changed(
    'Network',
    'spec',
    'provider cannot change',
    [
      { 'spec.provider': undefined },
      { 'spec.provider.segmentationID': 101 },
      { 'spec.provider.segmentationID': undefined },
      { 'spec.provider.providerNetworkRef.name': 'other' },
    ],
    { sample: 1, good: [{ 'spec.external': false }] },
  ),
  changed('Network', 'spec', 'provider cannot change', { 'spec.provider': { providerNetworkRef: { name: 'dc' } } }),
  {
    kind: 'ProviderNetwork',
    path: '',
    says: 'write spec.physicalNetwork, or choose a shorter name',
    bad: [
      { 'spec.physicalNetwork': undefined, 'metadata.name': 'a.b' },
      { 'spec.physicalNetwork': undefined, 'metadata.name': 'a'.repeat(64) },
    ],
    good: [{ 'metadata.name': 'a.b' }, { 'spec.physicalNetwork': undefined, 'metadata.name': 'a'.repeat(63) }],
  },
  changed(
    'ProviderNetwork',
    'spec',
    'physicalNetwork cannot change',
    [{ 'spec.physicalNetwork': 'other' }, { 'spec.physicalNetwork': undefined }],
    { good: [{ 'spec.mtu': 9000 }] },
  ),
  changed('ProviderNetwork', 'spec.type', 'type cannot change', { 'spec.type': 'vlan' }, { sample: 1 }),
  {
    kind: 'ProviderNetwork',
    path: 'spec',
    says: 'only a ProviderNetwork of type vlan has vlanRanges',
    bad: { 'spec.type': 'flat' },
    good: [{ 'spec.type': 'flat', 'spec.vlanRanges': [] }],
  },
  {
    kind: 'ProviderNetwork',
    path: 'spec.vlanRanges[]',
    says: 'write a minimum that is not above the maximum',
    bad: { 'spec.vlanRanges[0]': { minimum: 101, maximum: 100 } },
    good: [{ 'spec.vlanRanges[0]': { minimum: 100, maximum: 100 } }],
  },
  {
    kind: 'ProviderNetwork',
    path: 'spec.nodes[]',
    says: 'write either interface, whose bridge the agent makes, or bridge',
    bad: [{ 'spec.nodes[0].bridge': 'br-dc' }, { 'spec.nodes[1].bridge': undefined }],
    good: [{ 'spec.nodes[0]': { bridge: 'br-dc' } }],
  },
]

const REST: RuleCase[] = [
  { kind: 'Cloud', path: '', says: 'a cluster holds one Cloud', bad: { 'metadata.name': 'other' } },
  changed(
    'Cloud',
    'spec.incarnation',
    'the incarnation only grows',
    { 'spec.incarnation': 1 },
    {
      good: [{ 'spec.incarnation': 3 }],
    },
  ),
  {
    kind: 'Cloud',
    path: 'spec.images.allowedNetworks[]',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.images.allowedNetworks': [cidr] })),
    good: [{ 'spec.images.allowedNetworks': ['127.0.0.0/8'] }],
  },
  {
    kind: 'Cloud',
    path: 'spec.macPrefix',
    says: 'write three bytes of a unicast MAC address',
    bad: [{ 'spec.macPrefix': 'FA:16:3E' }, { 'spec.macPrefix': '01:00:5e' }],
    good: [{ 'spec.macPrefix': '02:00:00' }],
  },
  changed('Flavor', 'spec', 'make a new Flavor and set flavorRef', { 'spec.vcpus': 4 }),
  {
    kind: 'KeyPair',
    path: 'spec.publicKey',
    says: 'write the one line of a .pub file',
    bad: [
      { 'spec.publicKey': `ssh-ed25519 AAAA${'a'.repeat(60)} me\n\n` },
      { 'spec.publicKey': `ssh-ed25519 AAAA${'a'.repeat(60)} bell\u0007` },
      { 'spec.publicKey': `ssh-ed25519 AAAA${'a'.repeat(60)} two\u2028lines` },
      { 'spec.publicKey': `ssh-ed25519 AAAA${'a'.repeat(60)}\nssh-rsa AAAA${'b'.repeat(60)}` },
      { 'spec.publicKey': `command="id" ssh-ed25519 AAAA${'a'.repeat(60)}` },
      { 'spec.publicKey': '-----BEGIN OPENSSH PRIVATE KEY-----' },
      { 'spec.publicKey': `ssh-dss AAAA${'a'.repeat(60)}` },
    ],
    good: [
      { 'spec.publicKey': `ecdsa-sha2-nistp256 AAAA${'a'.repeat(60)}==` },
      { 'spec.publicKey': `ssh-ed25519  AAAA${'a'.repeat(60)}\tJürgen Müller  (工作)\n` },
      { 'spec.publicKey': ` ssh-rsa \t AAAA${'a'.repeat(60)} ` },
    ],
  },
  changed('KeyPair', 'spec.publicKey', 'publicKey cannot change', {
    'spec.publicKey': `ssh-rsa AAAA${'a'.repeat(60)}`,
  }),
  {
    kind: 'Network',
    path: 'spec.dnsDomain',
    says: 'write a domain name in lower case',
    bad: BAD_DOMAINS.map((dnsDomain) => ({ 'spec.dnsDomain': dnsDomain })),
  },
  {
    kind: 'Cloud',
    path: 'spec.dns.domain',
    says: 'write a domain name in lower case',
    bad: BAD_DOMAINS.map((domain) => ({ 'spec.dns.domain': domain })),
  },
  {
    kind: 'IPClaim',
    path: '',
    says: 'the name of an IPClaim is',
    bad: [{ 'metadata.name': 'u1-10-0-0-21' }, { 'metadata.name': 'u1-10-0-0-0' }, { 'metadata.name': 'u2-10-0-0-16' }],
  },
  {
    kind: 'IPClaim',
    path: '',
    says: 'the name of an IPClaim is',
    sample: 1,
    bad: [{ 'metadata.name': 'u1-fd00' }, { 'metadata.name': 'u1-fd00--' }],
  },
  {
    kind: 'IPClaim',
    path: 'spec.block',
    says: 'write a block of 16 addresses',
    bad: ['10.0.0.16', '10.0.0.16/27', '10.0.0.16/29', '10.0.0.17/28', '10.0.0.016/28', 'fd00::/28'].map((block) => ({
      'spec.block': block,
    })),
  },
  {
    kind: 'IPClaim',
    path: 'spec.block',
    says: 'write a block of 16 addresses',
    sample: 1,
    bad: ['fd00::/64', 'FD00::/124', 'fd00:0::/124', 'fd00::1/124'].map((block) => ({ 'spec.block': block })),
  },
  changed('IPClaim', 'spec.block', 'block cannot change', { 'spec.block': '10.0.0.32/28' }),
  changed('IPClaim', 'spec.subnetRef', 'subnetRef cannot change', { 'spec.subnetRef.name': 'other' }),
  {
    kind: 'IPClaim',
    path: 'spec',
    says: 'an address lies outside of block',
    bad: ['10.0.0.15', '10.0.0.32', 'fd00::5', '10.0.1.20'].map((address) => ({ 'spec.claims[1].address': address })),
    good: [{ 'spec.claims[1].address': '10.0.0.16' }, { 'spec.claims': CLAIMED_WHOLE }],
  },
  {
    kind: 'IPClaim',
    path: 'spec.claims',
    says: 'an address stands here twice',
    bad: { 'spec.claims[1].address': '10.0.0.21' },
    good: [{ 'spec.claims[1].portRef': { namespace: 'team-a', name: 'port' } }],
  },
  {
    kind: 'IPClaim',
    path: 'spec.claims[]',
    says: 'an address belongs to a Port or to one other object',
    bad: [
      { 'spec.claims[2].ownerRef': undefined },
      { 'spec.claims[2].portRef': { namespace: 'team-a', name: 'port' } },
    ],
    good: [{ 'spec.claims[2]': { address: '10.0.0.17', portRef: { namespace: 'team-a', name: 'port' } } }],
  },
  changed('Volume', '', 'a volume only grows', { 'spec.sizeGiB': 1 }, { good: [{ 'spec.sizeGiB': 3 }] }),
  changed('Volume', 'spec', 'volumeTypeRef cannot change', { 'spec.volumeTypeRef.name': 'slow' }),
  changed('Volume', 'spec', 'volumeTypeRef cannot change', { 'spec.volumeTypeRef': undefined }),
  {
    kind: 'StoragePool',
    path: 'spec.file.path',
    says: 'write an absolute path',
    bad: ['relative', '/a/../b', '/a/./b', '/a//b', '/a/', '/a b', '/-a', '/a\nb'].map((path) => ({
      'spec.file.path': path,
    })),
    good: [{ 'spec.file.path': '/var/lib/nephele_2/volumes/v1.0' }],
  },
  changed('StoragePool', 'spec', 'file cannot change', { 'spec.file.path': '/srv/other' }),
  {
    kind: 'ComputeNode',
    path: 'spec',
    says: 'write unschedulable: true, or leave unschedulableReason out',
    bad: { 'spec.unschedulable': false },
    good: [{ 'spec.unschedulable': false, 'spec.unschedulableReason': undefined }],
  },
]

export const RULE_CASES: readonly RuleCase[] = [
  ...IMAGE,
  ...SUBNET,
  ...ROUTER,
  ...TRUNK,
  ...FLOATING_IP,
  ...PORT,
  ...SECURITY_GROUP,
  ...ADDRESS_GROUP,
  ...FIREWALL,
  ...QOS,
  ...LOAD_BALANCER,
  ...INSTANCE,
  ...PROVIDER_NETWORK,
  ...REST,
]
