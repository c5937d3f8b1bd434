// SPDX-License-Identifier: Apache-2.0
// The few programs that the local cloud needs of its host: installed by root on Debian, listed anywhere else.
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { exec } from '../../lib/exec.ts'

export interface Prerequisite {
  program: string
  /** Debian's package; undefined: not for this code to install. */
  package?: string
  why: string
}

const PREREQUISITES: readonly Prerequisite[] = [
  { program: 'mmdebstrap', package: 'mmdebstrap', why: "builds the nodes' root file system" },
  { program: 'ip', package: 'iproute2', why: 'links nodes with each other and with the host' },
  { program: 'unshare', package: 'util-linux', why: 'gives each node its namespaces' },
  { program: 'nsenter', package: 'util-linux', why: 'runs programs in a node' },
  { program: 'setpriv', package: 'util-linux', why: 'ends the processes of a test with it' },
  { program: 'hostname', package: 'hostname', why: 'names a node' },
  { program: 'mknod', package: 'coreutils', why: "makes a node's devices" },
  { program: 'go', why: 'builds the control plane (1.21 or newer: https://go.dev/dl/)' },
]

/** What tests need besides, by the names that local/cloud/prepare.ts is given. */
export const TEST_PREREQUISITES = {
  browser: {
    program: 'chromium-headless-shell',
    package: 'chromium-headless-shell',
    why: 'shows the page of consoles to tests',
  },
} as const satisfies Record<string, Prerequisite>
export type TestPrerequisite = keyof typeof TEST_PREREQUISITES

export function findProgram(name: string, path = process.env['PATH'] ?? ''): string | undefined {
  const dirs = [...path.split(delimiter), '/usr/sbin', '/sbin'].filter((d) => d !== '')
  return dirs.map((dir) => join(dir, name)).find((file) => existsSync(file))
}

/** Pure: the packages to install and what only a person can install. */
export function planInstallation(missing: readonly Prerequisite[], host: { debian: boolean; root: boolean }) {
  const install = host.debian && host.root ? missing.flatMap((p) => p.package ?? []) : []
  const byHand = host.debian && host.root ? missing.filter((p) => p.package === undefined) : [...missing]
  return { packages: [...new Set(install)], byHand }
}

export function isDebian(osRelease: string): boolean {
  return /^ID(_LIKE)?=.*\bdebian\b/m.test(osRelease)
}

/** Pure. Newer ones fetch the toolchain that the build asks for; these fail on its first line. @param version such as `go1.19.8` */
export function isOldGo(version: string): boolean {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version.trim()) ?? []
  return major !== undefined && (Number(major) < 1 || (Number(major) === 1 && Number(minor) < 21))
}

/** @throws what to install */
export async function assertGo(): Promise<void> {
  if (findProgram('go') === undefined) throw new Error('go is missing: install 1.21 or newer (https://go.dev/dl/)')
  const { stdout } = await exec(['go', 'env', 'GOVERSION'], { timeoutMs: 30_000 })
  if (isOldGo(stdout)) throw new Error(`${stdout.trim()} is too old: install 1.21 or newer (https://go.dev/dl/)`)
}

/** @param more that tests need @returns the packages that it installed @throws with a list for a person to install */
export async function ensurePrerequisites(
  programsAreBuilt: boolean,
  more: readonly TestPrerequisite[] = [],
): Promise<string[]> {
  if (process.platform !== 'linux') throw new Error('the local cloud needs Linux: namespaces and overlayfs')
  const root = process.getuid?.() === 0
  const always = programsAreBuilt ? PREREQUISITES.filter((p) => p.program !== 'go') : PREREQUISITES
  const needed: readonly Prerequisite[] = [...always, ...more.map((name) => TEST_PREREQUISITES[name])]
  const missing = needed.filter((p) => findProgram(p.program) === undefined)
  const debian = existsSync('/etc/os-release') && isDebian(readFileSync('/etc/os-release', 'utf8'))
  const { packages, byHand } = planInstallation(missing, { debian, root })
  if (byHand.length > 0) {
    const list = byHand.map((p) => `  ${p.program}${p.package ? ` (Debian package ${p.package})` : ''}: ${p.why}`)
    throw new Error(`these programs are missing; install them and run this again:\n${list.join('\n')}`)
  }
  if (!programsAreBuilt) await assertGo()
  if (!root) throw new Error('the local cloud must be started as root: nodes have mounts and interfaces of their own')
  if (packages.length > 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const apt = ['apt-get', '-y', '-qq'] as const
    await exec([...apt, 'update'], { timeoutMs: 5 * 60_000, env })
    await exec([...apt, 'install', '--no-install-recommends', '--', ...packages], { timeoutMs: 10 * 60_000, env })
  }
  return packages
}
