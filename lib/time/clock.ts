// SPDX-License-Identifier: Apache-2.0

/** Time as the loop sees it; tests pass their own. */
export interface Clock {
  /** Monotonic: never set back, runs on while the process is stopped (CLOCK_MONOTONIC). For durations and leases. */
  nowMs(): number
  /** Wall clock, for what people read. */
  now(): Date
  /** Calls once after `ms`; the returned function cancels. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  now: () => new Date(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or at once when the signal aborts; never rejects: callers look at the signal anyway. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal?.addEventListener('abort', end)
  })
}
