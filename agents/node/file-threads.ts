// SPDX-License-Identifier: Apache-2.0
// Node does file work in libuv's threads: 4 unless UV_THREADPOOL_SIZE is set before the process starts.

/** For an agent: a pool whose disk hangs blocks a few of them (agents/storage/drivers/file/pool-calls.ts), and the others go on. */
export const FILE_THREADS = 32

/** A warning for an agent that was started with too few. Pure. */
export function whyTooFewThreads(environment: NodeJS.ProcessEnv): string | undefined {
  const size = Number(environment['UV_THREADPOOL_SIZE'] ?? 4)
  if (size >= FILE_THREADS) return undefined
  return `UV_THREADPOOL_SIZE is less than ${FILE_THREADS}: a pool whose disk hangs can stop the whole agent`
}
