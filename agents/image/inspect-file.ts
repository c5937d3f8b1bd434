// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { TerminalError } from '../../lib/errors.ts'
import { inspectImage, type ImageFormat, type InspectedImage } from './header.ts'
import { MAGIC_HEAD_BYTES, MAGIC_TAIL_BYTES } from './magic.ts'
import type { Qcow2Header } from './qcow2.ts'

const OFFSET_MASK = 0x00fffffffffffe00n
const COMPRESSED = 1n << 62n

/**
 * Judges a file on disk, its data's extents included when `deep`: a qcow2 file whose end is missing is refused even where no
 * digest was declared. Never follows a link. Never runs a tool.
 * @throws TerminalError as inspectImage
 */
export async function inspectFile(
  path: string,
  declared: ImageFormat,
  deep: boolean,
  signal: AbortSignal,
): Promise<InspectedImage> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    const head = await readAt(file, 0, Math.min(size, MAGIC_HEAD_BYTES))
    const tailBytes = Math.min(size, MAGIC_TAIL_BYTES)
    const tail = await readAt(file, size - tailBytes, tailBytes)
    const image = inspectImage({ head, tail, fileBytes: size }, declared)
    if (deep && image.qcow2) await checkExtents(file, image.qcow2, size, signal)
    return image
  } finally {
    await file.close()
  }
}

/** Every table and cluster that the L1 and L2 tables name must lie inside the file. Reads one L2 table at a time. */
async function checkExtents(
  file: FileHandle,
  header: Qcow2Header,
  fileBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const cluster = 2 ** header.clusterBits
  const entryBytes = header.extendedL2 ? 16 : 8
  const l1 = await readAt(file, header.l1Offset, header.l1Entries * 8)
  for (let at = 0; at < l1.length; at += 8) {
    const l2Offset = Number(l1.readBigUInt64BE(at) & OFFSET_MASK)
    if (l2Offset === 0) continue
    signal.throwIfAborted()
    if (l2Offset + cluster > fileBytes) throw cutOff()
    const l2 = await readAt(file, l2Offset, cluster)
    for (let entry = 0; entry < cluster; entry += entryBytes) {
      const value = l2.readBigUInt64BE(entry)
      if (value !== 0n && endOf(value, header.clusterBits) > fileBytes) throw cutOff()
    }
  }
}

/** Where the data of an L2 entry end at the least: a compressed cluster's last sector may be shorter than its descriptor says. */
function endOf(entry: bigint, clusterBits: number): number {
  if ((entry & COMPRESSED) === 0n) {
    const offset = Number(entry & OFFSET_MASK)
    return offset === 0 ? 0 : offset + 2 ** clusterBits
  }
  const offsetBits = BigInt(62 - (clusterBits - 8))
  return Number(entry & ((1n << offsetBits) - 1n)) + 1
}

function cutOff(): TerminalError {
  return new TerminalError(
    'ImageFormatMismatch',
    'the qcow2 file names data beyond its end: it is cut off; publish it anew',
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
