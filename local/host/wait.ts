// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, type StartedProcess } from './process.ts'

export interface WaitOptions {
  timeoutMs: number
  signal?: AbortSignal
  everyMs?: number
  /** Waiting is over, without success, as soon as this one dies. */
  process?: StartedProcess
}

/** The last lines of a log, for an error message; empty when there is none. */
export function logTail(file: string, lines = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}

/**
 * Calls `check` until it gives something other than undefined or false; what it throws counts as "not yet" and becomes the cause.
 * @throws when the time is over or the process died, with the end of its log
 */
export async function waitUntil<T>(
  what: string,
  check: (signal: AbortSignal) => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  let cause: unknown
  for (;;) {
    options.signal?.throwIfAborted()
    try {
      const result = await check(signal)
      if (result !== undefined && result !== false) return result
    } catch (error) {
      cause = error
    }
    const { process } = options
    const died = process !== undefined && !isRunning(process)
    if (died || deadline.aborted) {
      const why = died ? `${process.name} ended` : `not within ${options.timeoutMs / 1000} s`
      const tail = process ? `; its log ${process.logFile} ends:\n${logTail(process.logFile)}` : ''
      throw new Error(`${what}: ${why}${tail}`, { cause })
    }
    await sleep(options.everyMs ?? 25)
  }
}

/** Returns when something accepts connections there. @throws as waitUntil does */
export async function waitForPort(what: string, host: string, port: number, options: WaitOptions): Promise<void> {
  const accepts = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port, timeout: 1000 })
      const end = (is: boolean) => {
        socket.destroy()
        resolve(is)
      }
      socket.once('connect', () => end(true))
      socket.once('timeout', () => end(false))
      socket.once('error', () => end(false))
    })
  await waitUntil(what, accepts, options)
}
