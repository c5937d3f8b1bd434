// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { Listeners } from '../bus/listeners.ts'
import { StoreHistory } from './store-history.ts'
import type { Caches } from '../kind/row.ts'
import { DocumentSuspicions, type EvidenceDeps } from './document-suspicions.ts'
import type { WriterVersions } from '../placed/document-header.ts'
import { PROOF_MS, type StoreReader } from './newer-facts.ts'
import { NodesAhead } from './nodes-ahead.ts'

export interface RegressionDeps extends EvidenceDeps {
  caches: EvidenceDeps['caches'] & Pick<Caches, 'clouds'>
  history?: StoreHistory
  /** Monotonic, in milliseconds. */
  now?: () => number
}

/**
 * Notices when the bus or the nodes know newer facts than our resources, that is, etcd was restored from a backup (invariant 6,
 * docs/decisions/0012). Nothing is written while that is suspected and, once proved, until an administrator raises
 * Cloud.spec.incarnation. What counts as evidence is defined in newer-facts.ts and nodes-ahead.ts.
 */
export class RegressionGuard {
  readonly #deps: RegressionDeps
  readonly #now: () => number
  readonly #documents: DocumentSuspicions
  readonly #nodes: NodesAhead
  readonly #history: StoreHistory
  /** A backend that has recorded a higher term than ours. */
  #backend: { what: string; sinceMs: number } | undefined
  #found: { incarnation: number; message: string } | undefined
  readonly #suspected = new Listeners<undefined>()
  readonly #freed = new Listeners<undefined>()

  constructor(deps: RegressionDeps) {
    this.#deps = deps
    this.#now = deps.now ?? (() => performance.now())
    this.#documents = new DocumentSuspicions(deps, this.#now)
    this.#nodes = new NodesAhead(deps, this.#now)
    this.#history = deps.history ?? new StoreHistory(() => 1)
  }

  /** The listener must see that prove() is called, now and until the suspicion is settled. @returns a function that unsubscribes */
  onSuspicion(listener: () => void): () => void {
    const ends = [this.#suspected.add(listener), this.#history.onRecord(listener)]
    return () => {
      for (const end of ends) end()
    }
  }

  /** Called when the last suspicion proved unfounded: everything held up must be reconciled. */
  onFreed(listener: () => void): () => void {
    return this.#freed.add(listener)
  }

  /** Are all writes to be held? Cheap, as it is asked before every write. */
  isHolding(writer: WriterVersions): boolean {
    return this.isSuspicious() || this.findMessage(writer) !== undefined
  }

  /** Is a suspicion still being verified? */
  isSuspicious(): boolean {
    return this.#documents.openSize > 0 || this.#backend !== undefined
  }

  /** Why nothing is written until the incarnation is raised; undefined if nothing was proved in this incarnation. */
  findMessage(writer: WriterVersions): string | undefined {
    const { incarnation } = writer
    const { regressedIncarnation = 0, conditions } = this.#deps.caches.clouds.find(undefined, CLOUD_NAME)?.status ?? {}
    // The message first written stays: another leader may find other evidence, or the bus may have lost the first.
    if (regressedIncarnation >= incarnation) return findCondition(conditions, 'ControlPlaneRegressed')?.message ?? ''
    if (this.#found?.incarnation === incarnation) return this.#found.message
    const what = this.#history.find(incarnation)
    return what === undefined ? undefined : this.#toMessage(what, incarnation)
  }

  get highestIncarnation(): number {
    return this.#documents.highestIncarnation
  }

  /** Compares all documents with all resources: before a leader's first write, and for a new incarnation. */
  lookAtAll(writer: WriterVersions): void {
    this.#change(() => this.#documents.lookAtAll(writer))
  }

  /** For when the object changed, came or went, or a node reported on it. */
  consider(kind: DocumentKind, uid: string, writer: WriterVersions): void {
    this.#change(() => this.#documents.consider(kind, uid, writer))
  }

  /** The object was released in the regular way: should NATS bring its document back, that proves nothing. */
  forget(kind: DocumentKind, uid: string): void {
    this.#documents.forget(kind, uid)
    this.#nodes.forget(kind, uid)
  }

  /** A backend refuses our term as outdated. @param what undefined: it has accepted it */
  backendRefused(what: string | undefined): void {
    const sinceMs = this.#backend?.sinceMs ?? this.#now()
    this.#change(() => (this.#backend = what === undefined ? undefined : { what, sinceMs }))
  }

  /**
   * Call it before acting on an object: is its document, or its node's report, newer than the object?
   * @returns the outcome to return instead of acting
   */
  check(
    object: KubeObject,
    { kind, node, epoch }: { kind: DocumentKind; node: string; epoch: number },
    writer: WriterVersions,
  ): Outcome | undefined {
    const { uid, name, generation = 0 } = object.metadata
    this.#change(() => this.#documents.consider(kind, uid, writer, object))
    if (this.#documents.has(kind, uid))
      return waitFor('ControlPlaneRegressed', `the document of ${kind} ${name} is newer than the resource`)
    const before = this.#nodes.size
    const what = this.#nodes.consider(object, { kind, uid, node }, { ...writer, epoch, generation })
    if (this.#nodes.size > before) this.#suspected.emit(undefined)
    if (what === undefined) return undefined
    return waitFor('NodeAhead', `${what}: was the store restored? See docs/backup.md`, PROOF_MS)
  }

  /**
   * Follows up all suspicions and reads the store itself before it decides.
   * @returns whether it should be called again soon
   */
  async prove(writer: WriterVersions, read: StoreReader): Promise<boolean> {
    if (this.findMessage(writer) !== undefined) return false
    const wasSuspicious = this.isSuspicious()
    const what =
      (await this.#documents.findProof(writer, read)) ?? (await this.#nodes.findProof(writer, read)) ?? this.#refusal()
    if (what === undefined) {
      if (wasSuspicious && !this.isSuspicious()) this.#freed.emit(undefined)
      return this.#documents.size > 0 || this.isSuspicious() || this.#nodes.size > 1
    }
    this.#found = { incarnation: writer.incarnation, message: this.#toMessage(what, writer.incarnation) }
    return false
  }

  #refusal(): string | undefined {
    return this.#backend && this.#now() - this.#backend.sinceMs >= PROOF_MS ? this.#backend.what : undefined
  }

  #change(change: () => void): void {
    const before = this.isSuspicious()
    change()
    if (before === this.isSuspicious()) return
    if (before) this.#freed.emit(undefined)
    else this.#suspected.emit(undefined)
  }

  #toMessage(what: string, incarnation: number): string {
    const above = Math.max(incarnation, this.highestIncarnation)
    return (
      `the store has gone back in time, nothing is written any more: ${what}. ` +
      `Compare the resources with the nodes, then raise spec.incarnation of this Cloud above ${above}`
    )
  }
}
