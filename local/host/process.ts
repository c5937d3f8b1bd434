// SPDX-License-Identifier: Apache-2.0
// Processes of the local cloud: started with their output in a log file, remembered by pid and start time, ended by exactly that.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A pid alone may belong to another process tomorrow; with the kernel's start time (clock ticks since boot) it names one for good. */
export interface ProcessId {
  pid: number
  startTime: number
}

export interface StartedProcess extends ProcessId {
  name: string
  logFile: string
}

export interface StartOptions {
  name: string
  argv: readonly [string, ...string[]]
  logFile: string
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** True: the kernel kills it when this process ends (tests). False: it goes on by itself (the local cloud). */
  endsWithUs: boolean
}

/**
 * Field 22 of /proc/PID/stat; undefined when the process is gone or only waits to be reaped. A first thread that has ended while
 * others still hold files and ports (a killed Go program, for some milliseconds) is also a zombie: field 20 counts the others. The
 * command name in field 2 may hold spaces and brackets, so fields are counted from its last bracket. proc_pid_stat(5).
 */
export function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ended = (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) <= 1
    return ended ? undefined : Number(fields[19])
  } catch {
    return undefined
  }
}

export function isRunning(process: ProcessId): boolean {
  return startTimeOf(process.pid) === process.startTime
}

/** Starts a program in a session of its own. @throws when it cannot be started at all; an early death shows in isRunning. */
export async function startProcess(options: StartOptions): Promise<StartedProcess> {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'a', 0o640)
  try {
    const [file, ...args] = options.endsWithUs
      ? (['setpriv', '--pdeathsig', 'KILL', '--', ...options.argv] as const)
      : options.argv
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', log, log],
      ...(options.env ? { env: options.env } : {}),
      ...(options.cwd ? { cwd: options.cwd } : {}),
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    const { pid } = child
    if (pid === undefined) throw new Error(`${options.name} has no pid`)
    return { name: options.name, pid, startTime: startTimeOf(pid) ?? -1, logFile: options.logFile }
  } finally {
    closeSync(log)
  }
}

/** Ends it: SIGTERM, after graceMs SIGKILL; returns when it is gone. One that is gone already is success. */
export async function endProcess(process: ProcessId, graceMs = 5000): Promise<void> {
  if (graceMs > 0) {
    signalProcess(process, 'SIGTERM')
    if (await isGoneWithin(process, graceMs)) return
  }
  signalProcess(process, 'SIGKILL')
  if (!(await isGoneWithin(process, 10_000))) throw new Error(`process ${process.pid} outlives SIGKILL`)
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signalProcess(target: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false
  try {
    process.kill(target.pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

async function isGoneWithin(process: ProcessId, ms: number): Promise<boolean> {
  const end = performance.now() + ms
  while (isRunning(process)) {
    if (performance.now() > end) return false
    await sleep(10)
  }
  return true
}
