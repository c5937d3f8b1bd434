// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises'
import { unlessMissing } from '../../../../lib/durable-files.ts'

const MAGIC = 0x514649fb
const SIZE_AT = 24

/**
 * The virtual size of one of our own qcow2 disks, read from its header: qemu-img cannot open it while QEMU holds its lock. Undefined when
 * there is no disk. https://www.qemu.org/docs/master/interop/qcow2.html
 */
export async function readQcow2Size(path: string): Promise<number | undefined> {
  const file = await unlessMissing(() => open(path, 'r'), undefined)
  if (!file) return undefined
  try {
    const header = Buffer.alloc(SIZE_AT + 8)
    const { bytesRead } = await file.read(header, 0, header.length, 0)
    if (bytesRead < header.length || header.readUInt32BE(0) !== MAGIC) return undefined
    return Number(header.readBigUInt64BE(SIZE_AT))
  } finally {
    await file.close()
  }
}
