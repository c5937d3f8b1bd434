// SPDX-License-Identifier: Apache-2.0
// Files that are either whole or not there, power cuts included.
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'

/** Makes renames and unlinks in a folder outlast a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Replaces `path` by a file with this text; a reader sees the old text or the new one. Mode 0600. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const next = `${path}.${randomUUID()}.new`
  const file = await open(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await rename(next, path)
  } catch (error) {
    await rm(next, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

/** The text of a file that need not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT')
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code
}

/** Node's `code` of a system error, by shape: errors of another realm are no instances of this one's Error. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}
