// SPDX-License-Identifier: Apache-2.0
import type { BlockRef, ClaimEntry, StoredBlock } from './claim-block.ts'

export type Written =
  | { kind: 'stored'; block: StoredBlock }
  /** No claims were left, so the block was deleted. */
  | { kind: 'removed' }
  /** Refused: another has written since `base` was read. Nothing was changed. */
  | { kind: 'conflict' }

/** Where blocks of claims are kept. A write succeeds only if the block is unchanged since it was read: of two writers, one wins. */
export interface ClaimStore {
  /** A live read, never the cache. */
  find(ref: BlockRef): Promise<StoredBlock | undefined>
  /**
   * Creates the block when there was none, removes it when nothing is left, changes it otherwise.
   * @param base what `entries` were computed from; undefined: no such block
   * @throws what the store answered with; see `mayHaveHappened` for whether the write can have taken effect
   */
  write(ref: BlockRef, base: StoredBlock | undefined, entries: readonly ClaimEntry[]): Promise<Written>
}
