// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { toConsoleOver } from './console-socket.ts'

test.each([
  ['a refusal that leaves the token good', 4000, 'ConsoleTaken: another has it', true, true],
  ['a token that was used', 4000, 'AccessUsed: make a new one', true, false],
  ['an end of what was open', 4000, 'AgentStopping: it is restarted', false, false],
  ['a server that refuses', 1006, '', true, true],
  ['a connection that broke', 1006, '', false, false],
  ['an end as it should be', 1000, '', false, false],
])('%s', (_, code, reason, isNew, mayRetry) => {
  const { message, mayRetry: may } = toConsoleOver({ code, reason }, isNew)
  expect(may).toBe(mayRetry)
  expect(message).toContain(reason === '' ? ' ' : reason)
})
