// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import { exec as defaultExec } from '../../../../lib/exec.ts'
import { Affect, Console, METADATA_ELEMENT, Undefine } from '../../../../lib/libvirt/constants.ts'
import { isNoDomain, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isRedefinition } from '../../../../lib/libvirt/events.ts'
import { computeDir, vhostUserSocket, type ComputePaths } from '../../paths.ts'
import {
  isPoweredOn,
  type BackendInstance,
  type FoundInstance,
  type HypervisorFacts,
  type InstanceDriver,
  type InstanceListener,
  type InstanceStats,
  type InstanceWant,
  type PowerAction,
} from '../driver.ts'
import type { HostSwitch } from '../../../node/role.ts'
import { tryGuest, type Acceleration } from './acceleration.ts'
import { readConsoleLog, removeConsoleLog } from './console-log.ts'
import { defineMachine } from './define.ts'
import { rootDiskPath } from './disk-paths.ts'
import { readQcow2Size } from './disk-size.ts'
import { removeDisks } from './disks.ts'
import { GUEST_CALL_MS, LibvirtConnections } from './connections.ts'
import { uidOfDomainName } from './domain-name.ts'
import { DomainPower } from './domain-power.ts'
import {
  findDomain,
  listDiskServers,
  readDefinition,
  readDomain,
  readLiveXml,
  toBackendInstance,
  type FoundDomain,
} from './domains.ts'
import { explained } from './explained.ts'
import { HypervisorProbe } from './hypervisor-probe.ts'
import { listFound } from './listing.ts'
import { METADATA_NAMESPACE, METADATA_PREFIX, toMarkXml } from './metadata.ts'
import { QemuAccess, type QemuAccessOptions } from './qemu-access.ts'
import { SAVE_DIR } from './save-room.ts'
import { ShutdownCauses } from './shutdown-causes.ts'
import { readHypervisorVersion, readStats } from './stats.ts'
import { checkVolumeServer, type CheckVolumeServer } from './volume-server.ts'
import { growVolumes } from './volume-size.ts'
import { applyVolumePlan, planVolumes } from './volumes.ts'

export interface LibvirtDriverOptions {
  socketPath: string
  uri: string
  paths: ComputePaths
  bootId: string
  /** For which requests to volumes wait for their server, before the machine is paused. Default: NBD_RECONNECT_SECONDS. */
  nbdReconnectSeconds?: number | undefined
  /** What the switch's role found out; taps are made for its datapath. */
  hostSwitch?: HostSwitch
  /** What QEMU opens volumes with. */
  credentials?: QemuAccessOptions['credentials']
  /** How qemu-img and mtools are run; tests run them in a node. */
  exec?: typeof defaultExec
  startTimeoutMs?: number
  /** How a volume's server is tried; tests have it in a network of its own. */
  checkServer?: CheckVolumeServer
  /** Where this process sees the host's files; process 1 has them also from within a pod. */
  hostRoot?: string
}

const MAX_REMOVALS = 5

export class LibvirtInstanceDriver implements InstanceDriver {
  readonly name = 'libvirt'
  readonly #options: LibvirtDriverOptions
  readonly #exec: typeof defaultExec
  readonly #connections: LibvirtConnections
  readonly #power: DomainPower
  readonly #causes = new ShutdownCauses()
  readonly #probe: HypervisorProbe
  readonly #access: QemuAccess

