// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { WaitingLine } from '../../lib/loop/waiting-line.ts'
import { LANES, laneName, mayTake, SLOTS, URGENT, type Lane } from './slot-plan.ts'

export interface Place {
  kind: DocumentKind
  namespace: string
}

interface LaneState {
  slots: number
  taken: number
  /** Slots held by each namespace. */
  held: Map<string, number>
  /** By namespace, the least recently served first; keys in the order of arrival. */
  waiting: Map<string, Map<string, number>>
}

interface Entry {
  lane: LaneState
  namespace: string
}

export interface FairLineOptions {
  placeOf: (key: string) => Place
  slots?: Readonly<Record<DocumentKind, number>>
}

/** The agent's run queue: lanes by urgency and kind with slots of their own, and within each the namespaces in turn. See slot-plan.ts. */
export class FairLine implements WaitingLine {
  readonly #placeOf: (key: string) => Place
  readonly #lanes = new Map<string, LaneState>()
  readonly #waiting = new Map<string, Entry & { urgent: boolean }>()
  readonly #running = new Map<string, Entry>()

  constructor({ placeOf, slots = SLOTS }: FairLineOptions) {
    this.#placeOf = placeOf
    for (const lane of LANES) {
      const state = { slots: slots[lane.kind], taken: 0, held: new Map(), waiting: new Map() }
      this.#lanes.set(laneName(lane), state)
    }
  }

  get size(): number {
    return this.#waiting.size
  }

  /** How many keys wait, and how long the oldest has waited. */
  waiting(): { urgent: number; ordinary: number; oldestMs: number | undefined } {
    let urgent = 0
    let oldestMs: number | undefined
    for (const [key, entry] of this.#waiting) {
      if (entry.urgent) urgent += 1
      const sinceMs = entry.lane.waiting.get(entry.namespace)?.get(key)
      if (sinceMs !== undefined && (oldestMs === undefined || sinceMs < oldestMs)) oldestMs = sinceMs
    }
    return { urgent, ordinary: this.#waiting.size - urgent, oldestMs }
  }

  add(key: string, addedMs: number, priority: number): void {
    const urgent = priority <= URGENT
    const old = this.#waiting.get(key)
    if (old && (old.urgent || !urgent)) return
    const sinceMs = old?.lane.waiting.get(old.namespace)?.get(key) ?? addedMs
    if (old) this.#leave(key, old)
    const { kind, namespace } = this.#placeOf(key)
    const lane = this.#lane({ urgent, kind })
    let keys = lane.waiting.get(namespace)
    if (!keys) lane.waiting.set(namespace, (keys = new Map<string, number>()))
    keys.set(key, sinceMs)
    this.#waiting.set(key, { lane, namespace, urgent })
  }

  take(): [string, number] | undefined {
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.size === 0 || lane.taken >= lane.slots) continue
      for (const [namespace, keys] of lane.waiting) {
        const held = lane.held.get(namespace) ?? 0
        const [first] = keys
        if (!first || !mayTake(lane.slots, lane.taken, held)) continue
        this.#leave(first[0], { lane, namespace })
        // To the end: the other namespaces come before its next key.
        if (keys.size > 0) {
          lane.waiting.delete(namespace)
          lane.waiting.set(namespace, keys)
        }
        lane.taken += 1
        lane.held.set(namespace, held + 1)
        this.#running.set(first[0], { lane, namespace })
        return first
      }
    }
    return undefined
  }

  ended(key: string): void {
    const entry = this.#running.get(key)
    if (!entry) return
    this.#running.delete(key)
    const { lane, namespace } = entry
    lane.taken -= 1
    const left = (lane.held.get(namespace) ?? 1) - 1
    if (left > 0) lane.held.set(namespace, left)
    else lane.held.delete(namespace)
  }

  clear(): void {
    this.#waiting.clear()
    for (const lane of this.#lanes.values()) lane.waiting.clear()
  }

  #leave(key: string, { lane, namespace }: Entry): void {
    const keys = lane.waiting.get(namespace)
    keys?.delete(key)
    if (keys?.size === 0) lane.waiting.delete(namespace)
    this.#waiting.delete(key)
  }

  #lane(lane: Lane): LaneState {
    const state = this.#lanes.get(laneName(lane))
    if (!state) throw new Error(`no lane for documents of kind ${lane.kind}`)
    return state
  }
}
