// SPDX-License-Identifier: Apache-2.0
// A client of one OVSDB database: RFC 7047 with the extensions of ovsdb-server(7). Mirrors the wanted tables, reconnects whenever the
// connection ends, and then brings the mirror up to date before it reports to be synced.
import { setTimeout as sleep } from 'node:timers/promises'
import { OvsdbConnectionError } from './errors.ts'
import { Mirror } from './mirror.ts'
import { checkResults, type Operation, type OperationResult } from './operations.ts'
import { connectRemote, type Remote, type TlsIdentity } from './remote.ts'
import { JsonRpcPeer } from './rpc.ts'
import { checkServer, readColumns, startMonitor, type MonitoredTable, type TableUpdates } from './session.ts'
import type { RowChange } from './row-change.ts'
import type { OvsRow } from './values.ts'

export interface OvsdbClientOptions {
  database: string
  /** Tried in turn. */
  remotes: readonly Remote[]
  /** Called for each connection, so that renewed certificates are used. */
  tls?: () => TlsIdentity
  tables: Readonly<Record<string, MonitoredTable>>
  /** Accept only the leader of a RAFT cluster: then no read or write is behind an acknowledged write. */
  leaderOnly?: boolean
  probeIntervalMs?: number
  /** For connecting, and for each request without an earlier deadline. */
  timeoutMs?: number
  /** Called once per outage, not per attempt. */
  onDisconnect?: (error: unknown) => void
}

const MONITOR_ID = 'mirror'

export class OvsdbClient {
  readonly #options: OvsdbClientOptions
  readonly #stop = new AbortController()
  readonly #changeListeners = new Set<(changes: readonly RowChange[]) => void>()
  readonly #syncListeners = new Set<(synced: boolean) => void>()
  readonly #mirror: Mirror
  #peer: JsonRpcPeer | undefined
  #synced = false
  #lastTransaction: string | undefined
  #running: Promise<void> | undefined
  #failure: unknown

  constructor(options: OvsdbClientOptions) {
    if (options.remotes.length === 0) throw new TypeError('an OVSDB client needs a remote')
    this.#options = options
    this.#mirror = new Mirror(options.tables)
  }

