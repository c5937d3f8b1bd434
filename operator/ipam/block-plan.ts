// SPDX-License-Identifier: Apache-2.0
import { holderOf, isSameEntry, isSameHolder, toEntry, type ClaimEntry, type ClaimHolder } from './claim-block.ts'

/** One change to a block. */
export type BlockChange =
  { kind: 'claim'; holder: ClaimHolder; address: string } | { kind: 'release'; entry: ClaimEntry }

export interface BlockPlan {
  /** The block's claims once the plan is written; if empty, the block is deleted. */
  entries: ClaimEntry[]
  /** Nothing to write: the block is already as planned. */
  isUnchanged: boolean
  /** For each change, the other holder of its address; undefined if the change succeeds. */
  takenBy: (ClaimEntry | undefined)[]
}

/**
 * Applies all pending changes of a block at once. Releases come first, so that a released address can be claimed in the same write;
 * among claims of one address the first wins. A claim that fails does not affect the others. Pure.
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
    if (there) return isSameHolder(holderOf(there), change.holder) ? undefined : there
    planned.set(change.address, toEntry(change.holder, change.address))
    return undefined
  })
  const result = [...planned.values()]
  const isUnchanged = result.length === entries.length && entries.every((entry) => planned.get(entry.address) === entry)
  return { entries: result, isUnchanged, takenBy }
}
