// SPDX-License-Identifier: Apache-2.0
// What controllers want of a NetworkDriver: one kind of plain data for each thing that a backend realises.

/** The owner of a row. Written on the row, so that owner and drift can be told at any time. */
export interface LogicalOwner {
  /** The custom resource's UID: every name in the backend derives from it. */
  uid: string
  namespace: string
  name: string
  /** The metadata.generation that this was computed from. */
  generation: number
}

export interface LogicalNetwork extends LogicalOwner {
  kind: 'Network'
  /** What guests get by DHCP; see guestMtu(). */
  mtu: number
  /** The physical network that it is; absent: its nodes are joined by tunnels. */
  provider?: { physicalNetwork: string; vlan?: number }
  /** The SDN controller that realises it, with all that is on it, instead of this driver. */
  controller?: string
}

export interface LogicalSubnet extends LogicalOwner {
  kind: 'Subnet'
  networkUid: string
  /** Its network's. */
  controller?: string
  /** Canonical, such as 10.0.0.0/24. */
  cidr: string
  /** Absent: guests get no default route. */
  gatewayIP?: string
  /** The network's. */
  mtu: number
  /** Absent: no DHCP. */
  dhcp?: {
    leaseSeconds: number
    dnsNameservers: readonly string[]
    hostRoutes: readonly { destination: string; nextHop: string }[]
    domainName?: string
  }
  /** Of an IPv6 subnet with DHCP: how guests come by their addresses. */
  ipv6?: {
    addressMode: Ipv6AddressMode
    /** Whether the network announces the subnet itself; otherwise a user's router does. */
    routerAdvertisements: boolean
  }
}

/** As in Neutron: from prefix and MAC; from DHCPv6; from prefix and MAC, with the rest (name servers) from DHCPv6. */
export type Ipv6AddressMode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'

/** By the name that Neutron's extra_dhcp_opts has for it. */
export interface LogicalDhcpOption {
  name: string
  /** As a user writes it: addresses with commas between, a number, true or false, or text. */
  value: string
}

export interface LogicalPort extends LogicalOwner {
  kind: 'Port'
  networkUid: string
  /** Its network's. */
  controller?: string
  /** Lower case, colons. */
  mac: string
  /** `hasDhcp`: the subnet has a DHCP service, without which the port must not be wired up. */
  fixedIPs: readonly { subnetUid: string; address: string; hasDhcp: boolean }[]
  /** Kubernetes node name (the chassis name) that may bind the port. Absent: nobody may. */
  node?: string
  /** Of a host that is not in the cloud, or of a virtual function: the nodes that serve it on its physical network, the preferred one first. */
  servedBy?: readonly string[]
  /**
   * Of a port that is plugged nowhere, and whose address others may use: it is where one of these last said that it has it. Others are reached at it,
   * too, but not told of.
   */
  virtual?: { address: string; parents: readonly { portUid: string; node: string }[] }
  /** Of a subport: the port of the machine's interface by which it comes, with this VLAN tag on each frame. */
  parent?: { portUid: string; vlan: number }
  /** False: no anti-spoofing, no security groups, unknown addresses pass. */
  portSecurityEnabled: boolean
  securityGroupUids: readonly string[]
  /** Further sources the port may use; an absent MAC is the port's own. */
  allowedAddressPairs: readonly { ipAddress: string; macAddress?: string }[]
  /** Others may use an address of the port: whoever does is reached at it, and the network sends no ARP or ND replies for the port. */
  isShared: boolean
  /** Given to the guest by DHCP option 12. */
  hostname?: string
  /** What DHCP tells its guest beside what its subnets say, or instead. At most one entry of each family, which is of a subnet of fixedIPs. */
  extraDhcp?: readonly { subnet: LogicalSubnet; options: readonly LogicalDhcpOption[] }[]
  /** The guests of the network find the port's addresses by it, and it by these. At most one port of a network has a name. */
  dnsName?: string
}

export interface LogicalRule {
  /** Its place among the rules that somebody wrote. Absent: nobody wrote it. */
  index?: number
  direction: 'ingress' | 'egress'
  etherType: 'IPv4' | 'IPv6'
  /** A number is IANA's. */
  protocol: 'any' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6' | number
  /** Of tcp, udp and sctp. */
  portRangeMin?: number
  portRangeMax?: number
  /** Of icmp and icmpv6; a code only with a type. */
  icmpType?: number
  icmpCode?: number
  remoteIPPrefix?: string
  /** All ports that are members of that group. */
  remoteGroupUid?: string
  /** All addresses of that group that are of the rule's family. */
  remoteAddressGroupUid?: string
}

/** Ranges that rules name, of both families. */
export interface LogicalAddressGroup extends LogicalOwner {
  kind: 'AddressGroup'
  /** In CIDR form. */
  addresses: readonly string[]
}

