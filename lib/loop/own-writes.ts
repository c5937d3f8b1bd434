// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../kube/object.ts'

/**
 * Tells the loop's own writes from others', so that they do not wake the loop. A write comes back twice, as the response and through the
 * watch, in either order; changes that arrive while it is under way are held back until its resourceVersion is known.
 */
export class OwnWrites {
  readonly #last = new Map<ObjectKey, string>()
  readonly #heldBack = new Map<ObjectKey, string[]>()

  /** Whether a change needs no run. Changes that arrive during `during` count as own until it ends. */
  isOwn(key: ObjectKey, version: string): boolean {
    const held = this.#heldBack.get(key)
    if (held) held.push(version)
    return held !== undefined || this.#last.get(key) === version
  }

  /** Runs one write of the key's object; calls `wake` if somebody else's change arrived meanwhile, even when the write fails. */
  async during<T extends { metadata: { resourceVersion: string } }>(
    key: ObjectKey,
    write: () => Promise<T>,
    wake: (key: ObjectKey) => void,
  ): Promise<T> {
    const held: string[] = []
    this.#heldBack.set(key, held)
    let own: string | undefined
    try {
      const written = await write()
      own = written.metadata.resourceVersion
      this.#last.set(key, own)
      return written
    } finally {
      this.#heldBack.delete(key)
      if (held.some((version) => version !== own)) wake(key)
    }
  }

  forget(key: ObjectKey): void {
    this.#last.delete(key)
  }
}
