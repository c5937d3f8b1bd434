// SPDX-License-Identifier: Apache-2.0
// Debian's charon out of the nodes' root file system, in a network namespace of its own: the host needs none.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exec, type ExecResult } from '../../../lib/exec.ts'
import { waitUntil } from '../../../local/host/wait.ts'

export interface TestCharon extends AsyncDisposable {
  /** On the host. */
  socket: string
  /** Runs a program of the root file system where the charon runs, whose /run and /etc/swanctl are the folder. */
  run(argv: readonly string[]): Promise<ExecResult>
}

/**
 * @param folder becomes its /run and /etc/swanctl, so that its socket, /run/charon.vici, is there
 * @param conf strongswan.conf
 */
export async function startCharon(rootfs: string, netns: string, folder: string, conf: string): Promise<TestCharon> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'strongswan.conf'), conf)
  const mounts =
    'mount --bind "$1" "$2/run" && mount --bind "$1" "$2/etc/swanctl" && mount --bind /dev "$2/dev" && shift && exec chroot "$@"'
  const inside = (argv: readonly string[]) => [
    ...['ip', 'netns', 'exec', netns, 'unshare', '--mount', 'sh', '-c', mounts, 'sh', folder, rootfs],
    ...['env', 'STRONGSWAN_CONF=/run/strongswan.conf', ...argv],
  ]
  const [program = '', ...args] = inside(['/usr/sbin/charon-systemd'])
  const child = spawn(program, args, { stdio: 'ignore' })
  const socket = join(folder, 'charon.vici')
  const run = (argv: readonly string[]) => exec(inside(argv) as [string, ...string[]], { timeoutMs: 10_000 })
  const uri = 'unix:///run/charon.vici'
  await waitUntil(
    'charon',
    () =>
      run(['swanctl', '--version', '--daemon', '--uri', uri]).then(
        () => true,
        () => false,
      ),
    {
      timeoutMs: 15_000,
    },
  )
  return {
    ...{ socket, run },
    [Symbol.asyncDispose]: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}
