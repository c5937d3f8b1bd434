// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { count, judgeSkips, toFileResults, toResults, type JestReport } from './lanes.ts'

const report: JestReport = {
  numRuntimeErrorTestSuites: 1,
  testResults: [
    {
      name: '/repo/lib/broken.test.ts',
      message: 'Cannot find module',
      ...{ startTime: 5000, endTime: 0, status: 'failed' },
      assertionResults: [],
    },
    {
      name: '/repo/lib/good.test.ts',
      message: '',
      ...{ startTime: 1000, endTime: 3500, status: 'passed' },
      assertionResults: [
        { fullName: 'a works', status: 'passed' },
        { fullName: 'b breaks', status: 'failed' },
        { fullName: 'kvm boots', status: 'pending' },
        { fullName: 'lvm makes a volume', status: 'todo' },
      ],
    },
  ],
}

describe('test lanes', () => {
  test('a file that does not load is a failure', () => {
    expect(count(toResults(report))).toEqual({ passed: 1, failed: 2, skipped: 2 })
  })

  test('each file has its time and whether it passed', () => {
    expect(toFileResults(report, '/repo')).toEqual([
      { path: 'lib/broken.test.ts', seconds: 0, passed: false },
      { path: 'lib/good.test.ts', seconds: 2.5, passed: true },
    ])
  })

  test('a skip without a rule is a failure', () => {
    const judged = judgeSkips(toResults(report), [{ test: 'kvm *', reason: 'no KVM' }])
    expect(count(judged)).toEqual({ passed: 1, failed: 3, skipped: 1 })
  })
})
