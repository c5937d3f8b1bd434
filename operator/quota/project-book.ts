// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../lib/kube/object.ts'
import { addTo, covers, findGroup, lackOf, larger, NOTHING, type Amounts } from './amounts.ts'

/** One that wants something of its project's Quota. */
export interface Asker {
  readonly uid: string
  /** As users write it, and its key: whom to wake. */
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
  /** What all others have and were promised, and what is kept for those that were woken. */
  readonly used: number
  readonly asked: number
  /** There would be room, if this one did not wait for more of it since longer. */
  readonly behind?: Asker & { readonly asked: number }
}

interface Waiting extends Asker {
  readonly asked: Amounts
  /** The smaller, the longer it waits. */
  readonly ticket: number
}

/**
 * What the objects of one namespace have, what was promised to them and is not stored yet, and who waits. Of what is short, nobody gets any
 * before one that waits for it since longer, so that none waits for ever; one that asks for more than the limits allow holds up nobody.
 * Operations cost as much as the object concerned has keys, and while some wait, as there are different wishes, plus those woken.
 */
export class ProjectBook {
  #limits: ReadonlyMap<string, Limit> = new Map()
  readonly #has = new Map<string, Amounts>()
  readonly #promised = new Map<string, Amounts>()
  /** Of `#has`, and of the larger of `#has` and `#promised`. */
  readonly #used = new Map<string, number>()
  readonly #taken = new Map<string, number>()
  /** By what they ask for, in the order of their tickets: equal wishes are looked at once. */
  readonly #waiting = new Map<string, Map<string, Waiting>>()
  readonly #wishOf = new Map<string, string>()
  /** From the first refusal until it has what it asks for: whoever comes back stands where it stood. */
  readonly #ticketOf = new Map<string, number>()
  #tickets = 0
  /** Those that were woken and have not run since, and what is kept for them. */
  readonly #woken = new Map<string, Amounts>()
  readonly #kept = new Map<string, number>()
  /** Those that asked in the run that they are in. */
  readonly #asked = new Set<string>()
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

  /** What an earlier leader promised in all: it is not asked again whether there is room. */
  restore(uid: string, promised: Amounts): void {
    this.#replace(uid, this.has(uid), promised)
  }

  /** The object is gone, and with it what it had, was promised or waits for. */
  forget(uid: string): void {
    this.#ticketOf.delete(uid)
    this.#asked.delete(uid)
    const stoodInTheWay = this.#leave(uid)
    this.#replace(uid, NOTHING, undefined)
    if (stoodInTheWay) this.#wakeWhoFits()
  }

