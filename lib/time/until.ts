// SPDX-License-Identifier: Apache-2.0

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>

/**
 * For tests: polls `probe` every few milliseconds until its result is truthy, and returns that.
 * @param what for the message: a text, or what to show of the state; the probe's own source when absent
 * @throws after the time limit
 */
export async function until<T>(
  probe: () => T | Promise<T>,
  what: string | (() => unknown) = probe.toString(),
  timeoutMs = 5000,
  everyMs = 5,
): Promise<Truthy<T>> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const found = await probe()
    if (found) return found as Truthy<T>
    if (performance.now() > endMs) {
      const seen = typeof what === 'function' ? JSON.stringify(what()) : what
      throw new Error(`not within ${timeoutMs} ms: ${seen}`)
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
