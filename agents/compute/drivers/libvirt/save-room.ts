// SPDX-License-Identifier: Apache-2.0
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'

/** Where libvirt writes the memory of suspended machines (virDomainManagedSave); not configurable. */
export const SAVE_DIR = '/var/lib/libvirt/qemu/save'
const MIB = 2 ** 20
/** Device states and the definition, which are saved beside the memory. */
const SAVED_OVERHEAD_MIB = 64
/** Left free for the host, whose log and package database are usually on the same file system. */
const LEFT_FREE_MIB = 256

export class SaveRoom {
  readonly #saveDir: string
  readonly #readFreeMiB: (path: string) => Promise<number | undefined>
  /** Reserved for saves in progress, so that two of them do not count on the same space. */
  #promisedMiB = 0

  constructor(saveDir: string, readFree = readFreeMiB) {
    this.#saveDir = saveDir
    this.#readFreeMiB = readFree
  }

  /**
   * Called before a machine is saved, while nothing is lost yet: libvirt would stop the guest, write until the disk is full and give up. A
   * folder that this process cannot see is left to libvirt.
   * @returns releases the reservation, once the memory is written or the save has failed
   * @throws TransientError `NoRoomToSuspend`
   */
  async promise(memoryMiB: number): Promise<() => void> {
    const takesMiB = memoryMiB + SAVED_OVERHEAD_MIB
    const freeMiB = await this.#readFreeMiB(this.#saveDir)
    // Nothing is awaited between here and the reservation. What other saves have already written counts twice: this errs on the safe side.
    const needMiB = takesMiB + LEFT_FREE_MIB + this.#promisedMiB
    if (freeMiB !== undefined && freeMiB < needMiB) {
      throw new TransientError(
        'NoRoomToSuspend',
        `suspending needs ${needMiB} MiB on the node's disk, where libvirt saves memory (${this.#promisedMiB} of them for others that are being suspended); ${freeMiB} MiB are free: the machine runs on`,
      )
    }
    this.#promisedMiB += takesMiB
    return () => {
      this.#promisedMiB -= takesMiB
    }
  }
}

/** The size of a domain's saved memory; 0 when there is none any more. */
export async function readSavedMiB(saveDir: string, domain: string): Promise<number> {
  const size = await unlessMissing(async () => (await stat(join(saveDir, `${domain}.save`))).size, 0)
  return Math.ceil(size / MIB)
}

async function readFreeMiB(path: string): Promise<number | undefined> {
  const disk = await unlessMissing(() => statfs(path), undefined)
  return disk && Math.floor((disk.bavail * disk.bsize) / MIB)
}
