// SPDX-License-Identifier: Apache-2.0
import type { NumaTopology } from '../../lib/contract/documents.ts'
import type { Duplex } from 'node:stream'
import type { ObservedNic, VolumeConnection } from '../../lib/contract/documents.ts'
import type { Deed } from './action-record.ts'

/** Volumes that one machine may have at a time: `maxItems` of an Instance's spec.volumes (a test compares them). */
export const MAX_VOLUMES = 24

/** The wanted machine, complete: the driver looks nothing up elsewhere. */
export interface InstanceWant {
  uid: string
  epoch: number
  namespace: string
  name: string
  hostname: string
  vcpus: number
  memoryMiB: number
  /** On which NUMA cells and CPUs of the host it has to be; absent: wherever. */
  numa?: NumaTopology
  /** Refuse to run where there is only emulation. */
  requireKvm: boolean
  root: { sha256: string; format: 'raw' | 'qcow2'; sizeBytes: number }
  ephemeralGiB: number
  swapMiB: number
  /** Of the image; a driver ignores those that it does not know. */
  properties: Readonly<Record<string, string>>
  /** Those that can be plugged in now, in the order of the spec. */
  nics: readonly NicWant[]
  /** UIDs of all its ports: an interface of another one is unplugged. */
  ports: readonly string[]
  volumes: readonly VolumeWant[]
  /** Files of the config drive by their path in it; undefined: no drive. */
  configDrive?: readonly { path: string; content: string | Buffer }[]
}

export interface NicWant {
  portUid: string
  /** Its place in the machine, from 0: the guest finds it there at each start. */
  slot: number
  mac: string
  /** For the mark only: identifies a machine when all other records of it are lost. */
  networkUid: string
  network?: string
  addresses: readonly string[]
  mtu: number
  vnicType: 'normal' | 'vhostuser' | 'direct' | 'macvtap'
  /**
   * With vnicType direct and macvtap: the PCI address of the virtual function, its interface on the node, and the VLAN tag that the card puts on
   * its frames. Absent: not known at the moment, which keeps the machine from being started.
   */
  virtualFunction?: { address: string; interface?: string; vlan?: number }
}

export interface VolumeWant {
  uid: string
  connection: VolumeConnection
  /** The size that its server has now; a machine that is on is told when it has grown. */
  sizeGiB?: number
  /** Seconds that requests wait for a server that is down; absent: the driver's default. */
  reconnectSeconds?: number
}

/** `sleeping`: the guest suspended itself (S3); it does not react until it is woken. */
export type PowerState = 'running' | 'paused' | 'sleeping' | 'saved' | 'off'

/** Whether a guest is in memory: it holds its disks, and its unwritten data can be lost. */
export const isPoweredOn = (power: PowerState): boolean => power !== 'off' && power !== 'saved'

/** Why a machine is off, as far as the hypervisor still knows. `host`: QEMU was terminated, the guest did not shut down. */
export const OFF_REASONS = ['guest', 'host', 'destroyed', 'crashed', 'unknown'] as const
export type OffReason = (typeof OFF_REASONS)[number]

export interface BackendInstance {
  uid: string
  /** Undefined when the mark is damaged: ours by its name, but not to be trusted. */
  epoch: number | undefined
  namespace: string
  name: string
  power: PowerState
  offReason?: OffReason
  /** A start is in progress that this agent did not order, or no longer waits for; this is its time limit. Nothing has run yet. */
  startLimitMs?: number
  /** The hypervisor paused it because a disk failed. */
  ioError: boolean
  /** QEMU does not answer: everything that only it knows is left out. */
  unresponsive: boolean
  /** Undefined when unknown; so are the next two. */
  vcpus: number | undefined
  memoryMiB: number | undefined
  /** Virtual size of the root disk; undefined when it cannot be read. */
  rootBytes?: number
  /** uids of the volumes attached now; undefined (unknown) is not the same as none. */
  volumes: string[] | undefined
  /** uids of the ports whose interfaces it has now; undefined: unknown. */
  ports: string[] | undefined
}

