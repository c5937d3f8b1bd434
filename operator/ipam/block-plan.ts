// SPDX-License-Identifier: Apache-2.0
import { isSameEntry, isSameHolder, toEntry, type ClaimEntry, type ClaimHolder } from './claim-block.ts'

/** What is wanted of one block. */
export type BlockChange =
  { kind: 'claim'; holder: ClaimHolder; address: string } | { kind: 'release'; entry: ClaimEntry }

export interface BlockPlan {
  /** What the block holds once the plan is written; empty: nothing, so that it goes. */
  entries: ClaimEntry[]
  /** Nothing to write: the block is so already. */
  isUnchanged: boolean
  /** For each change who has its address instead; undefined: it is as wanted. */
  takenBy: (ClaimEntry | undefined)[]
}

/**
 * All changes that wait for a block, done at once. Releases come first, so that an address that one gives up the other gets; among
 * claims of one address the first wins. What one cannot have changes nothing for the others. Pure.
 */
export function planBlock(entries: readonly ClaimEntry[], changes: readonly BlockChange[]): BlockPlan {
  const released = changes.flatMap((change) => (change.kind === 'release' ? [change.entry] : []))
  const planned = new Map<string, ClaimEntry>()
  for (const entry of entries) {
    if (!released.some((gone) => isSameEntry(gone, entry))) planned.set(entry.address, entry)
  }
  const takenBy = changes.map((change) => {
    if (change.kind === 'release') return undefined
    const there = planned.get(change.address)
    if (there) return isSameHolder(there.portRef, change.holder) ? undefined : there
    planned.set(change.address, toEntry(change.holder, change.address))
    return undefined
  })
  const result = [...planned.values()]
  const isUnchanged = result.length === entries.length && entries.every((entry) => planned.get(entry.address) === entry)
  return { entries: result, isUnchanged, takenBy }
}
