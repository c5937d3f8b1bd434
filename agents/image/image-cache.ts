// SPDX-License-Identifier: Apache-2.0
// The image cache of one node: each digest is stored once, verified and immutable, within a common size limit. See docs/images.md.
import { statfs } from 'node:fs/promises'
import { basename } from 'node:path'
import { isTerminal } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { isIntact, touch, type CacheEntry } from './cache-entries.ts'
import { CacheStore } from './cache-store.ts'
import { cacheFull, download, downloadKey } from './download.ts'
import type { ImageFormat } from './header.ts'
import type { ImageSettings } from './image-settings.ts'
import { inspectHead } from './inspect-file.ts'
import { inspectInWorker } from './inspection.ts'
import { findOverlayBases } from './overlays.ts'
import { dropPartial, partialOwner } from './partial-file.ts'
import { SharedWork, type Joining, type WorkProgress } from './shared-work.ts'
import type { PeerCredentials } from '../transfer/peer-files.ts'
import type { Peer, SourceLimits } from './source.ts'

export interface ImageCacheOptions {
  /** `/var/lib/nephele/images/_base` */
  baseDir: string
  /** `/var/lib/nephele/instances`: an image that a disk in it is based on is not removed. */
  instancesDir: string
  settings: ImageSettings
  /** Kept free on the file system, for the instances' own disks. */
  keepFreeBytes: number
  parallelDownloads: number
  limits: SourceLimits
  /** The key by which it reads from other nodes; absent: from none. */
  readPeer?: () => Promise<PeerCredentials>
  log: Logger
}

export interface WantedImage {
  uid: string
  url: string
  caBundle?: string
  /** The node that serves it there. */
  peer?: string
  sha256?: string
  /** These bytes were read from this URL for this image before, on this node or elsewhere: an existing copy may be used. */
  imported?: boolean
  format: ImageFormat
}

export interface WantingImage extends Joining {
  /** Called before anything that may take long: a download, or reading the whole cache after a start. */
  onWait(): void
}

export class ImageCache {
  readonly #options: ImageCacheOptions
  readonly #store: CacheStore
  readonly #downloads: SharedWork<CacheEntry>
  /** Room reserved by running downloads, so that two of them do not count on the same space. */
  #promisedBytes = 0

  constructor(options: ImageCacheOptions) {
    this.#options = options
    this.#store = new CacheStore(options.baseDir, options.log)
    this.#downloads = new SharedWork(options.parallelDownloads)
  }

  /**
   * Returns the verified image, downloading it if it is missing. Concurrent calls for one image or digest share a download.
   * @throws TransientError and TerminalError as `download` and `inspectImage` do
   */
  async ensure(want: WantedImage, who: WantingImage): Promise<CacheEntry> {
    if (!this.#store.isOpen) who.onWait()
    await this.#store.open(who.signal)
    const known = await this.#find(want)
    if (known) {
      await inspectHead(known.path, want.format)
      return this.#keepFor(known, want.uid)
    }
    // The source is part of the key: who shares a digest must not learn another's URL from its failure.
    const key = downloadKey(want.sha256 ?? want.uid, want.url + (want.caBundle ?? ''))
    who.onWait()
    const entry = await this.#downloads.join(key, who, (progress) => this.#fetch(key, want, progress))
    // Others who share the digest may have declared another format.
    await inspectHead(entry.path, want.format)
    return this.#keepFor(entry, want.uid)
  }

  /**
   * Called when the document is gone. The file is removed with the last document and the last disk based on it; a disk that outlives the
   * image keeps it until the first `sweep` after the disk is gone.
   */
  async forget(uid: string, keepInCache: boolean, signal: AbortSignal): Promise<void> {
    await this.#store.open(signal)
    await this.#store.dropPartials(
      async (path) => !this.#downloads.isRunning(basename(path)) && (await partialOwner(path)) === uid,
    )
    for (const entry of this.#store.entries.values()) {
      if (!entry.uids.includes(uid)) continue
      entry.uids = entry.uids.filter((u) => u !== uid)
      entry.keep = keepInCache
      await this.#store.save(entry)
    }
    await this.sweep(signal)
  }

