// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { StaleWriterError, TransientError } from '../../lib/errors.ts'
import type { LogicalPacket, LogicalTrace } from '../network/logical-trace.ts'
import type { BackendHealth, NetworkDriver, OwnedRow, TakenPort } from '../network/network-driver.ts'
import {
  AWAITED_KINDS,
  LOGICAL_KINDS,
  type LogicalByKind,
  type LogicalKind,
  type LogicalWant,
  type NextHopState,
  type ProbeResult,
} from '../network/logical-kinds.ts'

type RowsByKind = { readonly [K in LogicalKind]: Map<string, LogicalByKind[K]> }

/** The backend's rows, shared by all its drivers like one database. */
export class MemoryRows {
  readonly #rows = Object.fromEntries(LOGICAL_KINDS.map((kind) => [kind, new Map()])) as unknown as RowsByKind
  /** The incarnation and term of the leader that may write. */
  claimed: readonly [incarnation: number, term: number] | undefined
  /** Ports of routers, by router and Subnet or Port, that something passes. */
  readonly open = new Set<string>()
  /** How many times a driver changed something. */
  writes = 0

  /** By uid. */
  of<K extends LogicalKind>(kind: K): RowsByKind[K] {
    return this.#rows[kind]
  }
}

/** The network backend in memory, with the same guarantees about order and terms. For tests only. */
export class MemoryNetwork implements NetworkDriver {
  readonly name = 'memory'
  readonly rows: MemoryRows
  readonly #listeners = new Set<() => void>()
  readonly #made = new Set<(row: Pick<OwnedRow, 'kind' | 'uid'>) => void>()
  readonly #healthListeners = new Set<() => void>()
  readonly #takenListeners = new Set<(nodes: ReadonlySet<string>) => void>()
  readonly #claimListeners = new Set<(uids: readonly string[]) => void>()
  #unclaimed: ReadonlySet<string> = new Set()
  readonly #holders = new Map<string, { portUid: string; node: string }>()
  readonly #gatewayNodes = new Map<string, string>()
  readonly #gatewayListeners = new Set<(routerUids: readonly string[]) => void>()
  /** Whether results of probes have come in. */
  isProbing = true
  #health: BackendHealth = { status: 'True', reason: 'Healthy', message: 'is in memory' }
  #taken: readonly TakenPort[] = []
  readonly #probes = new Map<string, ProbeResult>()
  readonly #probeListeners = new Set<(portUids: ReadonlySet<string>) => void>()
  readonly #nextHops = new Map<string, NextHopState>()
  readonly #nextHopListeners = new Set<(routerUids: ReadonlySet<string>) => void>()
  #claimed: MemoryRows['claimed']
  #failures: Error[] = []

  constructor(rows = new MemoryRows()) {
    this.rows = rows
  }

  failNext(error: Error): void {
    this.#failures.push(error)
  }

