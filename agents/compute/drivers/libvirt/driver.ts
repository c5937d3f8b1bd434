// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import { exec as defaultExec } from '../../../../lib/exec.ts'
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { Affect, Console, Define, MemoryStat, METADATA_ELEMENT, Undefine } from '../../../../lib/libvirt/constants.ts'
import { isInvalidRequest, isNoDomain, isUnsupported, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isRedefinition } from '../../../../lib/libvirt/events.ts'
import { computeDir, consoleDir, instancesDir, vhostUserSocket, type ComputePaths } from '../../paths.ts'
import type {
  BackendInstance,
  FoundInstance,
  HypervisorFacts,
  InstanceDriver,
  InstanceListener,
  InstanceStats,
  InstanceWant,
  PowerAction,
} from '../driver.ts'
import type { HostSwitch } from '../../../node/role.ts'
import { isMissing } from '../../../../lib/durable-files.ts'
import { probeAcceleration, type Acceleration } from './acceleration.ts'
import { listConsoleLogs, readConsoleLog, removeConsoleLog } from './console-log.ts'
import { diskPaths, rootDiskPath } from './disk-paths.ts'
import { readQcow2Size } from './disk-size.ts'
import { ensureDisks, removeDisks } from './disks.ts'
import { toDomainXml } from './domain-xml.ts'
import { uidOfDomainName } from './domain-name.ts'
import { DomainPower, TO_ITS_END } from './domain-power.ts'
import { findDomain, listMarked, readDomain, readLiveXml, toBackendInstance, type FoundDomain } from './domains.ts'
import { METADATA_NAMESPACE, METADATA_PREFIX, toMarkXml } from './metadata.ts'
import { QemuAccess, type QemuAccessOptions } from './qemu-access.ts'
import { growVolumes } from './volume-size.ts'
import { applyVolumePlan, checkVolumePath, planVolumes } from './volumes.ts'

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
}

const KIB_PER_MIB = 1024n
const MAX_REMOVALS = 5

export class LibvirtInstanceDriver implements InstanceDriver {
  readonly name = 'libvirt'
  readonly #options: LibvirtDriverOptions
  readonly #exec: typeof defaultExec
  /** Two connections: starting and saving take seconds, and libvirtd serves only a few calls of one client at a time. */
  readonly #client: LibvirtClient
  readonly #slow: LibvirtClient
  readonly #power: DomainPower
  readonly #access: QemuAccess
  #probing: Promise<HypervisorFacts> | undefined

  constructor(options: LibvirtDriverOptions) {
    this.#options = options
    this.#exec = options.exec ?? defaultExec
    const { socketPath, uri } = options
    this.#client = new LibvirtClient({ socketPath, uri })
    this.#slow = new LibvirtClient({ socketPath, uri })
    this.#access = new QemuAccess(this.#client, options)
    this.#power = new DomainPower(this.#client, this.#slow, options.startTimeoutMs)
  }

