// SPDX-License-Identifier: Apache-2.0
import { open, stat, type FileHandle } from 'node:fs/promises'
import { unlessMissing } from '../../../lib/durable-files.ts'

/** Of one read: what a node's agent is ready to look through at once. */
const MOST_BYTES = 512 * 1024
/** Longer lines are nobody's that we look for. */
const MOST_OF_A_LINE = 4096

export interface NewLines {
  lines: string[]
  /** There was more than can be read at once: it was passed over. */
  isBeyond: boolean
}

/** What others append to a file, from the moment of the first read on; also when it is moved away or emptied, as by logrotate. */
export class LogTail {
  readonly #path: string
  readonly #buffer = Buffer.allocUnsafe(MOST_BYTES)
  #open: { handle: FileHandle; inode: number; at: number } | undefined
  #rest = ''
  #isFirst = true

  constructor(path: string) {
    this.#path = path
  }

  /** Nothing while there is no such file. */
  async read(): Promise<NewLines> {
    const found = await unlessMissing(() => stat(this.#path), undefined)
    const lines: string[] = []
    let isBeyond = false
    if (this.#open && found?.ino !== this.#open.inode) {
      // What was written to it before it was moved away.
      isBeyond = await this.#drain(lines)
      await this.close()
    }
    if (found && !this.#open) {
      const handle = await open(this.#path, 'r')
      const { ino, size } = await handle.stat()
      this.#open = { handle, inode: ino, at: this.#isFirst ? size : 0 }
    }
    this.#isFirst = false
    if (this.#open) isBeyond = (await this.#drain(lines)) || isBeyond
    return { lines, isBeyond }
  }

  async close(): Promise<void> {
    const { handle } = this.#open ?? {}
    this.#open = undefined
    this.#rest = ''
    await handle?.close()
  }

  async #drain(lines: string[]): Promise<boolean> {
    const file = this.#open
    if (!file) return false
    const { size } = await file.handle.stat()
    if (size < file.at) file.at = 0
    const isBeyond = size - file.at > MOST_BYTES
    if (isBeyond) {
      file.at = size - MOST_BYTES
      this.#rest = ''
    }
    const { bytesRead } = await file.handle.read(this.#buffer, 0, MOST_BYTES, file.at)
    file.at += bytesRead
    const parts = (this.#rest + this.#buffer.toString('latin1', 0, bytesRead)).split('\n')
    this.#rest = (parts.pop() ?? '').slice(0, MOST_OF_A_LINE)
    lines.push(...parts)
    return isBeyond
  }
}
