// SPDX-License-Identifier: Apache-2.0
// The images of one node: each digest once, verified, immutable, bounded together. See docs/images.md.
import { chmod, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isTerminal } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import {
  basePath,
  isIntact,
  readEntries,
  removeEntry,
  sha256Of,
  touch,
  writeMarker,
  type CacheEntry,
} from './cache-entries.ts'
import { cacheFull, download, downloadKey, dropPartial, partialOwner } from './download.ts'
import { durably, syncFolder } from '../../lib/durable-files.ts'
import type { ImageFormat } from './header.ts'
import type { ImageSettings } from './image-settings.ts'
import { inspectHead } from './inspect-file.ts'
import { inspectInWorker } from './inspection.ts'
import { findOverlayBases } from './overlays.ts'
import { SharedWork, type Joining, type WorkProgress } from './shared-work.ts'
import type { SourceLimits } from './source.ts'

export interface ImageCacheOptions {
  /** `/var/lib/nephele/images/_base` */
  baseDir: string
  /** `/var/lib/nephele/instances`: disks in it keep the images that they stand on. */
  instancesDir: string
  settings: ImageSettings
  /** Left free on the file system for the instances' own disks. */
  keepFreeBytes: number
  parallelDownloads: number
  limits: SourceLimits
  log: Logger
}

export interface WantedImage {
  uid: string
  url: string
  caBundle?: string
  sha256?: string
  /** These bytes were read from this URL for this image before, here or elsewhere: a copy will do. */
  imported?: boolean
  format: ImageFormat
}

export interface WantingImage extends Joining {
  /** Called before what may take long: bytes from elsewhere, or a whole cache to be read. */
  onWait(): void
}

/** A download that nobody went on with for so long is of an image that is gone. */
const STALE_PARTIAL_MS = 7 * 24 * 3600 * 1000

export class ImageCache {
  readonly #options: ImageCacheOptions
  readonly #entries = new Map<string, CacheEntry>()
  readonly #downloads: SharedWork<CacheEntry>
  #opened: Promise<void> | undefined
  #isOpen = false
  #saving: Promise<void> = Promise.resolve()
  /** Room promised to downloads that run, so that two of them do not take the same. */
  #promisedBytes = 0

  constructor(options: ImageCacheOptions) {
    this.#options = options
    this.#downloads = new SharedWork(options.parallelDownloads)
  }

  /**
   * The verified image, downloaded if it is not there. May run twice at once for one image or digest: they share one download.
   * @throws TransientError and TerminalError as `download` and `inspectImage` do
   */
  async ensure(want: WantedImage, who: WantingImage): Promise<CacheEntry> {
    if (!this.#isOpen) who.onWait()
    await this.#open(who.signal)
    const known = await this.#find(want)
    if (known) {
      await inspectHead(known.path, want.format)
      return this.#keepFor(known, want.uid)
    }
    // By place too: whoever shares a digest must not hear of another's URL when that one fails.
    const key = downloadKey(want.sha256 ?? want.uid, want.url + (want.caBundle ?? ''))
    who.onWait()
    const entry = await this.#downloads.join(key, who, (progress) => this.#fetch(key, want, progress))
    // Whoever shares a digest may have declared another format.
    await inspectHead(entry.path, want.format)
    return this.#keepFor(entry, want.uid)
  }

  /**
   * The document is gone. The file goes with the last document and the last disk on top of it; a disk that outlives the image
   * keeps it until the next `sweep` after the disk's end.
   */
  async forget(uid: string, keepInCache: boolean, signal: AbortSignal): Promise<void> {
    await this.#open(signal)
    await this.#dropPartials(
      async (path) => !this.#downloads.isRunning(basename(path)) && (await partialOwner(path)) === uid,
    )
    for (const entry of this.#entries.values()) {
      if (!entry.uids.includes(uid)) continue
      entry.uids = entry.uids.filter((u) => u !== uid)
      entry.keep = keepInCache
      await this.#save(entry)
    }
    await this.sweep(signal)
  }

