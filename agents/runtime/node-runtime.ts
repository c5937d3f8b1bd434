// SPDX-License-Identifier: Apache-2.0
// The agent's loop: accepted documents in, the roles' reconcilers in the middle, observations out. Needs neither NATS nor the operator to
// go on with what it has accepted.
import type { DesiredDocument, DocumentKind, NodeLoad, Tombstone } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { systemClock, type Clock } from '../../lib/time/clock.ts'
import { WorkQueue } from '../../lib/loop/queue.ts'
import type { EndedRun } from '../metrics/agent-metrics.ts'
import { DependencyIndex } from './dependency-index.ts'
import { DocumentRuns } from './document-runs.ts'
import type { DocumentStore } from './document-store.ts'
import { FairLine } from './fair-line.ts'
import { judgeDocument } from './intake.ts'
import { OrphanList, type OrphanListing } from './orphan-list.ts'
import { keyOf, type DocumentOf, type KindReconciler, type NodeState, type Observation } from './reconciler.ts'
import type { Reporter } from './reporter.ts'
import { Reports } from './reports.ts'
import { isUrgent, ORDINARY, URGENT } from './slot-plan.ts'

const BACKOFF = { baseMs: 500, capMs: 300_000 }
/** How long all other documents wait at most for the first run of the node's own document. */
const ROLES_WITHIN_MS = 10_000

export interface NodeRuntimeOptions {
  node: string
  bootId: string
  store: DocumentStore
  reporter: Reporter
  log: Logger
  clock?: Clock
  /** For metrics: called once for each run that has ended. */
  onRun?: (run: EndedRun) => void
}

export class NodeRuntime implements NodeState {
  readonly #options: NodeRuntimeOptions
  readonly #clock: Clock
  readonly #queue: WorkQueue
  readonly #reconcilers = new Map<DocumentKind, KindReconciler>()
  readonly #line = new FairLine({ placeOf: (key) => this.#placeOf(key) })
  readonly #reports: Reports
  readonly #dependencies = new DependencyIndex()
  readonly #orphans: OrphanList
  readonly #runs: DocumentRuns
  /** Keys that arrived as urgent, until their run is done. */
  readonly #urgent = new Set<string>()
  readonly #stop = new AbortController()
  /** Keys that wait for the roles; undefined once the node's own document has run. */
  #held: Set<string> | undefined

