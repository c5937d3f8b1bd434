// SPDX-License-Identifier: Apache-2.0
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'

/** Where libvirt writes the memory of suspended machines (virDomainManagedSave); it cannot be set. */
export const SAVE_DIR = '/var/lib/libvirt/qemu/save'
const MIB = 2 ** 20
/** Beside the memory: states of devices, the definition. */
const SAVED_OVERHEAD_MIB = 64
/** Left to the host, whose log and package database lie on the same file system most often. */
const LEFT_FREE_MIB = 256

export class SaveRoom {
  readonly #saveDir: string
  readonly #readFreeMiB: (path: string) => Promise<number | undefined>
  /** To saves that are under way, so that two of them do not take the same. */
  #promisedMiB = 0

  constructor(saveDir: string, readFree = readFreeMiB) {
    this.#saveDir = saveDir
    this.#readFreeMiB = readFree
  }

  /**
   * Before a machine is saved, as long as nothing is lost: libvirt would stop the guest, write until the disk is full and give up.
   * A folder that this process does not see is left to libvirt.
   * @returns gives the room back, once it is written or was not needed
   * @throws TransientError `NoRoomToSuspend`
   */
  async promise(memoryMiB: number): Promise<() => void> {
    const takesMiB = memoryMiB + SAVED_OVERHEAD_MIB
    const freeMiB = await this.#readFreeMiB(this.#saveDir)
    // Nothing is awaited from here to the promise. What others have written of theirs counts twice: rather later than not at all.
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

/** Of what libvirt saved of a domain; none when it is not there any more. */
export async function readSavedMiB(saveDir: string, domain: string): Promise<number> {
  const size = await unlessMissing(async () => (await stat(join(saveDir, `${domain}.save`))).size, 0)
  return Math.ceil(size / MIB)
}

async function readFreeMiB(path: string): Promise<number | undefined> {
  const disk = await unlessMissing(() => statfs(path), undefined)
  return disk && Math.floor((disk.bavail * disk.bsize) / MIB)
}
