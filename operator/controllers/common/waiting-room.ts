// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../../lib/kube/object.ts'

/**
 * The machines that wait for a node: for room, or for another machine's end. Woken when capacity changes or such a machine does, and
 * only they. Rebuilt by the first run after a start.
 */
export class WaitingRoom {
  readonly #keys = new Set<ObjectKey>()
  #wake: (key: ObjectKey) => void = () => undefined

  /** @returns ends that */
  onWake(wake: (key: ObjectKey) => void): () => void {
    this.#wake = wake
    return () => (this.#wake = () => undefined)
  }

  enter(key: ObjectKey): void {
    this.#keys.add(key)
  }

  leave(key: ObjectKey): void {
    this.#keys.delete(key)
  }

  /** Capacity was freed or added. */
  wakeAll(): void {
    for (const key of this.#keys) this.#wake(key)
  }

  get size(): number {
    return this.#keys.size
  }
}
