// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError, TransientError } from '../../../lib/errors.ts'
import { OvsdbClient, type OvsdbClientOptions } from '../../../lib/ovsdb/client.ts'
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readNumber } from '../../../lib/ovsdb/values.ts'
import type { BackendHealth, NetworkDriver, OwnedRow, TakenPort } from '../network-driver.ts'
import type { LogicalKind, LogicalWant, NextHopState, ProbeResult } from '../logical-kinds.ts'
import type { LogicalPacket, LogicalTrace } from '../logical-trace.ts'
import { BackendWatch, type BackendTiming } from './backend-watch.ts'
import { madeRows, type MadeRow } from './made-rows.ts'
import { NameWriter, type TakenNames } from './name-writer.ts'
import { isDisturbance, Northbound } from './northbound.ts'
import { NORTHBOUND_TABLES } from './northbound-tables.ts'
import { probeOperations } from './northd-pulse.ts'
import { Plan } from './plan.ts'
import type { Planner } from './planner.ts'
import { PLANNERS, planWant } from './planners.ts'
import { PortClaims } from './port-claims.ts'
import type { SouthboundOptions } from './southbound.ts'
import { isGuardRefusal, toDriverError } from './driver-errors.ts'
import { findFirewallRule } from './trace-firewall-rules.ts'
import { OvnTrace, type OvnTraceOptions } from './ovn-trace.ts'
import { readTrace } from './read-trace.ts'
import { claimOperations, compareTerms, readTerm, termGuard, type Term } from './term.ts'
import { OneAtATime } from '../../../lib/one-at-a-time.ts'

export interface OvnNetworkDriverOptions extends Pick<
  OvsdbClientOptions,
  'remotes' | 'tls' | 'onDisconnect' | 'timeoutMs'
> {
  /** Where port claims are read. Absent: they are not watched. */
  southbound?: SouthboundOptions
  /** The program that follows a packet. Absent: nobody can ask. */
  trace?: OvnTraceOptions
  claimPatienceMs?: number
  backendTiming?: BackendTiming
  /** Names are written no more often than once in this time. */
  namesEveryMs?: number
}

const NAMES_EVERY_MS = 500

/** How long northd may take to make flows of what is written. */
const SETTLE_MS = 10_000

function cfgOf(nb: Northbound, column: 'nb_cfg' | 'sb_cfg'): number {
  return readNumber(nb.global()?.row[column]) ?? 0
}

/**
 * OVN's northbound database. One transaction per change, one at a time: each plan is based on a mirror with all earlier ones. Names alone may come
 * half a second later (name-writer.ts).
 */
export class OvnNetworkDriver implements NetworkDriver {
  readonly name = 'ovn'
  readonly #client: OvsdbClient
  readonly #nb: Northbound
  readonly #claims: PortClaims
  readonly #backend: BackendWatch
  readonly #trace: OvnTrace | undefined
  readonly #disturbed = new Set<() => void>()
  readonly #made = new Set<(row: MadeRow) => void>()
  #term: Term | undefined
  #writing = false
  /** Since northd was asked last whether it has made flows of everything. */
  #changed = true
  readonly #names: NameWriter
  readonly #turns = new OneAtATime()
  #stopped = AbortSignal.abort()

