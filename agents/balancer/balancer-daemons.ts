// SPDX-License-Identifier: Apache-2.0
// HAProxy and keepalived of one balancer, in its namespace. Both are daemons of the host, which outlive the agent and are found again by their pid
// files. HAProxy's master process is root's; the worker, which alone hears tenants, is an unprivileged user's in an empty root.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BalancerSpec, ObservedMember } from '../../lib/contract/documents.ts'
import { readIfThere, unlessMissing, writeWhole } from '../../lib/durable-files.ts'
import { TransientError } from '../../lib/errors.ts'
import { ExecError } from '../../lib/exec.ts'
import { announceAddresses } from '../network/announce-address.ts'
import { serviceNamespace } from '../network/service-ports.ts'
import { ipInside } from '../network/veth-namespace.ts'
import { findProcess, terminate, waitForExit, type DaemonProcess } from '../daemons/daemon-process.ts'
import type { Launch } from '../daemons/launcher.ts'
import type { CertificateFiles } from './certificate-files.ts'
import { MEMORY_LIMIT, renderHaproxy } from './haproxy-config.ts'
import { reloadHaproxy } from './haproxy-reload.ts'
import { renderKeepalived } from './keepalived-config.ts'
import { isLoaded, load } from './loaded-config.ts'
import { askMaster } from './master-socket.ts'
import { readMembers } from './member-states.ts'
import { hasAddress, planAddress, planNoAddress } from './shared-address.ts'

const TIMEOUT_MS = 10_000
const LOOK_TIMEOUT_MS = 3000
/** Each reload leaves a worker behind that ends with its last connection. */
const RELOAD_GAP_MS = 5000
/** Four workers of three threads, their master, and what starts. */
const LIMITS = { memory: MEMORY_LIMIT, tasks: 64 }
/** Debian's, empty. */
const CHROOT = '/var/lib/haproxy'
const PROGRAMS = ['haproxy', 'keepalived'] as const
type Program = (typeof PROGRAMS)[number]

export interface BalancerPlace {
  uid: string
  /** `/run/nephele/balancers/UID`: a tmpfs. */
  folder: string
  namespaceFile: string
  certificates: CertificateFiles
}

export interface Seen {
  serving: boolean
  members: readonly ObservedMember[]
}

export class BalancerDaemons {
  readonly #launch: Launch
  /** By folder. performance.now() */
  readonly #reloadedAt = new Map<string, number>()

  readonly #reloadGapMs: number

  constructor(launch: Launch, reloadGapMs = RELOAD_GAP_MS) {
    this.#launch = launch
    this.#reloadGapMs = reloadGapMs
  }

  /** Starts what does not run, and lets what runs follow a changed document without dropping a connection. */
  async ensure(spec: BalancerSpec, place: BalancerPlace, signal: AbortSignal): Promise<void> {
    await mkdir(place.folder, { recursive: true, mode: 0o700 })
    await this.#ensureHaproxy(spec, place, signal)
    if (spec.standby) await this.#ensureKeepalived(spec, place, signal)
    else await this.#ensureAlone(spec, place, signal)
  }

  /**
   * Undefined: HAProxy or keepalived does not run. keepalived is told whether HAProxy answers.
   * @throws when HAProxy does not answer
   */
  async look(spec: BalancerSpec, folder: string, signal: AbortSignal): Promise<Seen | undefined> {
    const [haproxy, vrrp] = await Promise.all(PROGRAMS.map((program) => find(folder, program)))
    if (!haproxy) await tellHealth(folder, false)
    if (!haproxy || (spec.standby && !vrrp)) return undefined
    try {
      const csv = await askMaster(socketOf(folder), '@1 show stat -1 4 -1', { timeoutMs: LOOK_TIMEOUT_MS, signal })
      await tellHealth(folder, true)
      return { serving: await hasAddress(haproxy, spec.sharedAddress), members: readMembers(csv, spec) }
    } catch (error) {
      if (!signal.aborted) await tellHealth(folder, false)
      throw error
    }
  }

  /** Of a program in the namespace, if it runs. */
  async findPid(folder: string): Promise<number | undefined> {
    return (await find(folder, 'haproxy'))?.pid
  }

  /** keepalived first: the other node takes over at once. Absent is success. */
  async end(folder: string, signal: AbortSignal): Promise<void> {
    for (const program of ['keepalived', 'haproxy'] as const) {
      const held = await find(folder, program)
      if (held) terminate(held)
      await waitForExit(pidFileOf(folder, program), TIMEOUT_MS, signal)
    }
    this.#reloadedAt.delete(folder)
    await rm(folder, { recursive: true, force: true })
  }

