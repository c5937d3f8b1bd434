// SPDX-License-Identifier: Apache-2.0
// The boundary to whatever realises logical networks (docs/architecture.md section 8). Plain data in: controllers resolve names and
// addresses, a driver knows nothing of Kubernetes. `ovn/` is the reference.
import type {
  LogicalKind,
  LogicalListener,
  LogicalOwner,
  LogicalWant,
  NextHopState,
  ProbeResult,
} from './logical-kinds.ts'
import type { LogicalPacket, LogicalTrace } from './logical-trace.ts'

/** A row of ours, as its mark says. */
export interface OwnedRow extends LogicalOwner {
  kind: LogicalKind
}

/** A port claimed by a node that was not asked to. */
export interface TakenPort {
  uid: string
  node: string
  /** The node that was asked to, if any. */
  wanted: string | undefined
}

/** The operator's way to the backend: the Cloud's condition NetworkBackendHealthy. */
export interface BackendHealth {
  /** Unknown: no backend is configured. */
  status: 'True' | 'False' | 'Unknown'
  reason: string
  /** Says what to do, too. */
  message: string
}

/**
 * What a network backend has to do. Every method is idempotent, and writes nothing when all is as wanted.
 * Each method is one transaction. Names of ports may follow in another, up to a second later.
 * @throws StaleWriterError when a newer leader (or incarnation) has claimed the backend: stop writing at once
 */
export interface NetworkDriver {
  readonly name: string
  /** Once after winning the Lease, before anything else: fences all older leaders. Throws StaleWriterError for a lower one. */
  claimTerm(incarnation: number, term: number, signal: AbortSignal): Promise<void>
  /**
   * Throws TransientError('NetworkNotReady') until what the row depends on has been ensured (see onMade): for a port, its network and its
   * subnets with DHCP; for a router (of which all else is written) and where it matters for a subnet, the network; for a floating IP, its
   * router; for port forwardings the networks, too. Nothing waits for security groups and address groups.
   * Throws TransientError('FirewallPending') for a router of which a port is closed, and all else written, until a firewall stands there.
   */
  ensure(want: LogicalWant, signal: AbortSignal): Promise<void>
  /** Also removes its parts (a network's metadata port); dependents must be gone before. Succeeds if the row is absent. */
  remove(kind: LogicalKind, uid: string, signal: AbortSignal): Promise<void>
  listOwned(signal: AbortSignal): Promise<OwnedRow[]>
  /** Called when somebody else changed rows of ours, or the backend is back after an outage: ensure everything soon. */
  onDisturbance(listener: () => void): () => void
  /** Called when a row that others wait for (AWAITED_KINDS) was created: its dependents can be written now. */
  onMade(listener: (row: Pick<OwnedRow, 'kind' | 'uid'>) => void): () => void
  /** Undefined while it is not known yet. */
  health(): BackendHealth | undefined
  onHealth(listener: () => void): () => void
  /** Ports taken for longer than a machine's move explains. Empty where the backend shows no claims. */
  listTaken(): readonly TakenPort[]
  /** Called with the nodes whose entries in the list have changed. */
  onTaken(listener: (nodes: ReadonlySet<string>) => void): () => void
  /** Whether the node has claimed the port. Undefined where the backend does not show claims, and while it cannot be read. */
  isClaimed(uid: string, node: string): boolean | undefined
  /** Which port speaks for a virtual one, and on which node. Undefined: none does, or it is not known. */
  virtualHolderOf(uid: string): { portUid: string; node: string } | undefined
  /** The node that carries the traffic of the router's gateway. Undefined: none does, or it is not known. */
  gatewayNodeOf(routerUid: string): string | undefined
  /** Called with the UIDs of routers whose gateway may be on another node. */
  onGatewayMoves(listener: (routerUids: readonly string[]) => void): () => void
  /** Called with the UIDs of ports that no node reports on, those with a parent, virtual ones and those of hosts outside, whose claim may have changed. */
  onUnreportedClaims(listener: (uids: readonly string[]) => void): () => void
  /** What a balancer's probes of this port found last. Undefined: nothing yet. */
  probeOf(member: {
    portUid: string
    address: string
    protocol: LogicalListener['protocol']
    port: number
  }): ProbeResult | undefined
  /** What BFD said last of a next hop of a router. Undefined: nothing yet. */
  nextHopOf(hop: { routerUid: string; address: string }): NextHopState | undefined
  /** Called with the UIDs of the routers of whose next hops BFD says something else. */
  onNextHops(listener: (routerUids: ReadonlySet<string>) => void): () => void
  /** Whether it knows by now what probes and BFD have found. */
  hasProbes(): boolean
  /** Called with the UIDs of the ports of which the probes found something else. */
  onProbes(listener: (portUids: ReadonlySet<string>) => void): () => void
  /**
   * What would become of a packet, by all that has been ensured until now. Nothing is sent.
   * @throws TransientError('TraceUnavailable') where the backend cannot be asked
   */
  trace(packet: LogicalPacket, signal: AbortSignal): Promise<LogicalTrace>
}
