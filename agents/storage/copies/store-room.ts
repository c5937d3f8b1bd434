// SPDX-License-Identifier: Apache-2.0
// Room for files that are on their way into ImageStores: two of them do not count on the same.
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { unlessMissing } from '../../../lib/durable-files.ts'
import { TransientError } from '../../../lib/errors.ts'

/** What is free of a store's file system and stays so. */
export const KEEP_FREE_BYTES = 2 ** 30

export class StoreRoom {
  readonly #freeBytes: (folder: string) => Promise<number>
  /** How large each draft will be. */
  readonly #ends = new Map<string, number>()

  /** @param freeBytes replaced in tests */
  constructor(freeBytes = freeBytesOf) {
    this.#freeBytes = freeBytes
  }

  /** For so many bytes more of a draft, until it is released. @throws TransientError `StoreFull` */
  async reserve(draft: string, bytes: number): Promise<void> {
    const before = this.#ends.get(draft)
    this.#ends.set(draft, (before ?? (await sizeOf(draft))) + bytes)
    const folder = dirname(draft)
    const drafts = [...this.#ends].filter(([path]) => dirname(path) === folder)
    const left = await Promise.all(drafts.map(async ([path, end]) => Math.max(0, end - (await sizeOf(path)))))
    const promised = left.reduce((sum, more) => sum + more, 0)
    if ((await this.#freeBytes(folder)) - promised >= KEEP_FREE_BYTES) return
    if (before === undefined) this.#ends.delete(draft)
    else this.#ends.set(draft, before)
    throw storeFull()
  }

  release(draft: string): void {
    this.#ends.delete(draft)
  }
}

export function storeFull(cause?: unknown): TransientError {
  const message = 'the image store of the node has no room: delete Images, or give it more disk'
  return new TransientError('StoreFull', message, { cause })
}

async function sizeOf(path: string): Promise<number> {
  return unlessMissing(async () => (await stat(path)).size, 0)
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