  constructor({
    southbound,
    trace,
    claimPatienceMs,
    backendTiming,
    namesEveryMs = NAMES_EVERY_MS,
    ...options
  }: OvnNetworkDriverOptions) {
    const database = 'OVN_Northbound'
    this.#client = new OvsdbClient({ ...options, database, tables: NORTHBOUND_TABLES, leaderOnly: true })
    this.#nb = new Northbound((table) => this.#client.rows(table), PLANNERS)
    this.#claims = new PortClaims({
      nb: this.#nb,
      isCurrent: () => this.#client.synced,
      forget: (planner) => this.#write(planner, this.#stopped),
      ...(southbound ? { southbound } : {}),
      ...(claimPatienceMs === undefined ? {} : { patienceMs: claimPatienceMs }),
    })
    this.#backend = new BackendWatch({
      northbound: this.#client,
      ...(this.#claims.southbound ? { southbound: this.#claims.southbound } : {}),
      probe: () => this.#probe(),
      ...(backendTiming ? { timing: backendTiming } : {}),
    })
    this.#names = new NameWriter({
      rows: (uuid) => this.#nb.get('DNS', uuid)?.row,
      everyMs: namesEveryMs,
      write: () => this.#writeNames(),
    })
    this.#trace = trace && new OvnTrace(trace)
    this.#client.onChange((changes) => {
      this.#nb.update(changes)
      this.#changed ||= changes.some(({ table }) => table !== 'NB_Global')
      this.#tellMade(changes)
      if (!this.#writing && changes.some(isDisturbance)) this.#tellDisturbed()
      if (changes.some(({ table }) => table === 'NB_Global')) this.#backend.global(this.#nb.global()?.row)
      this.#claims.update(changes)
    })
    this.#client.onSync((synced) => {
      if (synced) this.#tellDisturbed()
      this.#backend.look()
      this.#claims.lookAtAll()
    })
    this.#claims.southbound?.onSync(() => this.#backend.look())
  }

  start(signal: AbortSignal): void {
    this.#stopped = signal
    this.#client.start(signal)
    this.#claims.southbound?.start(signal)
    this.#backend.start()
    signal.addEventListener('abort', () => this.#endWatches(), { once: true })
  }

  /** For metrics: the southbound one only where claims are watched. */
  connections(): { database: 'northbound' | 'southbound'; synced: boolean }[] {
    const { southbound } = this.#claims
    return [
      { database: 'northbound' as const, synced: this.#client.synced },
      ...(southbound ? [{ database: 'southbound' as const, synced: southbound.synced }] : []),
    ]
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#client.ready(signal)
  }

  async close(): Promise<void> {
    this.#endWatches()
    await Promise.all([this.#client.close(), this.#claims.southbound?.close()])
  }

  claimTerm(incarnation: number, term: number, signal: AbortSignal): Promise<void> {
    return this.#turns.run(() => {
      this.#names.forget()
      return this.#claim({ incarnation, term }, signal)
    })
  }

  ensure(want: LogicalWant, signal: AbortSignal): Promise<void> {
    return this.#write((nb) => planWant(want.kind, want, nb), signal)
  }

  remove(kind: LogicalKind, uid: string, signal: AbortSignal): Promise<void> {
    return this.#write((nb) => PLANNERS[kind].planRemoval(uid, nb), signal)
  }

  async listOwned(signal: AbortSignal): Promise<OwnedRow[]> {
    await this.#client.ready(signal)
    return this.#nb.owned()
  }

  onDisturbance(listener: () => void): () => void {
    this.#disturbed.add(listener)
    return () => this.#disturbed.delete(listener)
  }

  onMade(listener: (row: MadeRow) => void): () => void {
    this.#made.add(listener)
    return () => this.#made.delete(listener)
  }

  health(): BackendHealth | undefined {
    return this.#backend.health()
  }

  onHealth(listener: () => void): () => void {
    return this.#backend.onHealth(listener)
  }

  listTaken(): readonly TakenPort[] {
    return this.#claims.list()
  }

  onTaken(listener: (nodes: ReadonlySet<string>) => void): () => void {
    return this.#claims.onTaken(listener)
  }

  isClaimed(uid: string, node: string): boolean | undefined {
    return this.#claims.isClaimed(uid, node)
  }

  virtualHolderOf(uid: string): { portUid: string; node: string } | undefined {
    return this.#claims.holderOf(uid)
  }

  gatewayNodeOf(routerUid: string): string | undefined {
    return this.#claims.gatewayNodeOf(routerUid)
  }

  onGatewayMoves(listener: (routerUids: readonly string[]) => void): () => void {
    return this.#claims.onGatewayMoves(listener)
  }

  onUnreportedClaims(listener: (uids: readonly string[]) => void): () => void {
    return this.#claims.onUnreportedClaims(listener)
  }

  probeOf(member: Parameters<NetworkDriver['probeOf']>[0]): ProbeResult | undefined {
    return this.#claims.southbound?.probes.resultOf(member)
  }

  nextHopOf(hop: Parameters<NetworkDriver['nextHopOf']>[0]): NextHopState | undefined {
    return this.#claims.southbound?.nextHops.stateOf(hop)
  }

  onNextHops(listener: (routerUids: ReadonlySet<string>) => void): () => void {
    return this.#claims.southbound?.nextHops.onChanged(listener) ?? (() => undefined)
  }

  hasProbes(): boolean {
    return this.#claims.southbound?.synced ?? false
  }

  onProbes(listener: (portUids: ReadonlySet<string>) => void): () => void {
    return this.#claims.southbound?.probes.onChanged(listener) ?? (() => undefined)
  }

  async trace(packet: LogicalPacket, signal: AbortSignal): Promise<LogicalTrace> {
    if (!this.#trace)
      throw new TransientError(
        'TraceUnavailable',
        'the operator knows no ovn-trace: set NEPHELE_OVN_TRACE and NEPHELE_OVN_SB_READ',
      )
    await this.#settle(signal)
    const events = await this.#trace.follow(packet, signal)
    return readTrace(events, (acl) => findFirewallRule(acl, this.#client.rows('Port_Group'), this.#nb))
  }

  /** Resolves when northd has made flows of all that is written. */
  async #settle(signal: AbortSignal): Promise<void> {
    if (this.#changed) await this.#askNorthd()
    const asked = cfgOf(this.#nb, 'nb_cfg')
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(SETTLE_MS)])
    await this.#client
      .waitUntil(() => (cfgOf(this.#nb, 'sb_cfg') >= asked ? true : undefined), deadline)
      .catch((error: unknown) => {
        signal.throwIfAborted()
        throw new TransientError(
          'TraceUnavailable',
          'ovn-northd does not keep up with what is written: look at its log',
          { cause: error },
        )
      })
  }

  /** Not without need: the chassis of every node answer as well, by a write each. */
  async #askNorthd(): Promise<void> {
    this.#changed = false
    try {
      await this.#probe()
    } catch (error) {
      this.#changed = true
      throw error
    }
  }

  #endWatches(): void {
    this.#names.close()
    this.#claims.close()
    this.#backend.close()
  }

  async #probe(): Promise<void> {
    if (!this.#term) return
    await this.#write((nb) => {
      const plan = new Plan()
      const global = nb.global()
      if (global) for (const operation of probeOperations(global)) plan.push(operation)
      return plan
    }, this.#stopped)
  }

  #tellMade(changes: readonly RowChange[]): void {
    for (const row of madeRows(changes)) for (const listener of [...this.#made]) listener(row)
  }

  #tellDisturbed(): void {
    for (const listener of [...this.#disturbed]) listener()
  }

  #write(planner: Planner, signal: AbortSignal): Promise<void> {
    return this.#turns.run(async () => {
      await this.#ready(signal)
      const { postponed } = await this.#apply(planner, signal)
      if (postponed) throw postponed
    })
  }

  #writeNames(): Promise<void> {
    return this.#turns.run(async () => {
      await this.#ready(this.#stopped)
      await this.#apply('names', this.#stopped)
    })
  }

  /**
   * @param planner `names`: only the names that are due
   * @returns what was written
   */
  async #apply(planner: Planner | 'names', signal: AbortSignal): Promise<Plan> {
    const { plan, names } = this.#plan(planner)
    if (plan.operations.length === 0 && names.isNothing) {
      names.commit()
      return plan
    }
    const term = this.#term
    if (!term) throw new StaleWriterError('no term is claimed: this process does not lead')
    try {
      await this.#transact(plan, names, term, signal)
      return plan
    } catch (error) {
      if (!isGuardRefusal(error)) throw toDriverError(error)
      // Either a newer leader has claimed OVN, which #claim finds out, or the database was recreated and holds no term yet.
      await this.#claim(term, signal)
      const anew = this.#plan(planner)
      await this.#transact(anew.plan, anew.names, term, signal).catch((again: unknown) => {
        throw toDriverError(again)
      })
      return anew.plan
    }
  }

  #plan(planner: Planner | 'names'): { plan: Plan; names: TakenNames } {
    if (planner === 'names') return { plan: new Plan(), names: this.#names.take('now') }
    const plan = planner(this.#nb)
    return { plan, names: this.#names.take(plan.names) }
  }

  async #transact(plan: Plan, names: TakenNames, term: Term, signal: AbortSignal): Promise<void> {
    const operations = [...plan.operations, ...names.operations]
    if (operations.length > 0) await this.#send([termGuard(term), ...operations], signal)
    names.commit()
  }

  async #send(operations: readonly Operation[], signal: AbortSignal): Promise<void> {
    this.#writing = true
    try {
      await this.#client.transact(operations, signal)
    } finally {
      this.#writing = false
    }
  }

  async #claim(term: Term, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#ready(signal)
      // northd creates this row when it first starts.
      const global = await this.#client.waitUntil(() => this.#nb.global(), signal)
      const held = readTerm(global.row)
      const order = held ? compareTerms(term, held) : 1
      if (order < 0 && held) {
        this.#term = undefined
        const claimed = `incarnation ${held.incarnation}, term ${held.term}`
        throw new StaleWriterError(`OVN is claimed by ${claimed}; ours is ${term.incarnation}, ${term.term}`)
      }
      this.#term = term
      if (order === 0) return
      try {
        await this.#client.transact(claimOperations(global, term), signal)
        return
      } catch (error) {
        if (!isGuardRefusal(error)) throw toDriverError(error)
      }
    }
  }

  async #ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // Checked first because each deadline's timer lives until it expires, and writes are frequent.
    if (this.#client.synced) return
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(5000)])
    await this.#client.ready(deadline).catch((error: unknown) => {
      signal.throwIfAborted()
      const why = this.health()
      const message = why?.status === 'False' ? why.message : 'the OVN northbound database does not answer'
      throw new TransientError('NetworkBackendUnreachable', message, { cause: error })
    })
  }
}