export interface LogicalSecurityGroup extends LogicalOwner {
  kind: 'SecurityGroup'
  /** Each packet is judged by itself, answers too. A port is never in groups of both sorts. */
  stateless?: boolean
  rules: readonly LogicalRule[]
  /** Which packets nodes report (lib/contract/packet-log.ts). Absent: none. */
  log?: GroupLog
}

export interface GroupLog {
  /** Each connection that a rule lets pass; each packet of a stateless group. */
  accepted: boolean
  /** What comes to a port of the group, or from it, and no rule of any of its groups lets pass; nothing that is sent to all. */
  dropped: boolean
  /** Of each of both, on each node, at the most. */
  perSecond: number
}

/** A subnet whose gateway address is the router's own. */
export type RoutedSubnet = LogicalSubnet & {
  gatewayIP: string
  /** A firewall is to stand there: a leg that is new is closed until one does. */
  guarded?: boolean
  /** Further addresses of the subnet that the router answers ARP and neighbour discovery for, there alone: those of balancers. */
  alsoAnswers?: readonly string[]
}

/** A leg of a router at addresses of its own: those of a Port, whose row is not there meanwhile. */
export interface LogicalPortLeg {
  /** Of the Port. */
  uid: string
  /** As of RoutedSubnet. */
  guarded?: boolean
  networkUid: string
  mac: string
  /** Of the network. */
  mtu: number
  /** Each with the range of its subnet, such as 10.0.0.0/24. */
  addresses: readonly { address: string; cidr: string }[]
  /** Ranges whose addresses may send to the network by it; whoever is outside may as well. Absent: everybody. */
  senders?: readonly string[]
}

/** A router's way to the outside: one port on an external network, on one node at a time. */
export interface LogicalGateway {
  networkUid: string
  mac: string
  /** Of the network. */
  mtu: number
  addresses: readonly { address: string; prefixLength: number }[]
  /** Who leads further, at most one of each family: where the default routes go. */
  nextHops: readonly string[]
  /** Kubernetes node names (chassis names), the preferred one first; the next takes over when it is gone. Never empty. */
  nodes: readonly string[]
  /** The IPv4 address under which machines of the router's IPv4 subnets reach the outside. Absent: nothing is translated. */
  snatAddress?: string
  /** Ranges that are not translated, since their addresses are good outside. */
  withoutSNAT?: readonly string[]
}

export interface LogicalRouter extends LogicalOwner {
  kind: 'Router'
  interfaces: readonly RoutedSubnet[]
  ports: readonly LogicalPortLeg[]
  gateway?: LogicalGateway
  /**
   * `destination` such as 10.0.0.0/8; several routes to one destination share its traffic (ECMP). `bfd`: the route is out while the next hop,
   * which the gateway reaches, does not answer BFD (RFC 5880); only of a router with a gateway.
   */
  routes: readonly { destination: string; nextHop: string; bfd?: boolean }[]
}

/** An address of an external network that leads to a port behind a router with a gateway on that network. IPv4. */
export interface LogicalFloatingIP extends LogicalOwner {
  kind: 'FloatingIP'
  routerUid: string
  externalAddress: string
  fixedAddress: string
  /** The port's node translates, under a MAC address of its own. Absent: the router's gateway does. */
  distributed?: { portUid: string; mac: string }
}

/** Single ports of an address of an external network, each of which leads to a port of a machine behind the router. IPv4. */
export interface LogicalPortForwarding extends LogicalOwner {
  kind: 'PortForwarding'
  routerUid: string
  /** Whose machines reach the address, too: those that the router joins. */
  networkUids: readonly string[]
  externalAddress: string
  /** In none is a port of a protocol twice. */
  forwardings: readonly {
    protocol: 'tcp' | 'udp' | 'sctp'
    /** The first of `count` ports in a row, on both sides. */
    externalPort: number
    internalPort: number
    count: number
    fixedAddress: string
  }[]
}

export interface LogicalFirewallRule {
  action: 'allow' | 'deny' | 'reject'
  etherType: 'IPv4' | 'IPv6'
  protocol: 'any' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6'
  source: LogicalFirewallEnd
  destination: LogicalFirewallEnd
}

/** Absent: any. */
export interface LogicalFirewallEnd {
  prefix?: string
  /** First and last port of tcp, udp or sctp. */
  ports?: readonly [number, number]
}

/** What may pass between routers and the networks behind their ports. It keeps the state of connections, and comes before security groups. */
export interface LogicalFirewallGroup extends LogicalOwner {
  kind: 'FirewallGroup'
  /** Of routers, by the Subnet or Port of each; `addresses`: the router's. `mac`: where it is not that of the Subnet's gateway. */
  ports: readonly { routerUid: string; legUid: string; mac?: string; addresses: readonly string[] }[]
  /** To the network; in order, the first that matches decides, and what none allows is dropped. Absent: everything passes. */
  ingress?: readonly LogicalFirewallRule[]
  /** From the network to the router. */
  egress?: readonly LogicalFirewallRule[]
}

