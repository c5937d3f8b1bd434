// SPDX-License-Identifier: Apache-2.0
// Room kept for what must be written down on a full disk: that something is to be deleted, or stopped.
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, durably } from '../../lib/durable-files.ts'

/** A record takes a block or two: some two hundred of them. */
const BALLAST_BYTES = 2 * 2 ** 20

export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export class Ballast {
  readonly #path: string

  /** @param documentsDir the folder of the agent's documents, on whose file system room is kept */
  constructor(documentsDir: string) {
    this.#path = join(documentsDir, 'ballast')
  }

  /** Takes the room again when there is some. Never rejects. */
  async ensure(): Promise<void> {
    try {
      if ((await stat(this.#path).catch(() => undefined))?.size === BALLAST_BYTES) return
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW
      const file = await open(this.#path, flags, 0o600)
      try {
        // Neither sparse nor compressible: the blocks are taken.
        await durably('write', this.#path, () => file.writeFile(randomBytes(BALLAST_BYTES)))
        await durably('sync', this.#path, () => file.sync())
      } finally {
        await file.close()
      }
    } catch {
      // A part of it would be in the way of what it is for.
      await rm(this.#path, { force: true }).catch(() => undefined)
    }
  }

  /** Does the work, and on a full disk once more with the room that was kept. It may run twice. */
  async withRoom<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isDiskFull(error)) throw error
      await rm(this.#path, { force: true })
      return work()
    }
  }
}
