// SPDX-License-Identifier: Apache-2.0
// Files that are either complete or absent, even after a power cut.
import { randomUUID } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { constants } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'

/** One step towards a durable file. The order of steps is what counts. */
export interface DurableStep {
  step: 'write' | 'sync' | 'rename' | 'syncFolder'
  /** What a rename makes. */
  path: string
}

const STEPS = channel('nephele:durable')

/** Carries out one step and reports it to listeners: the order of calls cannot be seen in their results. */
export async function durably<T>(step: DurableStep['step'], path: string, work: () => Promise<T>): Promise<T> {
  const result = await work()
  if (STEPS.hasSubscribers) STEPS.publish({ step, path } satisfies DurableStep)
  return result
}

/** For tests: records this process's steps from now on. */
export function recordDurableSteps(): { steps: DurableStep[]; stop: () => void } {
  const steps: DurableStep[] = []
  const listener = (step: unknown) => {
    steps.push(step as DurableStep)
  }
  STEPS.subscribe(listener)
  return {
    steps,
    stop: () => {
      STEPS.unsubscribe(listener)
    },
  }
}

/** Makes renames and unlinks in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await durably('syncFolder', path, () => folder.sync())
  } finally {
    await folder.close()
  }
}

export interface FileOwner {
  mode: number
  /** Absent: unchanged. */
  group?: number
}

/** A unique temporary name beside the file, so that concurrent writers do not meet. Ends in `.new`. */
export function nameBeside(path: string): string {
  return `${path}.${randomUUID()}.new`
}

/**
 * Replaces `path` by a file with this text; a reader sees the old text or the new one. Permissions are set before it has its final name.
 */
export async function writeWhole(
  path: string,
  text: string,
  { mode, group }: FileOwner = { mode: 0o600 },
): Promise<void> {
  const next = nameBeside(path)
  const file = await open(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    if (group !== undefined) await file.chown(process.geteuid?.() ?? 0, group)
    await durably('write', path, () => file.writeFile(text))
    if (mode !== 0o600) await file.chmod(mode)
    await durably('sync', path, () => file.sync())
    await durably('rename', path, () => rename(next, path))
  } catch (error) {
    await rm(next, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

/** The text of a file that may be missing. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return unlessMissing(() => readFile(path, 'utf8'), undefined)
}

/** Reads files and folders that may be missing; returns `otherwise` when one is. */
export async function unlessMissing<T, U>(read: () => Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await read()
  } catch (error) {
    if (isMissing(error)) return otherwise
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT')
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code
}

/** Node's `code` of a system error, by shape: errors of another realm are not instances of this one's Error. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}
