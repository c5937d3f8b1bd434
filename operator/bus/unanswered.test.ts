// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { NodePulse } from './bus.ts'
import { isUnanswered } from './unanswered.ts'

const of = (epoch: number, generation: number, term = 1) => ({ incarnation: 1, term, epoch, generation })
const report = (epoch: number, generation: number, refused = false) => ({
  versions: of(epoch, generation),
  ...(refused ? { refused: { reason: 'StaleEpoch', message: 'm' } } : {}),
})

test.each<[string, NodePulse, ReturnType<typeof report> | undefined, boolean]>([
  ['no report', 'up', undefined, true],
  ['no report of a node that is silent', 'silent', undefined, false],
  ['no report of a node that was never heard', 'unknown', undefined, false],
  ['this version', 'up', report(2, 3), false],
  ['an older generation', 'up', report(2, 2), true],
  ['an older epoch', 'up', report(1, 3), true],
  ['a newer epoch', 'up', report(3, 3), true],
  ['an older one, of a node that is silent', 'silent', report(1, 1), false],
  ['an older one, and that it refuses this one', 'up', report(1, 1, true), false],
])('%s, heard of a node that is %s', (_, pulse, said, is) => {
  expect(isUnanswered({ versions: of(2, 3, 9) }, said, pulse)).toBe(is)
})
