// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { TerminalError } from '../../lib/errors.ts'
import { inspectImage, type ImageFormat, type InspectedImage } from './header.ts'
import { MAGIC_HEAD_BYTES, MAGIC_TAIL_BYTES } from './magic.ts'
import { parseQcow2, type Qcow2Header } from './qcow2.ts'
import { findFault, offsetOf } from './qcow2-tables.ts'

/**
 * Checks a file on disk by its first and last bytes: cheap, whatever they contain. Never follows a link or runs a tool.
 * @throws TerminalError as inspectImage
 */
export function inspectHead(path: string, declared: ImageFormat): Promise<InspectedImage> {
  return withFile(path, (file, fileBytes) => readHead(file, fileBytes, declared))
}

/**
 * As inspectHead, and reads every table of a qcow2 file: a truncated one is refused even where no digest was declared. Takes as long as the
 * tables are large; call it where nothing waits for it (inspection.ts).
 * @throws TerminalError as inspectImage
 */
export function inspectWhole(path: string, declared: ImageFormat): Promise<InspectedImage> {
  return withFile(path, async (file, fileBytes) => {
    const image = await readHead(file, fileBytes, declared)
    if (image.qcow2) await checkTables(file, image.qcow2, fileBytes)
    return image
  })
}

/** The header of a qcow2 file of our own, which may be based on another. @throws Qcow2FormatError */
export function inspectBacked(path: string): Promise<Qcow2Header> {
  return withFile(path, async (file, fileBytes) =>
    parseQcow2(await readAt(file, 0, Math.min(fileBytes, MAGIC_HEAD_BYTES)), fileBytes),
  )
}

async function withFile<T>(path: string, work: (file: FileHandle, fileBytes: number) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    return await work(file, size)
  } finally {
    await file.close()
  }
}

async function readHead(file: FileHandle, fileBytes: number, declared: ImageFormat): Promise<InspectedImage> {
  const head = await readAt(file, 0, Math.min(fileBytes, MAGIC_HEAD_BYTES))
  const tailBytes = Math.min(fileBytes, MAGIC_TAIL_BYTES)
  const tail = await readAt(file, fileBytes - tailBytes, tailBytes)
  return inspectImage({ head, tail, fileBytes }, declared)
}

/** Every table and cluster that the L1 and L2 tables refer to must begin inside the file. L2 tables are read once each, one at a time. */
async function checkTables(file: FileHandle, header: Qcow2Header, fileBytes: number): Promise<void> {
  const cluster = 2 ** header.clusterBits
  const l1 = await readAt(file, header.l1Offset, header.l1Entries * 8)
  const seen = new Set<number>()
  for (let at = 0; at < l1.length; at += 8) {
    const l2Offset = offsetOf(l1, at)
    if (l2Offset === 0 || seen.has(l2Offset)) continue
    seen.add(l2Offset)
    if (l2Offset % cluster !== 0) throw unsound('an L2 table does not begin at a cluster')
    if (l2Offset >= fileBytes) throw cutOff()
    const l2 = await readAt(file, l2Offset, Math.min(cluster, fileBytes - l2Offset))
    const fault = findFault(l2, header, fileBytes)
    if (fault) throw fault === 'beyondEnd' ? cutOff() : unsound('a data cluster does not begin at a cluster')
  }
}

function cutOff(): TerminalError {
  return new TerminalError(
    'ImageFormatMismatch',
    'the qcow2 file names data beyond its end: it is cut off; publish it anew',
  )
}

function unsound(what: string): TerminalError {
  return new TerminalError(
    'ImageFormatMismatch',
    `the qcow2 file is damaged: ${what}; repair it (qemu-img check -r all) and publish it anew`,
  )
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done)
    if (bytesRead === 0) throw new Error('the file became shorter while it was read')
    done += bytesRead
  }
  return buffer
}
