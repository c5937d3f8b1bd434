// SPDX-License-Identifier: Apache-2.0
// Since when, by what this process saw, an action waits after its deadline. Another operator, or one whose store was restored, waits anew.
import type { OperatorDeps } from '../common/deps.ts'

const SINCE = new WeakMap<OperatorDeps['bus'], Map<string, number>>()

/** From its first call for this action. In milliseconds. */
export function waitedMs(uid: string, now: Date, bus: OperatorDeps['bus']): number {
  const since = SINCE.get(bus) ?? new Map<string, number>()
  SINCE.set(bus, since)
  const first = since.get(uid) ?? now.getTime()
  since.set(uid, first)
  return now.getTime() - first
}

/** It is over. */
export function forgetWait(uid: string, bus: OperatorDeps['bus']): void {
  SINCE.get(bus)?.delete(uid)
}
