// SPDX-License-Identifier: Apache-2.0
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { exec as Exec } from '../../../../lib/exec.ts'
import { Affect, METADATA_ELEMENT } from '../../../../lib/libvirt/constants.ts'
import type { HostSwitch } from '../../../node/role.ts'
import type { ComputePaths } from '../../paths.ts'
import { isPoweredOn, type BackendInstance, type DiskNumbers, type InstanceWant } from '../../instance-driver.ts'
import type { Acceleration } from './acceleration.ts'
import { GUEST_CALL_MS, type LibvirtConnections } from './connections.ts'
import { defineMachine } from './define.ts'
import { diskPaths } from './disk-paths.ts'
import { makeDisks, removeOtherDisks } from './disks.ts'
import { readDefinition, readLiveXml, type FoundDomain } from './domains.ts'
import { explained } from './explained.ts'
import type { HypervisorProbe } from './hypervisor-probe.ts'
import type { CellCpus } from './numa-xml.ts'
import type { MachineFinder } from './machine-finder.ts'
import type { LiveDomain } from './live-xml.ts'
import { METADATA_NAMESPACE, METADATA_PREFIX, toMarkXml } from './metadata.ts'
import { applyNicPlan, markedNics, planNics } from './nics.ts'
import type { QemuAccess } from './qemu-access.ts'
import type { CheckVolumeServer } from './volume-server.ts'
import { growVolumes } from './volume-size.ts'
import { applyVolumePlan, planVolumes } from './volumes.ts'

export interface SetupOptions {
  connections: LibvirtConnections
  finder: Pick<MachineFinder, 'find' | 'look' | 'lookAgain'>
  access: Pick<QemuAccess, 'ensure'>
  probe: Pick<HypervisorProbe, 'acceleration'>
  paths: ComputePaths
  exec: typeof Exec
  checkServer: CheckVolumeServer
  nbdReconnectSeconds: number | undefined
  hostSwitch: HostSwitch | undefined
  readCells?: (() => Promise<readonly CellCpus[]>) | undefined
}

/** Sets up a machine's definition and disks, and its volumes and interfaces while it is on; never changes its power. */
export class MachineSetup {
  readonly #options: SetupOptions

  constructor(options: SetupOptions) {
    this.#options = options
  }

  ensure(wanted: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    const want = this.#patient(wanted)
    return explained('setting the machine up', signal, async () => {
      const before = await this.#options.finder.find(want.uid, signal)
      if (before?.mark?.epoch !== undefined && before.mark.epoch > want.epoch) {
        throw new TerminalError(
          'StaleEpoch',
          `the machine on this node has epoch ${before.mark.epoch}, newer than ${want.epoch}`,
        )
      }
      if (before && before.power !== 'off') await this.#mark(want, before, signal)
      else await this.#define(want, before, signal)
      return this.#options.finder.lookAgain(want.uid, signal)
    })
  }

  /** The disks alone. */
  makeDisks(want: InstanceWant, signal: AbortSignal): Promise<void> {
    const { paths, exec } = this.#options
    return explained('making disks', signal, () => makeDisks(want, diskPaths(paths, want), exec, signal))
  }

