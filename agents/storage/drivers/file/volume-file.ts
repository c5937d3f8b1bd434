// SPDX-License-Identifier: Apache-2.0
// Creates and grows the file of a volume that no process has open.
import { constants } from 'node:fs'
import { link, open, truncate, unlink } from 'node:fs/promises'
import { TransientError } from '../../../../lib/errors.ts'
import { exec, ExecError } from '../../../../lib/exec.ts'
import { codeOf, isMissing, syncFolder } from '../../../../lib/durable-files.ts'
import type { VolumeFormat } from '../../volume-driver.ts'
import { draftOf, type PoolFolder, type VolumeFile } from './pool-folder.ts'

/** For metadata; a busy disk may be slow. */
const TOOL_TIMEOUT_MS = 120_000

export interface NewVolumeFile {
  id: string
  format: VolumeFormat
  sizeBytes: number
}

/** Creates it under a draft name first, so that a volume that exists is complete. Never replaces a file. */
export async function createVolumeFile(
  pool: PoolFolder,
  wanted: NewVolumeFile,
  qemuImg: string,
  signal: AbortSignal,
): Promise<void> {
  const path = pool.pathOf(wanted.id, wanted.format)
  const draft = draftOf(path)
  await unlink(draft).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  try {
    const file = await open(
      draft,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      if (wanted.format === 'raw') await file.truncate(wanted.sizeBytes)
      else {
        const options = 'preallocation=off,lazy_refcounts=off'
        await exec([qemuImg, 'create', '-q', '-f', 'qcow2', '-o', options, draft, String(wanted.sizeBytes)], {
          timeoutMs: TOOL_TIMEOUT_MS,
          signal,
        })
      }
      await file.sync()
    } finally {
      await file.close()
    }
    // link() does not replace. A kill between the two calls leaves a second name, which `PoolFolder.find` removes.
    await link(draft, path)
    await unlink(draft)
    await syncFolder(pool.path)
  } catch (error) {
    if (!isFull(error)) throw error
    throw new TransientError(
      'PoolFull',
      'the pool has no room for the volume; delete volumes or give the pool more disk',
      { cause: error },
    )
  }
}

/** Whether the error means that the disk is full: the kernel's code, or the text that QEMU's tools and daemon pass on. */
export function isFull(error: unknown): boolean {
  const text = error instanceof ExecError ? error.stderr : error instanceof Error ? error.message : ''
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '') || /No space left on device|Disk quota exceeded/.test(text)
}

/** @param file found just now, and not open in any daemon: otherwise QEMU's lock makes the tool fail */
export async function growVolumeFile(
  file: VolumeFile,
  sizeBytes: number,
  qemuImg: string,
  signal: AbortSignal,
): Promise<void> {
  if (file.format === 'raw') return truncate(file.path, sizeBytes)
  await exec([qemuImg, 'resize', '-q', '-f', 'qcow2', file.path, String(sizeBytes)], {
    timeoutMs: TOOL_TIMEOUT_MS,
    signal,
  })
}
