// SPDX-License-Identifier: Apache-2.0
import { POD } from '../../lib/api/kinds.ts'
import type { ComputeNode } from '../../lib/api/types.ts'
import type { KubeClient, NewObject } from '../../lib/kube/client.ts'
import { isAlreadyExists } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { Logger } from '../../lib/log.ts'
import { backoffMs } from '../../lib/time/backoff.ts'
import { pause, type Clock } from '../../lib/time/clock.ts'
import type { OperatorInformers, Caches } from '../kind/row.ts'
import { findHeld, holdsItsNode } from './held-nodes.ts'
import {
  holdBudget,
  holdNameOf,
  hasEnded,
  holdPod,
  POD_DISRUPTION_BUDGET,
  type HoldSettings,
  type PodObject,
} from './hold-objects.ts'

const RETRY = { baseMs: 1_000, capMs: 60_000 }
/** For what somebody else deleted or left. */
const LOOK_AGAIN_MS = 10 * 60_000

export interface DrainHoldParts {
  client: Pick<KubeClient, 'list' | 'create' | 'remove'>
  settings: HoldSettings
  caches: Pick<Caches, 'computeNodes' | 'instances'>
  informers: Pick<OperatorInformers, 'computeNodes' | 'instances'>
  signal: AbortSignal
  clock: Clock
  log: Logger
}

/** Keeps a hold on each node where machines run, and on no other. One at a time, woken by the machines and nodes that change. */
export class DrainHolds {
  readonly #parts: DrainHoldParts
  /** Nodes to look at. */
  readonly #due = new Set<string>()
  /** The holds that are there, as far as is known: their names, and the UIDs of the ComputeNodes that they go with. */
  readonly #held = new Map<string, string>()
  #wake: () => void = () => undefined

  constructor(parts: DrainHoldParts) {
    this.#parts = parts
  }

  /** Follows the machines, until the returned function is called or the signal aborts. */
  start(): () => void {
    const { informers } = this.#parts
    const ends = [
      informers.instances.onChange(({ old, object }) => {
        const [before, now] = [
          old && holdsItsNode(old) ? old.status?.node : undefined,
          object && holdsItsNode(object) ? object.status?.node : undefined,
        ]
        if (before === now) return
        for (const node of [before, now]) if (node !== undefined) this.#look(node)
      }),
      informers.computeNodes.onChange(({ old, object }) => {
        const name = (object ?? old)?.metadata.name ?? ''
        if (old?.metadata.uid !== object?.metadata.uid || isGoing(old) !== isGoing(object)) this.#look(name)
      }),
    ]
    void this.#run()
    return () => {
      for (const end of ends) end()
    }
  }

  #look(node: string): void {
    this.#due.add(node)
    this.#wake()
  }

  async #run(): Promise<void> {
    const { signal, clock, log } = this.#parts
    let failures = 0
    let listAtMs = clock.nowMs()
    while (!signal.aborted) {
      try {
        // At its time, whatever else there is to do.
        if (clock.nowMs() >= listAtMs) {
          await this.#list()
          listAtMs = clock.nowMs() + LOOK_AGAIN_MS
        }
        for (const node of [...this.#due]) {
          this.#due.delete(node)
          await this.#settle(node).catch((error: unknown) => {
            this.#due.add(node)
            throw error
          })
        }
        failures = 0
        await this.#sleep(listAtMs - clock.nowMs())
      } catch (err) {
        if (signal.aborted) return
        failures += 1
        if (failures === 3) log.warn({ err }, 'kubectl drain of nodes with machines may not be held')
        await pause(clock, backoffMs(failures, RETRY), signal)
      }
    }
  }

  /** Until something is due, or for so long. */
  async #sleep(ms: number): Promise<void> {
    if (this.#due.size > 0) return
    const { clock, signal } = this.#parts
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await pause(clock, ms, AbortSignal.any([woken.signal, signal]))
    this.#wake = () => undefined
  }

  /** Whatever is there for a node that is gone is taken away; every other node is looked at. */
  async #list(): Promise<void> {
    const { client, settings, caches, signal } = this.#parts
    const of = { namespace: settings.namespace, signal }
    const [pods, budgets] = [await client.list<PodObject>(POD, of), await client.list(POD_DISRUPTION_BUDGET, of)]
    const names = (objects: readonly KubeObject[]) => new Set(objects.map(({ metadata }) => metadata.name))
    const [podNames, budgetNames] = [names(pods), names(budgets)]
    // An eviction does not ask the budget of what has ended: it is made anew.
    for (const { metadata } of pods.filter(hasEnded)) {
      await client.remove(POD, { namespace: settings.namespace, name: metadata.name }, { signal })
      podNames.delete(metadata.name)
    }
    this.#held.clear()
    for (const { metadata } of budgets)
      if (podNames.has(metadata.name)) this.#held.set(metadata.name, metadata.ownerReferences?.[0]?.uid ?? '')
    const known = new Set(caches.computeNodes.list().map(({ metadata }) => holdNameOf(metadata.name)))
    for (const name of [...podNames, ...budgetNames]) if (!known.has(name)) await this.#release(name)
    for (const { metadata } of caches.computeNodes.list()) {
      const name = holdNameOf(metadata.name)
      // Half of one is either completed or taken away.
      if (podNames.has(name) !== budgetNames.has(name)) await this.#release(name)
      this.#due.add(metadata.name)
    }
  }

  async #settle(node: string): Promise<void> {
    const name = holdNameOf(node)
    const held = findHeld(node, this.#parts.caches)
    const before = this.#held.get(name)
    if (held?.metadata.uid === before) return
    // One of an earlier ComputeNode of this name goes with that.
    if (before !== undefined) await this.#release(name)
    if (held) await this.#hold(held)
  }

  async #hold({ metadata }: ComputeNode): Promise<void> {
    const { settings } = this.#parts
    // The budget first: there is no moment with a Pod that may be evicted.
    await this.#make(POD_DISRUPTION_BUDGET, holdBudget(metadata, settings))
    await this.#make(POD, holdPod(metadata, settings))
    this.#held.set(holdNameOf(metadata.name), metadata.uid)
  }

  async #make(kind: ResourceKind, object: NewObject<KubeObject>): Promise<void> {
    const { client, signal } = this.#parts
    await client.create(kind, object, { signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error
    })
  }

  async #release(name: string): Promise<void> {
    const { client, settings, signal } = this.#parts
    const ref = { namespace: settings.namespace, name }
    this.#held.delete(name)
    // The budget first: a drain that waits goes on at once.
    await client.remove(POD_DISRUPTION_BUDGET, ref, { signal })
    await client.remove(POD, ref, { signal })
  }
}

function isGoing(node: ComputeNode | undefined): boolean {
  return node?.metadata.deletionTimestamp !== undefined || node?.spec.lost !== undefined
}
