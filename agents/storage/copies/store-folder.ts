// SPDX-License-Identifier: Apache-2.0
// The folder of an ImageStore on this node, guarded as that of a pool is. A file in it is named by the UID of its Image.
import { rename } from 'node:fs/promises'
import { durably, syncFolder } from '../../../lib/durable-files.ts'
import { TransientError } from '../../../lib/errors.ts'
import { OneAtATime } from '../../../lib/one-at-a-time.ts'
import type { FileCalls } from '../../../lib/file-calls.ts'
import { dropPartial } from '../../image/partial-file.ts'
import { isMountPoint, readMounts } from '../drivers/file/mount-point.ts'
import { PoolCalls, type PoolCallsOptions } from '../drivers/file/pool-calls.ts'
import { draftOf, PoolFolder, type VolumeFile } from '../drivers/file/pool-folder.ts'
import { checkMark, type PoolMarks } from '../drivers/file/pool-mark.ts'
import type { VolumeRecords } from '../exports/volume-records.ts'
import type { PoolStats, VolumeFormat } from '../volume-driver.ts'

export interface StoreFolderOptions {
  path: string
  /** Of files in it. */
  records: VolumeRecords
  marks: PoolMarks
  requiresMount: () => boolean
  /** Replaced in tests. */
  readMounts?: () => Promise<string>
  calls?: PoolCallsOptions
}

/** For a single system call, which the inventory waits for. */
const STATS_LIMIT_MS = 10_000

export class StoreFolder {
  readonly #options: StoreFolderOptions
  readonly #calls: PoolCalls
  readonly #checks = new OneAtATime()

  constructor(options: StoreFolderOptions) {
    this.#options = options
    this.#calls = new PoolCalls(options.calls)
  }

  /** For whatever is done with files in it: they may be on a server that hangs. */
  get calls(): FileCalls {
    return this.#calls
  }

  async find(uid: string): Promise<VolumeFile | undefined> {
    const { records, path: poolPath } = this.#options
    const found = await this.#calls.run(async () => (await this.#open()).find(uid))
    // An agent may have been killed before it was recorded, or its own disk was lost.
    if (found && !(await records.find(uid))?.created) await records.save({ id: uid, poolPath, created: true })
    return found
  }

  /** Where it is written before it is whole, which is recorded first. What was written before is still there. */
  async draft(uid: string, format: VolumeFormat): Promise<string> {
    const { records, path: poolPath } = this.#options
    const draft = await this.#calls.run(async () => {
      const folder = await this.#open()
      await this.#check(folder, true)
      return draftOf(folder.pathOf(uid, format))
    })
    if (!(await records.find(uid))) await records.save({ id: uid, poolPath, created: false })
    return draft
  }

  /** A draft that is whole, and on the disk, gets its name. */
  async name(uid: string, format: VolumeFormat): Promise<void> {
    const { records, path: poolPath } = this.#options
    await this.#calls.run(async () => {
      const folder = await this.#open()
      const path = folder.pathOf(uid, format)
      await durably('rename', path, () => rename(draftOf(path), path))
      await syncFolder(folder.path)
      await dropPartial(draftOf(path))
    })
    await records.save({ id: uid, poolPath, created: true })
  }

  /** With what there is of it. An absent one is success. */
  async remove(uid: string): Promise<void> {
    await this.#calls.run(async () => {
      const folder = await this.#open()
      for (const format of ['raw', 'qcow2'] as const) await dropPartial(draftOf(folder.pathOf(uid, format)))
      await folder.remove(uid)
    })
    await this.#options.records.remove(uid)
  }

  list(): Promise<string[]> {
    return this.#calls.run(async () => (await this.#open()).listIds())
  }

  stats(): Promise<PoolStats> {
    return this.#calls.run(async () => (await this.#open()).stats(), STATS_LIMIT_MS)
  }

  async #open(): Promise<PoolFolder> {
    const { path, records, requiresMount } = this.#options
    const wantsMount = requiresMount()
    const folder = await PoolFolder.open(path, !wantsMount && !(await records.knowsPool(path)))
    if (wantsMount && !isMountPoint(folder.path, await (this.#options.readMounts ?? readMounts)()))
      throw new TransientError(
        'StoreUnavailable',
        "no file system is mounted at the store's folder, and spec.file.requireMount of the ImageStore wants one: mount it",
      )
    await this.#check(folder, false)
    return folder
  }

  /** One at a time: two concurrent checks could set different marks. */
  #check(folder: PoolFolder, isCreating: boolean): Promise<void> {
    const { path, records, marks } = this.#options
    return this.#checks.run(async () => {
      const made = (await records.list()).filter((record) => record.poolPath === path && record.created)
      await checkMark(marks, { folder, poolPath: path, volumes: made.map(({ id }) => id), isCreating })
    })
  }
}
