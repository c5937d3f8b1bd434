// SPDX-License-Identifier: Apache-2.0
import type {
  DesiredDocument,
  DocumentKind,
  ObservedError,
  ObservedFacts,
  ObservedState,
  Orphan,
  PresentDocument,
  Tombstone,
} from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'

/** What one run found; the runtime adds versions, times and the node, and publishes it when it differs from the last. */
export interface Observation<K extends DocumentKind = DocumentKind> {
  state: ObservedState<K>
  facts?: ObservedFacts
  error?: ObservedError
  progress?: number
  /** Run again after this long without any event; for the world that sends none. */
  retryAfterMs?: number
}

/** The accepted documents of this node and what was last observed of each; read-only for reconcilers. */
export interface NodeState {
  find<K extends DocumentKind>(kind: K, uid: string): DocumentOf<K> | Tombstone | undefined
  list<K extends DocumentKind>(kind: K): readonly (DocumentOf<K> | Tombstone)[]
  findObserved(kind: DocumentKind, uid: string): Observation | undefined
}

export type DocumentOf<K extends DocumentKind> = Extract<PresentDocument, { kind: K }>

export interface RunContext {
  readonly node: string
  /** From /proc/sys/kernel/random/boot_id, or the node container's own in the local cloud. */
  readonly bootId: string
  readonly state: NodeState
  readonly signal: AbortSignal
  readonly log: Logger
  /** Publishes an intermediate observation (progress, a stage that lasts); rate-limited by the runtime. */
  report(observation: Observation): void
  /**
   * Of a machine: the volumes that it was just seen with, all of them and those that a call under way may still attach. Every report has
   * the last list, failures and refusals included: say it as soon as it is known, and again with the result.
   */
  listed(volumes: readonly string[]): void
  /**
   * From here on this run waits for the world outside, such as an image server, and may do so for long: others get its slot, and a
   * document with another spec ends it by the signal.
   */
  leaveSlot(): void
  /**
   * The boot that the operator granted this document for (its `grantedBootId`, empty when it has none): start a machine only when it
   * equals `bootId`, or with `offlineRestart`. It differs after a host reboot until the operator has granted anew (invariant 5).
   */
  readonly grantedBootId: string
}

/**
 * One kind on one node. Level-triggered: gets the accepted document, compares with what is, converges as far as it can now, and
 * says what it sees. Never two runs of one uid at once. Throw TerminalError for what only a changed document can help (reported
 * as `refused`), anything else is reported as `failed` and retried with back-off.
 */
export interface KindReconciler<K extends DocumentKind = DocumentKind> {
  readonly kind: K
  reconcile(document: DocumentOf<K>, context: RunContext): Promise<Observation<K>>
  /** Destroys what carries the uid; resolves with state `gone` when nothing is left. An absent resource is success. */
  remove(tombstone: Tombstone, context: RunContext): Promise<Observation<K>>
  /**
   * What is true of the document whatever a run comes to: added to all that is observed of it, failures included, and kept while its
   * tombstone is carried out. Pure.
   */
  standingFacts?(document: DocumentOf<K>, state: NodeState): ObservedFacts
  /**
   * Everything on this node that carries our mark, whether a document knows it or not; of one place where the kind has several. Throws
   * when it cannot tell: that nothing is there is a fact.
   */
  listOwned(signal: AbortSignal, place?: string): Promise<Orphan[]>
  /** Where such things lie, of which each may be out of reach on its own, such as pools. Absent: one place. */
  places?(): Promise<readonly OwnedPlace[]>
  /** The keys whose change or observation must wake this document, such as an instance's image, ports and volumes. */
  dependencies?(document: DocumentOf<K>): readonly DocumentRef[]
  /** Called once; `wake` enqueues one uid (an event of the hypervisor, a switch that restarted); `wakeAll` all of the kind. */
  start?(wake: Wake, signal: AbortSignal): Promise<void>
}

export interface OwnedPlace {
  id: string
  /** As people know it. */
  name: string
}

export interface Wake {
  one(uid: string): void
  all(): void
}

export interface DocumentRef {
  kind: DocumentKind
  uid: string
}

export function keyOf(document: Pick<DesiredDocument, 'kind' | 'uid'>): string {
  return `${document.kind}.${document.uid}`
}
