// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { instancesDir, type ComputePaths } from '../../paths.ts'
import type { FoundInstance } from '../../instance-driver.ts'
import { listConsoleLogs } from './console-log.ts'
import { listMarked } from './domains.ts'

/** Machines, and leftovers: disks and console logs without a machine. */
export async function listFound(
  client: LibvirtClient,
  paths: ComputePaths,
  signal: AbortSignal,
): Promise<FoundInstance[]> {
  const domains = await listMarked(client, signal)
  const found = domains.map(({ uid, ref, nics }): FoundInstance => ({
    uid,
    what: `libvirt domain ${ref.name}`,
    ...(nics.length === 0 ? {} : { nics }),
  }))
  const known = new Set(found.map((entry) => entry.uid))
  for (const uid of await folders(instancesDir(paths))) {
    if (!known.has(uid)) found.push({ uid, what: 'disks without a domain' })
    known.add(uid)
  }
  for (const uid of await listConsoleLogs(paths)) {
    if (!known.has(uid)) found.push({ uid, what: 'console log without a domain' })
    known.add(uid)
  }
  return found
}

async function folders(path: string): Promise<string[]> {
  const entries = await unlessMissing(() => readdir(path, { withFileTypes: true }), [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}
