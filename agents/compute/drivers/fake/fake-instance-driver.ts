// SPDX-License-Identifier: Apache-2.0
// Machines that exist in memory only, for scale tests of everything around them. They are recognizable everywhere by their type `fake`.
import { PassThrough, type Duplex } from 'node:stream'
import type { ObservedNic } from '../../../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import type { Deed } from '../../action-record.ts'
import {
  FIRST_DISKS,
  isPoweredOn,
  type BackendInstance,
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
import { toMarkedNic } from '../marked-nic.ts'

type Method =
  | 'find'
  | 'list'
  | 'ensure'
  | 'makeDisks'
  | 'ensureVolumes'
  | 'ensureNics'
  | 'setPower'
  | 'act'
  | 'setPassword'
  | 'captureDisk'
  | 'dropCaptures'
  | 'remove'

export class FakeInstanceDriver implements InstanceDriver {
  readonly name = 'fake'
  readonly #instances = new Map<string, BackendInstance>()
  readonly #nics = new Map<string, ObservedNic[]>()
  readonly #disks = new Map<string, Map<number, string>>()
  readonly #rescueDisks = new Map<string, Map<number, string>>()
  readonly #failures = new Map<Method, Error[]>()
  readonly #listeners = new Set<InstanceListener>()

  /** The next call of this method fails once with this error. */
  failNext(method: Method, error: Error): void {
    this.#failures.set(method, [...(this.#failures.get(method) ?? []), error])
  }
  /** The guest ends by itself, for this reason. */
  guestStops(uid: string, offReason: 'guest' | 'host' | 'crashed'): void {
    const instance = this.#get(uid)
    this.#set({ ...instance, power: 'off', offReason })
  }
  guestSleeps(uid: string): void {
    this.#set({ ...this.#get(uid), power: 'sleeping' })
  }
  /** QEMU hangs: what only its process knows is unknown, and only `off` and `remove` have an effect. */
  guestHangs(uid: string): void {
    this.#set({ ...this.#get(uid), unresponsive: true, volumes: undefined, ports: undefined })
  }
  diskFails(uid: string): void {
    this.#set({ ...this.#get(uid), power: 'paused', ioError: true })
  }
  /** What was done to machines. */
  readonly deeds: Deed[] = []
  /** That guests were given. */
  readonly passwords: GuestPassword[] = []
  /** While true, guests do not release volumes. */
  holdsVolumes = false
  /** While true, guests do not let go of interfaces. */
  holdsNics = false

  async probe(): Promise<HypervisorFacts> {
    return {
      ...{ type: 'fake', version: '1', acceleration: 'qemu', accelerationReason: 'fake machines run nothing' },
      firmware: ['bios', 'uefi', 'secure-boot'],
      tpmVersions: ['2.0'],
    }
  }
  async find(uid: string): Promise<BackendInstance | undefined> {
    this.#fail('find')
    const instance = this.#instances.get(uid)
    return instance && structuredClone(instance)
  }
  async list(): Promise<FoundInstance[]> {
    this.#fail('list')
    return [...this.#instances.keys()].map((uid) => {
      const nics = this.#nics.get(uid) ?? []
      return { uid, what: 'fake machine', ...(nics.length === 0 ? {} : { nics }) }
    })
  }
  async ensure(want: InstanceWant): Promise<BackendInstance> {
    this.#fail('ensure')
    const old = this.#instances.get(want.uid)
    if (old?.epoch !== undefined && old.epoch > want.epoch) {
      throw new TerminalError('StaleEpoch', `the machine on this node has epoch ${old.epoch}, newer than ${want.epoch}`)
    }
    if (want.requireKvm)
      throw new TerminalError('AccelerationMissing', 'the machine wants KVM: fake machines run nothing')
    const { uid, epoch, namespace, name } = want
    const isOff = old === undefined || old.power === 'off'
    const next: BackendInstance = {
      ...(old ?? { power: 'off', offReason: 'unknown', ioError: false, unresponsive: false }),
      ...{ uid, epoch, namespace, name },
      rootDisk: isOff ? (want.disks ?? FIRST_DISKS).root : (old.rootDisk ?? 0),
      ephemeralDisk: isOff ? (want.disks ?? FIRST_DISKS).ephemeral : (old.ephemeralDisk ?? 0),
      vcpus: isOff ? want.vcpus : old.vcpus,
      memoryMiB: isOff ? want.memoryMiB : old.memoryMiB,
      rootBytes: isOff ? Math.max(old?.rootBytes ?? 0, want.root.sizeBytes) : (old.rootBytes ?? 0),
      volumes: isOff ? want.volumes.map((volume) => volume.uid) : old.volumes,
      ports: isOff ? want.nics.map(({ portUid }) => portUid) : old.ports,
    }
    if (isOff) delete next.rescueDisk
    if (isOff && want.rescue) next.rescueDisk = want.rescue.number
    this.#instances.set(uid, next)
    if (isOff) this.#make(want)
    if (isOff) this.#nics.set(uid, want.nics.map(toMarkedNic))
    return structuredClone(next)
  }
  async makeDisks(want: InstanceWant): Promise<void> {
    this.#fail('makeDisks')
    this.#make(want)
  }
  async keepDisks(uid: string, { root, rescue }: DiskNumbers, upTo: number): Promise<void> {
    const instance = this.#instances.get(uid)
    if (instance?.rootDisk !== root || instance.rescueDisk !== rescue)
      throw new TransientError('DiskInUse', 'it has another root disk')
    const disks = this.#disks.get(uid) ?? new Map<number, string>()
    for (const number of disks.keys()) if (number !== root && number <= upTo) disks.delete(number)
    const rescues = this.#rescueDisks.get(uid) ?? new Map<number, string>()
    for (const number of rescues.keys()) if (number !== rescue && number <= upTo) rescues.delete(number)
  }
  /** The images of its rescue disks, likewise. */
  rescueDisks(uid: string): Readonly<Record<number, string>> {
    return Object.fromEntries(this.#rescueDisks.get(uid) ?? [])
  }
  /** The images of its root disks, by their numbers. */
  rootDisks(uid: string): Readonly<Record<number, string>> {
    return Object.fromEntries(this.#disks.get(uid) ?? [])
  }
  #make({ uid, disks: { root } = FIRST_DISKS, root: { sha256 }, rescue }: InstanceWant): void {
    if (rescue) {
      const rescues = this.#rescueDisks.get(uid) ?? new Map<number, string>()
      this.#rescueDisks.set(uid, rescues.set(rescue.number, rescue.sha256))
    }
    const disks = this.#disks.get(uid) ?? new Map<number, string>()
    this.#disks.set(uid, disks)
    // As a disk is: what it was made from stays, and it is read on that alone.
    if ((disks.get(root) ?? sha256) !== sha256)
      throw new TransientError('RootDiskOfOtherImage', 'made from another image')
    disks.set(root, sha256)
  }
  async ensureVolumes(want: InstanceWant): Promise<BackendInstance> {
    this.#fail('ensureVolumes')
    const instance = this.#get(want.uid)
    if (instance.unresponsive) throw new TransientError('MachineUnresponsive', 'the machine hangs')
    if (!isPoweredOn(instance.power)) return structuredClone(instance)
    const wanted = want.volumes.map((volume) => volume.uid)
    const kept = (instance.volumes ?? []).filter((uid) => this.holdsVolumes && !wanted.includes(uid))
    const volumes = [...kept, ...wanted]
    this.#instances.set(want.uid, { ...instance, volumes })
    return structuredClone({ ...instance, volumes })
  }
  async ensureNics(want: InstanceWant): Promise<BackendInstance> {
    this.#fail('ensureNics')
    const instance = this.#get(want.uid)
    if (instance.unresponsive) throw new TransientError('MachineUnresponsive', 'the machine hangs')
    if (!isPoweredOn(instance.power)) return structuredClone(instance)
    const had = (instance.ports ?? []).filter((uid) => this.holdsNics || want.ports.includes(uid))
    const ports = [...new Set([...had, ...want.nics.map(({ portUid }) => portUid)])]
    const marked = new Map(
      [...(this.#nics.get(want.uid) ?? []), ...want.nics.map(toMarkedNic)].map((nic) => [nic.portUid, nic]),
    )
    this.#nics.set(
      want.uid,
      ports.flatMap((uid) => marked.get(uid) ?? []),
    )
    this.#instances.set(want.uid, { ...instance, ports })
    return structuredClone({ ...instance, ports })
  }
  async setPower(uid: string, action: PowerAction): Promise<void> {
    this.#fail('setPower')
    const instance = this.#instances.get(uid)
    if (!instance) {
      if (action === 'off' || action === 'shutdown') return
      throw new TransientError('DomainMissing', 'the machine is not defined')
    }
    const { power } = instance
    const isOn = isPoweredOn(power)
    const rest: BackendInstance = { ...instance, ioError: false }
    delete rest.offReason
    if (action === 'off' && power !== 'off') {
      this.#set({
        ...rest,
        power: 'off',
        offReason: 'destroyed',
        unresponsive: false,
        volumes: rest.volumes ?? [],
        ports: rest.ports ?? [],
      })
    } else if (instance.unresponsive) {
      if (action !== 'shutdown') throw new TransientError('MachineUnresponsive', 'the machine hangs')
    } else if (action === 'on' && !isOn) this.#set({ ...rest, power: 'running' })
    else if (action === 'resume' && power === 'paused') this.#set({ ...rest, power: 'running' })
    else if (action === 'wake' && power === 'sleeping') this.#set({ ...rest, power: 'running' })
    else if (action === 'pause' && power === 'running') this.#set({ ...rest, power: 'paused' })
    else if (action === 'save' && isOn) this.#set({ ...rest, power: 'saved' })
    else if (action === 'shutdown' && power === 'running') this.#set({ ...rest, power: 'off', offReason: 'guest' })
  }
  async act(uid: string, deed: Exclude<Deed, 'setAdminPassword'>): Promise<void> {
    this.#fail('act')
    if (this.#get(uid).unresponsive) throw new TransientError('MachineUnresponsive', 'the machine hangs')
    this.deeds.push(deed)
  }
  capturePath(uid: string, imageUid: string): string {
    return `/nowhere/${uid}/${imageUid}`
  }
  /** There is no disk. */
  async captureDisk(): Promise<never> {
    this.#fail('captureDisk')
    throw new TransientError('CopyFailed', 'a machine that is fake has no disk')
  }
  async dropCaptures(): Promise<void> {
    this.#fail('dropCaptures')
  }
  async setPassword(uid: string, password: GuestPassword): Promise<void> {
    this.#fail('setPassword')
    if (this.#get(uid).unresponsive) throw new TransientError('MachineUnresponsive', 'the machine hangs')
    this.passwords.push(password)
  }
  async remove(uid: string): Promise<void> {
    this.#fail('remove')
    this.#disks.delete(uid)
    this.#rescueDisks.delete(uid)
    if (this.#instances.delete(uid)) this.#tell(uid)
  }
  async openConsole(uid: string): Promise<Duplex> {
    if (!isPoweredOn(this.#get(uid).power)) throw new TransientError('MachineOff', 'the machine is off')
    return new PassThrough()
  }
  async openGraphics(uid: string): Promise<Duplex> {
    return this.openConsole(uid)
  }
  async readConsoleLog(): Promise<Buffer> {
    return Buffer.alloc(0)
  }
  async stats(uid: string): Promise<InstanceStats> {
    return { cpuTimeNs: 0n, memoryMiB: this.#get(uid).memoryMiB ?? 0 }
  }
  async watch(listener: InstanceListener, signal: AbortSignal): Promise<void> {
    this.#listeners.add(listener)
    listener.resync()
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    this.#listeners.delete(listener)
  }

  #get(uid: string): BackendInstance {
    const instance = this.#instances.get(uid)
    if (!instance) throw new TransientError('DomainMissing', 'the machine is not defined')
    return instance
  }
  #set(instance: BackendInstance): void {
    this.#instances.set(instance.uid, instance)
    this.#tell(instance.uid)
  }
  #tell(uid: string): void {
    for (const listener of this.#listeners) listener.changed(uid)
  }
  #fail(method: Method): void {
    const error = this.#failures.get(method)?.shift()
    if (error) throw error
  }
}
