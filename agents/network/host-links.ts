// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** Linux limits names to 15 bytes and refuses slashes, spaces and colons (dev_valid_name). */
const DEVICE_NAME = /^[A-Za-z0-9_.-]{1,15}$/

/** A name that is safe in a path. */
export function isDeviceName(name: string): boolean {
  return DEVICE_NAME.test(name) && name !== '.' && name !== '..'
}

/**
 * Tells two devices of the same name apart: the kernel never reuses an interface index within a boot.
 * Undefined while there is no such device.
 */
export async function deviceInstance(device: string, bootId: string): Promise<string | undefined> {
  if (!isDeviceName(device)) throw new TypeError('not a device name')
  try {
    const index = (await readFile(`/sys/class/net/${device}/ifindex`, 'utf8')).trim()
    return `${bootId}/${index}`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EINVAL') return undefined
    throw error
  }
}

/** `7: tap0: <…>` or `Deleted 7: tap0: <…>`, or `7: eth0@if3: <…>`; undefined for other lines. */
export function parseLinkLine(line: string): string | undefined {
  return /^(?:Deleted )?\d+: ([^:@\s]+)(?:@[^:]*)?:/.exec(line)?.[1]
}

/**
 * Reports network devices that appear, change or disappear, by one `ip monitor` for the life of the agent (sysfs has no notifications, and
 * Node no netlink). Restarts it when it ends; calls without a name when changes may have been missed.
 */
export async function watchLinks(onLink: (device?: string) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // It must not outlive the agent, however that ends.
    const argv = ['--pdeathsig', 'TERM', '--', 'ip', '-o', 'monitor', 'link']
    const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'ignore'], signal })
    const ended = new Promise<void>((resolve) => {
      child.once('error', () => resolve())
      child.once('close', () => resolve())
    })
    child.once('spawn', () => onLink())
    createInterface({ input: child.stdout }).on('line', (line) => {
      const device = parseLinkLine(line)
      if (device !== undefined) onLink(device)
    })
    await ended
    await sleep(1000, undefined, { signal }).catch(() => undefined)
  }
}
