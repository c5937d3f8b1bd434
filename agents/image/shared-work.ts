// SPDX-License-Identifier: Apache-2.0

interface Running<T> {
  promise: Promise<T>
  stop: AbortController
  waiters: number
  listeners: Set<(percent: number) => void>
}

export interface Joining {
  signal: AbortSignal
  onProgress: (percent: number) => void
}

/**
 * Long work that several may want at once and that runs once: it ends early only when everybody who waited for it has gone, and
 * at most `parallel` of all keys run at a time.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>()
  readonly #queue: (() => void)[] = []
  #free: number

  constructor(parallel: number) {
    this.#free = parallel
  }

  async join(
    key: string,
    who: Joining,
    work: (signal: AbortSignal, onProgress: (percent: number) => void) => Promise<T>,
  ): Promise<T> {
    // Work that everybody left must end before it begins again: both would write the same file.
    for (let ending = this.#running.get(key); ending?.stop.signal.aborted; ending = this.#running.get(key)) {
      await ending.promise.catch(() => undefined)
    }
    who.signal.throwIfAborted()
    const running = this.#running.get(key) ?? this.#begin(key, work)
    running.waiters++
    running.listeners.add(who.onProgress)
    try {
      return await untilAborted(running.promise, who.signal)
    } finally {
      running.listeners.delete(who.onProgress)
      if (--running.waiters === 0) running.stop.abort(new Error('nobody waits for it any more'))
    }
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  #begin(key: string, work: (signal: AbortSignal, onProgress: (percent: number) => void) => Promise<T>): Running<T> {
    const stop = new AbortController()
    const listeners = new Set<(percent: number) => void>()
    const promise = this.#inTurn(() =>
      work(stop.signal, (percent) => listeners.forEach((tell) => tell(percent))),
    ).finally(() => this.#running.delete(key))
    promise.catch(() => undefined) // each waiter gets it; without any it is of no interest
    const running = { promise, stop, waiters: 0, listeners }
    this.#running.set(key, running)
    return running
  }

  async #inTurn(run: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#queue.push(resolve))
    try {
      return await run()
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#free++
    }
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason as Error)
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
