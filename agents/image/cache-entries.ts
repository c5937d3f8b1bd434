// SPDX-License-Identifier: Apache-2.0
// The files in the cache's folder: `<sha256>`, the immutable image, and `<sha256>.json`, its marker, written after the image was verified.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, readdir, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readIfThere, syncFolder, writeWhole } from '../../lib/durable-files.ts'

const Marker = z.looseObject({
  sizeBytes: z.int().min(0),
  virtualSizeBytes: z.int().min(0),
  format: z.enum(['raw', 'qcow2']),
  /** Of the image documents that want it; an entry without any may be removed. */
  uids: z.array(z.string()),
  /** An unwanted image that is kept for later machines until the room is needed. */
  keep: z.boolean().optional(),
})

export interface CacheEntry extends z.infer<typeof Marker> {
  sha256: string
  path: string
  lastUsedMs: number
}

const DIGEST = /^[0-9a-f]{64}$/

/** The path of an image, the same on every node. Overlay disks refer to it. */
export function basePath(baseDir: string, sha256: string): string {
  if (!DIGEST.test(sha256)) throw new Error('not a SHA-256')
  return join(baseDir, sha256)
}

const markerPath = (baseDir: string, sha256: string): string => `${basePath(baseDir, sha256)}.json`

export async function writeMarker(baseDir: string, entry: CacheEntry): Promise<void> {
  const { sizeBytes, virtualSizeBytes, format, uids, keep } = entry
  await writeWhole(
    markerPath(baseDir, entry.sha256),
    JSON.stringify({ sizeBytes, virtualSizeBytes, format, uids, keep }),
  )
}

/** The marker's mtime is the time of last use: costs no write but that of an inode. */
export async function touch(baseDir: string, entry: CacheEntry, now: Date): Promise<void> {
  entry.lastUsedMs = now.getTime()
  await utimes(markerPath(baseDir, entry.sha256), now, now)
}

export async function removeEntry(baseDir: string, sha256: string): Promise<void> {
  // The marker goes first: a file without one is rehashed before it is trusted.
  await rm(markerPath(baseDir, sha256), { force: true })
  await rm(basePath(baseDir, sha256), { force: true })
  await syncFolder(baseDir)
}

/** Whether the file still is a regular file of the size in its marker. */
export async function isIntact(entry: CacheEntry): Promise<boolean> {
  const found = await lstat(entry.path).catch(() => undefined)
  return found?.isFile() === true && found.size === entry.sizeBytes
}

export interface FoundEntries {
  entries: CacheEntry[]
  /** Whole files without a (readable) marker, which a crash can leave: to be rehashed. */
  unmarked: string[]
  /** What no crash of ours can leave: links, folders, files of another size than in their marker. */
  foreign: string[]
}

/** Reads the folder after a start. Changes nothing. */
export async function readEntries(baseDir: string): Promise<FoundEntries> {
  const found: FoundEntries = { entries: [], unmarked: [], foreign: [] }
  for (const file of await readdir(baseDir, { withFileTypes: true })) {
    if (!DIGEST.test(file.name)) continue
    if (!file.isFile()) {
      found.foreign.push(file.name)
      continue
    }
    const entry = await readEntry(baseDir, file.name)
    if (!entry) found.unmarked.push(file.name)
    else if (await isIntact(entry)) found.entries.push(entry)
    else found.foreign.push(file.name)
  }
  return found
}

async function readEntry(baseDir: string, sha256: string): Promise<CacheEntry | undefined> {
  const text = await readIfThere(markerPath(baseDir, sha256))
  if (text === undefined) return undefined
  try {
    const marker = Marker.parse(JSON.parse(text))
    const { mtimeMs } = await lstat(markerPath(baseDir, sha256))
    return { ...marker, sha256, path: basePath(baseDir, sha256), lastUsedMs: mtimeMs }
  } catch {
    return undefined
  }
}

/** Reads the whole file. */
export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const hash = createHash('sha256')
    for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false })) {
      signal.throwIfAborted()
      hash.update(chunk as Buffer)
    }
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}
