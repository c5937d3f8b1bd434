// SPDX-License-Identifier: Apache-2.0
// One attempt to download an image. The bytes that arrived stay in the partial file, so that the next attempt, also by another process
// after a crash, resumes where this one ended.
import { createHash, type Hash } from 'node:crypto'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { hasCode } from '../../lib/durable-files.ts'
import { UNBOUND, type FileCalls } from '../../lib/file-calls.ts'
import type { AddressPolicy } from './allowed-addresses.ts'
import { dropPartial, PartialFile } from './partial-file.ts'
import { classify, openSource, RangeRefused, type Peer, type SourceAnswer, type SourceLimits } from './source.ts'
import { ThroughputFloor } from './throughput.ts'

export interface DownloadRequest {
  url: string
  caBundle?: string
  /** Another node, in place of a web server. */
  peer?: Peer
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
  /** Of the disk of that file; absent: it is the node's own. */
  calls?: FileCalls
  signal: AbortSignal
  /** Makes room for this many more bytes, or throws. */
  reserve(bytes: number): Promise<void>
  /** What is said where the disk is full all the same; absent: of the node's cache. */
  noRoom?: (cause: unknown) => TransientError
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

const sha256Text = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A name for downloading one thing from one source; does not reveal the source. */
export function downloadKey(what: string, url: string): string {
  return `${what}-${sha256Text(url).slice(0, 16)}`
}

/**
 * Downloads one image, or resumes its download. On success the partial file is complete, synced and matches the declared digest; the caller
 * moves it into place and calls `dropPartial`.
 * @throws TransientError ImageNotFound, ImageSourceUnavailable, DownloadTooSlow, ImageCacheFull, or what `noRoom` says; TerminalError
 * ImageDigestMismatch, ImageTooLarge, ImageSourceRefused
 */
export async function download(wanted: DownloadRequest): Promise<Downloaded> {
  try {
    return await attemptTwice(wanted)
  } catch (error) {
    throw isFull(error) ? (wanted.noRoom ?? cacheFull)(error) : error
  }
}

async function attemptTwice(wanted: DownloadRequest): Promise<Downloaded> {
  try {
    return await attempt(wanted)
  } catch (error) {
    if (!(error instanceof RangeRefused)) throw error
    await (wanted.calls ?? UNBOUND).run(() => dropPartial(wanted.partialPath))
    return attempt(wanted)
  }
}

function isFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')
}

async function attempt(wanted: DownloadRequest): Promise<Downloaded> {
  const file = await PartialFile.open(wanted.partialPath, wanted.calls ?? UNBOUND)
  try {
    const resume = await resumable(wanted, file)
    const hash = createHash('sha256')
    if (resume) await file.addTo(hash, resume.from, wanted.signal)
    return await transfer(wanted, file, resume, hash)
  } finally {
    await file.close()
  }
}

/** @param hash of the bytes that are there already */
async function transfer(
  wanted: DownloadRequest,
  file: PartialFile,
  resume: { from: number; validator: string } | undefined,
  hash: Hash,
): Promise<Downloaded> {
  const { caBundle, url, limits, addresses, peer } = wanted
  const floor = new ThroughputFloor(url, limits)
  const signal = AbortSignal.any([wanted.signal, floor.signal, AbortSignal.timeout(MAX_ATTEMPT_MS)])
  try {
    const answer = await openSource({
      url,
      limits,
      addresses,
      signal,
      ...(caBundle ? { caBundle } : {}),
      ...(peer ? { peer } : {}),
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
  file: PartialFile,
): Promise<{ from: number; validator: string } | undefined> {
  const size = await file.size()
  if (size === 0) return undefined
  const record = await file.readRecord()
  if (record?.validator === undefined || record.urlSha256 !== sha256Text(wanted.url)) return undefined
  return { from: size, validator: record.validator }
}

async function receive(
  wanted: DownloadRequest,
  file: PartialFile,
  answer: SourceAnswer,
  { hash, signal, floor }: { hash: Hash; signal: AbortSignal; floor: ThroughputFloor },
): Promise<Downloaded> {
  const { totalBytes } = answer
  if (totalBytes !== undefined && totalBytes > wanted.maxBytes) throw tooLarge(wanted.maxBytes)
  const record = { uid: wanted.uid, urlSha256: sha256Text(wanted.url), validator: answer.validator }
  await file.begin(answer.from, record)
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
      await file.writeAll(chunk, at)
      hash.update(chunk)
      at += chunk.length
      const now = totalBytes ? Math.min(99, Math.floor((at / totalBytes) * 100)) : -1
      if (now > percent) wanted.onProgress((percent = now))
    }
  } catch (error) {
    throw isFull(error) ? error : classify(error, { url: wanted.url, signal })
  }
  // The end of an HTTP/1.0 response is the end of its connection: only the length tells whether it was complete.
  if (totalBytes !== undefined && at !== totalBytes) {
    throw new TransientError('ImageSourceUnavailable', `the source ended after ${at} of ${totalBytes} bytes`)
  }
  return finish(wanted, file, hash, { sizeBytes: at, resumed: answer.from > 0, isInternal: answer.isInternal })
}

async function finish(
  wanted: DownloadRequest,
  file: PartialFile,
  hash: Hash,
  { sizeBytes, resumed, isInternal = true }: { sizeBytes: number; resumed: boolean; isInternal?: boolean },
): Promise<Downloaded> {
  const sha256 = hash.digest('hex')
  if (wanted.sha256 !== undefined && sha256 !== wanted.sha256) {
    await file.drop()
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
  await file.sync()
  return { sha256, sizeBytes }
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
