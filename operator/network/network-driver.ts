// SPDX-License-Identifier: Apache-2.0
// The boundary to whatever realises logical networks (docs/architecture.md section 8). Plain data in: controllers resolve names
// and addresses, a driver knows nothing of Kubernetes. `ovn/` is the reference.

/** Whose work a row is. Written beside it, so that owner and drift can be told at any time. */
export interface LogicalOwner {
  /** Of the custom resource: every outside name comes from it. */
  uid: string
  namespace: string
  name: string
  /** metadata.generation that this want was computed from. */
  generation: number
}

export interface LogicalNetwork extends LogicalOwner {
  kind: 'Network'
  /** What guests get by DHCP; see guestMtu(). */
  mtu: number
}

export interface LogicalSubnet extends LogicalOwner {
  kind: 'Subnet'
  networkUid: string
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
    /** Whether the network announces the subnet itself; otherwise a router of the users' does. */
    routerAdvertisements: boolean
  }
}

/** As in Neutron: by the prefix and the MAC; from DHCPv6; by the prefix and the MAC, the rest (name servers) from DHCPv6. */
export type Ipv6AddressMode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'

export interface LogicalPort extends LogicalOwner {
  kind: 'Port'
  networkUid: string
  /** Lower case, colons. */
  mac: string
  /** `hasDhcp`: the subnet has a DHCP service, without which the port must not be wired up. */
  fixedIPs: readonly { subnetUid: string; address: string; hasDhcp: boolean }[]
  /** Kubernetes node name (the chassis name) that may bind the port. Absent: nobody may. */
  node?: string
  /** False: no anti-spoofing, no security groups, unknown addresses pass. */
  portSecurityEnabled: boolean
  securityGroupUids: readonly string[]
  /** Further sources the port may use; an absent MAC is the port's own. */
  allowedAddressPairs: readonly { ipAddress: string; macAddress?: string }[]
  /** Others may speak for an address of the port: whoever does is reached at it, and the network answers nobody in the port's name. */
  isShared: boolean
  /** Given to the guest by DHCP option 12. */
  hostname?: string
}

export interface LogicalRule {
  direction: 'ingress' | 'egress'
  etherType: 'IPv4' | 'IPv6'
  protocol: 'any' | 'tcp' | 'udp' | 'icmp' | 'icmpv6'
  /** For icmp: type and code, as in Neutron. */
  portRangeMin?: number
  portRangeMax?: number
  remoteIPPrefix?: string
  /** All ports that are members of that group. */
  remoteGroupUid?: string
}

export interface LogicalSecurityGroup extends LogicalOwner {
  kind: 'SecurityGroup'
  rules: readonly LogicalRule[]
}

/** A subnet whose gateway address is the router's own. */
export type RoutedSubnet = LogicalSubnet & { gatewayIP: string }

export interface LogicalRouter extends LogicalOwner {
  kind: 'Router'
  interfaces: readonly RoutedSubnet[]
  /** `destination` as 10.0.0.0/8; several ones to one destination share its traffic. */
  routes: readonly { destination: string; nextHop: string }[]
}

/** All that a backend realises. A new kind is a member here and, as the compiler then says, a planner of each driver. */
export type LogicalWant = LogicalNetwork | LogicalSubnet | LogicalPort | LogicalSecurityGroup | LogicalRouter
export type LogicalKind = LogicalWant['kind']
export type LogicalByKind = { [W in LogicalWant as W['kind']]: W }

/** What the rows of a kind cannot be made without. */
const STANDS_ON: Readonly<Record<LogicalKind, readonly LogicalKind[]>> = {
  Network: [],
  Subnet: ['Network'],
  SecurityGroup: [],
  Port: ['Network', 'Subnet'],
  Router: ['Network'],
}
/** What others stand on comes before them: the order to make them in, and backwards the one to remove them in. */
export const LOGICAL_KINDS = Object.keys(STANDS_ON) as readonly LogicalKind[]
/** Others wait for rows of these: see onMade. */
export const AWAITED_KINDS: ReadonlySet<LogicalKind> = new Set(Object.values(STANDS_ON).flat())

/** A row of ours, as its mark says. */
export interface OwnedRow extends LogicalOwner {
  kind: LogicalKind
}

/** A port that a node claims which was not asked to. */
export interface TakenPort {
  uid: string
  node: string
  /** Who was asked. */
  wanted: string | undefined
}

/** The operator's way to the backend: the Cloud's condition NetworkBackendHealthy. */
export interface BackendHealth {
  /** Unknown: there is none that could be asked. */
  status: 'True' | 'False' | 'Unknown'
  reason: string
  /** With what to do. */
  message: string
}

/**
 * What a network backend has to do. Every method may run twice with the same input and writes nothing when all is as wanted.
 * Each method is one transaction.
 * @throws StaleWriterError when a newer leader (or incarnation) has claimed the backend: stop writing at once
 */
export interface NetworkDriver {
  readonly name: string
  /** Once after winning the Lease, before anything else: fences all older leaders. Throws StaleWriterError for a lower one. */
  claimTerm(incarnation: number, term: number, signal: AbortSignal): Promise<void>
  /**
   * What stands on another one throws TransientError('NetworkNotReady') while that was not ensured yet (see onMade): a port while its
   * network was not, or a subnet of it with DHCP; a subnet, if at all, and a router, while a network was not. Groups are waited for by nobody.
   */
  ensure(want: LogicalWant, signal: AbortSignal): Promise<void>
  /** With what hangs on it (a network's metadata port); what stands on it must be gone before. One that is absent is success. */
  remove(kind: LogicalKind, uid: string, signal: AbortSignal): Promise<void>
  listOwned(signal: AbortSignal): Promise<OwnedRow[]>
  /** Called when rows of ours change by another hand or the backend returned after an outage: ensure all soon. */
  onDisturbance(listener: () => void): () => void
  /** Called when a row that others wait for (AWAITED_KINDS) came to be: what stands on it can be written now. */
  onMade(listener: (row: Pick<OwnedRow, 'kind' | 'uid'>) => void): () => void
  /** Undefined while it is not known yet. */
  health(): BackendHealth | undefined
  onHealth(listener: () => void): () => void
  /** For longer than a machine's move explains. Empty where the backend shows no claims. */
  listTaken(): readonly TakenPort[]
  /** Called with the nodes of whom the list says something else now. */
  onTaken(listener: (nodes: ReadonlySet<string>) => void): () => void
}

/** Geneve over IPv4 with OVN's option: 20 IP + 8 UDP + 8 geneve + 8 option + 14 inner Ethernet. */
const GENEVE_OVERHEAD_BYTES = 58

/** The largest MTU whose packets pass the tunnels; larger ones with DF vanish without a sign. */
export function guestMtu(underlayMtu: number, requested?: number): number {
  const most = underlayMtu - GENEVE_OVERHEAD_BYTES
  return requested === undefined ? most : Math.min(requested, most)
}
