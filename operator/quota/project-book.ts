// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../lib/kube/object.ts'
import { addTo, covers, lackOf, larger, NOTHING, type Amounts } from './amounts.ts'

/** One that wants something of its project's Quota. */
export interface Asker {
  readonly uid: string
  /** Of its kind, as the loop calls it, and its key: whom to wake. */
  readonly kind: string
  readonly key: ObjectKey
}

/** The most that a project may have of one thing. */
export interface Limit {
  readonly amount: number
  /** Who says so, for messages: `Quota team/main`. */
  readonly by: string
}

export interface Shortage {
  readonly key: string
  readonly limit: Limit
  /** What all others have and were promised. */
  readonly used: number
  readonly asked: number
}

interface Waiting extends Asker {
  readonly asked: Amounts
}

/**
 * What the objects of one namespace have, what was promised to them and is not stored yet, and who waits. All operations cost as much as the
 * object concerned has keys, and those that free something as much as there are different wishes waiting, plus those woken.
 */
export class ProjectBook {
  #limits: ReadonlyMap<string, Limit> = new Map()
  readonly #has = new Map<string, Amounts>()
  readonly #promised = new Map<string, Amounts>()
  /** Of `#has`, and of the larger of `#has` and `#promised`. */
  readonly #used = new Map<string, number>()
  readonly #taken = new Map<string, number>()
  /** By what they lack, in the order in which they came: equal wishes are looked at once. */
  readonly #waiting = new Map<string, Map<string, Waiting>>()
  readonly #wishOf = new Map<string, string>()
  /** Those that were woken and have not run since: the room that they were woken for is theirs to ask for. */
  readonly #woken = new Map<string, Waiting>()
  readonly #wake: (asker: Asker) => void

  constructor(wake: (asker: Asker) => void) {
    this.#wake = wake
  }

  limit(limits: ReadonlyMap<string, Limit>): void {
    this.#limits = limits
    this.#wakeWhoFits()
  }

  /** What the stored object has. A promise that is stored by now is kept no longer. @returns whether anything is different now */
  store(uid: string, has: Amounts): boolean {
    const before = this.has(uid)
    const promised = this.#promised.get(uid)
    const isStored = promised !== undefined && covers(has, promised)
    if (!isStored && (before === has || (covers(before, has) && covers(has, before)))) return false
    this.#replace(uid, has, isStored ? undefined : promised)
    return true
  }

  /** The object is gone, and with it what it had, was promised or waits for. */
  forget(uid: string): void {
    this.#leave(uid)
    const wasWoken = this.#woken.delete(uid)
    this.#replace(uid, NOTHING, undefined)
    if (wasWoken) this.#wakeWhoFits()
  }

