// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { TransientError } from '../../../../lib/errors.ts'
import { exec as defaultExec } from '../../../../lib/exec.ts'
import { Undefine } from '../../../../lib/libvirt/constants.ts'
import { isNoDomain, isOperationInvalid, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isRedefinition } from '../../../../lib/libvirt/events.ts'
import type { HostSwitch } from '../../../node/role.ts'
import { computeDir, vhostUserSocket, type ComputePaths } from '../../paths.ts'
import {
  isPoweredOn,
  type BackendInstance,
  type CaptureWant,
  type DiskNumbers,
  type FoundInstance,
  type GuestPassword,
  type HypervisorFacts,
  type InstanceDriver,
  type InstanceListener,
  type InstanceStats,
  type InstanceWant,
  type PowerAction,
} from '../../instance-driver.ts'
import { tryGuest } from './acceleration.ts'
import { GUEST_CALL_MS, LibvirtConnections } from './connections.ts'
import { readConsoleLog, removeConsoleLog } from './console-log.ts'
import { DiskCapture } from './disk-capture.ts'
import { removeDisks } from './disks.ts'
import { uidOfDomainName } from './domain-name.ts'
import { DomainPower } from './domain-power.ts'
import { listDiskServers, readDefinition, readLiveXml } from './domains.ts'
import { explained } from './explained.ts'
import { readDomainCapabilities } from './domain-capabilities.ts'
import { setGuestPassword } from './guest-password.ts'
import { HypervisorProbe } from './hypervisor-probe.ts'
import { listFound } from './listing.ts'
import { MachineFinder } from './machine-finder.ts'
import { MachineSetup, type SetupOptions } from './machine-setup.ts'
import { QemuAccess, type QemuAccessOptions } from './qemu-access.ts'
import { SAVE_DIR } from './save-room.ts'
import { SerialConsoles } from './serial-consoles.ts'
import { ShutdownCauses } from './shutdown-causes.ts'
import { readHypervisorVersion, readStats } from './stats.ts'
import { openVncSocket } from './vnc-socket.ts'
import { checkVolumeServer, type CheckVolumeServer } from './volume-server.ts'

export interface LibvirtDriverOptions {
  socketPath: string
  uri: string
  paths: ComputePaths
  bootId: string
  /** How long requests to a volume wait for its server before the machine is paused. Default: NBD_RECONNECT_SECONDS. */
  nbdReconnectSeconds?: number | undefined
  /** What the network role found out about the switch; taps are configured for its datapath. */
  hostSwitch?: HostSwitch
  /** NUMA cells of the host, as they are now; absent: machines run on all CPUs, and none on cells. */
  readCells?: SetupOptions['readCells']
  /** The TLS files that QEMU opens volumes with. */
  credentials?: QemuAccessOptions['credentials']
  /** How qemu-img and mtools are run; tests run them in a node. */
  exec?: typeof defaultExec
  startTimeoutMs?: number
  /** To libvirtd; made from the socket and URI when absent. */
  connections?: LibvirtConnections
  /** How a volume's server is probed; in tests it has a network namespace of its own. */
  checkServer?: CheckVolumeServer
  /** Where this process sees the host's files; the default works from within a pod too. */
  hostRoot?: string
}

const HOST_ROOT = '/proc/1/root'
const MAX_REMOVALS = 5
const DEED_CALLS = { reset: 'reset', crashDump: 'injectNmi' } as const

export class LibvirtInstanceDriver implements InstanceDriver {
  readonly name = 'libvirt'
  readonly #options: LibvirtDriverOptions
  readonly #connections: LibvirtConnections
  readonly #power: DomainPower
  readonly #causes = new ShutdownCauses()
  readonly #probe: HypervisorProbe
  readonly #access: QemuAccess
  readonly #finder: MachineFinder
  readonly #setup: MachineSetup
  readonly #capture: DiskCapture
  readonly #consoles: SerialConsoles
  readonly #checkServer: CheckVolumeServer

