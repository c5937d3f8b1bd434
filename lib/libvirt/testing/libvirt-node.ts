// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureRootfs } from '../../../local/rootfs/build.ts'
import { exec, type ExecOptions, type ExecResult } from '../../exec.ts'
import { until } from '../../time/until.ts'

const INIT = fileURLToPath(new URL('node-init.sh', import.meta.url))

/** A real libvirtd with QEMU in its own namespaces, for tests. Killing its PID 1 ends all that runs in it. */
export interface LibvirtNode {
  /** Seen under this path inside too. */
  readonly work: string
  readonly socketPath: string
  /** PID 1 of the node, as seen from outside. */
  readonly pid: number
  exec(argv: readonly [string, ...string[]], options: ExecOptions): Promise<ExecResult>
  /** Kills libvirtd with SIGKILL; guests go on. */
  killLibvirtd(): Promise<void>
  startLibvirtd(): Promise<void>
  stop(): Promise<void>
}

export async function startLibvirtNode(): Promise<LibvirtNode> {
  const rootfs = await ensureRootfs()
  const work = await mkdtemp('/var/tmp/nephele-libvirt-')
  // QEMU is not root, and finds its disks below.
  await chmod(work, 0o711)
  await mkdir(join(work, 'overlay'))
  const log = await open(join(work, 'init.log'), 'w')
  const namespaces = ['-n', '-m', '-u', '-i', '-p', '-f', '--kill-child=KILL', '--propagation', 'private']
  const child = spawn('unshare', [...namespaces, 'bash', INIT, rootfs, work], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  const ready = join(work, 'ready')
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`the node ended: ${await readFile(join(work, 'init.log'), 'utf8')}`)
      return existsSync(ready)
    },
    'node',
    30_000,
  )
  const pid = Number(await readFile(ready, 'utf8'))
  const run = (argv: readonly [string, ...string[]], options: ExecOptions): Promise<ExecResult> =>
    exec(['nsenter', '-t', String(pid), '-n', '-m', '-u', '-i', '-p', '-r', '-w', '--', ...argv], options)
  const socketPath = join(work, 'run', 'libvirt-sock')
  const libvirtdPid = async (): Promise<number> => Number(await readFile(join(work, 'libvirtd.pid'), 'utf8'))
  return {
    work,
    socketPath,
    pid,
    exec: run,
    async killLibvirtd() {
      const target = String(await libvirtdPid())
      await run(['kill', '-9', target], { timeoutMs: 5_000 })
      await until(
        () =>
          run(['test', '!', '-d', `/proc/${target}`], { timeoutMs: 5_000 }).then(
            () => true,
            () => false,
          ),
        'libvirtd ends',
        5_000,
      )
      await rm(socketPath, { force: true })
    },
    async startLibvirtd() {
      process.kill(pid, 'SIGUSR1')
      await until(async () => existsSync(socketPath), 'libvirtd listens', 15_000)
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL') // --kill-child: takes PID 1 along
      await ended
      await rm(work, { recursive: true, force: true })
    },
  }
}
