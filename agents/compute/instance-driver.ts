// SPDX-License-Identifier: Apache-2.0
import type { NumaTopology } from '../../lib/contract/documents.ts'
import type { Duplex } from 'node:stream'
import type { ObservedNic, VolumeConnection } from '../../lib/contract/documents.ts'
import type { Firmware } from '../../lib/image-properties.ts'
import type { Deed } from './action-record.ts'

/** Volumes that one machine may have at a time: `maxItems` of an Instance's spec.volumes (a test compares them). */
export const MAX_VOLUMES = 24

/** Which of the disks that were made for it a machine has; each rebuild makes some of a higher number, beside those before. */
export interface DiskNumbers {
  /** Its swap has the same. */
  root: number
  ephemeral: number
  /** That it boots from, beside them; absent: none. */
  rescue?: number
}

export const FIRST_DISKS: DiskNumbers = { root: 0, ephemeral: 0 }

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
  /** Absent: its first ones, with the number 0. */
  disks?: DiskNumbers
  /** It boots from this one; its own root disk is another one. */
  rescue?: { number: number; sha256: string; format: 'raw' | 'qcow2'; sizeBytes: number }
  ephemeralGiB: number
  swapMiB: number
  /** Of the image that it boots from; a driver ignores those that it does not know. */
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
  /** Number of the root disk that it has or, while it is off, is defined with; undefined: unknown. */
  rootDisk?: number
  /** And of the ephemeral one; undefined: it has none, too. */
  ephemeralDisk?: number
  /** Of the rescue disk; undefined beside `rootDisk`: none. */
  rescueDisk?: number
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

/** A copy of a machine's root disk, as it is at one moment. */
export interface CaptureWant {
  /** The machine, with the root disk that it has. */
  want: InstanceWant
  /** Name of the file. */
  imageUid: string
  /** Whether the guest's agent freezes its file systems for the moment. */
  quiesce: 'IfPossible' | 'Required' | 'Never'
  /** Of a step that was done: Frozen, Thawed, DiskRead. */
  onStep: (name: string) => void
  /** From now on nothing but QEMU reads the disk: the machine may start. */
  onDiskFree: () => void
  /** @param bytesLeft of the disk, where it is known */
  onProgress: (percent: number, bytesLeft?: number) => void
}

export interface HypervisorFacts {
  type: string
  version: string
  acceleration: 'kvm' | 'qemu'
  accelerationReason?: string
  /** What machines can begin with. */
  firmware?: Firmware[]
  /** Of TPMs that they can have. */
  tpmVersions?: string[]
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
   * Makes those disks of a machine that is off which are not there yet, and nothing else of it: it stays defined with those that it has. Each is whole
   * once it has its name.
   */
  makeDisks(want: InstanceWant, signal: AbortSignal): Promise<void>
  /**
   * Removes its disks of other numbers, up to this one: an agent that comes to its end does not take what its successor makes.
   * @throws TransientError `DiskInUse` where the machine has, or is defined with, another root or rescue disk
   */
  keepDisks(uid: string, disks: DiskNumbers, upTo: number, signal: AbortSignal): Promise<void>
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
  /**
   * Copies the root disk of a machine, which goes on meanwhile where it is on, into a file of its own: a qcow2 that refers to no other. It must not be started
   * before `onDiskFree`. Whole once it has its name; a guest that was frozen is thawed in any case.
   * @returns the file. @throws TransientError `NoGuestAgent`, `GuestRefused`, `GuestAgentTimeout` where it had to be frozen, `CopyFailed`, `GuestStillFrozen`
   */
  captureDisk(capture: CaptureWant, signal: AbortSignal): Promise<{ path: string; virtualSizeBytes: number }>
  /** Where the file of a copy is. */
  capturePath(uid: string, imageUid: string): string
  /** Ends what is left of copies, thaws a guest that was left frozen, and removes the files. None is success. @throws TransientError `GuestStillFrozen` */
  dropCaptures(uid: string, signal: AbortSignal): Promise<void>
  /** Resolves when nothing of it is left, even if it hangs. An absent machine is success. */
  remove(uid: string, signal: AbortSignal): Promise<void>
  /**
   * The console's bytes, in both directions. One may have it open: by force it is taken over, which ends the other.
   * @throws TransientError `ConsoleTaken`, `MachineOff`
   */
  openConsole(uid: string, signal: AbortSignal, how?: { force: boolean }): Promise<Duplex>
  /**
   * A new connection to the machine's screen, keyboard and mouse, which speaks VNC (RFC 6143), without authentication. Others stay open.
   * @throws TransientError `MachineOff`, `NoGraphics`
   */
  openGraphics(uid: string, signal: AbortSignal): Promise<Duplex>
  /** The last bytes that the guest wrote to its console, whether it runs or not. */
  readConsoleLog(uid: string, maxBytes: number): Promise<Buffer>
  stats(uid: string, signal: AbortSignal): Promise<InstanceStats>
  /** Calls the listener until the signal aborts; starts with a `resync`. */
  watch(listener: InstanceListener, signal: AbortSignal): Promise<void>
}
