// SPDX-License-Identifier: Apache-2.0
// Is the folder the file system that the pool is on? A mount point exists whether or not something is mounted, and what is created in an
// empty one is on the node's own disk, hidden by the next mount. So a pool gets a mark with its first volume, which the agent remembers.
import { createHash, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, readIfThere, writeWhole } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'
import type { PoolFolder } from './pool-folder.ts'

const MARK_FILE = '.nephele-pool'

/** The marks that this node remembers, on the agent's own disk: one file per pool. */
export class PoolMarks {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  async find(poolPath: string): Promise<string | undefined> {
    return (await readIfThere(this.#file(poolPath)))?.trim()
  }

  async remember(poolPath: string, mark: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await writeWhole(this.#file(poolPath), `${mark}\n`)
  }

  #file(poolPath: string): string {
    return join(this.#dir, createHash('sha256').update(poolPath).digest('hex').slice(0, 32))
  }
}

export interface MarkFacts {
  /** The mark that the agent remembers. */
  remembered: string | undefined
  /** The mark in the folder. */
  found: string | undefined
  /** Volumes that were made in the pool and not removed. */
  volumes: number
  /** Whether the file of one of them exists. */
  hasVolume: boolean
}

/**
 * | remembered | in the folder | a volume's file | then                                                               |
 * |------------|---------------|-----------------|--------------------------------------------------------------------|
 * | yes        | the same      | any             | it is the pool                                                     |
 * | yes        | other or none | there           | it is the pool: mark it again                                      |
 * | yes        | other or none | none            | it is not the pool                                                 |
 * | no         | any           | there, or no volume was ever made | it is the pool: to be marked with the next volume |
 * | no         | any           | none, and some were made          | it is not the pool                                |
 * Pure.
 */
export function judgeMark({ remembered, found, volumes, hasVolume }: MarkFacts): 'pool' | 'mark' | 'foreign' {
  if (remembered !== undefined && remembered === found) return 'pool'
  if (hasVolume) return 'mark'
  return remembered !== undefined || volumes > 0 ? 'foreign' : 'mark'
}

export interface PoolToCheck {
  folder: PoolFolder
  /** The path as configured: the key of the remembered mark. */
  poolPath: string
  /** Ids of the volumes that were made in it. */
  volumes: readonly string[]
  /**
   * Whether a volume is about to be made. An unused pool is marked only then: before its first volume, its disk may be mounted at any time.
   */
  isCreating: boolean
}

/** @throws TransientError PoolUnavailable */
export async function checkMark(marks: PoolMarks, pool: PoolToCheck): Promise<void> {
  const { folder, poolPath, volumes, isCreating } = pool
  const remembered = await marks.find(poolPath)
  const found = (await readIfThere(join(folder.path, MARK_FILE)))?.trim()
  if (remembered !== undefined && remembered === found) return
  const present = new Set(await folder.listIds())
  const hasVolume = volumes.some((id) => present.has(id))
  const verdict = judgeMark({ remembered, found, volumes: volumes.length, hasVolume })
  if (verdict === 'foreign') {
    const help = remembered === undefined ? '' : `; if it is, write ${remembered} into its file ${MARK_FILE}`
    throw new TransientError(
      'PoolUnavailable',
      `the pool's folder is not the file system that its volumes were made on; is that mounted?${help}`,
    )
  }
  if (!hasVolume && !isCreating) return
  const mark = remembered ?? (found !== undefined && found !== '' ? found : randomUUID())
  try {
    if (found !== mark) await writeWhole(join(folder.path, MARK_FILE), `${mark}\n`)
    if (remembered !== mark) await marks.remember(poolPath, mark)
  } catch (error) {
    // A full disk must not prevent removals; a creation fails by itself.
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error
  }
}
