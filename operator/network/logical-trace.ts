// SPDX-License-Identifier: Apache-2.0
// What the backend says of one packet: which of its rules the packet would meet, and what becomes of it. Plain data, by UIDs of resources.

export type TraceProtocol = 'tcp' | 'udp' | 'sctp' | 'icmp'

export interface LogicalPacket {
  /** Where it comes in: from the machine of a port, or by the physical network that a network is. */
  from: { portUid: string } | { networkUid: string }
  sourceMac: string
  /** Of the next hop, on the sender's network. */
  destinationMac: string
  /** Both of one family. */
  source: string
  destination: string
  /** icmp: an echo request, or its answer. */
  protocol: TraceProtocol
  /** Both for tcp, udp and sctp; without meaning for icmp. */
  sourcePort: number
  destinationPort: number
  /** It is the answer to a packet that was let through before. */
  isAnswer: boolean
}

type Direction = 'ingress' | 'egress'

export type TraceStep =
  | { what: 'allowed'; by: 'SecurityGroup'; uid: string; direction: Direction }
  | { what: 'allowed'; by: 'FirewallGroup'; uid: string; direction: Direction; rule: number | undefined }
  | { what: 'routed'; routerUid: string }
  | { what: 'translated'; routerUid: string; end: 'source' | 'destination'; address: string }
  /** One of the members of a balancer, or a forwarded port, takes the place of the destination. */
  | { what: 'balanced'; routerUid: string | undefined }

export type TraceStop =
  /** No rule of the port's groups lets it pass, or the port has none. */
  | { why: 'securityGroups'; portUid: string; direction: Direction }
  /** `rule`: which one of its direction says no; undefined: none lets it pass. */
  | { why: 'firewall'; uid: string; direction: Direction; rule: number | undefined }
  /** The sender's addresses are not the port's. */
  | { why: 'portSecurity'; portUid: string }
  /** Nobody on the network has the address, or the MAC address. `legUid`: of the subnet or port by which the router is there. */
  | { why: 'unknownHost'; routerUid: string | undefined; legUid: string | undefined }
  | { why: 'noRoute'; routerUid: string }
  /** Another stage of the backend, by its own word. */
  | { why: 'other'; stage: string; routerUid: string | undefined; portUid: string | undefined }

export type TraceEnd =
  /** Several where it is sent to all that may have the address. */
  | { what: 'delivered'; portUids: readonly string[] }
  /** To the physical network that a network is. */
  | { what: 'left'; networkUid: string }
  /** A router answered by itself: it is for one of the router's own addresses. */
  | { what: 'answered'; routerUid: string }
  /** To the metadata service or resolver of the node. */
  | { what: 'served'; networkUid: string }
  | { what: 'stopped'; stop: TraceStop }

export interface LogicalTrace {
  steps: readonly TraceStep[]
  end: TraceEnd
}
