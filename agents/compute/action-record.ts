// SPDX-License-Identifier: Apache-2.0
import type { ObservedAction } from '../../lib/contract/documents.ts'

/** What takes but one call. */
export type Deed = 'reset' | 'crashDump' | 'setAdminPassword'

/** `acting`: the call was made, or was about to be. */
export const ACTION_STAGES = ['stopping', 'starting', 'acting', 'finished'] as const

/** What a node remembers of something that was done to a machine once. */
export interface ActionRecord extends Pick<ObservedAction, 'uid' | 'steps' | 'result' | 'reason' | 'message'> {
  type: string
  softTimeoutMs: number
  /** After it nobody waits for its end any more. */
  notAfterMs?: number
  stage: (typeof ACTION_STAGES)[number]
  /** Since when. */
  stageAtMs: number
}
