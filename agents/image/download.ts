// SPDX-License-Identifier: Apache-2.0
// One attempt to download an image. The bytes that arrived stay in the partial file, so that the next attempt, also by another process
// after a crash, resumes where this one ended.
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { durably, hasCode, readIfThere, writeWhole } from '../../lib/durable-files.ts'
import type { AddressPolicy } from './allowed-addresses.ts'
import { classify, openSource, RangeRefused, type SourceAnswer, type SourceLimits } from './source.ts'
import { ThroughputFloor } from './throughput.ts'

export interface DownloadRequest {
  url: string
  caBundle?: string
  /** The declared digest, if there is one. */
  sha256?: string
  /** The digest is from an earlier import, not from the Image's spec. */
  imported?: boolean
  /** Of the document that wants it; stored with the partial file. */
  uid: string
  /** The file to download to; `<partialPath>.json` records its source. */
  partialPath: string
  maxBytes: number
  limits: SourceLimits
  addresses: AddressPolicy
  signal: AbortSignal
  /** Makes room for this many more bytes, or throws. */
  reserve(bytes: number): Promise<void>
  /** In percent; called when it changes, if the size is known. */
  onProgress(percent: number): void
}

export interface Downloaded {
  sha256: string
  sizeBytes: number
}

/** Room for a download of unknown size is reserved in steps of this size. */
const RESERVE_STEP_BYTES = 256 * 1024 * 1024
/** The longest that a source which trickles just above the idle time-out may hold its place; the next attempt resumes. */
const MAX_ATTEMPT_MS = 6 * 60 * 60 * 1000

/** The URL may hold credentials: only its digest is stored. */
const PartialRecord = z.looseObject({ uid: z.string(), urlSha256: z.string(), validator: z.string().optional() })

const sha256Text = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A name for downloading one thing from one source; does not reveal the source. */
export function downloadKey(what: string, url: string): string {
  return `${what}-${sha256Text(url).slice(0, 16)}`
}

/** The document that the partial file belongs to; undefined when we did not write it. */
export async function partialOwner(partialPath: string): Promise<string | undefined> {
  return (await readRecord(partialPath))?.uid
}

/**
 * Downloads one image, or resumes its download. On success the partial file is complete, synced and matches the declared digest; the caller
 * moves it into place and calls `dropPartial`.
 * @throws TransientError ImageNotFound, ImageSourceUnavailable, DownloadTooSlow, ImageCacheFull; TerminalError ImageDigestMismatch,
 * ImageTooLarge, ImageSourceRefused
 */
export async function download(wanted: DownloadRequest): Promise<Downloaded> {
  try {
    return await attempt(wanted)
  } catch (error) {
    if (!(error instanceof RangeRefused)) throw error
    await dropPartial(wanted.partialPath)
    return attempt(wanted)
  }
}

export async function dropPartial(partialPath: string): Promise<void> {
  await rm(partialPath, { force: true })
  await rm(`${partialPath}.json`, { force: true })
}

async function attempt(wanted: DownloadRequest): Promise<Downloaded> {
  const file = await open(wanted.partialPath, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    const resume = await resumable(wanted, file)
    const hash = createHash('sha256')
    if (resume) await hashOf(file, resume.from, hash, wanted.signal)
    return await transfer(wanted, file, resume, hash)
  } finally {
    await file.close()
  }
}

/** @param hash of the bytes that are there already */
async function transfer(
  wanted: DownloadRequest,
  file: FileHandle,
  resume: { from: number; validator: string } | undefined,
  hash: Hash,
): Promise<Downloaded> {
  const { caBundle, url, limits, addresses } = wanted
  const floor = new ThroughputFloor(url, limits)
  const signal = AbortSignal.any([wanted.signal, floor.signal, AbortSignal.timeout(MAX_ATTEMPT_MS)])
  try {
    const answer = await openSource({
      url,
      limits,
      addresses,
      signal,
      ...(caBundle ? { caBundle } : {}),
      ...(resume ? { resume } : {}),
    })
    if ('completeAt' in answer) return await finish(wanted, file, hash, { sizeBytes: answer.completeAt, resumed: true })
    floor.answered()
    try {
      const sum = resume && answer.from > 0 ? hash : createHash('sha256')
      return await receive(wanted, file, answer, { hash: sum, signal, floor })
    } finally {
      await answer.close()
    }
  } finally {
    floor.end()
  }
}

/** The remains of an earlier attempt, if they are from the same URL and the source can say whether it has changed since. */
async function resumable(
  wanted: DownloadRequest,
  file: FileHandle,
): Promise<{ from: number; validator: string } | undefined> {
  const { size } = await file.stat()
  if (size === 0) return undefined
  const record = await readRecord(wanted.partialPath)
  if (record?.validator === undefined || record.urlSha256 !== sha256Text(wanted.url)) return undefined
  return { from: size, validator: record.validator }
}