  /** The images that documents stand for, by document. */
  async list(signal: AbortSignal): Promise<{ uid: string; sha256: string }[]> {
    await this.#open(signal)
    return [...this.#entries.values()].flatMap(({ uids, sha256 }) => uids.map((uid) => ({ uid, sha256 })))
  }

  /** Removes what neither a document nor a disk needs, unless it was to be kept for later machines. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#open(signal)
    const unused = [...this.#entries.values()].filter((e) => e.uids.length === 0 && e.keep !== true)
    if (unused.length > 0) await this.#removeUnlessOnDisk(unused, Infinity, signal)
  }

  async #find(want: WantedImage): Promise<CacheEntry | undefined> {
    const entry =
      want.sha256 === undefined
        ? [...this.#entries.values()].find((e) => e.uids.includes(want.uid))
        : this.#entries.get(want.sha256)
    if (!entry) return undefined
    // A digest is no key to what others have here: it opens the copy for whoever has read these bytes from its own source.
    if (!entry.uids.includes(want.uid) && want.imported !== true) return undefined
    if (await isIntact(entry)) return entry
    this.#options.log.warn({ sha256: entry.sha256 }, 'cached image was changed or removed by somebody else')
    await this.#discard(entry.sha256)
    return undefined
  }

  async #keepFor(entry: CacheEntry, uid: string): Promise<CacheEntry> {
    if (!entry.uids.includes(uid)) {
      entry.uids = [...entry.uids, uid]
      delete entry.keep
      await this.#save(entry)
    }
    await touch(this.#options.baseDir, entry, new Date())
    return entry
  }

  /** One at a time, each with the entry as it then is: the last to end is the latest. */
  #save(entry: CacheEntry): Promise<void> {
    const next = this.#saving.then(() => writeMarker(this.#options.baseDir, entry))
    this.#saving = next.catch(() => undefined)
    return next
  }

