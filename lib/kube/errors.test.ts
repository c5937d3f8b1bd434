// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { StaleWriterError } from '../errors.ts'
import { ApiError, mayHaveHappened, UnreachableError } from './errors.ts'

const CASES: readonly [string, unknown, boolean][] = [
  ['refused as a conflict', new ApiError('PUT', 409, {}), false],
  ['refused for too many requests', new ApiError('PUT', 429, {}), false],
  ['refused by the schema', new ApiError('PUT', 422, {}), false],
  ['never sent: the lease ran out', new StaleWriterError('the leader lease ran out'), false],
  ['no answer', new UnreachableError('PUT', new Error('reset')), true],
  ['the apiserver gave up waiting for etcd', new ApiError('PUT', 504, {}), true],
  ['the apiserver failed', new ApiError('PUT', 500, {}), true],
  ['whatever else', new Error('aborted'), true],
]

test.each(CASES)('a write that was %s may have happened: %#', (_, error, may) =>
  expect(mayHaveHappened(error)).toBe(may),
)
