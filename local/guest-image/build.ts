// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { exec } from '../../lib/exec.ts'
import { cacheDir, definitionHash } from '../host/cache.ts'

const sourceDir = dirname(fileURLToPath(import.meta.url))

export interface GuestImage {
  dir: string
  /** Digests of guest.raw and guest.qcow2 in `dir`. Kernel and tools come from Debian as it is that day, so they are not fixed. */
  sha256: { raw: string; qcow2: string }
}

/** Arguments are passed behind `_`: nothing of them is part of the script. */
const IN_ROOTFS = `set -e
rootfs=$1 out=$2 src=$3
mount -t tmpfs tmpfs "$rootfs/tmp"
mount -t proc proc "$rootfs/proc"
mount --bind "$out" "$rootfs/mnt"
mount --bind "$src" "$rootfs/srv"
exec chroot "$rootfs" env -i PATH=/usr/sbin:/usr/bin HOME=/root bash /srv/build.sh`

/** The test guest's disk image, built once (about 2 s) with the tools of the nodes' root file system and kept in the cache. */
export async function ensureGuestImage(rootfs: string, signal?: AbortSignal): Promise<GuestImage> {
  const sources = await Promise.all(
    ['build.sh', 'init.sh', 'dhcp.sh', 'dhcp6.sh', 'power-button.sh', 'chpasswd.sh'].map((f) =>
      readFile(join(sourceDir, f)),
    ),
  )
  const dir = join(cacheDir(), 'images', definitionHash([rootfs.split('/').pop() ?? '', ...sources]))
  const manifest = join(dir, 'sha256.json')
  if (existsSync(manifest)) return { dir, sha256: JSON.parse(await readFile(manifest, 'utf8')) as GuestImage['sha256'] }
  const building = `${dir}.${process.pid}.new`
  try {
    await mkdir(building, { recursive: true })
    await exec(
      ['unshare', '-m', '--propagation', 'private', 'bash', '-c', IN_ROOTFS, '_', rootfs, building, sourceDir],
      { timeoutMs: 120_000, ...(signal ? { signal } : {}) },
    )
    const [raw, qcow2] = await Promise.all(['guest.raw', 'guest.qcow2'].map((f) => sha256Of(join(building, f))))
    const sha256 = { raw: raw ?? '', qcow2: qcow2 ?? '' }
    await writeFile(join(building, 'sha256.json'), JSON.stringify(sha256))
    await rm(dir, { recursive: true, force: true })
    await rename(building, dir)
    return { dir, sha256 }
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
