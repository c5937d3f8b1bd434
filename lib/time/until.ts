// SPDX-License-Identifier: Apache-2.0

/** For tests: resolves once `holds` does, looked at every few milliseconds; throws with what was last seen after the time limit. */
export async function until(
  holds: () => unknown,
  what: string | (() => unknown) = 'it',
  timeoutMs = 5000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    if (await holds()) return
    if (performance.now() > endMs) {
      const seen = typeof what === 'function' ? JSON.stringify(what()) : what
      throw new Error(`not within ${timeoutMs} ms: ${seen}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
