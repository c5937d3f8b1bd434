// SPDX-License-Identifier: Apache-2.0
// HAProxy and keepalived of one balancer, in its namespace. Both are daemons of the host, which outlive the agent and are found again by their pid
// files. HAProxy's master process is root's; the worker, which alone hears tenants, is an unprivileged user's in an empty root.
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BalancerSpec, ObservedMember } from '../../lib/contract/documents.ts'
import { codeOf, readIfThere, unlessMissing, writeWhole } from '../../lib/durable-files.ts'
import { TransientError } from '../../lib/errors.ts'
import { ExecError } from '../../lib/exec.ts'
import { findProcess, terminate, waitForExit, type DaemonProcess } from '../storage/exports/daemon-process.ts'
import type { Launch } from '../storage/exports/launcher.ts'
import { renderHaproxy } from './haproxy-config.ts'
import { renderKeepalived } from './keepalived-config.ts'
import { askMaster } from './master-socket.ts'
import { readMembers } from './member-states.ts'

const TIMEOUT_MS = 10_000
/** Debian's, empty. */
const CHROOT = '/var/lib/haproxy'
const PROGRAMS = ['haproxy', 'keepalived'] as const
type Program = (typeof PROGRAMS)[number]

export interface BalancerPlace {
  uid: string
  /** `/run/nephele/balancers/UID`: a tmpfs. */
  folder: string
  namespaceFile: string
}

export interface Seen {
  serving: boolean
  members: readonly ObservedMember[]
}

export class BalancerDaemons {
  readonly #launch: Launch

  constructor(launch: Launch) {
    this.#launch = launch
  }

  /** Starts what does not run, and lets what runs follow a changed document without dropping a connection. */
  async ensure(spec: BalancerSpec, place: BalancerPlace, signal: AbortSignal): Promise<void> {
    const { folder } = place
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const health = join(folder, 'health')
    const haproxy = renderHaproxy(spec, { chroot: CHROOT, stateFile: join(folder, 'servers') })
    const isNew = await this.#write(join(folder, 'haproxy.cfg'), haproxy)
    if (!(await find(folder, 'haproxy'))) {
      await this.#write(health, '-255\n')
      await this.#start(
        'haproxy',
        ['-W', '-D', '-S', socketOf(folder), '-p', pidFileOf(folder, 'haproxy'), '-f', join(folder, 'haproxy.cfg')],
        place,
        signal,
      )
    } else if (isNew) await this.#reload(folder, signal)
    await this.#write(health, '0\n')
    const isOther = await this.#write(join(folder, 'keepalived.conf'), renderKeepalived(spec, health))
    const vrrp = await find(folder, 'keepalived')
    if (!vrrp) {
      const pids = ['-p', pidFileOf(folder, 'keepalived'), '-r', join(folder, 'vrrp.pid')]
      await this.#start('keepalived', ['--vrrp', '-f', join(folder, 'keepalived.conf'), ...pids], place, signal)
    } else if (isOther) process.kill(vrrp.pid, 'SIGHUP')
  }

  /** Undefined: HAProxy or keepalived does not run. */
  async look(spec: BalancerSpec, folder: string, signal: AbortSignal): Promise<Seen | undefined> {
    const [haproxy, vrrp] = await Promise.all(PROGRAMS.map((program) => find(folder, program)))
    if (!haproxy || !vrrp) return undefined
    const csv = await askMaster(socketOf(folder), '@1 show stat -1 4 -1', { timeoutMs: TIMEOUT_MS, signal })
    return { serving: await hasAddress(haproxy, spec.sharedAddress), members: readMembers(csv, spec) }
  }

  /** keepalived first: the other node takes over at once. Absent is success. */
  async end(folder: string, signal: AbortSignal): Promise<void> {
    for (const program of ['keepalived', 'haproxy'] as const) {
      const held = await find(folder, program)
      if (held) terminate(held)
      await waitForExit(pidFileOf(folder, program), TIMEOUT_MS, signal)
    }
    await rm(folder, { recursive: true, force: true })
  }

  async #start(program: Program, args: readonly string[], place: BalancerPlace, signal: AbortSignal): Promise<void> {
    const { uid, folder, namespaceFile } = place
    const argv = ['nsenter', `--net=${namespaceFile}`, '--', program, ...args] as const
    const pidFile = pidFileOf(folder, program)
    await rm(pidFile, { force: true })
    await this.#launch({ name: `nephele-${program}-${uid}`, argv, pidFile, folder }, signal).catch((cause: unknown) => {
      if (!(cause instanceof ExecError)) throw cause
      throw new TransientError(
        'ProxyNotStarted',
        `${program} does not start on the node: install haproxy and keepalived there (docs/node-prerequisites.md); the agent's log says more`,
        { cause },
      )
    })
  }

  /** The master starts another worker, which gets the listening sockets; the old one ends with its last connection. */
  async #reload(folder: string, signal: AbortSignal): Promise<void> {
    const ask = (command: string) => askMaster(socketOf(folder), command, { timeoutMs: TIMEOUT_MS, signal })
    // A member that is known to be down is down for the new worker, too.
    await writeWhole(join(folder, 'servers'), (await ask('@1 show servers state')).trim() + '\n')
    const answer = await ask('reload')
    if (answer.includes('Success=1')) return
    await rm(join(folder, 'haproxy.cfg'), { force: true })
    throw new TransientError('ProxyNotReloaded', "the proxy goes on as it was: the agent's log says why", {
      cause: new Error(answer.slice(0, 2000)),
    })
  }

  /** @returns whether it is another text */
  async #write(file: string, text: string): Promise<boolean> {
    if ((await readIfThere(file)) === text) return false
    await writeWhole(file, text)
    return true
  }
}

function socketOf(folder: string): string {
  return join(folder, 'master.sock')
}

function pidFileOf(folder: string, program: Program): string {
  return join(folder, `${program}.pid`)
}

function find(folder: string, program: Program): Promise<DaemonProcess | undefined> {
  return findProcess(pidFileOf(folder, program))
}

/** Whether its namespace has the address: proc(5), /proc/net/fib_trie and if_inet6. */
async function hasAddress({ pid }: DaemonProcess, address: string): Promise<boolean> {
  const read = (file: string) =>
    unlessMissing(() => readFile(`/proc/${pid}/net/${file}`, 'utf8'), '').catch((error: unknown) => {
      if (codeOf(error) === 'ESRCH' || codeOf(error) === 'EINVAL') return ''
      throw error
    })
  if (address.includes(':')) return (await read('if_inet6')).includes(inHex(address))
  return new RegExp(`\\|-- ${address.replaceAll('.', '\\.')}\\n\\s+/32 host LOCAL`).test(await read('fib_trie'))
}

/** As the kernel lists it: 32 digits. */
export function inHex(address: string): string {
  const [head = '', tail] = address.split('::')
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => word.padStart(4, '0')))
  const [before, after] = [words(head), words(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0000')
  return [...before, ...(tail === undefined ? [] : zeros), ...after].join('')
}
