// SPDX-License-Identifier: Apache-2.0
import type {
  CapturedDisk,
  MachineRebuild,
  MachineRescue,
  MachineSnapshot,
  ObservedAction,
} from '../../lib/contract/documents.ts'

/** What takes but one call. */
export type Deed = 'reset' | 'crashDump' | 'setAdminPassword'

/** `acting`: the call was made, or was about to be; `rebuilding`: the next root disk, or a rescue disk, is made, while the machine is off;
 * `capturing`: its root disk is copied, on or off. */
export const ACTION_STAGES = ['stopping', 'rebuilding', 'starting', 'acting', 'capturing', 'finished'] as const

/** What a node remembers of something that was done to a machine once. */
export interface ActionRecord extends Pick<ObservedAction, 'uid' | 'steps' | 'result' | 'reason' | 'message'> {
  type: string
  softTimeoutMs: number
  /** After it nobody waits for its end any more. */
  notAfterMs?: number
  stage: (typeof ACTION_STAGES)[number]
  /** Since when. */
  stageAtMs: number
  /** Of a Rebuild, until it is over. */
  rebuild?: MachineRebuild
  /** Of a Rescue, likewise. */
  rescue?: MachineRescue
  /** Of an Unrescue: number of the rescue disk that it takes away. */
  rescueDisk?: number
  /** Of a Snapshot: what it is for, and what was copied. */
  snapshot?: Pick<MachineSnapshot, 'imageUid' | 'quiesce'>
  captured?: CapturedDisk
}

/** What an action makes a disk of. */
export type Making = Pick<ActionRecord, 'rebuild' | 'rescue'>

/** Number of the disk that is made; undefined: none is. */
export function numberOf({ rebuild, rescue }: Making): number | undefined {
  return rebuild?.rootDisk ?? rescue?.disk
}
