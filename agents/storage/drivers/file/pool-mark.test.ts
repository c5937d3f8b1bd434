// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { judgeMark } from './pool-mark.ts'

test.each([
  ['new', undefined, undefined, 0, false, 'mark'],
  ['new, on a disk that another node used', undefined, 'b', 0, false, 'mark'],
  ['as it was', 'a', 'a', 3, true, 'pool'],
  ['all its data deleted', 'a', 'a', 3, false, 'pool'],
  ['all its volumes removed', 'a', 'a', 0, false, 'pool'],
  ['not mounted', 'a', undefined, 3, false, 'foreign'],
  ['not mounted, and without volumes', 'a', undefined, 0, false, 'foreign'],
  ['another disk', 'a', 'b', 3, false, 'foreign'],
  ['restored without its mark', 'a', undefined, 3, true, 'mark'],
  ['of 0.1.0', undefined, undefined, 3, true, 'mark'],
  ['of 0.1.0, not mounted', undefined, undefined, 3, false, 'foreign'],
] as const)('a pool: %s', (_, remembered, found, volumes, hasVolume, verdict) => {
  expect(judgeMark({ remembered, found, volumes, hasVolume })).toBe(verdict)
})
