// SPDX-License-Identifier: Apache-2.0
// Node does file work in libuv's threads, 4 unless UV_THREADPOOL_SIZE says otherwise when the process starts: later is too late.

/** Of an agent: a pool whose disk hangs keeps a few (agents/storage/drivers/file/pool-calls.ts), the others work on. */
export const FILE_THREADS = 32

/** What an agent says when it was started with too few. Pure. */
export function whyTooFewThreads(environment: NodeJS.ProcessEnv): string | undefined {
  const size = Number(environment['UV_THREADPOOL_SIZE'] ?? 4)
  if (size >= FILE_THREADS) return undefined
  return `UV_THREADPOOL_SIZE is less than ${FILE_THREADS}: a pool whose disk hangs can stop the whole agent`
}
