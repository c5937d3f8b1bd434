// SPDX-License-Identifier: Apache-2.0
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { VolumeConnection } from '../../../../lib/contract/documents.ts'
import { OneAtATime } from '../../../../lib/one-at-a-time.ts'
import type { NbdExporter } from '../../exports/nbd-exporter.ts'
import type { VolumeRecords } from '../../exports/volume-records.ts'
import type { BackendVolume, Holder, PoolStats, VolumeDriver, VolumeRequest } from '../../volume-driver.ts'
import { isMountPoint, readMounts } from './mount-point.ts'
import { PoolCalls, type PoolCallsOptions } from './pool-calls.ts'
import { PoolFolder, type VolumeFile } from './pool-folder.ts'
import { checkMark, type PoolMarks } from './pool-mark.ts'
import { createVolumeFile, growVolumeFile, isFull } from './volume-file.ts'

export interface FileVolumeDriverOptions {
  /** The folder; created when this node has never had a volume in it. */
  path: string
  exporter: NbdExporter
  records: VolumeRecords
  marks: PoolMarks
  /** Whether the pool must have a file system of its own, as its StoragePool says at present. */
  requiresMount?: () => boolean
  /** The mounts of this process; replaced in tests. */
  readMounts?: () => Promise<string>
  qemuImg: string
  calls?: PoolCallsOptions
}

const GIB = 2 ** 30
/** For a single system call, which the inventory waits for. */
const STATS_LIMIT_MS = 10_000

/** Volumes as sparse files in a folder. All nodes, including their own, reach them by NBD. */
export class FileVolumeDriver implements VolumeDriver {
  readonly name = 'file'
  readonly #options: FileVolumeDriverOptions
  /** All our work on the pool's file system goes through here; that of the daemons which serve it does not. */
  readonly #calls: PoolCalls
  readonly #checks = new OneAtATime()

  constructor(options: FileVolumeDriverOptions) {
    this.#options = options
    this.#calls = new PoolCalls(options.calls)
  }

  async find(id: string): Promise<BackendVolume | undefined> {
    return this.#calls.run(async () => (await this.#pool()).find(id))
  }

  async list(): Promise<BackendVolume[]> {
    return this.#calls.run(() => this.#list())
  }

  async #list(): Promise<BackendVolume[]> {
    const pool = await this.#pool()
    const volumes: BackendVolume[] = []
    for (const id of await pool.listIds()) {
      const volume = await pool.find(id).catch((error: unknown) => {
        if (error instanceof TransientError) return { id, sizeBytes: 0, format: 'raw' as const }
        throw error
      })
      if (volume) volumes.push(volume)
    }
    return volumes
  }

  async ensure(want: VolumeRequest, signal: AbortSignal): Promise<BackendVolume> {
    return this.#calls.run(() => this.#ensure(want, signal))
  }

  async #ensure({ id, sizeGiB, format }: VolumeRequest, signal: AbortSignal): Promise<BackendVolume> {
    const { records, qemuImg, path } = this.#options
    const pool = await this.#pool()
    const wantedBytes = sizeGiB * GIB
    let file = await pool.find(id)
    if (!file) {
      if ((await records.find(id))?.created === true) throw dataMissing()
      await this.#check(pool, true)
      await createVolumeFile(pool, { id, format, sizeBytes: wantedBytes }, qemuImg, signal)
      file = await pool.find(id)
      if (!file) throw dataMissing()
    }
    await records.save({ id, poolPath: path, created: true })
    if (file.format !== format) {
      throw new TerminalError(
        'VolumeFormatMismatch',
        `the volume is ${file.format} and cannot become ${format}; make a new volume`,
      )
    }
    return { id, format, sizeBytes: file.sizeBytes }
  }

  async grow(id: string, sizeGiB: number, signal: AbortSignal): Promise<BackendVolume> {
    const { exporter, qemuImg } = this.#options
    const file = await this.#get(id)
    const { format } = file
    const sizeBytes = sizeGiB * GIB
    if (file.sizeBytes > sizeBytes) {
      throw new TerminalError(
        'VolumeCannotShrink',
        `spec.sizeGiB is ${sizeGiB}, the volume has ${Math.ceil(file.sizeBytes / GIB)} GiB; a volume only grows`,
      )
    }
    if (file.sizeBytes === sizeBytes) return { id, format, sizeBytes }
    try {
      if (await exporter.isServing(id, signal)) await exporter.grow(id, sizeBytes, signal)
      else await this.#calls.run(() => growVolumeFile(file, sizeBytes, qemuImg, signal))
    } catch (error) {
      if (!isFull(error)) throw error
      const has = `the pool has no room to grow the volume, which stays in use with ${Math.floor(file.sizeBytes / GIB)} GiB`
      throw new TransientError('PoolFull', `${has}; delete volumes or give the pool more disk`, { cause: error })
    }
    return { id, format, sizeBytes }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const { exporter, records } = this.#options
    if (await exporter.isServing(id, signal)) {
      throw new TransientError('VolumeInUse', 'the volume is still exported; it is deleted once no node may use it')
    }
    await this.#calls.run(async () => (await this.#pool()).remove(id))
    await records.remove(id)
  }

  async export(id: string, holders: readonly Holder[], signal: AbortSignal): Promise<VolumeConnection> {
    const file = await this.#get(id)
    return this.#options.exporter.serve({ id, path: file.path, format: file.format, holders }, signal)
  }

  async unexport(id: string, signal: AbortSignal): Promise<void> {
    await this.#options.exporter.stop(id, signal)
  }

  async stats(): Promise<PoolStats> {
    return this.#calls.run(async () => (await this.#pool()).stats(), STATS_LIMIT_MS)
  }

  watch(lost: (id: string) => void, signal: AbortSignal): void {
    this.#options.exporter.watch(lost, signal)
  }

  async #get(id: string): Promise<VolumeFile> {
    const file = await this.#calls.run(async () => (await this.#pool()).find(id))
    if (!file) throw dataMissing()
    return file
  }

  /** Opened anew each time: a file system may be mounted or unmounted there at any moment. */
  async #pool(): Promise<PoolFolder> {
    const { path, records } = this.#options
    const requiresMount = this.#options.requiresMount?.() ?? false
    const pool = await PoolFolder.open(path, !requiresMount && !(await records.knowsPool(path)))
    if (requiresMount && !isMountPoint(pool.path, await (this.#options.readMounts ?? readMounts)())) throw notMounted()
    await this.#check(pool, false)
    return pool
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

function notMounted(): TransientError {
  return new TransientError(
    'PoolUnavailable',
    "no file system is mounted at the pool's folder, and spec.file.requireMount of the StoragePool wants one: mount it",
  )
}

function dataMissing(): TransientError {
  return new TransientError(
    'VolumeDataMissing',
    "the volume was on this node and its data are not there now; is the pool's file system mounted? No empty volume is made in its place",
  )
}
