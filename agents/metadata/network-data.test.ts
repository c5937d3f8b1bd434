// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { PortDocument } from '../../lib/contract/documents.ts'
import { networkData } from './network-data.ts'

type Address = PortDocument['spec']['fixedIPs'][number]

const portWith = (...fixedIPs: Address[]): PortDocument => ({
  v: 1,
  kind: 'port',
  uid: 'port-1',
  node: 'n1',
  namespace: 'ns',
  name: 'p',
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  tombstone: false,
  spec: { logicalPort: 'port-1', networkUid: 'net', mac: 'fa:16:3e:00:00:01', fixedIPs, mtu: 1442, vnicType: 'normal' },
})
const networksOf = (...addresses: Address[]) =>
  (networkData([portWith(...addresses)]) as { networks: Record<string, unknown>[] }).networks
const v4: Address = { address: '10.0.0.5', prefixLength: 24, gateway: '10.0.0.1' }
const v6: Address = { address: 'fd00::5', prefixLength: 64, gateway: 'fd00::1' }

/** Nova's words, which cloud-init reads: how the guest comes by an address, and the address itself only where it must set it. */
test.each<[string, Address, Record<string, unknown>]>([
  ['IPv4 by DHCP', v4, { type: 'ipv4_dhcp' }],
  ['IPv6 by the prefix', { ...v6, dhcp: true, ipv6AddressMode: 'slaac' }, { type: 'ipv6_slaac' }],
  ['IPv6 by DHCPv6', { ...v6, dhcp: true, ipv6AddressMode: 'dhcpv6-stateful' }, { type: 'ipv6_dhcpv6-stateful' }],
  [
    'IPv6 by the prefix, the rest by DHCPv6',
    { ...v6, dhcp: true, ipv6AddressMode: 'dhcpv6-stateless' },
    { type: 'ipv6_dhcpv6-stateless' },
  ],
  [
    'IPv6 by hand',
    { ...v6, dhcp: false },
    {
      type: 'ipv6',
      ip_address: 'fd00::5',
      netmask: '64',
      routes: [{ network: '::', netmask: '::', gateway: 'fd00::1' }],
    },
  ],
  [
    'IPv6 by hand, without a gateway',
    { address: 'fd00::5', prefixLength: 56, dhcp: false },
    { type: 'ipv6', ip_address: 'fd00::5', netmask: '56', routes: [] },
  ],
  // What an operator of 0.1.0 says of a subnet that nothing serves.
  ['IPv6 with dhcp and no mode', { ...v6, dhcp: true }, { type: 'ipv6', ip_address: 'fd00::5', netmask: '64' }],
  [
    'IPv4 by hand',
    { ...v4, dhcp: false },
    {
      type: 'ipv4',
      ip_address: '10.0.0.5',
      netmask: '255.255.255.0',
      routes: [
        { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
        { network: '169.254.169.254', netmask: '255.255.255.255', gateway: '0.0.0.0' },
      ],
    },
  ],
])('%s', (_, address, said) => {
  const [network] = networksOf(address)
  expect(network).toMatchObject({ id: 'network0-0', link: 'tapport-1', network_id: 'net', ...said })
  if (!('ip_address' in said)) expect(Object.keys(network!).sort()).toEqual(['id', 'link', 'network_id', 'type'])
})

test('a subport is a VLAN on the link of its parent', () => {
  const blue = portWith(v4)
  const subport = { ...blue, uid: 'port-2', spec: { ...blue.spec, parent: { portUid: 'port-1', vlan: 100 } } }
  const { links } = networkData([portWith(v4), subport]) as { links: unknown[] }
  const vlan = { type: 'vlan', vlan_link: 'tapport-1', vlan_id: 100, vlan_mac_address: 'fa:16:3e:00:00:01' }
  expect(links[1]).toEqual({ id: 'tapport-2', vif_id: 'port-2', mtu: 1442, ...vlan })
})

test('both families of one interface are two networks on one link, and name servers are said once', () => {
  const servers = ['10.0.0.2', 'fd00::2']
  const data = networkData([
    portWith(
      { ...v4, dnsNameservers: servers },
      { ...v6, dhcp: true, ipv6AddressMode: 'slaac', dnsNameservers: servers },
    ),
  ])
  expect(data).toMatchObject({
    links: [{ id: 'tapport-1' }],
    networks: [
      { id: 'network0-0', link: 'tapport-1', type: 'ipv4_dhcp' },
      { id: 'network0-1', link: 'tapport-1', type: 'ipv6_slaac' },
    ],
    services: servers.map((address) => ({ type: 'dns', address })),
  })
})

test('on a network of an SDN controller there is no way to the metadata service', () => {
  const port = portWith({ ...v4, dhcp: false })
  const controller = { name: 'sdn.example.com/l2', physicalNetwork: 'sdn' }
  const { networks } = networkData([{ ...port, spec: { ...port.spec, controller } }]) as { networks: object[] }
  expect(networks).toMatchObject([
    { type: 'ipv4', ip_address: '10.0.0.5', routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' }] },
  ])
})

test('a virtual function is a card of its own kind, without the way to the metadata service of the node', () => {
  const { spec, ...port } = portWith({ ...v4, dhcp: false })
  const direct = { ...port, spec: { ...spec, vnicType: 'direct' as const, virtualFunction: { physicalNetwork: 'dc' } } }
  expect(networkData([direct])).toMatchObject({
    links: [{ type: 'hw_veb', ethernet_mac_address: spec.mac }],
    networks: [{ routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' }] }],
  })
})
