// SPDX-License-Identifier: Apache-2.0
// Real OVSDB servers for integration tests: the programs of the nodes' root file system, run with its own loader and libraries, so
// that the host needs none of them.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureRootfs } from '../../local/rootfs/build.ts'
import { hostProgram } from '../../local/rootfs/host-program.ts'
import { exec } from '../exec.ts'

export interface OvsPrograms {
  rootfs: string
  /** The argument vector that runs a program of the root file system on this host. */
  argv(program: string, ...args: string[]): [string, ...string[]]
}

export async function ovsPrograms(): Promise<OvsPrograms> {
  const rootfs = process.env['NEPHELE_ROOTFS'] ?? (await ensureRootfs())
  return { rootfs, argv: (program, ...args) => hostProgram(rootfs, program, ...args) }
}

export interface TestServer {
  child: ChildProcess
  socket: string
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Creates DIR/NAME.db from a schema of the root file system, unless it is there. */
export async function createDatabase(programs: OvsPrograms, file: string, schema: string): Promise<void> {
  if (existsSync(file)) return
  await exec(programs.argv('usr/bin/ovsdb-tool', 'create', file, join(programs.rootfs, schema)), { timeoutMs: 20_000 })
}

/** Starts ovsdb-server on existing databases; resolves when its unix socket is there. */
export async function startOvsdbServer(
  programs: OvsPrograms,
  dir: string,
  name: string,
  files: string[],
  extra: string[] = [],
): Promise<TestServer> {
  const socket = join(dir, `${name}.sock`)
  const [file, ...args] = programs.argv(
    'usr/sbin/ovsdb-server',
    ...files,
    `--remote=punix:${socket}`,
    `--unixctl=${join(dir, `${name}.ctl`)}`,
    `--log-file=${join(dir, `${name}.log`)}`,
    '-vconsole:off',
    ...extra,
  )
  const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, OVS_RUNDIR: dir } })
  const stop = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
  for (let i = 0; i < 500 && !existsSync(socket); i++) {
    if (child.exitCode !== null) throw new Error(`ovsdb-server: ${await readFile(join(dir, `${name}.log`), 'utf8')}`)
    await sleep(10)
  }
  return { child, socket, stop }
}
