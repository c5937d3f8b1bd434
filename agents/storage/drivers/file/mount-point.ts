// SPDX-License-Identifier: Apache-2.0
// Is a file system mounted at a folder? By proc_pid_mountinfo(5), one line a mount:
//   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
// the fourth field is the folder of the file system that is mounted, the fifth where.
import { readFile } from 'node:fs/promises'

/**
 * In the agent's pod the folder is a mount in any case: the host's folder, by hostPath. Where nothing is mounted in the host, that is a
 * folder of the file system above, of the same name: then it is none here either. Pure.
 * @param path real, no link is in it
 */
export function isMountPoint(path: string, mountinfo: string): boolean {
  let root: string | undefined
  for (const line of mountinfo.split('\n')) {
    const [, , , from, at] = line.split(' ')
    // What was mounted last lies above.
    if (from !== undefined && at !== undefined && unescape(at) === path) root = unescape(from)
  }
  return root !== undefined && (root === '/' || !path.endsWith(root))
}

export async function readMounts(): Promise<string> {
  return readFile('/proc/self/mountinfo', 'utf8')
}

/** Blanks, tabs, newlines and backslashes are three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
