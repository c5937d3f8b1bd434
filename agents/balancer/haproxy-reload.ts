// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../../lib/errors.ts'

const POLL_MS = 100
const PATIENCE_MS = 5000

/**
 * Lets HAProxy's master start another worker, which gets the listening sockets; the old one ends with its last connection. HAProxy's management
 * guide, 9.4.1: 2.7 and later say how it went. 2.6 closes the connection, and a worker that was not there before is what tells.
 * @throws TransientError ProxyNotReloaded
 */
export async function reloadHaproxy(ask: (command: string) => Promise<string>, signal: AbortSignal): Promise<void> {
  const before = new Set(workersOf(await ask('show proc')))
  const answer = await ask('reload').catch((error: unknown) => {
    signal.throwIfAborted()
    return String(error)
  })
  if (answer.includes('Success=1')) return
  const until = performance.now() + PATIENCE_MS
  while (!answer.includes('Success=0') && performance.now() < until) {
    const now = await ask('show proc').catch(() => '')
    if (workersOf(now).some((pid) => !before.has(pid))) return
    await sleep(POLL_MS, undefined, { signal })
  }
  throw new TransientError('ProxyNotReloaded', "the proxy goes on as it was: the agent's log says why", {
    cause: new Error(answer.slice(0, 2000)),
  })
}

/** Pids of those that hear new connections, of the answer to `show proc`: management guide, 9.4.1. Pure. */
export function workersOf(answer: string): number[] {
  const [, present = ''] = /^# workers$([^#]*)/m.exec(answer) ?? []
  return [...present.matchAll(/^(\d+)\s+worker\s/gm)].map(([, pid]) => Number(pid))
}
