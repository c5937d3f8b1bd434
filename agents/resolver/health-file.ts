// SPDX-License-Identifier: Apache-2.0
// What the resolver tells the agent, in a file of a folder of its own: the folder with what it is told it may not write.
import { constants, watch } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ResolverState } from '../../lib/contract/inventory.ts'
import { unlessMissing, writeWhole } from '../../lib/durable-files.ts'

const FILE = 'health.json'
const MOST_BYTES = 64 * 1024

/** Below the run folder. */
export function healthFolder(runDir: string): string {
  return join(runDir, 'resolver-health')
}

/** The resolver's end. Writes when it differs from what is there: another resolver of the node, as in an upgrade, writes the same file. */
export async function writeHealth(folder: string, state: ResolverState): Promise<void> {
  const text = JSON.stringify(state)
  if ((await readText(folder)) === text) return
  await mkdir(folder, { recursive: true, mode: 0o755 })
  await writeWhole(join(folder, FILE), text)
}

/** The agent's end. Undefined: there is none yet, or what is there is not one. */
export async function readHealth(folder: string): Promise<ResolverState | undefined> {
  try {
    return ResolverState.parse(JSON.parse((await readText(folder)) ?? ''))
  } catch {
    return undefined
  }
}

/** @returns what ends it */
export async function watchHealth(folder: string, onChange: () => void): Promise<() => void> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  // Whole files appear by renaming; those beside them do not count.
  const watcher = watch(folder, (_, name) => name === FILE && onChange())
  // The inventory is collected every minute all the same.
  watcher.on('error', () => watcher.close())
  return () => watcher.close()
}

/** Another process writes here: only a file, and of no great size, is read. */
async function readText(folder: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await unlessMissing(() => open(join(folder, FILE), flags), undefined)
  if (!file) return undefined
  try {
    const seen = await file.stat()
    return seen.isFile() && seen.size <= MOST_BYTES ? await file.readFile('utf8') : undefined
  } finally {
    await file.close()
  }
}
