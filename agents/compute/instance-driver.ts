// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import type { ObservedNic, VolumeConnection } from '../../lib/contract/documents.ts'

/** Volumes of one machine, also while it runs: `maxItems` of an Instance's spec.volumes (a test compares them). */
export const MAX_VOLUMES = 24

/** A machine as it should be; everything is resolved, nothing is looked up elsewhere. */
export interface InstanceWant {
  uid: string
  epoch: number
  namespace: string
  name: string
  hostname: string
  vcpus: number
  memoryMiB: number
  /** Refuse to run where only emulation is to be had. */
  requireKvm: boolean
  root: { sha256: string; format: 'raw' | 'qcow2'; sizeBytes: number }
  ephemeralGiB: number
  swapMiB: number
  /** Of the image; those that are not known are left to others. */
  properties: Readonly<Record<string, string>>
  nics: readonly NicWant[]
  volumes: readonly VolumeWant[]
  /** Files of the config drive by their path in it; undefined: no drive. */
  configDrive?: readonly { path: string; content: string | Buffer }[]
}

export interface NicWant {
  portUid: string
  mac: string
  /** For the mark alone: by these a machine is known again when nobody remembers it. */
  networkUid: string
  network?: string
  addresses: readonly string[]
  mtu: number
  vnicType: 'normal' | 'vhostuser'
}

export interface VolumeWant {
  uid: string
  connection: VolumeConnection
  /** What its server has now: a machine that is on is told when it is more than it knows. */
  sizeGiB?: number
  /** Seconds that requests wait for a server that is away; absent: as the driver has it. */
  reconnectSeconds?: number
}

/** `sleeping`: the guest put itself to sleep (S3); it hears nothing until it is woken. */
export type PowerState = 'running' | 'paused' | 'sleeping' | 'saved' | 'off'

/** Whether a guest is in memory: it holds its disks and can lose what it has not written. */
export const isPoweredOn = (power: PowerState): boolean => power !== 'off' && power !== 'saved'

/** Why a machine is off, as far as the hypervisor still knows. `host`: not its guest but its process was told to end. */
export const OFF_REASONS = ['guest', 'host', 'destroyed', 'crashed', 'unknown'] as const
export type OffReason = (typeof OFF_REASONS)[number]

export interface BackendInstance {
  uid: string
  /** Undefined when the mark is damaged: ours by name, but not to be trusted. */
  epoch: number | undefined
  namespace: string
  name: string
  power: PowerState
  offReason?: OffReason
  /** A start of it is under way that this agent did not order, or has given up: how long it may take. Nothing ran yet. */
  startLimitMs?: number
  /** The hypervisor stopped it because a disk failed. */
  ioError: boolean
  /** Its process does not answer: what only that knows is left out. */
  unresponsive: boolean
  /** Undefined when nobody can say, as the next two. */
  vcpus: number | undefined
  memoryMiB: number | undefined
  /** Of the root disk; undefined when it cannot be read. */
  rootBytes?: number
  /** uids of the volumes that the machine has now; which is not the same as none. */
  volumes: string[] | undefined
}

/** What carries our mark, whoever made it. */
export interface FoundInstance {
  uid: string
  what: string
  /** Of a machine: as marked, or at least their MAC addresses. */
  nics?: ObservedNic[]
}

/** `shutdown` asks the guest and returns at once; `off` takes the power away. */
export type PowerAction = 'on' | 'resume' | 'wake' | 'pause' | 'save' | 'shutdown' | 'off'

export interface HypervisorFacts {
  type: string
  version: string
  acceleration: 'kvm' | 'qemu'
  accelerationReason?: string
}

export interface InstanceStats {
  cpuTimeNs: bigint
  memoryMiB: number
  /** Of the process that carries the guest. */
  residentMiB?: number
}

export interface InstanceListener {
  /** Something about this machine changed. */
  changed(uid: string): void
  /** Changes may have been missed: look at all. */
  resync(): void
}

/**
 * What a hypervisor has to do. Plain data in and out; every method may run twice with the same input and after a kill at any
 * point. TerminalError for what only another document can help; anything else is tried again.
 */
export interface InstanceDriver {
  readonly name: string
  /** What runs here, found out by running something; cached by the driver. */
  probe(signal: AbortSignal): Promise<HypervisorFacts>
  find(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined>
  /** Every machine and every leftover of one that carries our mark. */
  list(signal: AbortSignal): Promise<FoundInstance[]>
  /**
   * Disks, config drive and definition as wanted; never changes the power. A machine that is on or saved is adopted as it is: only a
   * newer epoch is recorded.
   * @throws TerminalError `StaleEpoch`, `ForeignDomain`, `AccelerationMissing`, `UnsupportedProperty`
   */
  ensure(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance>
  /**
   * Plugs and unplugs volumes of a machine that is on, so that it has the wanted ones; of one that is not, `ensure` has done it. Each
   * on its own: one that fails keeps no other waiting, and the first failure is thrown at the end. A guest may take its time to let
   * a volume go: it has it until the answer here no longer names it.
   * @throws TerminalError `VolumeUnsafe`
   */
  ensureVolumes(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance>
  /**
   * To a state that it has already is success. `on` returns when the machine runs, within its own deadline. `off` needs nobody's
   * answer: it ends also a machine that hangs.
   */
  setPower(uid: string, action: PowerAction, signal: AbortSignal): Promise<void>
  act(uid: string, action: 'reboot' | 'reset', signal: AbortSignal): Promise<void>
  /** Resolves when nothing is left of it, also of a machine that hangs. An absent machine is success. */
  remove(uid: string, signal: AbortSignal): Promise<void>
  /** The console's bytes, both ways; takes it over from whoever had it. */
  openConsole(uid: string, signal: AbortSignal): Promise<Duplex>
  /** The last bytes that the guest wrote to its console, running or not. */
  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer>
  stats(uid: string, signal: AbortSignal): Promise<InstanceStats>
  /** Calls the listener until the signal aborts; begins with a `resync`. */
  watch(listener: InstanceListener, signal: AbortSignal): Promise<void>
}