  /** A run of the object is over: if it did not ask, it waits for nothing, and others may have what was kept for it. */
  ended(uid: string): void {
    if (!this.#asked.delete(uid) && this.#leave(uid)) this.#wakeWhoFits()
  }

  /**
   * Promises the asker so much in all, not in addition. What it has or was promised already is never too much, whatever the limits are by
   * now; what was promised beyond this counts no longer.
   * @returns what lacks; the asker then waits, and keeps what it has
   */
  claim(asker: Asker, asked: Amounts): Shortage | undefined {
    const { uid } = asker
    this.#asked.add(uid)
    const has = this.has(uid)
    const ticket = this.#ticketOf.get(uid) ?? this.#tickets + 1
    const isSameWish = this.#wishOf.get(uid) === wishOf(asker, asked, has)
    const wasKept = this.#keepNothing(uid)
    const shortage = this.lacks(uid, asked)
    const stoodInTheWay = isSameWish && shortage ? false : this.#leave(uid)
    if (shortage) this.#wait({ ...asker, asked, ticket })
    else this.#ticketOf.delete(uid)
    this.#replace(uid, has, shortage || covers(has, asked) ? undefined : asked)
    if (wasKept || stoodInTheWay) this.#wakeWhoFits()
    return shortage
  }

  /** Has it wait its turn without asking, as by the record of an earlier leader; it is woken when there is room, perhaps at once. */
  queue(asker: Asker, asked: Amounts): void {
    if (covers(this.own(asker.uid), asked)) return
    this.#wait({ ...asker, asked, ticket: this.#ticketOf.get(asker.uid) ?? this.#tickets + 1 })
    this.#wakeWhoFits()
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
    const own = this.own(uid)
    const kept = this.#woken.get(uid) ?? NOTHING
    for (const key in asked) {
      const amount = asked[key] ?? 0
      const limit = this.#limitOf(key)
      if (!limit || amount <= (own[key] ?? 0)) continue
      const used = this.#takenOf(key) - (own[key] ?? 0) - (kept[key] ?? 0) + (others[key] ?? 0)
      if (used + amount > limit.amount) return { key, limit, used, asked: amount }
    }
    return this.#findBehind(asked, own, this.#ticketOf.get(uid) ?? this.#tickets + 1)
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
    return this.#has.size + this.#promised.size + this.#ticketOf.size + this.#woken.size === 0
  }

  /** One that waits since longer for something that this one asks for, too. */
  #findBehind(asked: Amounts, own: Amounts, ticket: number): Shortage | undefined {
    for (const line of this.#waiting.values()) {
      const [first] = line.values()
      if (!first || first.ticket >= ticket || !this.#canEverFit(first)) continue
      for (const key of this.#listShort(first)) {
        const limit = this.#limitOf(key)
        const amount = asked[key] ?? 0
        if (!limit || amount <= (own[key] ?? 0)) continue
        const behind = { uid: first.uid, kind: first.kind, key: first.key, asked: first.asked[key] ?? 0 }
        return { key, limit, used: this.#takenOf(key) - (own[key] ?? 0), asked: amount, behind }
      }
    }
    return undefined
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

  #wait(waiting: Waiting): void {
    const { uid, ticket } = waiting
    const wish = wishOf(waiting, waiting.asked, this.has(uid))
    if (this.#wishOf.get(uid) === wish) return
    this.#wishOf.set(uid, wish)
    this.#ticketOf.set(uid, ticket)
    const isLast = ticket > this.#tickets
    this.#tickets = Math.max(this.#tickets, ticket)
    const line = (this.#waiting.get(wish) ?? new Map<string, Waiting>()).set(uid, waiting)
    const ordered = isLast ? line : new Map([...line].sort(([, a], [, b]) => a.ticket - b.ticket))
    this.#waiting.set(wish, ordered)
  }

  /** @returns whether it waited, or something was kept for it */
  #leave(uid: string): boolean {
    const wasKept = this.#keepNothing(uid)
    const wish = this.#wishOf.get(uid)
    if (wish === undefined) return wasKept
    this.#wishOf.delete(uid)
    const line = this.#waiting.get(wish)
    line?.delete(uid)
    if (line?.size === 0) this.#waiting.delete(wish)
    return true
  }

  #keepNothing(uid: string): boolean {
    const kept = this.#woken.get(uid)
    if (!kept) return false
    this.#woken.delete(uid)
    addTo(this.#kept, kept, -1)
    return true
  }

  /**
   * Those who wait, by their tickets, as many as fit together. What one lacks is kept from all behind it. Whoever is woken asks again: until
   * then its room is kept for it, and only then promised.
   */
  #wakeWhoFits(): void {
    const lines = [...this.#waiting.values()].flatMap((line) => {
      const rest = line.values()
      const { value: first } = rest.next()
      return first ? [{ first, rest }] : []
    })
    lines.sort((a, b) => a.first.ticket - b.first.ticket)
    const short = new Set<string>()
    for (let line = lines.shift(); line; line = lines.shift()) {
      const { first, rest } = line
      // All in the line wish for the same.
      if (!this.#canEverFit(first)) continue
      const more = lackOf(first.asked, this.has(first.uid))
      const lacks = this.#listShort(first)
      const isBehind = Object.keys(more).some((key) => short.has(key))
      for (const key of lacks) short.add(key)
      if (lacks.length > 0 || isBehind) continue
      this.#callIn(first, more)
      const { value: next } = rest.next()
      if (!next) continue
      const at = lines.findIndex((other) => other.first.ticket > next.ticket)
      lines.splice(at === -1 ? lines.length : at, 0, { first: next, rest })
    }
  }

  #callIn({ uid, kind, key }: Waiting, more: Amounts): void {
    this.#leave(uid)
    this.#woken.set(uid, more)
    addTo(this.#kept, more, 1)
    this.#wake({ uid, kind, key })
  }

  #listShort({ uid, asked }: Waiting): string[] {
    return Object.entries(lackOf(asked, this.has(uid))).flatMap(([key, more]) => {
      const limit = this.#limitOf(key)
      return limit && this.#takenOf(key) + more > limit.amount ? [key] : []
    })
  }

  /** Were there nothing else. */
  #canEverFit({ uid, asked }: Waiting): boolean {
    const has = this.has(uid)
    return Object.entries(asked).every(
      ([key, amount]) => amount <= (has[key] ?? 0) || amount <= (this.#limitOf(key)?.amount ?? Infinity),
    )
  }

  #limitOf(key: string): Limit | undefined {
    return this.#limits.get(findGroup(key)?.bound ?? key)
  }

  #takenOf(key: string): number {
    return (this.#taken.get(key) ?? 0) + (this.#kept.get(key) ?? 0)
  }
}

/** Equal for those that are let in by the same room. */
function wishOf({ kind }: Asker, asked: Amounts, has: Amounts): string {
  return `${kind} ${JSON.stringify([asked, lackOf(asked, has)])}`
}