  constructor(options: LibvirtDriverOptions) {
    this.#options = options
    const { socketPath, uri, paths, startTimeoutMs, hostRoot = HOST_ROOT } = options
    const connections = options.connections ?? new LibvirtConnections({ socketPath, uri })
    this.#connections = connections
    this.#checkServer = options.checkServer ?? checkVolumeServer
    this.#access = new QemuAccess(connections.quick, options)
    this.#power = new DomainPower(connections, {
      ...(startTimeoutMs === undefined ? {} : { startTimeoutMs }),
      saveDir: join(hostRoot, SAVE_DIR),
    })
    const dir = computeDir(paths)
    this.#probe = new HypervisorProbe({
      tryGuest: (type, signal, times) => tryGuest(type, { connection: { socketPath, uri }, dir }, signal, times),
      readVersion: async (signal) => {
        await this.#access.ensure(signal)
        return readHypervisorVersion(connections.quick, signal)
      },
      bootId: options.bootId,
      file: join(dir, 'acceleration.json'),
    })
    this.#finder = new MachineFinder({ connections, paths, power: this.#power, causes: this.#causes })
    this.#consoles = new SerialConsoles((domain, flags, signal) => connections.quick.openConsole(domain, flags, signal))
    this.#capture = new DiskCapture({ connections, paths, finder: this.#finder, exec: options.exec ?? defaultExec })
    this.#setup = new MachineSetup({
      ...{ connections, paths, finder: this.#finder, access: this.#access, probe: this.#probe },
      ...{ exec: options.exec ?? defaultExec, checkServer: this.#checkServer },
      ...{ nbdReconnectSeconds: options.nbdReconnectSeconds, hostSwitch: options.hostSwitch },
      readCells: options.readCells,
    })
  }

  async probe(signal: AbortSignal): Promise<HypervisorFacts> {
    const facts = await this.#probe.facts(signal)
    return { ...facts, ...(await readDomainCapabilities(this.#connections.quick, signal)) }
  }

  find(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined> {
    return explained('looking for the machine', signal, () => this.#finder.look(uid, signal))
  }

  list(signal: AbortSignal): Promise<FoundInstance[]> {
    return explained('listing machines', signal, () => listFound(this.#connections.quick, this.#options.paths, signal))
  }

  ensure(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    return this.#setup.ensure(want, signal)
  }

  ensureVolumes(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    return this.#setup.ensureVolumes(want, signal)
  }

  ensureNics(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    return this.#setup.ensureNics(want, signal)
  }

  makeDisks(want: InstanceWant, signal: AbortSignal): Promise<void> {
    return this.#setup.makeDisks(want, signal)
  }

  keepDisks(uid: string, disks: DiskNumbers, upTo: number, signal: AbortSignal): Promise<void> {
    return this.#setup.keepDisks(uid, disks, upTo, signal)
  }

  setPower(uid: string, action: PowerAction, signal: AbortSignal): Promise<void> {
    return explained(`power ${action}`, signal, async () => {
      const found = await this.#finder.find(uid, signal)
      if (found && action === 'on' && !isPoweredOn(found.power)) await this.#checkServers(found.ref, signal)
      if (found?.power === 'off' && action === 'on') await this.#capture.forgetFreeze(uid)
      if (found) return this.#power.set(found, action, signal)
      if (action === 'off' || action === 'shutdown') return
      throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
    })
  }

  /** QEMU connects to them before it answers anything: an unreachable one would block a place that other machines need to start. */
  async #checkServers(domain: DomainRef, signal: AbortSignal): Promise<void> {
    const servers = await listDiskServers(this.#connections.quick, domain, signal)
    await Promise.all(servers.map((server) => this.#checkServer(server, signal)))
  }

  act(uid: string, deed: keyof typeof DEED_CALLS, signal: AbortSignal): Promise<void> {
    return explained(deed, signal, async () => {
      const domain = await this.#finder.getRef(uid, signal)
      await this.#connections.orders.call(DEED_CALLS[deed], { domain, flags: 0 }, signal, GUEST_CALL_MS)
    })
  }

  setPassword(uid: string, password: GuestPassword, signal: AbortSignal): Promise<void> {
    return explained('setting a password', signal, async () =>
      setGuestPassword(this.#connections.agent, await this.#finder.get(uid, signal), password, signal),
    )
  }

  capturePath(uid: string, imageUid: string): string {
    return this.#capture.pathOf(uid, imageUid)
  }

  captureDisk(capture: CaptureWant, signal: AbortSignal): Promise<{ path: string; virtualSizeBytes: number }> {
    return explained('copying the root disk', signal, () => this.#capture.take(capture, signal))
  }

  dropCaptures(uid: string, signal: AbortSignal): Promise<void> {
    return explained('removing copies of the root disk', signal, () => this.#capture.drop(uid, signal))
  }

  remove(uid: string, signal: AbortSignal): Promise<void> {
    return explained('removing the machine', signal, async () => {
      const { paths } = this.#options
      // A start or define call of a killed agent may still have been in progress at the first look.
      for (let turn = 0; await this.#removeDomain(uid, signal); turn++) {
        if (turn === MAX_REMOVALS) throw new TransientError('DomainReturns', 'the machine is defined again and again')
      }
      await removeDisks(paths, uid)
      await removeConsoleLog(paths, uid)
    })
  }

  /** Nothing here waits for QEMU, which may hang. @returns whether there was a domain */
  async #removeDomain(uid: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#finder.find(uid, signal)
    if (!found) return false
    await this.#power.destroy(found.ref, signal)
    const { managedSave, snapshotsMetadata, checkpointsMetadata, nvram, tpm } = Undefine
    const flags = managedSave | snapshotsMetadata | checkpointsMetadata | nvram | tpm
    try {
      const { sockets } = await readDefinition(this.#connections.quick, found.ref, signal)
      const ours = dirname(vhostUserSocket(this.#options.paths, uid))
      for (const socket of sockets) if (dirname(socket) === ours) await rm(socket, { force: true })
      await this.#connections.quick.call('undefine', { domain: found.ref, flags }, signal)
    } catch (error) {
      // Gone, or started and undefined by others meanwhile (a transient domain, which disappears with its QEMU). Looked for again in either
      // case.
      if (!isNoDomain(error) && !isOperationInvalid(error)) throw error
    }
    return true
  }

  openConsole(uid: string, signal: AbortSignal, { force } = { force: true }): Promise<Duplex> {
    return explained('opening the console', signal, async () =>
      this.#consoles.open(uid, await this.#finder.getRef(uid, signal), force, signal),
    )
  }

  openGraphics(uid: string, signal: AbortSignal): Promise<Duplex> {
    return explained('opening the screen', signal, async () => {
      const found = await this.#finder.find(uid, signal)
      if (!found || !isPoweredOn(found.power))
        throw new TransientError('MachineOff', 'the machine is off, and so is its console')
      const { vncSocket } = await readLiveXml(this.#connections.guest, found.ref, signal)
      return openVncSocket(vncSocket, this.#options.hostRoot ?? HOST_ROOT, signal)
    })
  }

  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer> {
    return readConsoleLog(this.#options.paths, uid, maxBytes)
  }

  async stats(uid: string, signal: AbortSignal): Promise<InstanceStats> {
    return readStats(this.#connections.guest, await this.#finder.getRef(uid, signal), signal)
  }

  watch(listener: InstanceListener, signal: AbortSignal): Promise<void> {
    return this.#connections.quick.watch(
      {
        event: (event) => {
          this.#causes.take(event)
          const uid = uidOfDomainName(event.domain.name)
          // A redefinition is our own doing: each reconcile of a machine that is off redefines it, which must not trigger the next
          // reconcile.
          if (uid !== undefined && !isRedefinition(event)) listener.changed(uid)
        },
        connected: () => {
          this.#access.forget()
          listener.resync()
        },
        lost: () => undefined,
      },
      signal,
    )
  }

  close(): void {
    this.#connections.close()
  }
}
