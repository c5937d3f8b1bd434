// SPDX-License-Identifier: Apache-2.0
// Files on a disk that may hang: each call takes a thread of the process until it returns, whoever waits for it.
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** What bounds calls on one disk, such as agents/storage/drivers/file/pool-calls.ts. */
export interface FileCalls {
  /** @param limitMs how long is waited; the work may go on. @throws when it was not called, or did not return in time */
  run<T>(work: () => Promise<T>, limitMs?: number): Promise<T>
}

/** A disk that is the node's own: without it nothing works anyway. */
export const UNBOUND: FileCalls = { run: (work) => work() }

const CLOSE_AGAIN_MS = 10_000

/** One that is opened after nobody waits for it any more is closed. */
export async function openBy(calls: FileCalls, path: string, flags: number, mode?: number): Promise<FileHandle> {
  let isWanted = true
  try {
    return await calls.run(async () => {
      const file = await open(path, flags, mode)
      if (!isWanted) await file.close()
      return file
    })
  } catch (error) {
    isWanted = false
    throw error
  }
}

/** Once the disk answers: never a thread more of one that hangs. Resolves after the first try. */
export async function closeBy(calls: FileCalls, file: FileHandle): Promise<void> {
  const isClosed = await tryToClose(calls, file)
  if (!isClosed) void closeLater(calls, file)
}

async function closeLater(calls: FileCalls, file: FileHandle): Promise<void> {
  do await sleep(CLOSE_AGAIN_MS, undefined, { ref: false })
  while (!(await tryToClose(calls, file)))
}

/** @returns false where it was not called, or has not returned */
async function tryToClose(calls: FileCalls, file: FileHandle): Promise<boolean> {
  const closing = calls.run(async () => {
    await file.close().catch(() => undefined)
    return true
  })
  return closing.catch(() => false)
}