  async #fetch(key: string, want: WantedImage, who: WorkProgress): Promise<CacheEntry> {
    const { limits, settings, log } = this.#options
    const partialPath = this.#partialPath(key)
    let promised = 0
    const startedAt = performance.now()
    try {
      const { sha256, sizeBytes } = await download({
        uid: want.uid,
        url: want.url,
        partialPath,
        limits,
        addresses: settings,
        maxBytes: settings.maxImageBytes,
        signal: who.signal,
        onProgress: who.onProgress,
        ...(want.caBundle === undefined ? {} : { caBundle: want.caBundle }),
        ...(want.sha256 === undefined ? {} : { sha256: want.sha256 }),
        imported: want.imported === true,
        reserve: async (bytes) => {
          await this.#makeRoom(bytes, who.signal)
          promised += bytes
          this.#promisedBytes += bytes
        },
      })
      const image = await inspectInWorker({ path: partialPath, format: want.format }, who.signal)
      const held = this.#entries.get(sha256)
      // Another image's, and now this one's: the same bytes.
      const entry =
        held && (await isIntact(held)) ? held : await this.#place(partialPath, { sha256, sizeBytes, ...image })
      await dropPartial(partialPath)
      log.info({ sha256, sizeBytes, durationMs: Math.round(performance.now() - startedAt) }, 'image downloaded')
      return entry
    } catch (error) {
      if (isTerminal(error)) await dropPartial(partialPath)
      throw error
    } finally {
      this.#promisedBytes -= promised
    }
  }

  async #place(
    partialPath: string,
    found: Pick<CacheEntry, 'sha256' | 'sizeBytes' | 'virtualSizeBytes' | 'format'>,
  ): Promise<CacheEntry> {
    const { baseDir } = this.#options
    const { sha256, sizeBytes, virtualSizeBytes, format } = found
    const path = basePath(baseDir, sha256)
    await chmod(partialPath, 0o444)
    await durably('rename', path, () => rename(partialPath, path))
    await syncFolder(baseDir)
    const uids = this.#entries.get(sha256)?.uids ?? []
    const entry: CacheEntry = { sha256, path, sizeBytes, virtualSizeBytes, format, uids, lastUsedMs: Date.now() }
    await this.#save(entry)
    this.#entries.set(sha256, entry)
    return entry
  }

  async #makeRoom(bytes: number, signal: AbortSignal): Promise<void> {
    const missing = () => this.#missingBytes(bytes)
    let short = await missing()
    if (short <= 0) return
    const unwanted = [...this.#entries.values()]
      .filter((e) => e.uids.length === 0)
      .sort((a, b) => a.lastUsedMs - b.lastUsedMs)
    await this.#removeUnlessOnDisk(unwanted, short, signal)
    short = await missing()
    if (short > 0) throw cacheFull()
  }

  async #missingBytes(bytes: number): Promise<number> {
    const { baseDir, keepFreeBytes, settings } = this.#options
    const disk = await statfs(baseDir)
    const wanted = bytes + this.#promisedBytes
    const most = settings.maxCacheBytes(disk.blocks * disk.bsize)
    return Math.max(wanted + this.#usedBytes() - most, wanted + keepFreeBytes - disk.bavail * disk.bsize)
  }

  #usedBytes(): number {
    return [...this.#entries.values()].reduce((sum, e) => sum + e.sizeBytes, 0)
  }

  /** For the inventory. */
  async usage(signal: AbortSignal): Promise<{ images: number; usedBytes: number; maxBytes: number }> {
    await this.#open(signal)
    const disk = await statfs(this.#options.baseDir)
    const maxBytes = this.#options.settings.maxCacheBytes(disk.blocks * disk.bsize)
    return { images: this.#entries.size, usedBytes: this.#usedBytes(), maxBytes }
  }

  async #removeUnlessOnDisk(candidates: readonly CacheEntry[], bytes: number, signal: AbortSignal): Promise<void> {
    const { baseDir, instancesDir, log } = this.#options
    const needed = await findOverlayBases(instancesDir, baseDir, signal)
    let freed = 0
    for (const entry of candidates) {
      if (freed >= bytes) return
      if (needed.has(entry.sha256) || entry.uids.length > 0) continue
      await this.#discard(entry.sha256)
      freed += entry.sizeBytes
      log.info({ sha256: entry.sha256, sizeBytes: entry.sizeBytes }, 'image removed from the cache')
    }
  }

  async #discard(sha256: string): Promise<void> {
    this.#entries.delete(sha256)
    await removeEntry(this.#options.baseDir, sha256)
  }

  #open(signal: AbortSignal): Promise<void> {
    this.#opened ??= this.#readDisk(signal)
      .then(() => void (this.#isOpen = true))
      .catch((error: unknown) => {
        this.#opened = undefined
        throw error
      })
    return this.#opened
  }

  /** After a start: believes marked files of the right size, rehashes unmarked ones, removes what neither is. */
  async #readDisk(signal: AbortSignal): Promise<void> {
    const { baseDir, log } = this.#options
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
    await this.#dropPartials(async (path) => Date.now() - (await stat(path)).mtimeMs > STALE_PARTIAL_MS)
  }

  async #adopt(sha256: string, signal: AbortSignal): Promise<void> {
    const { baseDir, log } = this.#options
    const path = basePath(baseDir, sha256)
    if ((await sha256Of(path, signal)) !== sha256) {
      log.warn({ sha256 }, 'removing a file from the image cache that has another digest than its name')
      return this.#discard(sha256)
    }
    const image = (await inspectOrNot(path, 'qcow2', signal)) ?? (await inspectOrNot(path, 'raw', signal))
    if (!image) return this.#discard(sha256)
    await chmod(path, 0o444)
    const { size } = await stat(path)
    const entry: CacheEntry = { sha256, path, sizeBytes: size, uids: [], lastUsedMs: Date.now(), ...image }
    await this.#save(entry)
    this.#entries.set(sha256, entry)
  }

  async #dropPartials(isOver: (path: string) => Promise<boolean>): Promise<void> {
    const folder = join(this.#options.baseDir, '.partial')
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (!name.endsWith('.json') && (await isOver(path))) await dropPartial(path)
    }
  }

  #partialPath(key: string): string {
    return join(this.#options.baseDir, '.partial', key)
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
