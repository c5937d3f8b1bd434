// SPDX-License-Identifier: Apache-2.0

import { relative } from 'node:path'

export type LaneName = 'checks' | 'unit' | 'integration' | 'e2e' | 'chaos' | 'cluster'

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

export interface SkipRule {
  /** The full name of the test, or a prefix of it that ends in `*`. */
  test: string
  reason: string
}

export interface TestResult {
  name: string
  status: 'passed' | 'failed' | 'skipped'
}

/** One file of tests, for the ledger of times. */
export interface TestFileResult {
  /** In the repository. */
  path: string
  seconds: number
  passed: boolean
}

/** The part of jest's `--json` report that is read. https://jestjs.io/docs/cli#--json */
export interface JestReport {
  numRuntimeErrorTestSuites: number
  testResults: {
    name: string
    message: string
    /** Milliseconds since the epoch. */
    startTime: number
    endTime: number
    /** `passed`, `failed`, or of a file without tests something else. */
    status: string
    assertionResults: { fullName: string; status: string }[]
  }[]
}

/** Every test of a report; a file that failed to load counts as one failed test. */
export function toResults(report: JestReport): TestResult[] {
  return report.testResults.flatMap((file): TestResult[] => {
    if (file.assertionResults.length === 0 && file.message !== '') return [{ name: file.name, status: 'failed' }]
    return file.assertionResults.map((t) => ({
      name: t.fullName,
      status: t.status === 'passed' ? 'passed' : t.status === 'failed' ? 'failed' : 'skipped',
    }))
  })
}

/** @param root that paths are relative to */
export function toFileResults(report: JestReport, root: string): TestFileResult[] {
  return report.testResults.map(({ name, startTime, endTime, status }) => ({
    path: relative(root, name),
    seconds: Math.max(0, endTime - startTime) / 1000,
    passed: status === 'passed',
  }))
}

/** Skipped tests that no rule allows count as failed: a skip must stand on the checked-in list with its reason. */
export function judgeSkips(results: readonly TestResult[], rules: readonly SkipRule[]): TestResult[] {
  const allowed = (name: string) =>
    rules.some((r) => (r.test.endsWith('*') ? name.startsWith(r.test.slice(0, -1)) : name === r.test))
  return results.map((r) => (r.status === 'skipped' && !allowed(r.name) ? { ...r, status: 'failed' } : r))
}

export function count(results: readonly TestResult[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { status } of results) counts[status]++
  return counts
}
