// SPDX-License-Identifier: Apache-2.0
import { within } from '../../lib/within.ts'
import { mayTake } from '../runtime/slot-plan.ts'

interface Running<T> {
  promise: Promise<T>
  stop: AbortController
  waiters: number
  listeners: Set<(percent: number) => void>
}

export interface WorkProgress {
  signal: AbortSignal
  onProgress: (percent: number) => void
}

export interface Joining extends WorkProgress {
  /** Whom the work is for: an owner who wants much leaves places to others. */
  owner: string
}

type Work<T> = (progress: WorkProgress) => Promise<T>

interface Waiting {
  owner: string
  begin: () => void
}

/**
 * Long work that several callers may want at once and that runs once: it is aborted only when every caller has given up. At most `parallel`
 * keys run at a time, and an owner never takes places that it has to leave to others (slot-plan.ts).
 */
export class SharedWork<T> {
  readonly #parallel: number
  readonly #running = new Map<string, Running<T>>()
  readonly #queue: Waiting[] = []
  /** Places in use, by owner. */
  readonly #held = new Map<string, number>()
  #taken = 0

  constructor(parallel: number) {
    this.#parallel = parallel
  }

  async join(key: string, who: Joining, work: Work<T>): Promise<T> {
    // Work that all callers have left must end before it starts again: both would write the same file.
    for (let ending = this.#running.get(key); ending?.stop.signal.aborted; ending = this.#running.get(key)) {
      await ending.promise.catch(() => undefined)
    }
    who.signal.throwIfAborted()
    const running = this.#running.get(key) ?? this.#begin(key, who.owner, work)
    running.waiters++
    running.listeners.add(who.onProgress)
    try {
      return await within(running.promise, { signal: who.signal })
    } finally {
      running.listeners.delete(who.onProgress)
      if (--running.waiters === 0) running.stop.abort(new Error('nobody waits for it any more'))
    }
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  #begin(key: string, owner: string, work: Work<T>): Running<T> {
    const stop = new AbortController()
    const { signal } = stop
    const listeners = new Set<(percent: number) => void>()
    const onProgress = (percent: number) => listeners.forEach((tell) => tell(percent))
    const promise = this.#inTurn(owner, signal, () => work({ signal, onProgress })).finally(() =>
      this.#running.delete(key),
    )
    promise.catch(() => undefined) // each caller gets the failure; without callers nobody needs it
    const running = { promise, stop, waiters: 0, listeners }
    this.#running.set(key, running)
    return running
  }

  async #inTurn(owner: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<undefined>()
    const waiting: Waiting = { owner, begin: () => turn.resolve(undefined) }
    this.#queue.push(waiting)
    this.#fill()
    const leave = () => {
      const at = this.#queue.indexOf(waiting)
      if (at < 0) return
      this.#queue.splice(at, 1)
      turn.reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    await turn.promise
    try {
      return await run()
    } finally {
      this.#taken -= 1
      this.#held.set(owner, this.#heldBy(owner) - 1)
      if (this.#heldBy(owner) === 0) this.#held.delete(owner)
      this.#fill()
    }
  }

  /** The owner with the fewest places goes first; among equals, whoever came first. */
  #fill(): void {
    for (;;) {
      const [next] = this.#queue
        .filter(({ owner }) => mayTake(this.#parallel, this.#taken, this.#heldBy(owner)))
        .sort((a, b) => this.#heldBy(a.owner) - this.#heldBy(b.owner))
      if (!next) return
      this.#queue.splice(this.#queue.indexOf(next), 1)
      this.#taken += 1
      this.#held.set(next.owner, this.#heldBy(next.owner) + 1)
      next.begin()
    }
  }

  #heldBy(owner: string): number {
    return this.#held.get(owner) ?? 0
  }
}
