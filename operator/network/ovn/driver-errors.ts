// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { OvsdbConnectionError, OvsdbError } from '../../../lib/ovsdb/errors.ts'

/** The transaction's leading `wait` failed. */
export function isGuardRefusal(error: unknown): boolean {
  return error instanceof OvsdbError && error.operation === 0 && error.code === 'timed out'
}

export function toDriverError(error: unknown): unknown {
  if (error instanceof OvsdbConnectionError) {
    return new TransientError('NetworkBackendUnreachable', 'the connection to OVN was lost while writing', {
      cause: error,
    })
  }
  if (error instanceof OvsdbError) {
    return new TransientError('NetworkBackendRefused', `OVN refused: ${error.code}`, { cause: error })
  }
  return error
}
