// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { unlessMissing } from '../../lib/durable-files.ts'
import { MAGIC_HEAD_BYTES } from './magic.ts'
import { QCOW2_MAGIC } from './qcow2.ts'

/**
 * The digests of cached images that instances' disks are based on, read from the disks themselves: so a machine whose document was lost
 * still keeps its image.
 * @param instancesDir one folder per instance, with the disks directly in it; may be missing
 * @param baseDir the cache's folder
 * @throws when a disk cannot be read: then no image may be considered unused
 */
export async function findOverlayBases(
  instancesDir: string,
  baseDir: string,
  signal: AbortSignal,
): Promise<Set<string>> {
  const bases = new Set<string>()
  for (const folder of await entries(instancesDir)) {
    if (!folder.isDirectory()) continue
    signal.throwIfAborted()
    for (const entry of await entries(join(instancesDir, folder.name))) {
      if (!entry.isFile()) continue
      const backing = await backingOf(join(instancesDir, folder.name, entry.name))
      if (backing !== undefined && dirname(backing) === baseDir) bases.add(basename(backing))
    }
  }
  return bases
}

async function entries(path: string) {
  return unlessMissing(() => readdir(path, { withFileTypes: true }), [])
}

/** The file that a disk says it is based on; undefined: none, or it is no qcow2. */
export async function backingOf(path: string): Promise<string | undefined> {
  const file = await unlessMissing(() => open(path, constants.O_RDONLY | constants.O_NOFOLLOW), undefined)
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const head = Buffer.alloc(Math.min(size, MAGIC_HEAD_BYTES))
    await file.read(head, 0, head.length, 0)
    if (head.length < 8 || head.readUInt32BE(0) !== QCOW2_MAGIC) return undefined
    // Reads only the name: a disk that is being made may not be valid yet.
    const offset = head.length >= 20 ? Number(head.readBigUInt64BE(8)) : 0
    const length = head.length >= 20 ? head.readUInt32BE(16) : 0
    return offset > 0 && offset + length <= head.length ? head.toString('utf8', offset, offset + length) : undefined
  } finally {
    await file.close()
  }
}
