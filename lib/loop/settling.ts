// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../kube/object.ts'

/**
 * Holds back a status that may soon be out of date: that of a stage that waits is written only once the stage has lasted a while
 * (docs/architecture.md, section 4), which saves most of the writes of a create. A row of short stages is shown, too, after that time.
 */
export class Settling {
  readonly #settleMs: number
  readonly #since = new Map<ObjectKey, { stage: string; stageMs: number; firstMs: number }>()

  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** How long the status has to wait; 0: write it now. `stage` names what is waited for. */
  holdMs(key: ObjectKey, stage: string, nowMs: number): number {
    const held = this.#since.get(key)
    const firstMs = held?.firstMs ?? nowMs
    const stageMs = held?.stage === stage ? held.stageMs : nowMs
    this.#since.set(key, { stage, stageMs, firstMs })
    const dueMs = Math.min(stageMs + this.#settleMs, firstMs + 5 * this.#settleMs)
    return Math.max(0, dueMs - nowMs)
  }

  /** The status was written, or is as wanted. */
  clear(key: ObjectKey): void {
    this.#since.delete(key)
  }
}
