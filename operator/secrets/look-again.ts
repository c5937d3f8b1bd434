// SPDX-License-Identifier: Apache-2.0
/** Secrets cannot be watched (decision 32): so soon a change is seen. */
export const LOOK_AGAIN_MS = 60_000

/** Whether a Secret that was read then is to be read again. A little before what callers wait: theirs is to be a new look. */
export function isDueAgain(readAt: number, now: number): boolean {
  return now - readAt >= LOOK_AGAIN_MS - 1000
}

/** What is said of a Secret, for people who wonder why their change shows nothing yet. */
export function noticedSoon(message: string): string {
  return `${message}, which is noticed within a minute`
}
