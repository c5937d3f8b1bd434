// SPDX-License-Identifier: Apache-2.0
// Finds a daemon by its pid file, without mistaking another process for it.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, isMissing } from '../../lib/durable-files.ts'

export interface DaemonProcess {
  pid: number
  argv: string[]
}

/** The process named by the pid file, if it was started with this pid file. */
export async function findProcess(pidFile: string): Promise<DaemonProcess | undefined> {
  try {
    const pid = Number((await readFile(pidFile, 'utf8')).trim())
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1)
    return argv.includes(pidFile) ? { pid, argv } : undefined
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'ESRCH') return undefined
    throw error
  }
}

const POLL_MS = 10

/** Resolves when the process is gone. @throws when it does not end in time */
export async function waitForExit(pidFile: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (await findProcess(pidFile)) {
    if (performance.now() > deadline) throw new Error(`the daemon of ${pidFile} did not end in time`)
    await sleep(POLL_MS, undefined, { signal })
  }
}

/** Success when the process is gone already. */
export function terminate({ pid }: Pick<DaemonProcess, 'pid'>, with_: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): void {
  try {
    process.kill(pid, with_)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}
