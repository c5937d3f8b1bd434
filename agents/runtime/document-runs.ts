// SPDX-License-Identifier: Apache-2.0
// Runs of documents: calls the reconciler, reports the outcome, and schedules the next run.
import { changeOf } from '../../lib/change-id.ts'
import type { DesiredDocument, DocumentKind } from '../../lib/contract/documents.ts'
import { TransientError, isTerminal } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { EndedRun } from '../metrics/agent-metrics.ts'
import type { WorkQueue } from '../../lib/loop/queue.ts'
import type { DocumentStore } from './document-store.ts'
import { keyOf, type KindReconciler, type NodeState, type Observation, type RunContext } from './reconciler.ts'
import type { Reports } from './reports.ts'
import { failedStateOf, refusedStateOf } from './reports.ts'
import { endsRun } from './slot-plan.ts'

export interface DocumentRunsOptions {
  node: string
  bootId: string
  log: Logger
  store: Pick<DocumentStore, 'find' | 'finish'>
  state: NodeState
  reconcilers: ReadonlyMap<DocumentKind, KindReconciler>
  reports: Reports
  queue: Pick<WorkQueue, 'addAfter' | 'forget' | 'leaveSlot' | 'retry'>
  /** The agent's own signal. */
  signal: AbortSignal
  /** Called when a run has succeeded. */
  onWorkedOff: (key: string) => void
  /** For metrics. */
  onRun?: (run: EndedRun) => void
  /** Called when documents that depend on this one should run again. */
  onChange: (key: string) => void
}

interface RunUnderWay {
  document: DesiredDocument
  abort: AbortController
  /** It has left its slot: other documents run meanwhile, and a changed spec ends it. */
  isLong: boolean
}

export class DocumentRuns {
  readonly #options: DocumentRunsOptions
  readonly #running = new Map<string, RunUnderWay>()

  constructor(options: DocumentRunsOptions) {
    this.#options = options
  }

  /** Runs that have left their slots. */
  countLong(): number {
    let long = 0
    for (const run of this.#running.values()) if (run.isLong) long += 1
    return long
  }

  /** Ends the run in progress; with `next`, only if the run is of no use for that document. */
  end(key: string, next?: DesiredDocument): void {
    const run = this.#running.get(key)
    if (run && (!next || endsRun(run.document, next, run.isLong))) run.abort.abort()
  }

  /** Never rejects: failures are reported and retried. */
  async run(document: DesiredDocument): Promise<void> {
    const { queue, signal } = this.#options
    const key = keyOf(document)
    const abort = new AbortController()
    const run: RunUnderWay = { document, abort, isLong: false }
    this.#running.set(key, run)
    const context = this.#contextOf(run, AbortSignal.any([signal, abort.signal]))
    const startedMs = performance.now()
    let result: Pick<EndedRun, 'result' | 'reason'> = { result: 'ended' }
    try {
      const observation = await this.#reconcile(document, context)
      if (abort.signal.aborted || signal.aborted) return
      result = { result: 'done' }
      this.publish(document, observation)
      this.#options.onWorkedOff(key)
      if (document.tombstone && observation.state === 'gone') await this.#finish(document)
      queue.forget(key)
      if (observation.retryAfterMs !== undefined) queue.addAfter(key, observation.retryAfterMs)
    } catch (error) {
      if (abort.signal.aborted || signal.aborted) return
      result = this.#fail(document, error, context.log)
    } finally {
      const seconds = (performance.now() - startedMs) / 1000
      this.#options.onRun?.({ kind: document.kind, ...result, seconds })
      this.#running.delete(key)
    }
  }

  #reconcile(document: DesiredDocument, context: RunContext): Promise<Observation> {
    const reconciler = this.#options.reconcilers.get(document.kind)
    if (!reconciler) {
      const message = `node ${context.node} has no role that handles a document of kind ${document.kind}`
      return Promise.resolve({
        state: failedStateOf(document.kind),
        error: { reason: 'RoleMissing', message, terminal: false },
      })
    }
    if (document.tombstone) return reconciler.remove(document, context)
    // The map is keyed by kind: the reconciler's document type is this document's.
    return reconciler.reconcile(document, context)
  }

  #contextOf(run: RunUnderWay, signal: AbortSignal): RunContext {
    const { node, bootId, log, state } = this.#options
    const { document } = run
    return {
      node,
      bootId,
      state,
      signal,
      log: log.child({
        ...{ kind: document.kind, uid: document.uid, namespace: document.namespace, name: document.name },
        change: changeOf({ uid: document.uid, generation: document.versions.generation }),
      }),
      report: (observation) => {
        if (!signal.aborted) this.publish(document, observation)
      },
      leaveSlot: () => {
        run.isLong = true
        this.#options.queue.leaveSlot(keyOf(document))
      },
      runAgainWithin: (ms) => this.#options.queue.addAfter(keyOf(document), ms),
      grantedBootId: document.grantedBootId ?? '',
      listed: (volumes) => this.#options.reports.listed(document, volumes),
    }
  }

  async #finish(document: DesiredDocument): Promise<void> {
    await this.#options.store.finish(document)
    const change = changeOf({ uid: document.uid, generation: document.versions.generation })
    this.#options.log.info({ kind: document.kind, uid: document.uid, name: document.name, change }, 'removed')
  }

  #fail(document: DesiredDocument, error: unknown, log: Logger): Pick<EndedRun, 'result' | 'reason'> {
    const key = keyOf(document)
    if (isTerminal(error)) {
      log.warn({ err: error }, 'refused')
      const { reason, message } = error
      this.publish(document, { state: refusedStateOf(document.kind), error: { reason, message, terminal: true } })
      this.#options.queue.forget(key)
      return { result: 'refused', reason }
    }
    const delayMs = this.#options.queue.retry(key)
    log.warn({ err: error, delayMs }, 'run failed')
    const known = error instanceof TransientError
    const reason = known ? error.reason : 'AgentError'
    const message = known
      ? error.message
      : `the agent of node ${this.#options.node} failed and tries again; its log says why`
    this.publish(document, { state: failedStateOf(document.kind), error: { reason, message, terminal: false } })
    return { result: 'failed', reason }
  }

  publish(document: DesiredDocument, observation: Observation): void {
    const key = keyOf(document)
    // A newer document was accepted while this one ran: its own run will report.
    if (this.#options.store.find(document.kind, document.uid)?.document !== document) return
    const standing = document.tombstone
      ? undefined
      : this.#options.reconcilers.get(document.kind)?.standingFacts?.(document, this.#options.state)
    if (this.#options.reports.observe(document, observation, standing)) this.#options.onChange(key)
  }
}
