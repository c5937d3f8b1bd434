// SPDX-License-Identifier: Apache-2.0
// Starts daemons that outlive the agent. A daemon puts itself into the background with a session of its own; it also needs a control group
// that does not end with the agent's.
import { access, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { exec, type ExecResult } from '../../lib/exec.ts'

export interface Daemon {
  /** Of the systemd unit, where there is systemd: unique on the node. */
  name: string
  /** Returns when the daemon is ready, having forked. */
  argv: readonly [string, ...string[]]
  pidFile: string
  /** Absolute: the folder that the daemon works in, which must not be unmounted before the daemon ends. */
  folder: string
  /** Of the unit, where there is systemd: systemd.resource-control(5). */
  limits?: { memory: string; tasks: number }
}

/**
 * The units that stop guests when the host goes down. systemd stops units in the reverse order of their start: so a volume is served until
 * the last guest has flushed its data.
 */
const STOPPED_FIRST = ['libvirt-guests.service', 'libvirtd.service', 'virtqemud.service']

/** Resolves when the daemon is ready. @throws ExecError when it did not start */
export type Launch = (daemon: Daemon, signal: AbortSignal) => Promise<unknown>

const START_TIMEOUT_MS = 20_000

/** For hosts without systemd, such as the nodes of the local cloud: process 1 adopts the daemon. */
export const launchDirectly: Launch = (daemon, signal) => run(daemon.argv, signal)

/** As a transient unit: not affected when the agent is stopped or replaced, and visible in `systemctl status` and the journal. */
const launchBySystemd: Launch = (daemon, signal) => run(systemdCommand(daemon), signal)

/** Pure. systemd-run(1). systemd would expand `$` in the arguments: our paths and names contain none. */
export function systemdCommand({ name, argv, pidFile, folder, limits }: Daemon): [string, ...string[]] {
  return [
    'systemd-run',
    '--quiet',
    '--collect',
    `--unit=${name}`,
    '--property=Type=forking',
    `--property=PIDFile=${pidFile}`,
    `--property=Before=${STOPPED_FIRST.join(' ')}`,
    `--property=RequiresMountsFor=${quoted(folder)}`,
    ...(limits ? [`--property=MemoryMax=${limits.memory}`, `--property=TasksMax=${limits.tasks}`] : []),
    '--',
    ...argv,
  ]
}

/** Quotes a path in a list of paths. systemd.syntax(7) */
function quoted(path: string): string {
  return `"${path.replaceAll(/["\\]/g, '\\$&')}"`
}

/**
 * For an agent in a pod: runs the launcher's command in the host's namespaces (needs hostPID and privileges, which the agent has), so that
 * neither pod nor container ends the daemon. Pure.
 */
export function onHost([program, ...args]: readonly [string, ...string[]]): [string, ...string[]] {
  return ['nsenter', '--target', '1', '--mount', '--uts', '--ipc', '--net', '--pid', '--', program, ...args]
}

const launchOnHostBySystemd: Launch = (daemon, signal) => run(onHost(systemdCommand(daemon)), signal)

/**
 * The same where the host has no systemd. The container's runtime kills everything in the pod's control groups, so the daemon is moved to
 * those of the host's init. If the agent is killed in between, its successor finds the daemon gone and starts it again.
 */
const launchOnHostDirectly: Launch = async (daemon, signal) => {
  await run(onHost(daemon.argv), signal)
  const pid = (await readFile(daemon.pidFile, 'utf8')).trim()
  // As the host sees them: in a control group namespace of its own, the container would read other paths.
  const { stdout } = await run(inHostGroups(['cat', '/proc/1/cgroup']), signal)
  for (const file of controlGroupFiles(stdout)) await run(inHostGroups(['tee', file]), signal, pid)
}

/**
 * The files to write a pid to, to join all control groups of another process, given its /proc/PID/cgroup. Pure. Version 1 hierarchies are
 * named after their controllers; version 2 is beside them or alone. cgroups(7)
 */
export function controlGroupFiles(cgroup: string): string[] {
  const lines = cgroup.split('\n').flatMap((line) => [...line.matchAll(/^\d+:([^:]*):(\/.*)$/g)])
  const isMixed = lines.some(([, controllers]) => controllers !== '')
  return lines.map(([, controllers = '', path = '']) => {
    const hierarchy = controllers === '' ? (isMixed ? '/unified' : '') : `/${controllers.replace(/^name=/, '')}`
    return join('/sys/fs/cgroup', hierarchy, path, 'cgroup.procs')
  })
}

function inHostGroups(argv: readonly [string, ...string[]]): [string, ...string[]] {
  return ['nsenter', '--target', '1', '--mount', '--cgroup', '--', ...argv]
}

/** By systemd where it is the host's init, else directly; on the host, when this process is in a container of it. */
export async function chooseLaunch(): Promise<Launch> {
  const inContainer = await isInContainer()
  const hasSystemd = await access(`${inContainer ? '/proc/1/root' : ''}/run/systemd/system`).then(
    () => true,
    () => false,
  )
  if (inContainer) return hasSystemd ? launchOnHostBySystemd : launchOnHostDirectly
  return hasSystemd ? launchBySystemd : launchDirectly
}

/** Whether process 1, which is the host's init under hostPID, has other mounts. */
export async function isInContainer(): Promise<boolean> {
  try {
    const [host, own] = await Promise.all([readlink('/proc/1/ns/mnt'), readlink('/proc/self/ns/mnt')])
    return host !== own
  } catch {
    // Without permission to look, there is none to enter either.
    return false
  }
}

async function run(argv: readonly [string, ...string[]], signal: AbortSignal, input?: string): Promise<ExecResult> {
  // Daemons do not need the agent's environment.
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' }
  return exec(argv, { timeoutMs: START_TIMEOUT_MS, signal, env, ...(input === undefined ? {} : { input }) })
}
