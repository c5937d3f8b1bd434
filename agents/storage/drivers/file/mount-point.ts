// SPDX-License-Identifier: Apache-2.0
// Is a file system mounted at a folder? By proc_pid_mountinfo(5), one line a mount:
//   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
// the fourth field is the folder of the file system that is mounted, the fifth where.
import { readFile } from 'node:fs/promises'

/**
 * In the agent's pod the folder always is a mount: the host's folder, by hostPath. Where nothing is mounted on the host, that mount's root
 * is a folder of the file system above, with the same path: so it does not count. Pure.
 * @param path resolved, without links
 */
export function isMountPoint(path: string, mountinfo: string): boolean {
  let root: string | undefined
  for (const line of mountinfo.split('\n')) {
    const [, , , from, at] = line.split(' ')
    // The last mount is on top.
    if (from !== undefined && at !== undefined && unescape(at) === path) root = unescape(from)
  }
  return root !== undefined && (root === '/' || !path.endsWith(root))
}

export async function readMounts(): Promise<string> {
  return readFile('/proc/self/mountinfo', 'utf8')
}

/** Blanks, tabs, newlines and backslashes are written as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
