// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { countStarts } from './guest-starts.ts'

test('a start is a line of an agent’s log', () => {
  const line = (action: string, msg = 'power changed') =>
    `{"level":"info","action":"${action}","durationMs":5,"msg":"${msg}"}`
  expect(countStarts([line('on'), line('off'), line('on', 'other'), '', line('on')].join('\n'))).toBe(2)
})
