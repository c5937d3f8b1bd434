// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../../lib/kube/object.ts'

/**
 * The machines that wait for a node: for room, or for another machine to go. Only these are woken when capacity changes or such a machine
 * does. Rebuilt by each machine's first run after a start.
 */
export class WaitingRoom {
  readonly #keys = new Set<ObjectKey>()
  #wake: (key: ObjectKey) => void = () => undefined

  /** @returns a function that unsubscribes */
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

  /** For when capacity was freed or added. */
  wakeAll(): void {
    for (const key of this.#keys) this.#wake(key)
  }

  get size(): number {
    return this.#keys.size
  }
}
