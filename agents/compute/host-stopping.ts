// SPDX-License-Identifier: Apache-2.0
// Is this host shutting down? A guest that libvirt-guests shuts down then looks like one that powered itself off.
import { access } from 'node:fs/promises'
import { exec as defaultExec } from '../../lib/exec.ts'
import type { Logger } from '../../lib/log.ts'
import { isInContainer, onHost } from '../daemons/launcher.ts'

/** Whether the host is shutting down or rebooting, as far as that can be known. Never rejects. */
export type HostStopping = (signal: AbortSignal) => Promise<boolean>

const TIMEOUT_MS = 5_000
const COMMAND = ['systemctl', 'show', '--property=SystemState', '--value'] as const

/**
 * systemd says "stopping" from the moment shutdown.target is queued, before the first unit stops (systemctl(1), is-system-running). It is
 * asked by its private socket, which needs no D-Bus daemon. A host without systemd never counts as stopping.
 */
export function systemdStopping(log: Logger): HostStopping {
  const chosen = chooseCommand().then((command) => stoppingBy(log, command))
  return async (signal) => (await chosen)(signal)
}

/** @param command prints systemd's state; undefined where there is no systemd */
export function stoppingBy(
  log: Logger,
  command: readonly [string, ...string[]] | undefined,
  exec: typeof defaultExec = defaultExec,
): HostStopping {
  return async (signal) => {
    if (!command) return false
    try {
      return isStopping((await exec(command, { timeoutMs: TIMEOUT_MS, signal })).stdout)
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'systemd does not say whether the host is stopping')
      return false
    }
  }
}

export const isStopping = (word: string): boolean => word.trim() === 'stopping'

/** Undefined where the host has no systemd. @param look rejects for a path that does not exist */
export async function chooseCommand(
  askContainer = isInContainer,
  look: (path: string) => Promise<unknown> = access,
): Promise<readonly [string, ...string[]] | undefined> {
  const inContainer = await askContainer()
  try {
    await look(`${inContainer ? '/proc/1/root' : ''}/run/systemd/system`)
  } catch {
    return undefined
  }
  return inContainer ? onHost(COMMAND) : COMMAND
}
