// SPDX-License-Identifier: Apache-2.0

/** How far a client that says what it has read may be behind what it was sent. */
export class ReadWindow {
  readonly #bytes: number
  #sent = 0
  #read = 0
  #moved: PromiseWithResolvers<undefined> | undefined
  #isClosed = false

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves once there is some; with 0 when the client is gone. */
  async room(): Promise<number> {
    while (!this.#isClosed && this.#sent - this.#read >= this.#bytes)
      await (this.#moved ??= Promise.withResolvers()).promise
    return this.#isClosed ? 0 : this.#bytes - (this.#sent - this.#read)
  }

  take(bytes: number): void {
    this.#sent += bytes
  }

  /** @param read since the beginning. @returns false when that cannot be */
  moveTo(read: number): boolean {
    if (read < this.#read || read > this.#sent) return false
    this.#read = read
    this.#wake()
    return true
  }

  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  #wake(): void {
    this.#moved?.resolve(undefined)
    this.#moved = undefined
  }
}
