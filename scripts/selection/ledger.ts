// SPDX-License-Identifier: Apache-2.0
// How long each slow test file takes: scripts/selection/ledger.json, written by `npm run test:full` and checked in.
import type { TestFileResult } from './lanes.ts'

export interface Ledger {
  /** What was tested when it was written. */
  commit: string
  /** By path, to a tenth. */
  seconds: Readonly<Record<string, number>>
  failed: readonly string[]
}

/** A file that the ledger does not know yet. */
const NEW_FILE_SECONDS = 30

export function makeLedger(commit: string, results: readonly TestFileResult[]): Ledger {
  const sorted = [...results].sort((a, b) => (a.path < b.path ? -1 : 1))
  return {
    commit,
    seconds: Object.fromEntries(sorted.map(({ path, seconds }) => [path, Math.round(seconds * 10) / 10])),
    failed: sorted.filter(({ passed }) => !passed).map(({ path }) => path),
  }
}

/** What each file takes, at least a tenth of a second. */
export function secondsOf(files: readonly string[], ledger: Ledger): Map<string, number> {
  return new Map(files.map((path) => [path, Math.max(0.1, ledger.seconds[path] ?? NEW_FILE_SECONDS)]))
}

/** What failed the last time that it ran: `before`, without what ran and passed since, and with what failed. */
export function stillFailed(before: readonly string[], results: readonly TestFileResult[]): string[] {
  const ran = new Set(results.map(({ path }) => path))
  const failed = results.filter(({ passed }) => !passed).map(({ path }) => path)
  return [...new Set([...before.filter((path) => !ran.has(path)), ...failed])].sort()
}
