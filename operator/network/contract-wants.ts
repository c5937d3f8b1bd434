// SPDX-License-Identifier: Apache-2.0
import type { LogicalByKind, LogicalGateway, LogicalSubnet, RoutedSubnet } from './logical-kinds.ts'

const owner = { namespace: 'team-a', name: 'x', generation: 1 }
export const routed: RoutedSubnet = {
  ...{ kind: 'Subnet', ...owner, uid: 'sub', networkUid: 'net', mtu: 1442 },
  ...{ cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1' },
}
/** One of each kind; they refer to each other. */
export const WANTS: LogicalByKind = {
  Network: { kind: 'Network', ...owner, uid: 'net', mtu: 1442 },
  Subnet: {
    ...{
      kind: 'Subnet',
      ...owner,
      uid: 'sub',
      networkUid: 'net',
      cidr: '10.0.0.0/24',
      gatewayIP: '10.0.0.1',
      mtu: 1442,
    },
    dhcp: { leaseSeconds: 60, dnsNameservers: ['10.0.0.2'], hostRoutes: [] },
  },
  AddressGroup: {
    ...{ kind: 'AddressGroup', ...owner, uid: 'partners' },
    addresses: ['192.0.2.0/24', '0.0.0.0/0', 'fd00:7::/48'],
  },
  SecurityGroup: {
    ...{ kind: 'SecurityGroup', ...owner, uid: 'group' },
    rules: [{ direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 }],
  },
  Router: {
    ...{ kind: 'Router', ...owner, uid: 'router' },
    interfaces: [routed],
    ports: [],
    routes: [{ destination: '192.168.0.0/16', nextHop: '10.0.0.9' }],
  },
  FloatingIP: {
    ...{ kind: 'FloatingIP', ...owner, uid: 'fip', routerUid: 'router' },
    ...{ externalAddress: '203.0.113.20', fixedAddress: '10.0.0.11' },
  },
  PortForwarding: {
    ...{ kind: 'PortForwarding', ...owner, uid: 'fip', routerUid: 'router', networkUids: ['net'] },
    externalAddress: '203.0.113.20',
    forwardings: [{ protocol: 'tcp', externalPort: 2222, internalPort: 22, count: 1, fixedAddress: '10.0.0.11' }],
  },
  ServicePort: {
    ...{ kind: 'ServicePort', ...owner, uid: 'lb', networkUid: 'net' },
    ports: [{ node: 'n1', addresses: ['10.0.0.101'], alsoSpeaksFor: ['10.0.0.103'] }],
  },
  VPNService: {
    ...{ kind: 'VPNService', ...owner, uid: 'vpn', routerUid: 'router', node: 'n1', peerCIDRs: ['172.16.0.0/12'] },
  },
  LoadBalancer: {
    ...{ kind: 'LoadBalancer', ...owner, uid: 'lb', routerUid: 'router', networkUids: ['net'] },
    ...{ addresses: ['10.0.0.100'], externalAddresses: [] },
    listeners: [{ protocol: 'tcp', port: 80, members: [{ address: '10.0.0.11', port: 8080 }] }],
  },
  FirewallGroup: {
    ...{ kind: 'FirewallGroup', ...owner, uid: 'wall' },
    ports: [{ routerUid: 'router', legUid: 'sub', addresses: ['10.0.0.1'] }],
    ingress: [{ action: 'allow', etherType: 'IPv4', protocol: 'tcp', source: {}, destination: { ports: [80, 80] } }],
  },
  QoS: {
    ...{ kind: 'QoS', ...owner, uid: 'port', networkUid: 'net', target: { what: 'port', portUid: 'port' }, dscp: 46 },
    egress: { maxKbps: 10_000, burstKb: 5_000 },
  },
  Port: {
    ...{ kind: 'Port', ...owner, uid: 'port', networkUid: 'net', mac: 'fa:16:3e:00:00:01', node: 'n1' },
    fixedIPs: [{ subnetUid: 'sub', address: '10.0.0.11', hasDhcp: true }],
    ...{ portSecurityEnabled: true, securityGroupUids: ['group'], allowedAddressPairs: [], isShared: false },
  },
}
/** Of the Router of WANTS. */
export const gateway: LogicalGateway = {
  ...{ networkUid: 'net', mac: '2e:00:00:00:00:01', mtu: 1442, nodes: ['n1', 'n2'] },
  addresses: [{ address: '203.0.113.10', prefixLength: 24 }],
  ...{ nextHops: ['203.0.113.1'], snatAddress: '203.0.113.10' },
}
export const announced: LogicalSubnet = {
  ...{ ...WANTS.Subnet, uid: 'sub-6', cidr: 'fd00::/64', gatewayIP: 'fd00::1' },
  ipv6: { addressMode: 'slaac', routerAdvertisements: true },
}
