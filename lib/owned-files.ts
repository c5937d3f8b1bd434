// SPDX-License-Identifier: Apache-2.0
// Files and folders that processes of other users read: permissions are set before the file has its final name.
import { chmod, chown, lstat, mkdir } from 'node:fs/promises'
import { readIfThere, unlessMissing, writeWhole, type FileOwner } from './durable-files.ts'

/** Ensures that the file has this text, mode and group, and is not a link; replaced atomically, and only when something differs. */
export async function ensureFile(path: string, text: string, owner: FileOwner): Promise<void> {
  if (await isAsWanted(path, text, owner)) return
  await writeWhole(path, text, owner)
}

async function isAsWanted(path: string, text: string, { mode, group }: FileOwner): Promise<boolean> {
  const stats = await unlessMissing(() => lstat(path), undefined)
  if (!stats?.isFile() || (stats.mode & 0o7777) !== mode) return false
  if (group !== undefined && stats.gid !== group) return false
  return (await readIfThere(path)) === text
}

/** Ensures that the folder exists, has this mode and group, and is not a link. @throws when something else has its name */
export async function ensureFolder(path: string, { mode, group }: FileOwner): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const stats = await lstat(path)
  if (!stats.isDirectory()) throw new Error(`${path} is no folder`)
  if (group !== undefined && stats.gid !== group) await chown(path, stats.uid, group)
  if ((stats.mode & 0o7777) !== mode) await chmod(path, mode)
}
