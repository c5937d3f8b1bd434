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

/** The result of one run; the runtime adds versions, times and the node, and publishes it when it differs from the last one. */
export interface Observation<K extends DocumentKind = DocumentKind> {
  state: ObservedState<K>
  facts?: ObservedFacts
  error?: ObservedError
  progress?: number
  /** Run again after this time even without an event, where the outside world sends none. */
  retryAfterMs?: number
}

/** The accepted documents of this node and the last observation of each; read-only for reconcilers. */
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
   * For a machine: the volumes that it has at present, including those that a call in progress may still attach. Every report contains the
   * last list, also those of failures and refusals: call this as soon as the list is known, and again with the result.
   */
  listed(volumes: readonly string[]): void
  /**
   * From here on this run waits for the outside world, such as an image server, possibly for long: other documents get its slot, and a
   * document with a changed spec aborts it by the signal.
   */
  leaveSlot(): void
  /** Runs once more after so long at the latest, also when this run fails and its back-off is longer. */
  runAgainWithin(ms: number): void
  /**
   * The boot that the operator granted this document for (its `grantedBootId`, empty when it has none): start a machine only when it equals
   * `bootId`, or with `offlineRestart`. After a host reboot they differ until the operator has granted again (invariant 5).
   */
  readonly grantedBootId: string
}

/**
 * One kind on one node. Level-triggered: takes the accepted document, compares it with reality, converges as far as it can now, and reports
 * what it sees. Two runs of one uid never overlap. TerminalError is for what only a changed document can mend (reported as `refused`);
 * anything else is reported as `failed` and retried with back-off.
 */
export interface KindReconciler<K extends DocumentKind = DocumentKind> {
  readonly kind: K
  reconcile(document: DocumentOf<K>, context: RunContext): Promise<Observation<K>>
  /** Destroys the object with this uid; resolves with state `gone` when nothing is left. An absent object is success. */
  remove(tombstone: Tombstone, context: RunContext): Promise<Observation<K>>
  /**
   * Facts that hold whatever the outcome of a run: added to every observation of the document, also of failures, and kept while its
   * tombstone is carried out. Pure.
   */
  standingFacts?(document: DocumentOf<K>, state: NodeState): ObservedFacts
  /**
   * Everything on this node that carries our mark, with or without a document; in one place, where the kind has several. Throws when it
   * cannot tell: an empty list is a fact.
   */
  listOwned(signal: AbortSignal, place?: string): Promise<Orphan[]>
  /** The places where such objects are kept and that can fail independently, such as pools. Absent: one place. */
  places?(): Promise<readonly OwnedPlace[]>
  /** Documents whose change or observation must trigger a run of this one, such as an instance's image, ports and volumes. */
  dependencies?(document: DocumentOf<K>): readonly DocumentRef[]
  /** Called once; `wake.one` enqueues one uid (an event of the hypervisor), `wake.all` all of the kind (a switch that restarted). */
  start?(wake: Wake, signal: AbortSignal): Promise<void>
}

export interface OwnedPlace {
  id: string
  /** The name that users know. */
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
