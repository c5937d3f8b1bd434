// SPDX-License-Identifier: Apache-2.0
// The daemons of a running node from outside: which process each is, end it, keep it down, let it come again.
import { existsSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { isRunning, signalProcess, startTimeOf, type ProcessId } from '../host/process.ts'
import { waitUntil } from '../host/wait.ts'
import { pathIn, type RunningNode, type ServiceName } from './node.ts'

/** The daemon's process as the host sees it; undefined while it is down. */
export function findDaemon(node: RunningNode, service: ServiceName): ProcessId | undefined {
  const file = pathIn(node, `/run/nephele-node/${service}.pid`)
  if (!existsSync(file)) return undefined
  const inside = readFileSync(file, 'utf8').trim()
  // Daemons are children of PID 1; the last number of NSpid is a process's pid in its innermost namespace. proc_pid_status(5)
  const children = readFileSync(`/proc/${node.pid}/task/${node.pid}/children`, 'utf8').trim().split(' ')
  for (const child of children.map(Number)) {
    const startTime = startTimeOf(child)
    if (startTime !== undefined && namespacePid(child) === inside) return { pid: child, startTime }
  }
  return undefined
}

/** Kills a daemon and returns when the node's PID 1 has started it again; the result is the new process. */
export async function restartDaemon(
  node: RunningNode,
  service: ServiceName,
  signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL',
): Promise<ProcessId> {
  const before = findDaemon(node, service)
  if (before) signalProcess(before, signal)
  return waitUntil(
    `${service} on ${node.name} again`,
    () => {
      const now = findDaemon(node, service)
      return now !== undefined && now.pid !== before?.pid ? now : undefined
    },
    { timeoutMs: 15_000, everyMs: 10 },
  )
}

/** Ends a daemon and keeps it down until startDaemon; already down is success. */
export async function stopDaemon(
  node: RunningNode,
  service: ServiceName,
  signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM',
): Promise<void> {
  await writeFile(pathIn(node, `/run/nephele-node/${service}.hold`), '')
  const daemon = findDaemon(node, service)
  if (!daemon) return
  signalProcess(daemon, signal)
  await waitUntil(`${service} on ${node.name} to end`, () => !isRunning(daemon), { timeoutMs: 15_000, everyMs: 10 })
}

/** Lets a stopped daemon come again. */
export async function startDaemon(node: RunningNode, service: ServiceName): Promise<ProcessId> {
  await rm(pathIn(node, `/run/nephele-node/${service}.hold`), { force: true })
  signalProcess(node, 'SIGUSR1')
  return waitUntil(`${service} on ${node.name}`, () => findDaemon(node, service), { timeoutMs: 15_000, everyMs: 10 })
}

function namespacePid(pid: number): string | undefined {
  try {
    return /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
