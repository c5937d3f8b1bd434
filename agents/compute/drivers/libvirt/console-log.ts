// SPDX-License-Identifier: Apache-2.0
import { open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import { consoleDir, consoleLog, type ComputePaths } from '../../paths.ts'

/** The newest bytes; continues into the rotated log when the current one is too short. */
export async function readConsoleLog(paths: ComputePaths, uid: string, maxBytes: number): Promise<Buffer> {
  const current = await tail(consoleLog(paths, uid), maxBytes)
  if (current.length >= maxBytes) return current
  return Buffer.concat([await tail(`${consoleLog(paths, uid)}.0`, maxBytes - current.length), current])
}

export async function removeConsoleLog(paths: ComputePaths, uid: string): Promise<void> {
  for (const name of await names(paths)) {
    if (uidOfLog(name) === uid) await rm(join(consoleDir(paths), name), { force: true })
  }
}

export async function listConsoleLogs(paths: ComputePaths): Promise<Set<string>> {
  return new Set((await names(paths)).flatMap((name) => uidOfLog(name) ?? []))
}

function uidOfLog(name: string): string | undefined {
  return /^([a-z0-9-]+)\.log(\.\d+)?$/.exec(name)?.[1]
}

async function names(paths: ComputePaths): Promise<string[]> {
  return unlessMissing(() => readdir(consoleDir(paths)), [])
}

async function tail(path: string, maxBytes: number): Promise<Buffer> {
  const file = await unlessMissing(() => open(path, 'r'), undefined)
  if (!file) return Buffer.alloc(0)
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
