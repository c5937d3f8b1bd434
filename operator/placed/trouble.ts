// SPDX-License-Identifier: Apache-2.0
// How errors in a node's answer become outcomes, the same for every kind of document.
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { TerminalError } from '../../lib/errors.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'

type Answer = Pick<ObservedDocument, 'state' | 'error'> | undefined
/** Reason and message for a node that gives none. */
interface Trouble {
  reason: string
  message: string
}

/** The error of a node that refuses the document for good: it helps only to change the spec. */
export function refusalOf(answer: Answer, unsaid: Trouble): TerminalError | undefined {
  if (answer?.state !== 'refused') return undefined
  const { reason, message } = answer.error ?? unsaid
  return new TerminalError(reason, message)
}

/** The wait for a node that failed and keeps trying. */
export function failureOf(answer: Answer, unsaid: Trouble): Outcome | undefined {
  if (answer?.state !== 'failed') return undefined
  const { reason, message } = answer.error ?? unsaid
  return waitFor(reason, message)
}