  async #ensureHaproxy(spec: BalancerSpec, place: BalancerPlace, signal: AbortSignal): Promise<void> {
    const { folder, certificates } = place
    const file = join(folder, 'haproxy.cfg')
    const text = renderHaproxy(spec, { chroot: CHROOT, stateFile: join(folder, 'servers'), certificates })
    if (await find(folder, 'haproxy')) {
      if (await isLoaded(file, text)) return
      // A document that comes meanwhile takes this one's place.
      await sleep(
        Math.max(0, (this.#reloadedAt.get(folder) ?? -Infinity) + this.#reloadGapMs - performance.now()),
        undefined,
        {
          signal,
        },
      )
      this.#reloadedAt.set(folder, performance.now())
      return load(file, text, () => this.#reload(folder, signal))
    }
    await tellHealth(folder, false)
    const args = ['-W', '-D', '-S', socketOf(folder), '-p', pidFileOf(folder, 'haproxy'), '-f', file]
    await load(file, text, () => this.#start('haproxy', args, place, signal))
  }

  async #ensureKeepalived(spec: BalancerSpec, place: BalancerPlace, signal: AbortSignal): Promise<void> {
    const { folder } = place
    const file = join(folder, 'keepalived.conf')
    const text = renderKeepalived(spec, { healthFile: healthOf(folder), pidFile: pidFileOf(folder, 'haproxy') })
    const vrrp = await find(folder, 'keepalived')
    if (vrrp) {
      if (await isLoaded(file, text)) return
      return load(file, text, () => Promise.resolve(process.kill(vrrp.pid, 'SIGHUP')))
    }
    // Of a keepalived that was killed, or of the time before there was a standby.
    const haproxy = await find(folder, 'haproxy')
    if (haproxy && (await hasAddress(haproxy, spec.sharedAddress)))
      await ipInside(serviceNamespace(place.uid), planNoAddress(spec), signal)
    const args = ['--vrrp', '-f', file, '-p', pidFileOf(folder, 'keepalived'), '-r', join(folder, 'vrrp.pid')]
    await load(file, text, () => this.#start('keepalived', args, place, signal))
  }

  /** Nobody to agree with: so nobody is listened to. */
  async #ensureAlone(spec: BalancerSpec, { uid, folder }: BalancerPlace, signal: AbortSignal): Promise<void> {
    const vrrp = await find(folder, 'keepalived')
    if (vrrp) terminate(vrrp)
    await waitForExit(pidFileOf(folder, 'keepalived'), TIMEOUT_MS, signal)
    const haproxy = await find(folder, 'haproxy')
    if (!haproxy || (await hasAddress(haproxy, spec.sharedAddress))) return
    const announced = { addresses: [spec.sharedAddress], mac: spec.port.mac, before: planAddress(spec) }
    await announceAddresses(serviceNamespace(uid), announced, signal)
  }

  async #start(program: Program, args: readonly string[], place: BalancerPlace, signal: AbortSignal): Promise<void> {
    const { uid, folder, namespaceFile } = place
    const argv = ['nsenter', `--net=${namespaceFile}`, '--', program, ...args] as const
    const pidFile = pidFileOf(folder, program)
    await rm(pidFile, { force: true })
    const daemon = { name: `nephele-${program}-${uid}`, argv, pidFile, folder, limits: LIMITS }
    await this.#launch(daemon, signal).catch((cause: unknown) => {
      if (!(cause instanceof ExecError)) throw cause
      throw new TransientError(
        'ProxyNotStarted',
        `${program} does not start on the node: install haproxy and keepalived there (docs/node-prerequisites.md); the agent's log says more`,
        { cause },
      )
    })
  }

  async #reload(folder: string, signal: AbortSignal): Promise<void> {
    const ask = (command: string) => askMaster(socketOf(folder), command, { timeoutMs: TIMEOUT_MS, signal })
    // A member that is known to be down is down for the new worker, too.
    await writeWhole(join(folder, 'servers'), (await ask('@1 show servers state')).trim() + '\n')
    await reloadHaproxy(ask, signal)
  }
}

/** For keepalived, which without HAProxy gives the address away. */
async function tellHealth(folder: string, isHealthy: boolean): Promise<void> {
  const text = isHealthy ? '0\n' : '-255\n'
  if ((await readIfThere(healthOf(folder))) === text) return
  await unlessMissing(() => writeWhole(healthOf(folder), text), undefined)
}

function healthOf(folder: string): string {
  return join(folder, 'health')
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
