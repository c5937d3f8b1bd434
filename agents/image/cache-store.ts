// SPDX-License-Identifier: Apache-2.0
// What the image cache has on disk: its entries, their markers, and downloads that are not complete.
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { durably, syncFolder } from '../../lib/durable-files.ts'
import { isTerminal } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { basePath, readEntries, removeEntry, sha256Of, writeMarker, type CacheEntry } from './cache-entries.ts'
import { dropPartial } from './partial-file.ts'
import type { ImageFormat } from './header.ts'
import { inspectInWorker } from './inspection.ts'

/** A download not resumed for this long belongs to an image that is gone. */
const STALE_PARTIAL_MS = 7 * 24 * 3600 * 1000

export class CacheStore {
  readonly #baseDir: string
  readonly #log: Logger
  readonly #entries = new Map<string, CacheEntry>()
  #opened: Promise<void> | undefined
  #isOpen = false
  #saving: Promise<void> = Promise.resolve()

  constructor(baseDir: string, log: Logger) {
    this.#baseDir = baseDir
    this.#log = log
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** By digest. */
  get entries(): ReadonlyMap<string, CacheEntry> {
    return this.#entries
  }

  usedBytes(): number {
    return [...this.#entries.values()].reduce((sum, e) => sum + e.sizeBytes, 0)
  }

  /** Reads the folder at the first call, and again after a failure. */
  open(signal: AbortSignal): Promise<void> {
    this.#opened ??= this.#readDisk(signal)
      .then(() => void (this.#isOpen = true))
      .catch((error: unknown) => {
        this.#opened = undefined
        throw error
      })
    return this.#opened
  }

  /** One at a time, each writing the entry's then current state, so that the last write is the latest state. */
  save(entry: CacheEntry): Promise<void> {
    const next = this.#saving.then(() => writeMarker(this.#baseDir, entry))
    this.#saving = next.catch(() => undefined)
    return next
  }

  /** Moves a verified download into the cache. */
  async place(
    partialPath: string,
    found: Pick<CacheEntry, 'sha256' | 'sizeBytes' | 'virtualSizeBytes' | 'format'>,
  ): Promise<CacheEntry> {
    const baseDir = this.#baseDir
    const { sha256, sizeBytes, virtualSizeBytes, format } = found
    const path = basePath(baseDir, sha256)
    await chmod(partialPath, 0o444)
    await durably('rename', path, () => rename(partialPath, path))
    await syncFolder(baseDir)
    const uids = this.#entries.get(sha256)?.uids ?? []
    const entry: CacheEntry = { sha256, path, sizeBytes, virtualSizeBytes, format, uids, lastUsedMs: Date.now() }
    await this.save(entry)
    this.#entries.set(sha256, entry)
    return entry
  }

  async discard(sha256: string): Promise<void> {
    this.#entries.delete(sha256)
    await removeEntry(this.#baseDir, sha256)
  }

  async dropPartials(isOver: (path: string) => Promise<boolean>): Promise<void> {
    const folder = join(this.#baseDir, '.partial')
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (!name.endsWith('.json') && (await isOver(path))) await dropPartial(path)
    }
  }

  partialPath(key: string): string {
    return join(this.#baseDir, '.partial', key)
  }

  /** After a start: trusts marked files of the right size, rehashes unmarked ones and removes everything else. */
  async #readDisk(signal: AbortSignal): Promise<void> {
    const [baseDir, log] = [this.#baseDir, this.#log]
    await mkdir(join(baseDir, '.partial'), { recursive: true, mode: 0o755 })
    for (const name of await readdir(baseDir)) if (name.endsWith('.new')) await rm(join(baseDir, name), { force: true })
    const found = await readEntries(baseDir)
    for (const entry of found.entries) this.#entries.set(entry.sha256, entry)
    for (const name of found.foreign) {
      log.warn({ sha256: name }, 'removing a damaged file from the image cache')
      await rm(basePath(baseDir, name), { force: true, recursive: true })
      await removeEntry(baseDir, name)
    }
    for (const name of found.unmarked) await this.#adopt(name, signal)
    await this.dropPartials(async (path) => Date.now() - (await stat(path)).mtimeMs > STALE_PARTIAL_MS)
  }

  async #adopt(sha256: string, signal: AbortSignal): Promise<void> {
    const [baseDir, log] = [this.#baseDir, this.#log]
    const path = basePath(baseDir, sha256)
    if ((await sha256Of(path, signal)) !== sha256) {
      log.warn({ sha256 }, 'removing a file from the image cache whose digest is not its name')
      return this.discard(sha256)
    }
    const image = (await inspectOrNot(path, 'qcow2', signal)) ?? (await inspectOrNot(path, 'raw', signal))
    if (!image) return this.discard(sha256)
    await chmod(path, 0o444)
    const { size } = await stat(path)
    const entry: CacheEntry = { sha256, path, sizeBytes: size, uids: [], lastUsedMs: Date.now(), ...image }
    await this.save(entry)
    this.#entries.set(sha256, entry)
  }
}

async function inspectOrNot(path: string, format: ImageFormat, signal: AbortSignal) {
  try {
    const { virtualSizeBytes } = await inspectInWorker({ path, format }, signal)
    return { format, virtualSizeBytes }
  } catch (error) {
    if (isTerminal(error)) return undefined
    throw error
  }
}
