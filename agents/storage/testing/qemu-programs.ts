// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureRootfs } from '../../../local/rootfs/build.ts'

const PROGRAMS = ['qemu-img', 'qemu-io', 'qemu-storage-daemon'] as const

/**
 * The nodes' own QEMU, run on this machine without its root: by the loader and the libraries of the nodes' root file system.
 * @returns a path for each program
 */
export async function qemuPrograms(dir: string): Promise<Record<(typeof PROGRAMS)[number], string>> {
  const root = await ensureRootfs()
  await mkdir(dir, { recursive: true })
  const paths: Record<string, string> = {}
  for (const program of PROGRAMS) {
    const path = join(dir, program)
    const script = `#!/bin/sh
exec '${root}/lib64/ld-linux-x86-64.so.2' --library-path '${root}/usr/lib/x86_64-linux-gnu' --argv0 "$0" '${root}/usr/bin/${program}' "$@"
`
    await writeFile(path, script)
    await chmod(path, 0o755)
    paths[program] = path
  }
  return paths
}
