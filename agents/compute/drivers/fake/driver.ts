// SPDX-License-Identifier: Apache-2.0
// Machines that exist in memory only: for scale tests of everything around them. Says so wherever it appears (type `fake`).
import { PassThrough, type Duplex } from 'node:stream'
import type { ObservedNic } from '../../../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
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
import { toMarkedNic } from '../marked-nic.ts'

type Method = 'find' | 'list' | 'ensure' | 'setPower' | 'act' | 'remove'

export class FakeInstanceDriver implements InstanceDriver {
  readonly name = 'fake'
  readonly #instances = new Map<string, BackendInstance>()
  readonly #nics = new Map<string, ObservedNic[]>()
  readonly #failures = new Map<Method, Error[]>()
  readonly #listeners = new Set<InstanceListener>()

  /** The next call of this method fails with this error, once. */
  failNext(method: Method, error: Error): void {
    this.#failures.set(method, [...(this.#failures.get(method) ?? []), error])
  }
  /** What a guest does by itself. */
  guestStops(uid: string, offReason: 'guest' | 'crashed'): void {
    const instance = this.#get(uid)
    this.#set({ ...instance, power: 'off', offReason })
  }

  async probe(): Promise<HypervisorFacts> {
    return { type: 'fake', version: '1', acceleration: 'qemu', accelerationReason: 'fake machines run nothing' }
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
      ...(old ?? { power: 'off', offReason: 'unknown', ioError: false }),
      ...{ uid, epoch, namespace, name },
      vcpus: isOff ? want.vcpus : old.vcpus,
      memoryMiB: isOff ? want.memoryMiB : old.memoryMiB,
      rootBytes: isOff ? Math.max(old?.rootBytes ?? 0, want.root.sizeBytes) : (old.rootBytes ?? 0),
      volumes: old?.power === 'saved' ? old.volumes : want.volumes.map((volume) => volume.uid),
    }
    this.#instances.set(uid, next)
    if (isOff) this.#nics.set(uid, want.nics.map(toMarkedNic))
    return structuredClone(next)
  }
  async setPower(uid: string, action: PowerAction): Promise<void> {
    this.#fail('setPower')
    const instance = this.#instances.get(uid)
    if (!instance) {
      if (action === 'off' || action === 'shutdown') return
      throw new TransientError('DomainMissing', 'the machine is not defined')
    }
    const { power } = instance
    const isOn = power === 'running' || power === 'paused'
    const rest: BackendInstance = { ...instance }
    delete rest.offReason
    if (action === 'on' && !isOn) this.#set({ ...rest, power: 'running' })
    else if (action === 'resume' && power === 'paused') this.#set({ ...rest, power: 'running' })
    else if (action === 'pause' && power === 'running') this.#set({ ...rest, power: 'paused' })
    else if (action === 'save' && isOn) this.#set({ ...rest, power: 'saved' })
    else if (action === 'shutdown' && power === 'running') this.#set({ ...rest, power: 'off', offReason: 'guest' })
    else if (action === 'off' && power !== 'off') this.#set({ ...rest, power: 'off', offReason: 'destroyed' })
  }
  async act(uid: string): Promise<void> {
    this.#fail('act')
    this.#get(uid)
  }
  async remove(uid: string): Promise<void> {
    this.#fail('remove')
    if (this.#instances.delete(uid)) this.#tell(uid)
  }
  async openConsole(uid: string): Promise<Duplex> {
    this.#get(uid)
    return new PassThrough()
  }
  async readConsoleLog(): Promise<Buffer> {
    return Buffer.alloc(0)
  }
  async stats(uid: string): Promise<InstanceStats> {
    return { cpuTimeNs: 0n, memoryMiB: this.#get(uid).memoryMiB }
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