  /** A run of the object is over: if it was woken for some room and did not ask for it, others may. */
  ended(uid: string): void {
    if (this.#woken.delete(uid)) this.#wakeWhoFits()
  }

  /**
   * Promises the asker so much in all, not in addition; what was promised to it before counts no longer. What it has already is never too
   * much, whatever the limits are by now.
   * @returns what lacks; the asker then waits, and keeps what it has
   */
  claim(asker: Asker, asked: Amounts): Shortage | undefined {
    const { uid } = asker
    const has = this.has(uid)
    const wasWoken = this.#woken.delete(uid)
    const shortage = this.lacks(uid, asked)
    if (shortage) this.#wait(asker, asked)
    else this.#leave(uid)
    this.#replace(uid, has, shortage || covers(has, asked) ? undefined : asked)
    if (wasWoken) this.#wakeWhoFits()
    return shortage
  }

  /** What the stored object has. */
  has(uid: string): Amounts {
    return this.#has.get(uid) ?? NOTHING
  }

  /** The same, or what was promised to it, where that is more. */
  own(uid: string): Amounts {
    return larger(this.has(uid), this.#promised.get(uid) ?? NOTHING)
  }

  /** What would lack if it asked for so much in all, and others had got so much more before. Promises nothing. */
  lacks(uid: string, asked: Amounts, others: Amounts = NOTHING): Shortage | undefined {
    const has = this.has(uid)
    const own = this.own(uid)
    for (const key in asked) {
      const amount = asked[key] ?? 0
      const limit = this.#limits.get(key)
      if (!limit || amount <= (has[key] ?? 0)) continue
      const used = (this.#taken.get(key) ?? 0) - (own[key] ?? 0) + (others[key] ?? 0)
      if (used + amount > limit.amount) return { key, limit, used, asked: amount }
    }
    return undefined
  }

  get limits(): ReadonlyMap<string, Limit> {
    return this.#limits
  }

  /** What stored objects have. */
  get used(): ReadonlyMap<string, number> {
    return this.#used
  }

  /** What was promised on top of that and is not stored yet. */
  get reserved(): ReadonlyMap<string, number> {
    const more = new Map<string, number>()
    for (const [key, taken] of this.#taken) {
      const extra = taken - (this.#used.get(key) ?? 0)
      if (extra > 0) more.set(key, extra)
    }
    return more
  }

  /** Nothing in it has or waits for anything. */
  get isUnused(): boolean {
    return this.#has.size + this.#promised.size + this.#wishOf.size + this.#woken.size === 0
  }

  #replace(uid: string, has: Amounts, promised: Amounts | undefined): void {
    const hadHas = this.has(uid)
    const had = larger(hadHas, this.#promised.get(uid) ?? NOTHING)
    const takes = larger(has, promised ?? NOTHING)
    addTo(this.#used, hadHas, -1)
    addTo(this.#used, has, 1)
    addTo(this.#taken, had, -1)
    addTo(this.#taken, takes, 1)
    if (has === NOTHING) this.#has.delete(uid)
    else this.#has.set(uid, has)
    if (promised) this.#promised.set(uid, promised)
    else this.#promised.delete(uid)
    if (!covers(takes, had)) this.#wakeWhoFits()
  }

  #wait(asker: Asker, asked: Amounts): void {
    const { uid, kind, key } = asker
    const wish = `${kind} ${JSON.stringify(lackOf(asked, this.has(uid)))}`
    if (this.#wishOf.get(uid) === wish) return
    this.#leave(uid)
    this.#wishOf.set(uid, wish)
    const line = this.#waiting.get(wish) ?? new Map<string, Waiting>()
    this.#waiting.set(wish, line.set(uid, { uid, kind, key, asked }))
  }

  #leave(uid: string): void {
    const wish = this.#wishOf.get(uid)
    if (wish === undefined) return
    this.#wishOf.delete(uid)
    const line = this.#waiting.get(wish)
    line?.delete(uid)
    if (line?.size === 0) this.#waiting.delete(wish)
  }

  /** As many as fit together, the longest waiting of each wish first. Whoever is woken asks again: only then something is promised. */
  #wakeWhoFits(): void {
    if (this.#waiting.size === 0) return
    const given = new Map<string, number>()
    for (const woken of this.#woken.values()) this.#give(woken, given)
    for (const line of this.#waiting.values())
      for (const waiting of line.values()) {
        if (!this.#fitsBeside(given, waiting.asked, this.has(waiting.uid))) break
        this.#give(waiting, given)
        this.#leave(waiting.uid)
        this.#woken.set(waiting.uid, waiting)
        this.#wake(waiting)
      }
  }

  #give({ uid, asked }: Waiting, given: Map<string, number>): void {
    const has = this.has(uid)
    for (const key in asked) given.set(key, (given.get(key) ?? 0) + Math.max(0, (asked[key] ?? 0) - (has[key] ?? 0)))
  }

  #fitsBeside(given: ReadonlyMap<string, number>, asked: Amounts, has: Amounts): boolean {
    for (const key in asked) {
      const more = (asked[key] ?? 0) - (has[key] ?? 0)
      const limit = this.#limits.get(key)
      if (limit && more > 0 && (this.#taken.get(key) ?? 0) + (given.get(key) ?? 0) + more > limit.amount) return false
    }
    return true
  }
}
