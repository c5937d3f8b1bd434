// SPDX-License-Identifier: Apache-2.0
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'

/** Where libvirt writes the memory of suspended machines (virDomainManagedSave); it cannot be set. */
export const SAVE_DIR = '/var/lib/libvirt/qemu/save'
const MIB = 2 ** 20
/** Beside the memory: states of devices, the definition. */
const SAVED_OVERHEAD_MIB = 64
/** Left to the host, whose log and package database lie on the same file system most often. */
const LEFT_FREE_MIB = 256

/**
 * Before a machine is saved, as long as nothing is lost: libvirt would stop the guest, write until the disk is full and give up.
 * A folder that this process does not see is left to libvirt.
 * @throws TransientError `NoRoomToSuspend`
 */
export async function checkRoomToSave(saveDir: string, memoryMiB: number): Promise<void> {
  const freeMiB = await readFreeMiB(saveDir)
  const needMiB = memoryMiB + SAVED_OVERHEAD_MIB + LEFT_FREE_MIB
  if (freeMiB === undefined || freeMiB >= needMiB) return
  throw new TransientError(
    'NoRoomToSuspend',
    `suspending needs ${needMiB} MiB on the node's disk, where libvirt saves memory; ${freeMiB} MiB are free: the machine runs on`,
  )
}

/** Of what libvirt saved of a domain; none when it is not there any more. */
export async function readSavedMiB(saveDir: string, domain: string): Promise<number> {
  try {
    return Math.ceil((await stat(join(saveDir, `${domain}.save`))).size / MIB)
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

async function readFreeMiB(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return Math.floor((bavail * bsize) / MIB)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
