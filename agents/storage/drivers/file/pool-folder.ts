// SPDX-License-Identifier: Apache-2.0
// The folder of a `file` pool: which names in it are volumes. Nothing in it may lead outside.
import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, readdir, realpath, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { TransientError } from '../../../../lib/errors.ts'
import { isMissing, syncFolder, unlessMissing } from '../../../../lib/durable-files.ts'
import { MAGIC_HEAD_BYTES } from '../../../image/magic.ts'
import { parseQcow2, Qcow2FormatError } from '../../../image/qcow2.ts'
import type { BackendVolume, PoolStats, VolumeFormat } from '../../volume-driver.ts'

const FORMATS: readonly VolumeFormat[] = ['raw', 'qcow2']
const VOLUME_ID = /^[a-z0-9][a-z0-9-]{0,62}$/
const VOLUME_FILE = /^([a-z0-9][a-z0-9-]{0,62})\.(raw|qcow2)$/

export interface VolumeFile extends BackendVolume {
  path: string
}

/** The name of a volume's file until it is complete. */
export function draftOf(path: string): string {
  return `${path}.new`
}

/**
 * `path` is resolved: there is no link in it. Only its owner may write to it, so the file that was checked is the file that a tool opens.
 */
export class PoolFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * @param create the folder when it is missing; otherwise a missing one is an error: its file system may not be mounted
   * @throws TransientError PoolUnavailable, PoolUnsafe
   */
  static async open(path: string, create: boolean): Promise<PoolFolder> {
    if (create) await mkdir(path, { recursive: true, mode: 0o700 })
    let real: string
    let stats: Stats
    try {
      real = await realpath(path)
      stats = await lstat(real)
    } catch (error) {
      if (!isMissing(error)) throw error
      throw new TransientError('PoolUnavailable', "the pool's folder is not there; is its file system mounted?", {
        cause: error,
      })
    }
    if (!stats.isDirectory() || stats.uid !== process.geteuid?.() || (stats.mode & 0o022) !== 0) {
      throw new TransientError('PoolUnsafe', "the pool's folder must be a folder that only root can write to")
    }
    return new PoolFolder(real)
  }

  pathOf(id: string, format: VolumeFormat): string {
    if (!VOLUME_ID.test(id)) throw new Error('not a volume id')
    return join(this.path, `${id}.${format}`)
  }

  /** @throws TransientError VolumeUnsafe for a link, a second name of another file, or a file that refers to others */
  async find(id: string): Promise<VolumeFile | undefined> {
    for (const format of FORMATS) {
      const path = this.pathOf(id, format)
      const stats = await this.#statWhole(path)
      if (stats) return { id, format, path, sizeBytes: await virtualSize(path, format, stats) }
    }
    return undefined
  }

  /** A volume that was complete when its maker was killed still has its draft name as well, which only we give. */
  async #statWhole(path: string): Promise<Stats | undefined> {
    const stats = await statOrNot(path)
    if (stats?.nlink !== 2) return stats
    const draft = await statOrNot(draftOf(path))
    if (draft?.ino !== stats.ino || draft.dev !== stats.dev) return stats
    await unlink(draftOf(path))
    await syncFolder(this.path)
    return statOrNot(path)
  }

  /** By names only: files that cannot be read are listed too. */
  async listIds(): Promise<string[]> {
    const ids = new Set<string>()
    for (const name of await readdir(this.path)) {
      const id = VOLUME_FILE.exec(name)?.[1]
      if (id !== undefined) ids.add(id)
    }
    return [...ids]
  }

  /** Removes the name, never the target of a link. */
  async remove(id: string): Promise<void> {
    for (const format of FORMATS) {
      await unlessMissing(() => unlink(this.pathOf(id, format)), undefined)
    }
    await syncFolder(this.path)
  }

  async stats(): Promise<PoolStats> {
    const { blocks, bavail, bsize } = await statfs(this.path)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  }
}

async function statOrNot(path: string): Promise<Stats | undefined> {
  return unlessMissing(() => lstat(path), undefined)
}

async function virtualSize(path: string, format: VolumeFormat, found: Stats): Promise<number> {
  if (!found.isFile() || found.nlink !== 1) throw unsafe('it is a link or has a second name')
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const stats = await file.stat()
    if (stats.ino !== found.ino || stats.dev !== found.dev) throw unsafe('it changed while it was looked at')
    if (format === 'raw') return stats.size
    const head = Buffer.alloc(Math.min(stats.size, MAGIC_HEAD_BYTES))
    await file.read(head, 0, head.length, 0)
    const header = parseQcow2(head, stats.size)
    if (header.backingFile !== undefined || header.externalDataFile) throw unsafe('it refers to another file')
    return header.virtualSizeBytes
  } catch (error) {
    if (error instanceof Qcow2FormatError) throw unsafe(`it is no sound qcow2 file: ${error.message}`, error)
    throw error
  } finally {
    await file.close()
  }
}

function unsafe(why: string, cause?: unknown): TransientError {
  return new TransientError(
    'VolumeUnsafe',
    `the file in the volume's place is not used: ${why}; an administrator must look at the pool`,
    {
      cause,
    },
  )
}