  constructor(options: LibvirtDriverOptions) {
    this.#options = options
    this.#exec = options.exec ?? defaultExec
    const { socketPath, uri, startTimeoutMs, hostRoot = '/proc/1/root' } = options
    this.#connections = new LibvirtConnections({ socketPath, uri })
    this.#access = new QemuAccess(this.#connections.quick, options)
    this.#power = new DomainPower(this.#connections, {
      ...(startTimeoutMs === undefined ? {} : { startTimeoutMs }),
      saveDir: join(hostRoot, SAVE_DIR),
    })
    const dir = computeDir(options.paths)
    this.#probe = new HypervisorProbe({
      tryGuest: (type, signal, times) => tryGuest(type, { connection: { socketPath, uri }, dir }, signal, times),
      readVersion: async (signal) => {
        await this.#access.ensure(signal)
        return readHypervisorVersion(this.#connections.quick, signal)
      },
      bootId: options.bootId,
      file: join(dir, 'acceleration.json'),
    })
  }

  probe(signal: AbortSignal): Promise<HypervisorFacts> {
    return this.#probe.facts(signal)
  }

  find(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined> {
    return explained('looking for the machine', signal, () => this.#look(uid, signal))
  }

  async #look(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined> {
    try {
      const found = await this.#find(uid, signal)
      if (!found) return undefined
      const instance = await toBackendInstance(this.#connections, uid, found, signal)
      const rootBytes = await readQcow2Size(rootDiskPath(this.#options.paths, uid))
      const startLimitMs = found.starting && (await this.#power.startLimitMs(found))
      return {
        ...instance,
        ...(rootBytes === undefined ? {} : { rootBytes }),
        ...(startLimitMs === undefined ? {} : { startLimitMs }),
      }
    } catch (error) {
      if (isNoDomain(error)) return undefined // it went between two calls
      throw error
    }
  }

  list(signal: AbortSignal): Promise<FoundInstance[]> {
    return explained('listing machines', signal, () => listFound(this.#connections.quick, this.#options.paths, signal))
  }

  ensure(wanted: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    const want = this.#patient(wanted)
    return explained('setting the machine up', signal, async () => {
      const before = await this.#find(want.uid, signal)
      if (before?.mark?.epoch !== undefined && before.mark.epoch > want.epoch) {
        throw new TerminalError(
          'StaleEpoch',
          `the machine on this node has epoch ${before.mark.epoch}, newer than ${want.epoch}`,
        )
      }
      if (before && before.power !== 'off') await this.#mark(want, before, signal)
      else await this.#define(want, before !== undefined, signal)
      return this.#lookAgain(want.uid, signal)
    })
  }

  ensureVolumes(wanted: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    const want = this.#patient(wanted)
    return explained('plugging volumes', signal, async () => {
      const { devices } = this.#connections
      const found = await this.#find(want.uid, signal)
      if (found && isPoweredOn(found.power)) {
        const live = await readLiveXml(devices, found.ref, signal)
        const plug = {
          client: devices,
          domain: found.ref,
          checkServer: this.#options.checkServer ?? checkVolumeServer,
        }
        const planned = planVolumes(live, want.volumes)
        // A guest that stands still cannot let go. Asked now and again when it goes on, libvirtd (11.3) has crashed between both.
        const plan = found.power === 'running' ? planned : { ...planned, detach: [] }
        if (plan.attach.length > 0) await this.#access.ensure(signal)
        const failures = await applyVolumePlan(plug, plan, signal)
        await growVolumes(devices, found.ref, live.volumes, want.volumes, signal)
        if (failures.length > 0) throw failures[0]
      }
      return this.#lookAgain(want.uid, signal)
    })
  }

  #patient(want: InstanceWant): InstanceWant {
    const { nbdReconnectSeconds: reconnectSeconds } = this.#options
    return reconnectSeconds
      ? { ...want, volumes: want.volumes.map((volume) => ({ ...volume, reconnectSeconds })) }
      : want
  }

  async #lookAgain(uid: string, signal: AbortSignal): Promise<BackendInstance> {
    const after = await this.#look(uid, signal)
    if (!after) throw new TransientError('DomainVanished', 'the machine disappeared from libvirt while it was set up')
    return after
  }

  /** Never redefined while it runs or lies saved: what changed there waits for the next start. */
  async #mark(want: InstanceWant, { ref, mark, power }: FoundDomain, signal: AbortSignal): Promise<void> {
    if (mark && mark.epoch === want.epoch && mark.name === want.name && mark.namespace === want.namespace) return
    const flags = power === 'saved' ? Affect.config : Affect.live | Affect.config
    const element = {
      type: METADATA_ELEMENT,
      metadata: toMarkXml(want),
      key: METADATA_PREFIX,
      uri: METADATA_NAMESPACE,
    }
    await this.#connections.guest.call('setMetadata', { domain: ref, ...element, flags }, signal, GUEST_CALL_MS)
  }

  async #define(want: InstanceWant, isDefined: boolean, signal: AbortSignal): Promise<void> {
    const { acceleration } = await this.#acceleration(want, signal)
    const machines = {
      ...{ client: this.#connections.quick, paths: this.#options.paths, exec: this.#exec, acceleration },
      datapath: this.#options.hostSwitch?.datapath,
      prepare: () => this.#access.ensure(signal),
    }
    await defineMachine(machines, want, isDefined, signal)
  }

  /** @throws TerminalError `AccelerationMissing` */
  async #acceleration(want: InstanceWant, signal: AbortSignal): Promise<Acceleration> {
    if (want.properties['hw_virt_type'] === 'qemu' && !want.requireKvm)
      return { acceleration: 'qemu', accelerationReason: 'asked for by the image' }
    const found = await this.#probe.acceleration(signal)
    if (!want.requireKvm || found.acceleration === 'kvm') return found
    const why = found.accelerationReason ?? 'not available here'
    throw new TerminalError('AccelerationMissing', `the machine wants KVM: ${why}`)
  }

  setPower(uid: string, action: PowerAction, signal: AbortSignal): Promise<void> {
    return explained(`power ${action}`, signal, async () => {
      const found = await this.#find(uid, signal)
      if (found && action === 'on' && !isPoweredOn(found.power)) await this.#checkServers(found.ref, signal)
      if (found) return this.#power.set(found, action, signal)
      if (action === 'off' || action === 'shutdown') return
      throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
    })
  }

  /** QEMU waits for them before it answers anybody: behind a silent one it would hold a place that others start in. */
  async #checkServers(domain: DomainRef, signal: AbortSignal): Promise<void> {
    const check = this.#options.checkServer ?? checkVolumeServer
    const servers = await listDiskServers(this.#connections.quick, domain, signal)
    await Promise.all(servers.map((server) => check(server, signal)))
  }

  async act(uid: string, action: 'reboot' | 'reset', signal: AbortSignal): Promise<void> {
    const domain = await this.#get(uid, signal)
    await this.#connections.orders.call(action, { domain, flags: 0 }, signal)
  }

  remove(uid: string, signal: AbortSignal): Promise<void> {
    return explained('removing the machine', signal, async () => {
      const { paths } = this.#options
      // A call of an agent that was killed may still have been under way when it was first looked for.
      for (let turn = 0; await this.#removeDomain(uid, signal); turn++) {
        if (turn === MAX_REMOVALS) throw new TransientError('DomainReturns', 'the machine is defined again and again')
      }
      await removeDisks(paths, uid)
      await removeConsoleLog(paths, uid)
    })
  }

  /** Nothing here waits for QEMU, which may hang. @returns whether there was one */
  async #removeDomain(uid: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#find(uid, signal)
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
      if (!isNoDomain(error)) throw error
    }
    return true
  }

  async openConsole(uid: string, signal: AbortSignal): Promise<Duplex> {
    return this.#connections.quick.openConsole(await this.#get(uid, signal), Console.force, signal)
  }

  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer> {
    return readConsoleLog(this.#options.paths, uid, maxBytes)
  }

  async stats(uid: string, signal: AbortSignal): Promise<InstanceStats> {
    return readStats(this.#connections.guest, await this.#get(uid, signal), signal)
  }

  watch(listener: InstanceListener, signal: AbortSignal): Promise<void> {
    return this.#connections.quick.watch(
      {
        event: (event) => {
          this.#causes.take(event)
          const uid = uidOfDomainName(event.domain.name)
          // Our own: a machine that is off is defined by each look at it, which must not cause the next look.
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

  async #get(uid: string, signal: AbortSignal): Promise<DomainRef> {
    const found = await this.#find(uid, signal)
    if (!found) throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
    return found.ref
  }

  /** @throws TerminalError for a domain that has the UUID and not our mark: whose it is we cannot know */
  async #find(uid: string, signal: AbortSignal): Promise<FoundDomain | undefined> {
    const { quick } = this.#connections
    const ref = await findDomain(quick, uid, signal)
    if (!ref) return undefined
    const found = await readDomain(quick, ref, signal)
    if ((found.mark?.uid ?? uidOfDomainName(ref.name)) === uid) {
      return { ...found, offReason: this.#causes.refine(uid, found.offReason) }
    }
    throw new TerminalError('ForeignDomain', `a domain that is not ours has the UUID of this machine: ${ref.name}`)
  }
}
