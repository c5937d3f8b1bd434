// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError } from '../../lib/errors.ts'
import type { Writer } from './bus.ts'

/** What this process writes under. @throws StaleWriterError when it does not lead, or not any more */
export function requireWriter(writer: Writer): NonNullable<ReturnType<Writer>> {
  const now = writer()
  if (!now) throw new StaleWriterError('this process does not lead')
  return now
}
