// SPDX-License-Identifier: Apache-2.0

/** Resolves when the event loop has come to its timers and sockets, which are between one setImmediate and the next. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/**
 * Does each in a turn of its own, in their order, and gives what they returned. Of thousands of objects each step of a leader's start is
 * long, and all in one would keep it from renewing its Lease. Those that are left when the signal aborts are not done.
 */
export async function eachInItsTurn<T>(
  steps: readonly (() => T)[],
  signal: AbortSignal,
  onDone: (result: T) => void,
): Promise<void> {
  for (const step of steps) {
    if (signal.aborted) return
    onDone(step())
    await nextTurn()
  }
}
