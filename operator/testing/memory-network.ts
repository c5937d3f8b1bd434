// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError, TransientError } from '../../lib/errors.ts'
import type {
  BackendHealth,
  Drift,
  LogicalNetwork,
  LogicalPort,
  LogicalSecurityGroup,
  LogicalSubnet,
  NetworkDriver,
  OwnedRow,
  TakenPort,
} from '../network/network-driver.ts'

/** Rows as a backend would keep them: shared by all drivers on it, like one database. */
export class MemoryRows {
  readonly networks = new Map<string, LogicalNetwork>()
  readonly subnets = new Map<string, LogicalSubnet>()
  readonly ports = new Map<string, LogicalPort>()
  readonly securityGroups = new Map<string, LogicalSecurityGroup>()
  term = 0
}

/** The network backend in memory, with the same promises about order and terms. For tests only. */
export class MemoryNetwork implements NetworkDriver {
  readonly name = 'memory'
  readonly rows: MemoryRows
  readonly #listeners = new Set<() => void>()
  readonly #made = new Set<(row: Pick<OwnedRow, 'kind' | 'uid'>) => void>()
  readonly #healthListeners = new Set<() => void>()
  readonly #takenListeners = new Set<(nodes: ReadonlySet<string>) => void>()
  #health: BackendHealth = { status: 'True', reason: 'Healthy', message: 'is in memory' }
  #taken: readonly TakenPort[] = []
  #term = 0
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

  async claimTerm(_incarnation: number, term: number): Promise<void> {
    if (term < this.rows.term) throw new StaleWriterError('a newer leader has claimed the backend')
    this.rows.term = term
    this.#term = term
  }

  async ensureNetwork(want: LogicalNetwork): Promise<void> {
    this.#check()
    const isNew = !this.rows.networks.has(want.uid)
    this.rows.networks.set(want.uid, want)
    if (isNew) this.#tellMade({ kind: 'Network', uid: want.uid })
  }

  async removeNetwork(uid: string): Promise<void> {
    this.#check()
    if ([...this.rows.ports.values()].some((p) => p.networkUid === uid)) throw new Error('network has ports')
    this.rows.networks.delete(uid)
  }

  async ensureSubnet(want: LogicalSubnet): Promise<void> {
    this.#check()
    this.#need(this.rows.networks.has(want.networkUid))
    const isNew = !this.rows.subnets.has(want.uid)
    this.rows.subnets.set(want.uid, want)
    if (isNew) this.#tellMade({ kind: 'Subnet', uid: want.uid })
  }

  async removeSubnet(uid: string): Promise<void> {
    this.#check()
    this.rows.subnets.delete(uid)
  }

  async ensurePort(want: LogicalPort): Promise<void> {
    this.#check()
    this.#need(
      this.rows.networks.has(want.networkUid) &&
        want.fixedIPs.every((f) => !f.hasDhcp || this.rows.subnets.has(f.subnetUid)),
    )
    this.#need(want.securityGroupUids.every((uid) => this.rows.securityGroups.has(uid)))
    this.rows.ports.set(want.uid, want)
  }

  async removePort(uid: string): Promise<void> {
    this.#check()
    this.rows.ports.delete(uid)
  }

  async ensureSecurityGroup(want: LogicalSecurityGroup): Promise<void> {
    this.#check()
    this.rows.securityGroups.set(want.uid, want)
  }

  async removeSecurityGroup(uid: string): Promise<void> {
    this.#check()
    this.rows.securityGroups.delete(uid)
  }

  async listOwned(): Promise<OwnedRow[]> {
    const { networks, subnets, ports, securityGroups } = this.rows
    const owned = (
      kind: OwnedRow['kind'],
      rows: Iterable<LogicalNetwork | LogicalSubnet | LogicalPort | LogicalSecurityGroup>,
    ) => [...rows].map(({ uid, namespace, name, generation }) => ({ kind, uid, namespace, name, generation }))
    return [
      ...owned('Network', networks.values()),
      ...owned('Subnet', subnets.values()),
      ...owned('Port', ports.values()),
      ...owned('SecurityGroup', securityGroups.values()),
    ]
  }

  async compare(): Promise<Drift[]> {
    return []
  }

  async heal(): Promise<Drift[]> {
    return []
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

  setTaken(taken: readonly TakenPort[]): void {
    const nodes = new Set([...this.#taken, ...taken].map(({ node }) => node))
    this.#taken = taken
    for (const listener of [...this.#takenListeners]) listener(nodes)
  }

  #tellMade(row: Pick<OwnedRow, 'kind' | 'uid'>): void {
    for (const listener of [...this.#made]) listener(row)
  }

  #check(): void {
    const failure = this.#failures.shift()
    if (failure) throw failure
    if (this.#term < this.rows.term) throw new StaleWriterError('a newer leader has claimed the backend')
  }

  #need(isThere: boolean): void {
    if (!isThere) throw new TransientError('NetworkNotReady', 'the network is not there yet')
  }
}