async function readRecord(partialPath: string): Promise<z.infer<typeof PartialRecord> | undefined> {
  const text = await readIfThere(`${partialPath}.json`)
  try {
    return text === undefined ? undefined : PartialRecord.parse(JSON.parse(text))
  } catch {
    return undefined // not our file: start over
  }
}

async function receive(
  wanted: DownloadRequest,
  file: FileHandle,
  answer: SourceAnswer,
  { hash, signal, floor }: { hash: Hash; signal: AbortSignal; floor: ThroughputFloor },
): Promise<Downloaded> {
  const { totalBytes } = answer
  if (totalBytes !== undefined && totalBytes > wanted.maxBytes) throw tooLarge(wanted.maxBytes)
  await file.truncate(answer.from)
  // Written before the first byte: a partial file without its record is never resumed.
  const record = { uid: wanted.uid, urlSha256: sha256Text(wanted.url), validator: answer.validator }
  await writeWhole(`${wanted.partialPath}.json`, JSON.stringify(record))

  let at = answer.from
  let reserved = at
  let percent = -1
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      floor.came(chunk.length)
      if (at + chunk.length > wanted.maxBytes) throw tooLarge(wanted.maxBytes)
      while (at + chunk.length > reserved) {
        const step = totalBytes !== undefined && totalBytes > reserved ? totalBytes - reserved : RESERVE_STEP_BYTES
        await wanted.reserve(step)
        reserved += step
      }
      await writeAll(file, chunk, at)
      hash.update(chunk)
      at += chunk.length
      const now = totalBytes ? Math.min(99, Math.floor((at / totalBytes) * 100)) : -1
      if (now > percent) wanted.onProgress((percent = now))
    }
  } catch (error) {
    throw hasCode(error, 'ENOSPC') ? cacheFull(error) : classify(error, { url: wanted.url, signal })
  }
  // The end of an HTTP/1.0 response is the end of its connection: only the length tells whether it was complete.
  if (totalBytes !== undefined && at !== totalBytes) {
    throw new TransientError('ImageSourceUnavailable', `the source ended after ${at} of ${totalBytes} bytes`)
  }
  return finish(wanted, file, hash, { sizeBytes: at, resumed: answer.from > 0, isInternal: answer.isInternal })
}

async function finish(
  wanted: DownloadRequest,
  file: FileHandle,
  hash: Hash,
  { sizeBytes, resumed, isInternal = true }: { sizeBytes: number; resumed: boolean; isInternal?: boolean },
): Promise<Downloaded> {
  const sha256 = hash.digest('hex')
  if (wanted.sha256 !== undefined && sha256 !== wanted.sha256) {
    await dropPartial(wanted.partialPath)
    // The file may be a mix of two versions, or damaged by a power cut: only a download in one piece proves that the source has another
    // digest.
    if (resumed) {
      throw new TransientError(
        'ImageSourceUnavailable',
        'the parts of the download do not make the declared image; it begins anew',
      )
    }
    throw otherBytes(wanted, isInternal ? undefined : { sizeBytes, sha256 })
  }
  await durably('sync', wanted.partialPath, () => file.sync())
  return { sha256, sizeBytes }
}

async function hashOf(file: FileHandle, length: number, hash: Hash, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < length;) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - at), at)
    if (bytesRead === 0) throw new Error('the partial file became shorter while it was read')
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}

async function writeAll(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done)
    done += bytesWritten
  }
}

/** @param found undefined for a source in an internal network: its digest is not revealed to whoever can write a URL */
function otherBytes({ sha256, imported }: DownloadRequest, found: Downloaded | undefined): TerminalError {
  const has = found
    ? `the ${found.sizeBytes} bytes of the source have SHA-256 ${found.sha256}`
    : 'the bytes of the source have another SHA-256'
  return new TerminalError(
    'ImageDigestMismatch',
    imported
      ? `${has}, the image was imported with ${sha256}: publish those bytes again, or make a new Image for these`
      : `${has}, spec.sha256 says ${sha256}; correct spec.sha256 or the file`,
  )
}

function tooLarge(maxBytes: number): TerminalError {
  return new TerminalError(
    'ImageTooLarge',
    `the source has more than the ${Math.floor(maxBytes / 2 ** 30)} GiB that an image may have here; publish a smaller one (qemu-img convert -c), or have an administrator raise spec.images.maxSizeGiB of the Cloud`,
  )
}

export function cacheFull(cause?: unknown): TransientError {
  return new TransientError(
    'ImageCacheFull',
    "the node's image cache has no room for this image; remove images or instances, give it more disk, or have an administrator raise spec.images.maxCachePercent of the Cloud",
    { cause },
  )
}
