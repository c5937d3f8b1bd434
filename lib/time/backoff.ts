// SPDX-License-Identifier: Apache-2.0

export interface BackoffOptions {
  /** After the first failure. */
  baseMs: number
  capMs: number
}

/**
 * How long to wait after this many failures in a row (1, 2, ...): doubles up to the cap, and half of the result is random, so that what
 * failed together does not come back together. Pure but for `random` (0 ≤ x < 1).
 */
export function backoffMs(failures: number, options: BackoffOptions, random: () => number = Math.random): number {
  if (failures <= 0) return 0
  const full = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures - 1, 30))
  return full / 2 + random() * (full / 2)
}
