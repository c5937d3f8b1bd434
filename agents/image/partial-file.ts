// SPDX-License-Identifier: Apache-2.0
// The file that a download goes to, and beside it where its bytes are from.
import type { Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { rm, type FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import { durably, readIfThere, writeWhole } from '../../lib/durable-files.ts'
import { closeBy, openBy, type FileCalls } from '../../lib/file-calls.ts'

/** The URL may hold credentials: only its digest is stored. */
const PartialRecord = z.looseObject({ uid: z.string(), urlSha256: z.string(), validator: z.string().optional() })
export type PartialRecord = z.infer<typeof PartialRecord>

/** Of all that was written; a slow disk takes its time. */
const SYNC_MS = 30 * 60_000
const READ_BYTES = 1024 * 1024

export class PartialFile {
  readonly #path: string
  readonly #file: FileHandle
  readonly #calls: FileCalls

  private constructor(path: string, file: FileHandle, calls: FileCalls) {
    this.#path = path
    this.#file = file
    this.#calls = calls
  }

  static async open(path: string, calls: FileCalls): Promise<PartialFile> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
    return new PartialFile(path, await openBy(calls, path, flags, 0o600), calls)
  }

  close(): Promise<void> {
    return closeBy(this.#calls, this.#file)
  }

  async size(): Promise<number> {
    return (await this.#calls.run(() => this.#file.stat())).size
  }

  readRecord(): Promise<PartialRecord | undefined> {
    return this.#calls.run(() => readRecord(this.#path))
  }

  /** Anew from here. The record is written before the first byte: a partial file without it is never resumed. */
  begin(from: number, record: PartialRecord): Promise<void> {
    return this.#calls.run(async () => {
      await this.#file.truncate(from)
      await writeWhole(`${this.#path}.json`, JSON.stringify(record))
    })
  }

  async writeAll(chunk: Buffer, position: number): Promise<void> {
    for (let done = 0; done < chunk.length;) {
      const at = done
      const { bytesWritten } = await this.#calls.run(() =>
        this.#file.write(chunk, at, chunk.length - at, position + at),
      )
      done += bytesWritten
    }
  }

  async addTo(hash: Hash, length: number, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < length;) {
      signal.throwIfAborted()
      const [from, most] = [at, Math.min(READ_BYTES, length - at)]
      const { buffer, bytesRead } = await this.#calls.run(() => this.#file.read(Buffer.alloc(most), 0, most, from))
      if (bytesRead === 0) throw new Error('the partial file became shorter while it was read')
      hash.update(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  }

  sync(): Promise<void> {
    return this.#calls.run(() => durably('sync', this.#path, () => this.#file.sync()), SYNC_MS)
  }

  drop(): Promise<void> {
    return this.#calls.run(() => dropPartial(this.#path))
  }
}

/** The document that the partial file belongs to; undefined when we did not write it. */
export async function partialOwner(partialPath: string): Promise<string | undefined> {
  return (await readRecord(partialPath))?.uid
}

export async function dropPartial(partialPath: string): Promise<void> {
  await rm(partialPath, { force: true })
  await rm(`${partialPath}.json`, { force: true })
}

async function readRecord(partialPath: string): Promise<PartialRecord | undefined> {
  const text = await readIfThere(`${partialPath}.json`)
  try {
    return text === undefined ? undefined : PartialRecord.parse(JSON.parse(text))
  } catch {
    return undefined // not our file: start over
  }
}
