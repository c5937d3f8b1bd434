// SPDX-License-Identifier: Apache-2.0
import { refOfKey, type ObjectKey } from '../kube/object.ts'
import { LinkedQueue, type Link } from './linked-queue.ts'
import type { WaitingLine } from './waiting-line.ts'

/** One slot in so many goes to a lower rank, so that what always has something more urgent ahead of it moves on, if slowly. */
const ONE_IN = 4

interface Entry {
  key: ObjectKey
  addedMs: number
  lane: Lane
}

/** What waits of one namespace at one priority, in order of arrival. */
interface Lane {
  rank: Rank
  namespace: string
  entries: LinkedQueue<Entry>
  turn: Link<Lane>
}

interface Rank {
  priority: number
  lanes: Map<string, Lane>
  /** Whose turn is next. */
  turns: LinkedQueue<Lane>
  /** The number of the slot that it was given last. */
  lastServed: number
}

/**
 * By priority. Within a priority namespaces take turns, so that one with thousands of keys waiting holds up nobody else; the keys of a
 * namespace go in order of arrival. Cluster-scoped objects count as one more namespace. Each step is O(1), since there are few priorities.
 * Sets no limit of its own: how many run at once is up to the queue.
 */
export class NamespaceLine implements WaitingLine {
  /** The smallest priority first. */
  readonly #ranks: Rank[] = []
  readonly #links = new Map<ObjectKey, Link<Entry>>()
  #served = 0

  get size(): number {
    return this.#links.size
  }

  add(key: ObjectKey, addedMs: number, priority: number): void {
    const link = this.#links.get(key)
    if (link && link.value.lane.rank.priority <= priority) return
    if (link) this.#remove(link)
    const lane = this.#laneOf(priority, refOfKey(key).namespace ?? '')
    this.#links.set(key, lane.entries.push({ key, addedMs: link?.value.addedMs ?? addedMs, lane }))
  }

  take(): [ObjectKey, number] | undefined {
    const rank = this.#nextRank()
    const lane = rank?.turns.shift()
    const entry = lane?.entries.shift()
    if (!rank || !lane || !entry) return undefined
    rank.lastServed = ++this.#served
    this.#links.delete(entry.key)
    if (lane.entries.size > 0) lane.turn = rank.turns.push(lane)
    else rank.lanes.delete(lane.namespace)
    return [entry.key, entry.addedMs]
  }

  ended(): void {
    // Runs are not counted here.
  }

  oldestMs(): number | undefined {
    let oldest: number | undefined
    for (const { value } of this.#links.values()) {
      if (oldest === undefined || value.addedMs < oldest) oldest = value.addedMs
    }
    return oldest
  }

  clear(): void {
    this.#ranks.length = 0
    this.#links.clear()
  }

  /** The smallest priority; in every `ONE_IN`th slot, of the others the one that was served longest ago. */
  #nextRank(): Rank | undefined {
    const waiting = this.#ranks.filter(({ turns }) => turns.size > 0)
    if (waiting.length < 2 || (this.#served + 1) % ONE_IN !== 0) return waiting[0]
    return waiting.slice(1).reduce((a, b) => (b.lastServed < a.lastServed ? b : a))
  }

  #laneOf(priority: number, namespace: string): Lane {
    const rank = this.#rankOf(priority)
    const known = rank.lanes.get(namespace)
    if (known) return known
    const lane = { rank, namespace, entries: new LinkedQueue<Entry>() } as Lane
    lane.turn = rank.turns.push(lane)
    rank.lanes.set(namespace, lane)
    return lane
  }

  #rankOf(priority: number): Rank {
    const known = this.#ranks.find((rank) => rank.priority === priority)
    if (known) return known
    const rank: Rank = { priority, lanes: new Map(), turns: new LinkedQueue(), lastServed: 0 }
    this.#ranks.push(rank)
    this.#ranks.sort((a, b) => a.priority - b.priority)
    return rank
  }

  #remove(link: Link<Entry>): void {
    const { key, lane } = link.value
    lane.entries.remove(link)
    this.#links.delete(key)
    if (lane.entries.size > 0) return
    lane.rank.turns.remove(lane.turn)
    lane.rank.lanes.delete(lane.namespace)
  }
}