export interface LogicalLimit {
  /** Kilobits a second. */
  maxKbps: number
  /** Kilobits that may pass at once after a pause. */
  burstKb: number
}

/** Whose traffic it is, on the network that has the rules. */
export type QoSTarget =
  | { what: 'port'; portUid: string }
  /** All that passes the gateway of the router, under its MAC address. */
  | { what: 'gateway'; routerUid: string; mac: string }
  /** Of one address behind the gateway, whoever translates it. */
  | { what: 'floatingIP'; routerUid: string; address: string }

/** Limits and marks of the traffic of a port, gateway or floating IP, whose uid it has. */
export interface LogicalQoS extends LogicalOwner {
  kind: 'QoS'
  networkUid: string
  target: QoSTarget
  /** Of what it sends, or of what leaves for the outside. */
  egress?: LogicalLimit
  ingress?: LogicalLimit
  /** DSCP field of what it sends. */
  dscp?: number
}

/** A port of a balancer's addresses, whose connections its members share. */
export interface LogicalListener {
  protocol: 'tcp' | 'udp' | 'sctp'
  port: number
  /** `portUid`: of a port of ours; `probeSource`: the address from where it is probed. */
  members: readonly { address: string; port: number; portUid?: string; probeSource?: string }[]
  /** How long a client stays with a member. Absent: not at all. */
  affinitySeconds?: number
  /** Members with a probeSource that do not answer are left out. */
  monitor?: { intervalSeconds: number; timeoutSeconds: number; successThreshold: number; failureThreshold: number }
}

/** Addresses whose connections are shared by several machines behind a router, by every node for its own guests. */
export interface LogicalLoadBalancer extends LogicalOwner {
  kind: 'LoadBalancer'
  routerUid: string
  /** Whose machines reach it. The router's leg answers for the addresses on their own network: RoutedSubnet.alsoAnswers. */
  networkUids: readonly string[]
  /** All of one family. */
  addresses: readonly string[]
  /** Of the router's external network: its gateway answers for them. */
  externalAddresses: readonly string[]
  listeners: readonly LogicalListener[]
}

/** Ports by which a service that the cloud runs stands in a network: of one node each, which has the MAC address servicePortMac. */
export interface LogicalServicePorts extends LogicalOwner {
  kind: 'ServicePort'
  networkUid: string
  ports: readonly {
    node: string
    addresses: readonly string[]
    /** Addresses that move between the ports: whichever announces one has it. */
    alsoSpeaksFor: readonly string[]
  }[]
}
/** What BFD says of a next hop. */
export type NextHopState = 'up' | 'down'

/** The way from a router to its VPN, which stands on one node: a link of their own, and the ranges that are reached by it. */
export interface LogicalVPNService extends LogicalOwner {
  kind: 'VPNService'
  routerUid: string
  /** The only node that may claim the VPN's end of the link. */
  node: string
  peerCIDRs: readonly string[]
}

/** What the probes of a member found. */
export type ProbeResult = 'online' | 'offline' | 'error'

/** All that a backend realises. A new kind is a member here and, as the compiler then says, a planner of each driver. */
export type LogicalWant =
  | LogicalNetwork
  | LogicalSubnet
  | LogicalPort
  | LogicalAddressGroup
  | LogicalSecurityGroup
  | LogicalRouter
  | LogicalFloatingIP
  | LogicalPortForwarding
  | LogicalFirewallGroup
  | LogicalQoS
  | LogicalServicePorts
  | LogicalVPNService
  | LogicalLoadBalancer
export type LogicalKind = LogicalWant['kind']
export type LogicalByKind = { [W in LogicalWant as W['kind']]: W }

/** The kinds whose rows must exist before rows of a kind can be made. */
const STANDS_ON: Readonly<Record<LogicalKind, readonly LogicalKind[]>> = {
  Network: [],
  Subnet: ['Network'],
  AddressGroup: [],
  SecurityGroup: [],
  Port: ['Network', 'Subnet'],
  Router: ['Network'],
  FloatingIP: ['Router'],
  PortForwarding: ['Network', 'Router'],
  FirewallGroup: ['Router'],
  QoS: ['Network'],
  ServicePort: ['Network'],
  VPNService: ['Router'],
  LoadBalancer: ['Network', 'Router'],
}
/** In dependency order: rows are created in this order and removed in reverse. */
export const LOGICAL_KINDS = Object.keys(STANDS_ON) as readonly LogicalKind[]
/** Others wait for rows of these: see onMade. */
export const AWAITED_KINDS: ReadonlySet<LogicalKind> = new Set(Object.values(STANDS_ON).flat())
