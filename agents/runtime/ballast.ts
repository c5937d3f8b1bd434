// SPDX-License-Identifier: Apache-2.0
// Disk space reserved for what must be recorded even on a full disk: that something is to be deleted or stopped.
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, durably } from '../../lib/durable-files.ts'

/** A record takes a block or two: enough for about two hundred. */
const BALLAST_BYTES = 2 * 2 ** 20

export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export class Ballast {
  readonly #path: string

  /** @param documentsDir the folder of the agent's documents, on whose file system the space is reserved */
  constructor(documentsDir: string) {
    this.#path = join(documentsDir, 'ballast')
  }

  /** Reserves the space again when there is some. Never rejects. */
  async ensure(): Promise<void> {
    try {
      if ((await stat(this.#path).catch(() => undefined))?.size === BALLAST_BYTES) return
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW
      const file = await open(this.#path, flags, 0o600)
      try {
        // Random bytes are neither sparse nor compressible, so the blocks are really allocated.
        await durably('write', this.#path, () => file.writeFile(randomBytes(BALLAST_BYTES)))
        await durably('sync', this.#path, () => file.sync())
      } finally {
        await file.close()
      }
    } catch {
      // An incomplete reserve would take the space it is meant to provide.
      await rm(this.#path, { force: true }).catch(() => undefined)
    }
  }

  /** Runs the work, and on a full disk once more with the reserved space freed. So it may run twice. */
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