  keepDisks(uid: string, disks: DiskNumbers, upTo: number, signal: AbortSignal): Promise<void> {
    return explained('removing former disks', signal, async () => {
      const found = await this.#options.finder.look(uid, signal)
      if (found && (found.rootDisk !== disks.root || found.rescueDisk !== disks.rescue)) {
        const said = `root disk ${found.rootDisk ?? 'unknown'} and rescue disk ${found.rescueDisk ?? 'none'}`
        throw new TransientError(
          'DiskInUse',
          `the machine has ${said}, not ${disks.root} and ${disks.rescue ?? 'none'}`,
        )
      }
      await removeOtherDisks(this.#options.paths, uid, disks, upTo)
    })
  }

  ensureVolumes(wanted: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    const want = this.#patient(wanted)
    return explained('plugging volumes', signal, async () => {
      const { devices } = this.#options.connections
      const found = await this.#options.finder.find(want.uid, signal)
      if (found && isPoweredOn(found.power)) {
        const live = await readLiveXml(devices, found.ref, signal)
        const plug = {
          client: devices,
          domain: found.ref,
          checkServer: this.#options.checkServer,
        }
        const planned = planVolumes(live, want.volumes)
        // A guest that is not running cannot release a disk. If it is asked now and again after a resume, libvirtd (11.3) has crashed in
        // between.
        const plan = found.power === 'running' ? planned : { ...planned, detach: [] }
        if (plan.attach.length > 0) await this.#options.access.ensure(signal)
        const failures = await applyVolumePlan(plug, plan, signal)
        await growVolumes(devices, found.ref, live.volumes, want.volumes, signal)
        if (failures.length > 0) throw failures[0]
      }
      return this.#options.finder.lookAgain(want.uid, signal)
    })
  }

  ensureNics(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    return explained('plugging interfaces', signal, async () => {
      const { devices } = this.#options.connections
      const found = await this.#options.finder.find(want.uid, signal)
      if (found && isPoweredOn(found.power)) {
        const live = await readLiveXml(devices, found.ref, signal)
        const planned = planNics(live, found.mark, want)
        // As with volumes: only a guest that runs can let go of one.
        const plan = found.power === 'running' ? planned : { ...planned, detach: [] }
        // Before it is plugged in, and for as long as it is.
        await this.#mark(want, found, signal, live)
        const context = { paths: this.#options.paths, datapath: this.#options.hostSwitch?.datapath }
        const plug = {
          client: devices,
          domain: found.ref,
          context: { ...context, guest: want },
        }
        const failures = await applyNicPlan(plug, plan, signal)
        if (failures.length > 0) throw failures[0]
      }
      return this.#options.finder.lookAgain(want.uid, signal)
    })
  }

  #patient(want: InstanceWant): InstanceWant {
    const { nbdReconnectSeconds: reconnectSeconds } = this.#options
    return reconnectSeconds
      ? { ...want, volumes: want.volumes.map((volume) => ({ ...volume, reconnectSeconds })) }
      : want
  }

  /** Never redefined while it runs or is suspended: changes wait for the next start. */
  async #mark(
    want: InstanceWant,
    { ref, mark, power }: FoundDomain,
    signal: AbortSignal,
    live?: LiveDomain,
  ): Promise<void> {
    const nics = markedNics(want, mark, live)
    const next = toMarkXml({ ...want, nics })
    if (mark?.epoch !== undefined && toMarkXml({ ...mark, epoch: mark.epoch, nics: mark.nics ?? [] }) === next) return
    const flags = power === 'saved' ? Affect.config : Affect.live | Affect.config
    const element = {
      type: METADATA_ELEMENT,
      metadata: next,
      key: METADATA_PREFIX,
      uri: METADATA_NAMESPACE,
    }
    await this.#options.connections.guest.call('setMetadata', { domain: ref, ...element, flags }, signal, GUEST_CALL_MS)
  }

  async #define(want: InstanceWant, before: FoundDomain | undefined, signal: AbortSignal): Promise<void> {
    const { acceleration } = await this.#acceleration(want, signal)
    const machines = {
      ...{
        client: this.#options.connections.quick,
        paths: this.#options.paths,
        exec: this.#options.exec,
        acceleration,
      },
      datapath: this.#options.hostSwitch?.datapath,
      cells: await this.#options.readCells?.(),
      former: before && (await readDefinition(this.#options.connections.quick, before.ref, signal)),
      prepare: () => this.#options.access.ensure(signal),
    }
    await defineMachine(machines, want, before !== undefined, signal)
  }

  /** @throws TerminalError `AccelerationMissing` */
  async #acceleration(want: InstanceWant, signal: AbortSignal): Promise<Acceleration> {
    if (want.properties['hw_virt_type'] === 'qemu' && !want.requireKvm)
      return { acceleration: 'qemu', accelerationReason: 'asked for by the image' }
    const found = await this.#options.probe.acceleration(signal)
    if (!want.requireKvm || found.acceleration === 'kvm') return found
    const why = found.accelerationReason ?? 'not available here'
    throw new TerminalError('AccelerationMissing', `the machine wants KVM: ${why}`)
  }
}
