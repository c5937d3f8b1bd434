// SPDX-License-Identifier: Apache-2.0
// How a controller is declared. What the loop does with it is in lib/loop/control-loop.ts; the contract for authors:
//
// - `reconcile` gets a private deep copy of the object; it changes `object.status` only and returns an Outcome or throws.
// - The finalizer is there before the first run; `released` removes it; an object being deleted without it is not run.
// - Conditions Ready, Reconciling, Stalled and observedGeneration are the loop's; stages (Scheduled, ...) are the reconciler's, by
//   lib/conditions.ts. Status is written once per run, as an update with the resourceVersion that was read, and only when it differs.
// - `wait` that lasts under a second, or definition.settleMs, is not written: facts that must be kept go out with `saved`.
// - A run never sees an object older than the loop's own last write of it.
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject, ObjectKey, ResourceKind } from '../kube/object.ts'
import type { Readiness } from '../conditions.ts'
import type { Logger } from '../log.ts'
import type { Outcome } from '../outcome.ts'
import type { Informer } from '../informer/informer.ts'
import type { Change } from '../informer/store.ts'

/** What a run may use besides its object. */
export interface Run {
  readonly key: ObjectKey
  /** Fenced: every write asserts first that this process still leads. Answers go into the caches at once. */
  readonly client: KubeClient
  /** Carries controller, kind, namespace, name, change and reconcileId. */
  readonly log: Logger
  /** Aborts when the process drains or leadership is lost. */
  readonly signal: AbortSignal
  /** Failed runs in a row before this one. */
  readonly failures: number
  readonly now: Date
  /** The leader Lease's transitions (docs/architecture.md, invariant 6). */
  readonly term: number
  /** An Event on the object, aggregated; never fails and never waits. */
  event(event: RunEvent): void
}

export interface RunEvent {
  type: 'Normal' | 'Warning'
  /** CamelCase, from the closed list. */
  reason: string
  /** What was done or tried, a CamelCase verb: `Schedule`, `Delete`. */
  action: string
  /** For people; cut at 1 kB. */
  note: string
}

/** Another kind whose changes wake objects of this one. */
export interface Watch {
  readonly source: Informer<never>
  /** Keys to wake; called for the new object and, on a change or a deletion, for the old one too. */
  readonly keys: (object: never) => Iterable<ObjectKey>
  /** Filters updates: whether one that turns `old` into `object` wakes anybody; absent, every update does. Creations and deletions always do. */
  readonly when?: (old: KubeObject, object: KubeObject) => boolean
}

/** Types a watch: `watchOf(ports, (port) => [...])`. */
export function watchOf<U extends KubeObject>(source: Informer<U>, keys: (object: U) => Iterable<ObjectKey>): Watch {
  return { source: source as unknown as Informer<never>, keys: keys as (object: never) => Iterable<ObjectKey> }
}

/** The part of a controller that a source outside of Kubernetes may call. */
export interface Waker {
  readonly enqueue: (key: ObjectKey, afterMs?: number) => void
  readonly enqueueUid: (uid: string, afterMs?: number) => void
  readonly enqueueAll: () => void
}

/** Subscribes to something outside of Kubernetes that wakes objects, such as reports on the bus. @returns unsubscribes */
export type Source = (wake: Waker) => () => void

/** Like `watchOf`, for objects of which others read only the spec: a write of their status wakes nobody. */
export function watchSpecOf<U extends KubeObject>(
  source: Informer<U>,
  keys: (object: U) => Iterable<ObjectKey>,
): Watch {
  const isOtherSpec = (old: KubeObject, object: KubeObject) =>
    old.metadata.uid !== object.metadata.uid || old.metadata.generation !== object.metadata.generation
  return { ...watchOf(source, keys), when: isOtherSpec }
}

/** The keys that a change of a watched object wakes. */
export function keysWokenBy({ keys, when }: Watch, { old, object }: Change<KubeObject>): ReadonlySet<ObjectKey> {
  const woken = new Set<ObjectKey>()
  if (old && object && when && !when(old, object)) return woken
  const wake = keys as (object: KubeObject) => Iterable<ObjectKey>
  for (const present of [old, object]) if (present) for (const key of wake(present)) woken.add(key)
  return woken
}

/** How a run ended, for `readiness`. */
export type RunResult =
  | { kind: 'outcome'; outcome: Outcome }
  | { kind: 'terminal'; reason: string; message: string }
  | { kind: 'transient'; reason: string; message: string; failures: number }

type StateOf<T extends KubeObject> = T extends { status?: { state?: infer S } } ? S : never

export interface ControllerDefinition<T extends KubeObject> {
  /** kebab-case, stable: it is in metrics and logs. */
  readonly name: string
  readonly kind: ResourceKind
  /** Absent for kinds that hold nothing outside of Kubernetes. */
  readonly finalizer?: string
  readonly watches?: readonly Watch[]
  readonly sources?: readonly Source[]
  /** How many objects are worked on at the same time; 8 by default. */
  readonly concurrency?: number
  /** How long a `wait` may last before its status is written; 1,000 ms by default. */
  readonly settleMs?: number
  /** Kinds without a status, or with one that the loop must not touch, say `none`; `status` is the default. */
  readonly conditions?: 'status' | 'none'
  /** Whether it goes ahead of ordinary work, such as others' creates, as what is being deleted does; asked when the key is queued. */
  readonly isUrgent?: (object: T) => boolean
  /** Runs and writes even while everything else is held: it is the one that says why. */
  readonly runsWhileHeld?: boolean
  /** Of one that its project has no room for yet: an outcome is its end, so that it asks for none. */
  beforeQuota?(object: T, run: Run): Promise<Outcome | undefined>
  reconcile(object: T, run: Run): Promise<Outcome>
  /** `status.state` of an object whose run failed in a way that only a person can fix. */
  readonly errorState?: StateOf<T>
  /** Replaces the standard mapping (`readinessOf`); for kinds that are usable while they wait. */
  readiness?(object: T, result: RunResult): Readiness
  /** The object is gone: forget what is kept in memory about it. Also called for objects that never had the finalizer. */
  forget?(key: ObjectKey, last: T): void
}

/** A controller that runs. */
export interface Controller {
  readonly name: string
  /** Wakes one key, now or after a delay. A key that is not in the cache is ignored. */
  enqueue(key: ObjectKey, afterMs?: number): void
  /** Wakes the object with this uid, if the cache has it. */
  enqueueUid(uid: string, afterMs?: number): void
  enqueueAll(): void
  /** Nothing queued, delayed by back-off or running; for tests and drains. */
  readonly idle: boolean
}
