// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { count, judgeSkips, toResults, type JestReport } from './lanes.ts'

const report: JestReport = {
  numRuntimeErrorTestSuites: 1,
  testResults: [
    { name: '/broken.test.ts', message: 'Cannot find module', assertionResults: [] },
    {
      name: '/good.test.ts',
      message: '',
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

  test('a skip without a rule is a failure', () => {
    const judged = judgeSkips(toResults(report), [{ test: 'kvm *', reason: 'no KVM' }])
    expect(count(judged)).toEqual({ passed: 1, failed: 3, skipped: 1 })
  })
})
