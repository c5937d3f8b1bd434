// SPDX-License-Identifier: Apache-2.0
import { within } from '../within.ts'

/**
 * The daemon reads no more messages, not even keepalive, from a client with this many running calls (max_client_requests, 5 by default): we
 * stay below and queue the rest here.
 */
export const MAX_IN_FLIGHT = 4

/** The places for calls of one connection, given out in the order in which they were asked for. */
export class CallSlots {
  readonly #waiting: (() => void)[] = []
  #taken = 0

  /** Resolves with a place, which `release` gives back. @throws the signal's reason */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#taken < MAX_IN_FLIGHT) {
      this.#taken++
      return
    }
    const turn = Promise.withResolvers<undefined>()
    const take = (): void => turn.resolve(undefined)
    this.#waiting.push(take)
    try {
      await within(turn.promise, { signal })
    } catch (error) {
      const at = this.#waiting.indexOf(take)
      if (at >= 0) this.#waiting.splice(at, 1)
      else this.release()
      throw error
    }
  }

  /** When the reply arrives, not when the caller gives up: until then the daemon counts the call. */
  release(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#taken--
  }

  /** The connection is gone: all that wait get a place, and find that. */
  open(): void {
    for (const take of this.#waiting.splice(0)) take()
  }
}
