// SPDX-License-Identifier: Apache-2.0
// What a volume really holds, read on its node past the guest, the hypervisor and the export.
import { createHash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { execInNode, pathIn, type RunningNode } from '../../local/node/node.ts'
import { BLOCK_BYTES } from './load.ts'

const POOLS = '/var/lib/nephele/volumes'

/** The first 16 characters of the SHA-256 of some 64 KiB blocks of a volume that nobody writes to. @throws when it has no file here */
export async function sumsOfBlocks(
  node: RunningNode,
  uid: string,
  blocks: Iterable<number>,
): Promise<Map<number, string>> {
  const files = await readdir(pathIn(node, POOLS), { recursive: true })
  const file = files.find((name) => /\.(qcow2|raw)$/.test(name) && name.includes(uid))
  if (file === undefined) throw new Error(`no file of volume ${uid} on ${node.name}: ${files.join(', ')}`)
  const copy = `/var/tmp/${uid}.raw`
  const from = file.endsWith('.qcow2') ? 'qcow2' : 'raw'
  try {
    // Its daemon may still have it open: -U reads without its lock.
    await execInNode(node, ['qemu-img', 'convert', '-U', '-f', from, '-O', 'raw', `${POOLS}/${file}`, copy], {
      timeoutMs: 60_000,
    })
    const raw = await open(pathIn(node, copy))
    try {
      const sums = new Map<number, string>()
      for (const block of blocks) {
        const buffer = Buffer.alloc(BLOCK_BYTES)
        await raw.read(buffer, 0, BLOCK_BYTES, block * BLOCK_BYTES)
        sums.set(block, createHash('sha256').update(buffer).digest('hex').slice(0, 16))
      }
      return sums
    } finally {
      await raw.close()
    }
  } finally {
    await execInNode(node, ['rm', '-f', copy], { timeoutMs: 10_000 })
  }
}