/** Anything that carries our mark, whoever made it. */
export interface FoundInstance {
  uid: string
  what: string
  /** A machine's interfaces: as marked, or at least their MAC addresses. */
  nics?: ObservedNic[]
}

export interface GuestPassword {
  userName: string
  password: string
}

/** `shutdown` asks the guest and returns at once; `off` cuts the power. */
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
  /** Memory of the process that runs the guest. */
  residentMiB?: number
}

export interface InstanceListener {
  /** Something about this machine changed. */
  changed(uid: string): void
  /** Changes may have been missed: look at every machine. */
  resync(): void
}

/**
 * The boundary to a hypervisor. Plain data in and out; every method may run twice with the same input, and again after a kill at any point.
 * Throws TerminalError for what only another document can mend; anything else is retried.
 */
export interface InstanceDriver {
  readonly name: string
  /** What runs here, found out by running something; the driver caches it. */
  probe(signal: AbortSignal): Promise<HypervisorFacts>
  find(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined>
  /** Every machine that carries our mark, and every leftover of one. */
  list(signal: AbortSignal): Promise<FoundInstance[]>
  /**
   * Brings disks, config drive and definition to the wanted state; never changes the power. A machine that is on or suspended is adopted as
   * it is: only a newer epoch is recorded.
   * @throws TerminalError `StaleEpoch`, `ForeignDomain`, `AccelerationMissing`, `UnsupportedProperty`
   */
  ensure(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance>
  /**
   * Attaches and detaches volumes of a machine that is on until it has the wanted ones; for one that is off, `ensure` has done it. Each
   * volume is handled independently of the others, and the first failure is thrown at the end. A guest may take a while to release a
   * volume: the machine has it until the result here no longer lists it.
   * @throws TerminalError `VolumeUnsafe`
   */
  ensureVolumes(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance>
  /**
   * The same for interfaces. A machine that is on gets those that it lacks in their places.
   * @throws TransientError `NoFreeSlot`, `MemoryNotShared` for one that it can get at its next start only
   */
  ensureNics(want: InstanceWant, signal: AbortSignal): Promise<BackendInstance>
  /**
   * Success when the machine is in that state already. `on` returns when the machine runs, within a deadline of its own. `off` needs no
   * answer from QEMU: it also ends a machine that hangs.
   */
  setPower(uid: string, action: PowerAction, signal: AbortSignal): Promise<void>
  /**
   * `reset`: the machine's reset button; `crashDump`: a non-maskable interrupt, on which a guest dumps its memory. Neither repeated nor undone.
   * @throws TransientError `MachineUnresponsive`, `HypervisorUnreachable`: nobody knows whether it was carried out
   */
  act(uid: string, deed: Exclude<Deed, 'setAdminPassword'>, signal: AbortSignal): Promise<void>
  /**
   * Has the guest's agent set it. Neither it nor what the guest says stands in an error.
   * @throws TransientError `NoGuestAgent`, `GuestRefused`: it was not set; the same two as `act`, and `GuestAgentTimeout`: nobody knows
   */
  setPassword(uid: string, password: GuestPassword, signal: AbortSignal): Promise<void>
  /** Resolves when nothing of it is left, even if it hangs. An absent machine is success. */
  remove(uid: string, signal: AbortSignal): Promise<void>
  /**
   * The console's bytes, in both directions. One may have it open: by force it is taken over, which ends the other.
   * @throws TransientError `ConsoleTaken`, `MachineOff`
   */
  openConsole(uid: string, signal: AbortSignal, how?: { force: boolean }): Promise<Duplex>
  /** The last bytes that the guest wrote to its console, whether it runs or not. */
  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer>
  stats(uid: string, signal: AbortSignal): Promise<InstanceStats>
  /** Calls the listener until the signal aborts; starts with a `resync`. */
  watch(listener: InstanceListener, signal: AbortSignal): Promise<void>
}
