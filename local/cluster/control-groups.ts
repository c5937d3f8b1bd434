// SPDX-License-Identifier: Apache-2.0
// A folder in each hierarchy of the host's control groups, below which a node's kubelet works. cgroups(7)
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

export const CGROUPS = '/sys/fs/cgroup'

function hierarchies(): string[] {
  const found = readdirSync(CGROUPS, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const isHierarchy = (dir: string) => existsSync(join(dir, 'cgroup.procs')) && existsSync(join(dir, 'tasks'))
  const first = found.map((entry) => join(CGROUPS, entry.name)).filter(isHierarchy)
  const unified = existsSync(join(CGROUPS, 'cgroup.procs')) ? [CGROUPS] : []
  return [...first, ...unified]
}

export async function ensureControlGroup(path: string): Promise<void> {
  for (const hierarchy of hierarchies()) await mkdir(join(hierarchy, path), { recursive: true })
}

/** Everything below must have ended; absent is success. */
export async function removeControlGroup(path: string): Promise<void> {
  const all = [...hierarchies(), ...(existsSync(join(CGROUPS, 'unified')) ? [join(CGROUPS, 'unified')] : [])]
  for (const hierarchy of all) await removeTree(join(hierarchy, path))
}

async function removeTree(dir: string): Promise<void> {
  if (!existsSync(dir)) return
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(join(dir, entry.name))
  await rmdir(dir)
}
