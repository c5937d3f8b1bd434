// SPDX-License-Identifier: Apache-2.0
// One charon in each namespace, which outlives the agent: started as a daemon of the host, found again by its pid file. It runs as a user of its own
// that has no right but to the namespace's network.
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../../lib/errors.ts'
import { codeOf, isMissing, writeWhole } from '../../lib/durable-files.ts'
import { ViciClient, type ViciOptions } from '../../lib/vici/client.ts'
import { terminate } from '../daemons/daemon-process.ts'
import type { Daemon, Launch } from '../daemons/launcher.ts'
import { strongswanConf } from './charon-config.ts'

export interface CharonPaths {
  folder: string
  conf: string
  socket: string
  pidFile: string
  /** What it was told, for the next agent (LoadedRecord). Beside the folder, where its user writes nothing. */
  loaded: string
}

export function charonPaths(runDir: string, uid: string): CharonPaths {
  const folder = join(runDir, 'vpn', uid)
  return {
    ...{ folder, conf: join(folder, 'strongswan.conf') },
    ...{ socket: join(folder, 'charon.vici'), pidFile: join(folder, 'charon.pid'), loaded: `${folder}.loaded` },
  }
}

const CHARON = '/usr/sbin/charon-systemd'
const START_TIMEOUT_MS = 10_000
const END_TIMEOUT_MS = 5000
const POLL_MS = 20
/** Above the users of hosts, containers and directories: nobody has these. */
const FIRST_USER = 1_900_000_000

/** Of one VPN alone, so that none of them can signal or read another. Pure. */
export function userOf(uid: string): number {
  return FIRST_USER + createHash('sha256').update(uid).digest().readUIntBE(0, 3)
}

/** Pure. The user keeps the right to the network of its namespace, and nothing gives it another. */
export function charonCommand({ conf, pidFile }: CharonPaths, namespaceFile: string, user: number): Daemon['argv'] {
  const rights = '-all,+net_admin,+net_bind_service'
  return [
    ...(['start-stop-daemon', '--start', '--background', '--make-pidfile', '--pidfile', pidFile] as const),
    ...['--startas', '/usr/bin/env', '--', '-i', `STRONGSWAN_CONF=${conf}`],
    ...['nsenter', `--net=${namespaceFile}`, '--'],
    ...['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=${rights}`, `--inh-caps=${rights}`, `--ambient-caps=${rights}`],
    ...['--', CHARON],
  ]
}

/** A connection to the charon, which is started if none runs. @throws TransientError `VPNNotInstalled`, `CharonNotStarted` */
export async function openCharon(
  paths: CharonPaths,
  at: { uid: string; namespaceFile: string; launch: Launch; options: ViciOptions },
  signal: AbortSignal,
): Promise<ViciClient> {
  const present = (await findCharon(paths)) === undefined ? undefined : await connect(paths, at.options)
  if (present) return present
  await endCharon(paths, signal)
  const user = userOf(at.uid)
  // Others pass, and see nothing of it.
  await mkdir(paths.folder, { recursive: true })
  await chmod(join(paths.folder, '..'), 0o711)
  await writeWhole(paths.conf, strongswanConf(paths.socket), { mode: 0o644 })
  await chown(paths.folder, user, user)
  await chmod(paths.folder, 0o700)
  const argv = charonCommand(paths, at.namespaceFile, user)
  await at.launch({ name: `nephele-vpn-${at.uid}`, argv, pidFile: paths.pidFile, folder: paths.folder }, signal)
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const client = await connect(paths, at.options)
    if (client) return client
    await sleep(POLL_MS, undefined, { signal })
  }
  throw new TransientError(
    'VPNNotInstalled',
    'strongSwan does not start on the node: install charon-systemd and libcharon-extra-plugins there (docs/node-prerequisites.md)',
  )
}

async function connect({ socket }: CharonPaths, options: ViciOptions): Promise<ViciClient | undefined> {
  return ViciClient.connect(socket, options).catch((error: unknown) => {
    if (isMissing(error) || codeOf(error) === 'ECONNREFUSED') return undefined
    throw error
  })
}

/** Its pid, if the pid file still is of this very charon. */
export async function findCharon({ pidFile, conf }: CharonPaths): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(pidFile, 'utf8')).trim())
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
    return environment.includes(`STRONGSWAN_CONF=${conf}`) ? pid : undefined
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'ESRCH') return undefined
    throw error
  }
}

/** It tells its peers first. Absent is success. */
export async function endCharon(paths: CharonPaths, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS
  for (let pid = await findCharon(paths); pid !== undefined; pid = await findCharon(paths)) {
    terminate({ pid }, performance.now() > deadline ? 'SIGKILL' : 'SIGTERM')
    await sleep(POLL_MS * 5, undefined, { signal })
  }
  await rm(paths.loaded, { force: true })
  await rm(paths.folder, { recursive: true, force: true })
}