  /** Connects, and keeps reconnecting until `signal` aborts or close() is called. */
  start(signal: AbortSignal): void {
    if (this.#running) return
    signal.addEventListener('abort', () => this.#stop.abort(signal.reason), { once: true, signal: this.#stop.signal })
    if (signal.aborted) this.#stop.abort(signal.reason)
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#stop.abort(new OvsdbConnectionError('client closed'))
    await this.#running
  }

  get synced(): boolean {
    return this.#synced
  }

  /** Why the last connection ended or could not be made; undefined while synced. */
  get failure(): unknown {
    return this.#failure
  }

  /** The mirror of a table by row uuid; while disconnected, its last known state. Rows are never modified in place. */
  rows(table: string): ReadonlyMap<string, OvsRow> {
    return this.#mirror.rows(table)
  }

  /** All changes of one update at once, after they are in the mirror. After an outage: only the differences. */
  onChange(listener: (changes: readonly RowChange[]) => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  onSync(listener: (synced: boolean) => void): () => void {
    this.#syncListeners.add(listener)
    return () => this.#syncListeners.delete(listener)
  }

  /** Resolves when the mirror is current. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.waitUntil(() => (this.#synced ? true : undefined), signal)
  }

  /** Resolves with the first value other than undefined that `probe` returns, now or after a change. */
  waitUntil<T>(probe: () => T | undefined, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const stops = [signal, this.#stop.signal]
      const check = (): void => {
        try {
          const found = probe()
          if (found !== undefined) finish(() => resolve(found))
        } catch (error) {
          // whatever a probe throws is passed on as it is
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
          finish(() => reject(error))
        }
      }
      const onAbort = (): void =>
        finish(() => reject((signal.aborted ? signal.reason : this.#stop.signal.reason) as Error))
      const finish = (settle: () => void): void => {
        for (const stop of stops) stop.removeEventListener('abort', onAbort)
        this.#changeListeners.delete(check)
        this.#syncListeners.delete(check)
        settle()
      }
      if (stops.some((stop) => stop.aborted)) {
        onAbort()
        return
      }
      for (const stop of stops) stop.addEventListener('abort', onAbort, { once: true })
      this.#changeListeners.add(check)
      this.#syncListeners.add(check)
      check()
    })
  }

  /**
   * One transaction: all or nothing. When it resolves, the mirror already holds its changes (the server sends updates first).
   * @throws OvsdbError with the index of the refused operation; OvsdbConnectionError when the outcome is unknown
   */
  async transact(operations: readonly Operation[], signal: AbortSignal): Promise<OperationResult[]> {
    const deadline = this.#deadline(signal)
    await this.ready(deadline)
    if (!this.#peer) throw new OvsdbConnectionError('not connected')
    const answer = await this.#peer.request('transact', [this.#options.database, ...operations], deadline)
    return checkResults(answer, operations)
  }

  #deadline(...signals: AbortSignal[]): AbortSignal {
    return AbortSignal.any([...signals, AbortSignal.timeout(this.#options.timeoutMs ?? 15_000)])
  }

  async #run(): Promise<void> {
    let failures = 0
    let told = false
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      const remote = this.#options.remotes[turn % this.#options.remotes.length]
      if (!remote) break
      const wasSynced = await this.#session(remote).catch((error: unknown) => {
        this.#failure = error
        if (!this.#stop.signal.aborted && !told) this.#options.onDisconnect?.(error)
        told = true
        return undefined
      })
      if (wasSynced !== undefined) {
        failures = 0
        told = false
        if (!this.#stop.signal.aborted) this.#options.onDisconnect?.(wasSynced)
        told = true
      } else {
        failures++
      }
      if (wasSynced === undefined && failures % this.#options.remotes.length !== 0) continue
      // A single server that restarts is back within milliseconds; a dead one is tried every second.
      const rounds = Math.floor(failures / this.#options.remotes.length)
      await sleep(Math.min(1000, 20 * 2 ** Math.min(rounds, 6)), undefined, { signal: this.#stop.signal }).catch(
        () => undefined,
      )
    }
    this.#setSynced(false)
  }

  /** One connection: resolves with the reason of its end if the mirror was synced, and throws if it never was. */
  async #session(remote: Remote): Promise<OvsdbConnectionError> {
    const deadline = this.#deadline(this.#stop.signal)
    const stream = await connectRemote(remote, this.#options.tls?.(), deadline)
    const onStop = (): void => peer.close('client closed')
    let onServer: ((params: unknown) => boolean) | undefined
    // Updates may arrive in the same packet as the dump before them: they wait until the dump is in the mirror.
    let early: [string, unknown][] | undefined = []
    const handle = (method: string, params: unknown): void => {
      if (method === 'update2' && onServer && !onServer(params)) peer.close('no longer the leader')
      else this.#onNotification(peer, method, params)
    }
    let ended: (error: OvsdbConnectionError) => void = () => undefined
    const end = new Promise<OvsdbConnectionError>((resolve) => (ended = resolve))
    const peer = new JsonRpcPeer(stream, {
      probeIntervalMs: this.#options.probeIntervalMs ?? 5000,
      onNotification: (method, params) => (early ? void early.push([method, params]) : handle(method, params)),
      onClose: (error) => {
        if (this.#peer === peer) this.#peer = undefined
        this.#failure = error
        this.#setSynced(false)
        ended(error)
      },
    })
    this.#stop.signal.addEventListener('abort', onStop, { once: true })
    try {
      await peer.request('set_db_change_aware', [true], deadline)
      onServer = await checkServer(peer, this.#options.database, this.#options.leaderOnly ?? false, deadline)
      await this.#sync(peer, deadline)
      const waiting = early
      early = undefined
      for (const [method, params] of waiting) handle(method, params)
      this.#peer = peer
      this.#failure = undefined
      this.#setSynced(true)
      return await end
    } finally {
      this.#stop.signal.removeEventListener('abort', onStop)
      peer.close('session over')
    }
  }

  async #sync(peer: JsonRpcPeer, deadline: AbortSignal): Promise<void> {
    const { database, tables } = this.#options
    const columns = await readColumns(peer, database, tables, deadline)
    const since = this.#lastTransaction
    this.#lastTransaction = undefined
    const start = await startMonitor(peer, { database, id: MONITOR_ID, columns, tables, since }, deadline)
    this.#emit(start.continued ? this.#mirror.apply(start.updates) : this.#mirror.replace(columns, start.updates))
    this.#lastTransaction = start.lastTransaction
  }

  #onNotification(peer: JsonRpcPeer, method: string, params: unknown): void {
    if (method === 'monitor_canceled') {
      peer.close('the server changed its schema')
      return
    }
    if (!Array.isArray(params) || params[0] !== MONITOR_ID) return
    if (method === 'update3') {
      this.#emit(this.#mirror.apply(params[2] as TableUpdates))
      this.#lastTransaction = String(params[1])
    } else if (method === 'update2') {
      this.#emit(this.#mirror.apply(params[1] as TableUpdates))
    }
  }

  #emit(changes: readonly RowChange[]): void {
    if (changes.length > 0) for (const listener of [...this.#changeListeners]) listener(changes)
  }

  #setSynced(synced: boolean): void {
    if (this.#synced === synced) return
    this.#synced = synced
    for (const listener of [...this.#syncListeners]) listener(synced)
  }
}
