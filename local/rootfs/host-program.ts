// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The argument vector that runs a program of a root file system on this host, with that one's own loader and libraries.
 * @throws where it has none for a processor that is known here
 */
export function hostProgram(rootfs: string, program: string, ...args: readonly string[]): [string, ...string[]] {
  const find = (paths: readonly string[]) => paths.map((path) => join(rootfs, path)).find((path) => existsSync(path))
  const libraries = find(['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu'])
  const loader = find(['lib64/ld-linux-x86-64.so.2', 'lib/ld-linux-aarch64.so.1'])
  if (libraries === undefined || loader === undefined) throw new Error(`no loader in ${rootfs}`)
  return [loader, '--library-path', libraries, join(rootfs, program), ...args]
}