  constructor(options: NodeRuntimeOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#reports = new Reports({ ...options, clock: this.#clock })
    this.#runs = new DocumentRuns({
      ...{ ...options, state: this, reconcilers: this.#reconcilers, reports: this.#reports },
      queue: {
        addAfter: (key, ms) => this.#queue.addAfter(key, ms),
        forget: (key) => this.#queue.forget(key),
        leaveSlot: (key) => this.#queue.leaveSlot(key),
        retry: (key) => this.#queue.retry(key),
      },
      signal: this.#stop.signal,
      onWorkedOff: (key) => this.#urgent.delete(key),
      onChange: (key) => this.#wakeDependents(key),
    })
    this.#orphans = new OrphanList({
      signal: this.#stop.signal,
      clock: this.#clock,
      log: options.log,
      isKnown: ({ kind, uid }) => options.store.find(kind, uid)?.done === false,
    })
    this.#queue = new WorkQueue({
      clock: this.#clock,
      // Bounded by the slots of the line, per kind and namespace.
      concurrency: Infinity,
      line: this.#line,
      priority: (key) => this.#priorityOf(key),
      backoff: BACKOFF,
      work: (key) => this.#work(key),
    })
  }

  /** The agent gained a role: its documents are run. Once per kind. */
  async add(reconciler: KindReconciler): Promise<void> {
    const { kind } = reconciler
    if (this.#reconcilers.has(kind)) throw new Error(`two reconcilers for ${kind}`)
    this.#reconcilers.set(kind, reconciler)
    for (const document of this.list(kind)) this.#index(document)
    const all = () => {
      for (const document of this.list(kind)) this.#queue.add(keyOf(document))
    }
    await reconciler.start?.({ one: (uid) => this.#wake(`${kind}.${uid}`), all }, this.#stop.signal)
    all()
  }

  /**
   * Starts to run the documents on disk: first the node's own, which brings the roles. Otherwise a new process would report that no role
   * handles the others, and a moment later that all is well.
   */
  start(): void {
    if (this.list('node').length > 0) {
      this.#held = new Set()
      const cancel = this.#clock.after(ROLES_WITHIN_MS, () => this.#release())
      this.#stop.signal.addEventListener('abort', cancel, { once: true })
    }
    for (const { document, done } of this.#options.store.list()) if (!done) this.#queue.add(keyOf(document))
    this.#queue.start()
  }

  /** Ends the runs in progress and waits for them. Guests, switches and daemons stay as they are. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#queue.close()
  }

  /**
   * Takes a delivered document; durable when it resolves. Refused documents are reported and change nothing.
   * @throws when the disk cannot store it: have it delivered again. A delete is carried out all the same: it is what frees space.
   */
  async receive(key: DocumentKey, data: Uint8Array): Promise<void> {
    const { store, log } = this.#options
    const held = store.find(key.kind, key.uid)
    const verdict = judgeDocument(key, data, held?.document, store.highest)
    const name = keyOf(key)
    if (verdict.kind === 'refuse') {
      log.warn({ key: name, ...verdict.refusal }, 'document refused')
      if (!this.#reports.refuse(key, verdict.refusal, held?.document)) this.#queue.add(name)
      return
    }
    this.#reports.accepted(key)
    if (verdict.kind === 'same') {
      this.#reports.repeat(key)
      // The last report may have been lost, or never sent: the run reports again.
      this.#queue.add(name)
      if (!(await store.isSaved(verdict.document))) throw diskFull()
      return
    }
    const isSaved = await store.put(verdict.document)
    log.debug(
      { key: name, versions: verdict.document.versions, tombstone: verdict.document.tombstone },
      'document accepted',
    )
    if (verdict.document.kind === 'node' && !verdict.document.tombstone)
      await this.#dropOtherNodes(verdict.document.uid)
    this.#index(verdict.document)
    this.#runs.end(name, verdict.document)
    if (isUrgent(verdict.document, held?.document)) this.#urgent.add(name)
    this.#queue.forget(name)
    this.#queue.add(name)
    this.#wakeDependents(name)
    if (!isSaved) throw diskFull()
  }

  // What reconcilers see.

  find<K extends DocumentKind>(kind: K, uid: string): DocumentOf<K> | Tombstone | undefined {
    return this.#options.store.find(kind, uid)?.document as DocumentOf<K> | Tombstone | undefined
  }

  list<K extends DocumentKind>(kind: K): readonly (DocumentOf<K> | Tombstone)[] {
    return this.#options.store
      .list()
      .filter((stored) => stored.document.kind === kind && !stored.done)
      .map((stored) => stored.document as DocumentOf<K> | Tombstone)
  }

  findObserved(kind: DocumentKind, uid: string): Observation | undefined {
    return this.#reports.findObserved(`${kind}.${uid}`)
  }

  /** Objects on this node that carry our mark but have no document. @param changed called when a slow listing has finished */
  listOrphans(changed: () => void): Promise<OrphanListing> {
    return this.#orphans.list(this.#reconcilers.values(), changed)
  }

  /** A node has one document of its own: that of a deleted ComputeNode no longer counts. */
  async #dropOtherNodes(uid: string): Promise<void> {
    const { store } = this.#options
    for (const { document } of store.list()) {
      if (document.kind !== 'node' || document.uid === uid) continue
      this.#runs.end(keyOf(document))
      this.#reports.forget(document)
      await store.drop('node', document.uid)
    }
  }

  // One run of one document.

  async #work(key: string): Promise<void> {
    const stored = this.#findStored(key)
    if (!stored) return
    const { document } = stored
    if (stored.done) {
      this.#runs.publish(document, { state: 'gone' })
      return
    }
    if (this.#held && document.kind !== 'node') {
      this.#held.add(key)
      return
    }
    try {
      await this.#runs.run(document)
    } finally {
      if (document.kind === 'node') this.#release()
    }
  }

  #release(): void {
    const held = this.#held
    this.#held = undefined
    for (const key of held ?? []) this.#queue.add(key)
  }

  // Which key is next.

  #placeOf(key: string): { kind: DocumentKind; namespace: string } {
    const stored = this.#findStored(key)
    const kind = key.slice(0, key.indexOf('.')) as DocumentKind
    return { kind, namespace: stored?.document.namespace ?? '' }
  }

  #priorityOf(key: string): number {
    const stored = this.#findStored(key)
    const urgent = this.#urgent.has(key) || (stored !== undefined && isUrgent(stored.document, undefined))
    return urgent ? URGENT : ORDINARY
  }

  /** For monitoring. */
  load(): NodeLoad {
    const { urgent, ordinary, oldestMs } = this.#line.waiting()
    const oldestSeconds = oldestMs === undefined ? 0 : Math.round((this.#clock.nowMs() - oldestMs) / 1000)
    return { urgent, waiting: ordinary, long: this.#runs.countLong(), oldestSeconds }
  }

  // Which documents wake which.

  #findStored(key: string): { document: DesiredDocument; done: boolean } | undefined {
    const dot = key.indexOf('.')
    return this.#options.store.find(key.slice(0, dot) as DocumentKind, key.slice(dot + 1))
  }

  #index(document: DesiredDocument): void {
    const reconciler = this.#reconcilers.get(document.kind)
    const needs = document.tombstone ? [] : (reconciler?.dependencies?.(document) ?? [])
    this.#dependencies.set(keyOf(document), needs.map(keyOf))
  }

  #wakeDependents(key: string): void {
    for (const dependent of this.#dependencies.dependentsOf(key)) this.#wake(dependent)
  }

  #wake(key: string): void {
    const stored = this.#findStored(key)
    if (stored && !stored.done) this.#queue.add(key)
  }
}

function diskFull(): Error {
  return new Error(
    'the disk of the node is full: the delete is carried out, and must be delivered again until it is written down',
  )
}
