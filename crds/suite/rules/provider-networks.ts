// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const PROVIDER_NETWORK: RuleCase[] = [
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
    says: 'a ProviderNetwork of type external has a controller',
    bad: [{ 'spec.controller': undefined }, { 'spec.type': 'flat' }],
    sample: 2,
    good: [{ 'spec.controller.features': undefined }],
  },
  changed(
    'ProviderNetwork',
    'spec.controller.name',
    'controller.name cannot change',
    { 'spec.controller.name': 'a.b/c' },
    { sample: 2, good: [{ 'spec.controller.features': ['DHCP'] }] },
  ),
  {
    kind: 'ProviderNetwork',
    path: 'spec',
    says: 'on a ProviderNetwork of type external write only bridges',
    bad: [
      { 'spec.nodes[0]': { interface: 'eth1' } },
      { 'spec.nodes[0]': { bridge: 'br-sdn', bandwidth: { egressKbps: 1 } } },
      { 'spec.nodes[0]': { bridge: 'br-sdn', physicalFunctions: ['ens1f0'] } },
    ],
    sample: 2,
    good: [{ 'spec.nodes': undefined }, { 'spec.nodes': [] }],
  },
  {
    kind: 'ProviderNetwork',
    path: 'spec',
    says: 'the resolver of nodes is on no Network of an SDN controller',
    bad: [{ 'spec.dns': {} }, { 'spec.dns': { upstreams: ['10.0.0.2'] } }],
    sample: 2,
    good: [{ 'spec.controller.features': undefined }],
  },
  {
    kind: 'ProviderNetwork',
    path: 'spec.controller.name',
    says: 'write a domain of yours, a slash and a name',
    bad: ['fabric', 'example.com', 'a/b', 'Example.com/l2', 'a.b/c/d', 'a.b/', 'a.b/c d'].map((name) => ({
      'spec.controller.name': name,
    })),
    sample: 2,
    good: [{ 'spec.controller.name': 'a.b/c' }, { 'spec.controller.name': 'sdn.example.com/l2_v-1.x' }],
  },
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