  probe(signal: AbortSignal): Promise<HypervisorFacts> {
    // Shared, so it must not end with the first caller's signal; a failure is forgotten and tried again.
    this.#probing ??= this.#probe(new AbortController().signal).catch((error: unknown) => {
      this.#probing = undefined
      throw error
    })
    signal.throwIfAborted()
    return this.#probing
  }

  async #probe(signal: AbortSignal): Promise<HypervisorFacts> {
    const [qemu, libvirt] = await Promise.all([
      this.#client.call('getVersion', undefined, signal),
      this.#client.call('getLibVersion', undefined, signal),
    ])
    const version = `${toVersion(qemu.version)} (libvirt ${toVersion(libvirt.version)})`
    const { socketPath, uri, paths, bootId } = this.#options
    await this.#access.ensure(signal)
    const options = { connection: { socketPath, uri }, dir: computeDir(paths), bootId, hypervisorVersion: version }
    return { type: 'QEMU', version, ...(await probeAcceleration(options, signal)) }
  }

  async find(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined> {
    try {
      const found = await this.#find(uid, signal)
      if (!found) return undefined
      const instance = await toBackendInstance(this.#client, uid, found, signal)
      const rootBytes = await readQcow2Size(rootDiskPath(this.#options.paths, uid))
      return rootBytes === undefined ? instance : { ...instance, rootBytes }
    } catch (error) {
      if (isNoDomain(error)) return undefined // it went between two calls
      throw error
    }
  }

  async list(signal: AbortSignal): Promise<FoundInstance[]> {
    const domains = await listMarked(this.#client, signal)
    const found = domains.map(({ uid, ref, nics }): FoundInstance => ({
      uid,
      what: `libvirt domain ${ref.name}`,
      ...(nics.length === 0 ? {} : { nics }),
    }))
    const known = new Set(found.map((entry) => entry.uid))
    for (const uid of await folders(instancesDir(this.#options.paths))) {
      if (!known.has(uid)) found.push({ uid, what: 'disks without a domain' })
      known.add(uid)
    }
    for (const uid of await listConsoleLogs(this.#options.paths)) {
      if (!known.has(uid)) found.push({ uid, what: 'console log without a domain' })
      known.add(uid)
    }
    return found
  }

  async ensure(wanted: InstanceWant, signal: AbortSignal): Promise<BackendInstance> {
    const { nbdReconnectSeconds: reconnectSeconds } = this.#options
    const volumes = wanted.volumes.map((volume) => ({ ...volume, ...(reconnectSeconds ? { reconnectSeconds } : {}) }))
    const want = { ...wanted, volumes }
    const before = await this.#find(want.uid, signal)
    if (before?.mark?.epoch !== undefined && before.mark.epoch > want.epoch) {
      throw new TerminalError(
        'StaleEpoch',
        `the machine on this node has epoch ${before.mark.epoch}, newer than ${want.epoch}`,
      )
    }
    if (before && before.power !== 'off') await this.#adopt(want, before, signal)
    else await this.#define(want, before !== undefined, signal)
    const after = await this.find(want.uid, signal)
    if (!after) throw new TransientError('DomainVanished', 'the machine disappeared from libvirt while it was set up')
    return after
  }

  /** Never redefined while it runs or lies saved: what changed there waits for the next start. */
  async #adopt(want: InstanceWant, found: FoundDomain, signal: AbortSignal): Promise<void> {
    const { ref, mark, power } = found
    if (!mark || mark.epoch !== want.epoch || mark.name !== want.name || mark.namespace !== want.namespace) {
      const flags = power === 'saved' ? Affect.config : Affect.live | Affect.config
      const element = {
        type: METADATA_ELEMENT,
        metadata: toMarkXml(want),
        key: METADATA_PREFIX,
        uri: METADATA_NAMESPACE,
      }
      await this.#client.call('setMetadata', { domain: ref, ...element, flags }, signal)
    }
    if (power === 'saved') return
    const live = await readLiveXml(this.#client, ref, signal)
    const plan = planVolumes(live, want.volumes)
    if (plan.attach.length > 0) await this.#access.ensure(signal)
    await applyVolumePlan(this.#slow, ref, plan, signal)
    await growVolumes(this.#slow, ref, live.volumes, want.volumes, signal)
  }

  async #define(want: InstanceWant, isDefined: boolean, signal: AbortSignal): Promise<void> {
    const { paths } = this.#options
    const { acceleration, accelerationReason } = await this.#acceleration(want, signal)
    if (want.requireKvm && acceleration !== 'kvm') {
      throw new TerminalError(
        'AccelerationMissing',
        `the machine wants KVM: ${accelerationReason ?? 'not available here'}`,
      )
    }
    const xml = toDomainXml(want, { acceleration, paths, datapath: this.#options.hostSwitch?.datapath }) // refuses before anything is made
    for (const volume of want.volumes) await checkVolumePath(volume)
    await this.#access.ensure(signal)
    await mkdir(consoleDir(paths), { recursive: true, mode: 0o711 })
    await ensureDisks(want, diskPaths(paths, want), isDefined, this.#exec, signal)
    signal.throwIfAborted()
    try {
      await this.#client.call('defineXml', { xml, flags: Define.validate }, TO_ITS_END)
    } catch (error) {
      if (isInvalidRequest(error) || isUnsupported(error)) {
        throw new TerminalError('DomainRefused', 'libvirt refuses the definition of this machine', { cause: error })
      }
      throw error
    }
  }

  async #acceleration(want: InstanceWant, signal: AbortSignal): Promise<Acceleration> {
    const asked = want.properties['hw_virt_type']
    if (asked === 'qemu' && !want.requireKvm)
      return { acceleration: 'qemu', accelerationReason: 'asked for by the image' }
    return this.probe(signal)
  }

  async setPower(uid: string, action: PowerAction, signal: AbortSignal): Promise<void> {
    const found = await this.#find(uid, signal)
    if (found) return this.#power.set(found, action, signal)
    if (action === 'off' || action === 'shutdown') return
    throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
  }

  async act(uid: string, action: 'reboot' | 'reset', signal: AbortSignal): Promise<void> {
    const domain = await this.#get(uid, signal)
    await this.#client.call(action, { domain, flags: 0 }, signal)
  }

  async remove(uid: string, signal: AbortSignal): Promise<void> {
    const { paths } = this.#options
    // A call of an agent that was killed may still have been under way when it was first looked for.
    for (let turn = 0; await this.#removeDomain(uid, signal); turn++) {
      if (turn === MAX_REMOVALS) throw new TransientError('DomainReturns', 'the machine is defined again and again')
    }
    await removeDisks(paths, uid)
    await removeConsoleLog(paths, uid)
  }

  /** @returns whether there was one */
  async #removeDomain(uid: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#find(uid, signal)
    if (!found) return false
    const { sockets } = await readLiveXml(this.#client, found.ref, signal)
    await this.#power.destroy(found.ref, signal)
    const ours = dirname(vhostUserSocket(this.#options.paths, uid))
    for (const socket of sockets) if (dirname(socket) === ours) await rm(socket, { force: true })
    const { managedSave, snapshotsMetadata, checkpointsMetadata, nvram, tpm } = Undefine
    const flags = managedSave | snapshotsMetadata | checkpointsMetadata | nvram | tpm
    await this.#client.call('undefine', { domain: found.ref, flags }, signal).catch((error: unknown) => {
      if (!isNoDomain(error)) throw error
    })
    return true
  }

  async openConsole(uid: string, signal: AbortSignal): Promise<Duplex> {
    return this.#client.openConsole(await this.#get(uid, signal), Console.force, signal)
  }

  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer> {
    return readConsoleLog(this.#options.paths, uid, maxBytes)
  }

  async stats(uid: string, signal: AbortSignal): Promise<InstanceStats> {
    const domain = await this.#get(uid, signal)
    const [info, memory] = await Promise.all([
      this.#client.call('getInfo', { domain }, signal),
      this.#client.call('memoryStats', { domain, maxStats: 32, flags: 0 }, signal).catch(() => ({ stats: [] })),
    ])
    const resident = memory.stats.find((stat) => stat.tag === MemoryStat.rss)
    return {
      cpuTimeNs: info.cpuTimeNs,
      memoryMiB: Number(info.memoryKiB / KIB_PER_MIB),
      ...(resident ? { residentMiB: Number(resident.value / KIB_PER_MIB) } : {}),
    }
  }

  watch(listener: InstanceListener, signal: AbortSignal): Promise<void> {
    return this.#client.watch(
      {
        event: (event) => {
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
    this.#client.close()
    this.#slow.close()
  }

  async #get(uid: string, signal: AbortSignal): Promise<DomainRef> {
    const found = await this.#find(uid, signal)
    if (!found) throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
    return found.ref
  }

  /** @throws TerminalError for a domain that has the UUID and not our mark: whose it is we cannot know */
  async #find(uid: string, signal: AbortSignal): Promise<FoundDomain | undefined> {
    const ref = await findDomain(this.#client, uid, signal)
    if (!ref) return undefined
    const found = await readDomain(this.#client, ref, signal)
    if ((found.mark?.uid ?? uidOfDomainName(ref.name)) === uid) return found
    throw new TerminalError('ForeignDomain', `a domain that is not ours has the UUID of this machine: ${ref.name}`)
  }
}

async function folders(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** libvirt packs versions as major × 1,000,000 + minor × 1,000 + release. */
function toVersion(packed: bigint): string {
  return `${packed / 1_000_000n}.${(packed / 1_000n) % 1_000n}.${packed % 1_000n}`
}