  /** The cached images of documents, one row per document. */
  async list(signal: AbortSignal): Promise<{ uid: string; sha256: string }[]> {
    await this.#store.open(signal)
    return [...this.#store.entries.values()].flatMap(({ uids, sha256 }) => uids.map((uid) => ({ uid, sha256 })))
  }

  /** Removes images that neither a document nor a disk needs, unless they are kept for later machines. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#store.open(signal)
    const unused = [...this.#store.entries.values()].filter((e) => e.uids.length === 0 && e.keep !== true)
    if (unused.length > 0) await this.#removeUnlessOnDisk(unused, Infinity, signal)
  }

  async #find(want: WantedImage): Promise<CacheEntry | undefined> {
    const entry =
      want.sha256 === undefined
        ? [...this.#store.entries.values()].find((e) => e.uids.includes(want.uid))
        : this.#store.entries.get(want.sha256)
    if (!entry) return undefined
    // Knowing a digest does not give access to others' images: a copy is given only to those who have read these bytes from their own
    // source.
    if (!entry.uids.includes(want.uid) && want.imported !== true) return undefined
    if (await isIntact(entry)) return entry
    this.#options.log.warn({ sha256: entry.sha256 }, 'cached image was changed or removed by somebody else')
    await this.#store.discard(entry.sha256)
    return undefined
  }

  async #keepFor(entry: CacheEntry, uid: string): Promise<CacheEntry> {
    if (!entry.uids.includes(uid)) {
      entry.uids = [...entry.uids, uid]
      delete entry.keep
      await this.#store.save(entry)
    }
    await touch(this.#options.baseDir, entry, new Date())
    return entry
  }

  async #fetch(key: string, want: WantedImage, who: WorkProgress): Promise<CacheEntry> {
    const { limits, settings, log } = this.#options
    const partialPath = this.#store.partialPath(key)
    let promised = 0
    const startedAt = performance.now()
    try {
      const { sha256, sizeBytes } = await download({
        uid: want.uid,
        url: want.url,
        partialPath,
        limits,
        addresses: settings,
        maxBytes: settings.maxBytesOf(want),
        signal: who.signal,
        onProgress: who.onProgress,
        ...(await this.#peerOf(want)),
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
      const held = this.#store.entries.get(sha256)
      // If another image has the same bytes, its file serves for this one too.
      const entry =
        held && (await isIntact(held)) ? held : await this.#store.place(partialPath, { sha256, sizeBytes, ...image })
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

  async #peerOf({ peer }: WantedImage): Promise<{ peer?: Peer }> {
    if (peer === undefined) return {}
    const credentials = await this.#options.readPeer?.()
    return credentials ? { peer: { name: peer, ...credentials } } : {}
  }

  async #makeRoom(bytes: number, signal: AbortSignal): Promise<void> {
    const missing = () => this.#missingBytes(bytes)
    let short = await missing()
    if (short <= 0) return
    const unwanted = [...this.#store.entries.values()]
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
    return Math.max(wanted + this.#store.usedBytes() - most, wanted + keepFreeBytes - disk.bavail * disk.bsize)
  }

  /** For the inventory. */
  async usage(signal: AbortSignal): Promise<{ images: number; usedBytes: number; maxBytes: number }> {
    await this.#store.open(signal)
    const disk = await statfs(this.#options.baseDir)
    const maxBytes = this.#options.settings.maxCacheBytes(disk.blocks * disk.bsize)
    return { images: this.#store.entries.size, usedBytes: this.#store.usedBytes(), maxBytes }
  }

  async #removeUnlessOnDisk(candidates: readonly CacheEntry[], bytes: number, signal: AbortSignal): Promise<void> {
    const { baseDir, instancesDir, log } = this.#options
    const needed = await findOverlayBases(instancesDir, baseDir, signal)
    let freed = 0
    for (const entry of candidates) {
      if (freed >= bytes) return
      if (needed.has(entry.sha256) || entry.uids.length > 0) continue
      await this.#store.discard(entry.sha256)
      freed += entry.sizeBytes
      log.info({ sha256: entry.sha256, sizeBytes: entry.sizeBytes }, 'image removed from the cache')
    }
  }
}
