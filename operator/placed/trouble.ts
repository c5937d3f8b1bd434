// SPDX-License-Identifier: Apache-2.0
// What is wrong by a node's report that answers: the same reading for every kind of document.
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { TerminalError } from '../../lib/errors.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'

type Answer = Pick<ObservedDocument, 'state' | 'error'> | undefined
/** For nodes that do not say why. */
interface Trouble {
  reason: string
  message: string
}

/** It will never have it as it is wanted now: the run ends with this until the spec changes. */
export function refusalOf(answer: Answer, unsaid: Trouble): TerminalError | undefined {
  if (answer?.state !== 'refused') return undefined
  const { reason, message } = answer.error ?? unsaid
  return new TerminalError(reason, message)
}

/** It goes on trying. */
export function failureOf(answer: Answer, unsaid: Trouble): Outcome | undefined {
  if (answer?.state !== 'failed') return undefined
  const { reason, message } = answer.error ?? unsaid
  return waitFor(reason, message)
}