  disturb(): void {
    for (const listener of this.#listeners) listener()
  }

  async claimTerm(incarnation: number, term: number): Promise<void> {
    const [ofCloud = 0, ofLeader = 0] = this.rows.claimed ?? []
    if (incarnation < ofCloud || (incarnation === ofCloud && term < ofLeader)) throw stale()
    if (incarnation !== ofCloud || term !== ofLeader || !this.rows.claimed) {
      this.rows.claimed = [incarnation, term]
      this.rows.writes++
    }
    this.#claimed = this.rows.claimed
  }

  async ensure(want: LogicalWant): Promise<void> {
    this.#check()
    const canStand = this.#canStand(want)
    if (!canStand && want.kind !== 'Router' && want.kind !== 'FirewallGroup') throw notReady()
    const isNew = this.#put(want)
    // A port that names a group creates the group's row, so that rules can refer to it.
    if (want.kind === 'Port') {
      for (const uid of want.securityGroupUids) {
        const group = { kind: 'SecurityGroup', uid, namespace: '', name: '', generation: 0, rules: [] } as const
        if (!this.rows.of('SecurityGroup').has(uid)) this.#put(group)
      }
    }
    if (isNew && AWAITED_KINDS.has(want.kind)) this.#tellMade(want)
    if (want.kind === 'FirewallGroup') this.#open(want)
    if (!canStand) throw notReady()
    if (want.kind === 'Router' && this.#hasClosedLeg(want)) throw firewallPending()
  }

  async remove(kind: LogicalKind, uid: string): Promise<void> {
    this.#check()
    const isUsed = [...this.rows.of('Port').values()].some(({ networkUid }) => networkUid === uid)
    if (kind === 'Network' && isUsed) throw new Error('network has ports')
    // A router's translations go with it.
    if (kind === 'Router')
      for (const [key, { routerUid }] of this.rows.of('FloatingIP'))
        if (routerUid === uid) this.rows.of('FloatingIP').delete(key)
    if (kind === 'Router') for (const key of this.rows.open) if (key.startsWith(`${uid}/`)) this.rows.open.delete(key)
    if (this.rows.of(kind).delete(uid)) this.rows.writes++
  }

  /** Somebody else deletes a row. */
  lose(kind: LogicalKind, uid: string): void {
    this.rows.of(kind).delete(uid)
    this.disturb()
  }

  async listOwned(): Promise<OwnedRow[]> {
    return LOGICAL_KINDS.flatMap((of) =>
      [...this.rows.of(of).values()].map(({ kind, uid, namespace, name, generation }) => ({
        ...{ kind, uid, namespace, name, generation },
      })),
    )
  }

  onDisturbance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onMade(listener: (row: Pick<OwnedRow, 'kind' | 'uid'>) => void): () => void {
    this.#made.add(listener)
    return () => this.#made.delete(listener)
  }

  health(): BackendHealth {
    return this.#health
  }

  onHealth(listener: () => void): () => void {
    this.#healthListeners.add(listener)
    return () => this.#healthListeners.delete(listener)
  }

  setHealth(health: BackendHealth): void {
    this.#health = health
    for (const listener of [...this.#healthListeners]) listener()
  }

  listTaken(): readonly TakenPort[] {
    return this.#taken
  }

  onTaken(listener: (nodes: ReadonlySet<string>) => void): () => void {
    this.#takenListeners.add(listener)
    return () => this.#takenListeners.delete(listener)
  }

  gatewayNodeOf(routerUid: string): string | undefined {
    return this.#gatewayNodes.get(routerUid) ?? this.rows.of('Router').get(routerUid)?.gateway?.nodes[0]
  }

  onGatewayMoves(listener: (routerUids: readonly string[]) => void): () => void {
    this.#gatewayListeners.add(listener)
    return () => this.#gatewayListeners.delete(listener)
  }

  /** Another node carries its traffic. */
  moveGateway(routerUid: string, node: string): void {
    this.#gatewayNodes.set(routerUid, node)
    for (const listener of [...this.#gatewayListeners]) listener([routerUid])
  }

  setTaken(taken: readonly TakenPort[]): void {
    const nodes = new Set([...this.#taken, ...taken].map(({ node }) => node))
    this.#taken = taken
    for (const listener of [...this.#takenListeners]) listener(nodes)
  }

  isClaimed(uid: string): boolean | undefined {
    return !this.#unclaimed.has(uid)
  }

  virtualHolderOf(uid: string): { portUid: string; node: string } | undefined {
    return this.#holders.get(uid)
  }

  /** A port speaks for a virtual one from now on, or none does. */
  setVirtualHolder(uid: string, holder: { portUid: string; node: string } | undefined): void {
    if (holder) this.#holders.set(uid, holder)
    else this.#holders.delete(uid)
    for (const listener of [...this.#claimListeners]) listener([uid])
  }

  onUnreportedClaims(listener: (uids: readonly string[]) => void): () => void {
    this.#claimListeners.add(listener)
    return () => this.#claimListeners.delete(listener)
  }

  /** Nodes claim every port at once, but for these. */
  setUnclaimed(uids: readonly string[]): void {
    const changed = [...new Set([...this.#unclaimed, ...uids])]
    this.#unclaimed = new Set(uids)
    for (const listener of [...this.#claimListeners]) listener(changed)
  }

  probeOf({ portUid }: { portUid: string }): ProbeResult | undefined {
    return this.#probes.get(portUid)
  }

  nextHopOf({ routerUid, address }: { routerUid: string; address: string }): NextHopState | undefined {
    return this.#nextHops.get(`${routerUid}/${address}`)
  }

  onNextHops(listener: (routerUids: ReadonlySet<string>) => void): () => void {
    this.#nextHopListeners.add(listener)
    return () => this.#nextHopListeners.delete(listener)
  }

  setNextHop(routerUid: string, address: string, state: NextHopState): void {
    this.#nextHops.set(`${routerUid}/${address}`, state)
    for (const listener of [...this.#nextHopListeners]) listener(new Set([routerUid]))
  }

  hasProbes(): boolean {
    return this.isProbing
  }

  onProbes(listener: (portUids: ReadonlySet<string>) => void): () => void {
    this.#probeListeners.add(listener)
    return () => this.#probeListeners.delete(listener)
  }

  /** What becomes of packets: each arrives at the port of its MAC address, unless a test says otherwise. */
  traceOf = (packet: LogicalPacket): LogicalTrace => {
    const port = [...this.rows.of('Port').values()].find(({ mac }) => mac === packet.destinationMac)
    return { steps: [], end: { what: 'delivered', portUids: port ? [port.uid] : [] } }
  }

  async trace(packet: LogicalPacket): Promise<LogicalTrace> {
    this.#check()
    return this.traceOf(packet)
  }

  /** A probe of whatever port number found this. */
  setProbe(portUid: string, result: ProbeResult): void {
    this.#probes.set(portUid, result)
    for (const listener of [...this.#probeListeners]) listener(new Set([portUid]))
  }

  #open({ ports }: LogicalByKind['FirewallGroup']): void {
    for (const { routerUid, legUid } of ports) {
      const { interfaces = [], ports: legs = [] } = this.rows.of('Router').get(routerUid) ?? {}
      if ([...interfaces, ...legs].some(({ uid }) => uid === legUid)) this.rows.open.add(`${routerUid}/${legUid}`)
    }
  }

  /** A leg that is new is closed until a firewall that is to stand there does; one that is open stays so. */
  #hasClosedLeg({ uid, interfaces, ports }: LogicalByKind['Router']): boolean {
    const legs = [...interfaces, ...ports].map((leg) => ({ key: `${uid}/${leg.uid}`, guarded: leg.guarded ?? false }))
    const { open } = this.rows
    for (const key of open) if (key.startsWith(`${uid}/`) && !legs.some((leg) => leg.key === key)) open.delete(key)
    for (const { key, guarded } of legs) if (!guarded) open.add(key)
    return legs.some(({ key }) => !open.has(key))
  }

  #tellMade({ kind, uid }: Pick<OwnedRow, 'kind' | 'uid'>): void {
    for (const listener of [...this.#made]) listener({ kind, uid })
  }

  #check(): void {
    const failure = this.#failures.shift()
    if (failure) throw failure
    if (!this.#claimed || this.#claimed !== this.rows.claimed) throw stale()
  }

  /** @returns whether the row is new */
  #put(want: LogicalWant): boolean {
    const rows: Map<string, LogicalWant> = this.rows.of(want.kind)
    const held = rows.get(want.uid)
    if (isDeepStrictEqual(held, want)) return false
    rows.set(want.uid, want)
    this.rows.writes++
    return held === undefined
  }

  /** Do the rows that it depends on exist? */
  #canStand(want: LogicalWant): boolean {
    const { rows } = this
    switch (want.kind) {
      case 'Network':
      case 'AddressGroup':
      case 'SecurityGroup':
        return true
      case 'Router':
        return [...want.interfaces, ...want.ports, ...(want.gateway ? [want.gateway] : [])].every(({ networkUid }) =>
          rows.of('Network').has(networkUid),
        )
      case 'FloatingIP':
      case 'VPNService':
        return rows.of('Router').has(want.routerUid)
      case 'LoadBalancer':
      case 'PortForwarding':
        return rows.of('Router').has(want.routerUid) && want.networkUids.every((uid) => rows.of('Network').has(uid))
      case 'FirewallGroup':
        return want.ports.every(({ routerUid }) => rows.of('Router').has(routerUid))
      case 'Subnet':
      case 'QoS':
      case 'ServicePort':
        return rows.of('Network').has(want.networkUid)
      case 'Port':
        return (
          rows.of('Network').has(want.networkUid) &&
          want.fixedIPs.every(({ hasDhcp, subnetUid }) => !hasDhcp || rows.of('Subnet').has(subnetUid))
        )
    }
  }
}

function firewallPending(): TransientError {
  return new TransientError('FirewallPending', 'a port is closed until its firewall stands there')
}

function notReady(): TransientError {
  return new TransientError('NetworkNotReady', 'the network is not there yet')
}

function stale(): StaleWriterError {
  return new StaleWriterError('a newer leader has claimed the backend')
}
