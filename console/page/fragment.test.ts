// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parseFragment } from './fragment.ts'

test.each([
  ['#token=aB-_9', 'aB-_9'],
  ['#token=aB-_9&name=first', 'aB-_9'],
  ['#name=first', undefined],
  ['#token=', undefined],
  ['', undefined],
  ['#aB-_9', undefined],
])('%s', (hash, token) => {
  expect(parseFragment(hash)).toEqual({ token })
})
