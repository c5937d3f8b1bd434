// SPDX-License-Identifier: Apache-2.0
import { CIDRS } from './values.ts'
import { changed, type RuleCase } from './rule-case.ts'

const CLAIMED_WHOLE = Array.from({ length: 16 }, (_, i) => ({
  address: `10.0.0.${16 + i}`,
  portRef: { namespace: 'team-a', name: `port-${i}` },
}))

const BAD_DOMAINS = ['Example.com', 'example.com.', 'a..b', 'a b', '-a.b', 'a'.repeat(64)]

export const REST: RuleCase[] = [
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
  ...[
    { kind: 'Quota', path: 'spec.hard' },
    { kind: 'Cloud', path: 'spec.defaultQuota' },
  ].map(({ kind, path }) => ({
    kind,
    path,
    says: 'write a key that there is: instances, cores,',
    bad: [{ [path]: { instance: 1 } }, { [path]: { 'gigabytes.': 1 } }, { [path]: { 'ports.fast': 1 } }],
    good: [{ [path]: { instances: 0 } }, { [path]: { 'gigabytes.fast': 1, 'volumes.a-b.c': 2 } }],
  })),
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
    kind: 'ImageStore',
    path: 'spec.file.path',
    says: 'write an absolute path',
    bad: ['srv/images', '/srv/../etc', '/srv/images/', '/srv/a b'].map((path) => ({ 'spec.file.path': path })),
  },
  changed(
    'ImageStore',
    'spec',
    'file cannot change',
    { 'spec.file.path': '/srv/other' },
    { good: [{ 'spec.copies': 3 }] },
  ),
  {
    kind: 'ComputeNode',
    path: 'spec',
    says: 'write unschedulable: true, or leave unschedulableReason out',
    bad: { 'spec.unschedulable': false },
    good: [{ 'spec.unschedulable': false, 'spec.unschedulableReason': undefined }],
  },
]
