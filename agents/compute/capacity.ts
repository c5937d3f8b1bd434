// SPDX-License-Identifier: Apache-2.0
// The node's own check before a machine is built: the scheduler counts claims, this counts the real resources.
import { lstat, readdir, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import type { InstanceDocument, InstanceSpec, NumaTopology } from '../../lib/contract/documents.ts'
import { unlessMissing } from '../../lib/durable-files.ts'
import { TerminalError } from '../../lib/errors.ts'
import { guestOverheadMiB, roomForMachines, type Reserved, type Room } from '../../lib/node-room.ts'
import { readMemory } from '../node/meminfo.ts'
import type { Making } from './action-record.ts'
import type { NodeState, RunContext } from '../runtime/reconciler.ts'
import { findCellShortage, type HostCell } from './host-cells.ts'
import { CAPTURE_PREFIX, instanceDir, instancesDir, type ComputePaths } from './paths.ts'
import { rescueBytes, rootBytes } from './want.ts'

export interface Capacity {
  /** What all machines together may be promised; disk space is checked apart. */
  room: Pick<Room, 'vcpus' | 'memoryMiB'>
  reserved: Reserved
  /** Guests run without KVM. */
  isEmulated: boolean
  availableMemoryMiB: number
  freeDiskBytes: number
  /** Bytes that machines' disks already take up on the file system, by uid. */
  writtenBytes: ReadonlyMap<string, number>
  /** NUMA cells. */
  cells: readonly HostCell[]
}

/** @param uids of the machines on the node. Resolves with undefined where capacity is not checked (fake machines) */
export type ReadCapacity = (uids: readonly string[]) => Promise<Capacity | undefined>

export interface Demand {
  uid: string
  vcpus: number
  memoryMiB: number
  diskBytes: number
  /** Its place on the node's NUMA cells. */
  numa?: NumaTopology | undefined
}

/** The highest CPU overcommit that any scheduler profile may allow. */
const VCPUS_PER_CPU = 16
const GIB = 2 ** 30
const MIB = 2 ** 20

/** Why the machine does not fit on this node beside the others; undefined when it does. Pure. */
export function findShortage(want: Demand, others: readonly Demand[], has: Capacity): string | undefined {
  const all = [want, ...others]
  const { room, reserved } = has
  const vcpus = sum(all, (machine) => (hasOwnCpus(machine) ? 0 : machine.vcpus))
  if (vcpus > room.vcpus * VCPUS_PER_CPU)
    return `${vcpus} vCPUs are more than ${VCPUS_PER_CPU} for each of ${room.vcpus} CPUs${kept(reserved.cpus, 'CPUs')}`
  const footprintMiB = (machine: Demand) => ordinaryMiB(machine) + guestOverheadMiB(machine, has.isEmulated)
  const memoryMiB = sum(all, footprintMiB)
  if (memoryMiB > room.memoryMiB)
    return `${memoryMiB} MiB of memory in all, with QEMU's own, are more than the node's ${room.memoryMiB} MiB${kept(reserved.memoryMiB, 'MiB')}`
  const ownMiB = footprintMiB(want)
  if (ownMiB > has.availableMemoryMiB)
    return `${ownMiB} MiB of memory, with QEMU's own, are more than the ${has.availableMemoryMiB} MiB that are free now`
  return (
    findDiskShortage(want.diskBytes, others, has) ?? findCellShortage(onCells(want), others.map(onCells), has.cells)
  )
}

function findDiskShortage(wantBytes: number, others: readonly Demand[], has: Capacity): string | undefined {
  const { reserved } = has
  const promisedBytes = sum(others, (other) => Math.max(0, other.diskBytes - (has.writtenBytes.get(other.uid) ?? 0)))
  const leftBytes = has.freeDiskBytes - promisedBytes - reserved.diskGiB * GIB
  if (wantBytes > leftBytes)
    return `disks of ${Math.ceil(wantBytes / GIB)} GiB are more than the ${Math.max(0, Math.floor(leftBytes / GIB))} GiB that are free and not promised to other machines${kept(reserved.diskGiB, 'GiB')}`
  return undefined
}

function hasOwnCpus({ numa }: Demand): boolean {
  return numa?.cells.some(({ cpus }) => cpus !== undefined) === true
}

/** Without hugepages, which are counted by cell. */
function ordinaryMiB({ memoryMiB, numa }: Demand): number {
  return numa?.pageSizeKiB === undefined ? memoryMiB : 0
}

function onCells({ uid, numa }: Demand) {
  return { uid, numa }
}

function sum(machines: readonly Demand[], of: (machine: Demand) => number): number {
  return machines.reduce((total, machine) => total + of(machine), 0)
}

function kept(amount: number, unit: string): string {
  return amount === 0 ? '' : ` (${amount} ${unit} are kept for the host: spec.reserved of its ComputeNode or the Cloud)`
}

/** Called before anything of a new machine is made. @throws TerminalError `InsufficientResources` */
export async function checkCapacity(
  document: InstanceDocument,
  { state, node }: Pick<RunContext, 'state' | 'node'>,
  read: ReadCapacity,
): Promise<void> {
  const others = state
    .list('instance')
    .flatMap((other) => (other.tombstone || other.uid === document.uid ? [] : [demandOf(other, state)]))
  const capacity = await read(others.map(({ uid }) => uid))
  if (!capacity) return
  const shortage = findShortage(demandOf(document, state), others, capacity)
  if (shortage !== undefined) throw new TerminalError('InsufficientResources', `node ${node} has no room: ${shortage}`)
}

/** Why there is no room for the disks of a rebuild, or of a rescue, beside those that the machine has, which stay. */
export async function findRebuildShortage(
  document: InstanceDocument,
  { rebuild, rescue }: Making,
  state: NodeState,
  read: ReadCapacity,
): Promise<string | undefined> {
  const { machines, capacity } = await readAll(state, read)
  if (!capacity) return undefined
  const { ephemeralGiB, swapMiB } = document.spec
  if (rescue) return findDiskShortage(rescueBytes(rescue, state), machines, capacity)
  if (!rebuild) return undefined
  const { image, preserveEphemeral } = rebuild
  const besideBytes = (preserveEphemeral ? 0 : ephemeralGiB * GIB) + swapMiB * MIB
  const shortage = findDiskShortage(rootBytes(document, state, image.uid) + besideBytes, machines, capacity)
  return shortage === undefined
    ? undefined
    : `${shortage}; the former ones stay until the machine has started from the next`
}

/** Why there is no room for a copy of its root disk: as it is read, and as the file that is made of it. */
export async function findCaptureShortage(
  document: InstanceDocument,
  state: NodeState,
  read: ReadCapacity,
): Promise<string | undefined> {
  const { machines, capacity } = await readAll(state, read)
  if (!capacity) return undefined
  const imageBytes = state.findObserved('image', document.spec.image.uid)?.facts?.virtualSizeBytes ?? 0
  const written = imageBytes + (capacity.writtenBytes.get(document.uid) ?? 0)
  const shortage = findDiskShortage(2 * Math.min(written, rootBytes(document, state)), machines, capacity)
  return shortage === undefined ? undefined : `a copy of the root disk: ${shortage}`
}

/** Of all machines of the node, and what it has. */
async function readAll(state: NodeState, read: ReadCapacity) {
  const machines = state.list('instance').flatMap((machine) => (machine.tombstone ? [] : [demandOf(machine, state)]))
  return { machines, capacity: await read(machines.map(({ uid }) => uid)) }
}

function demandOf(document: InstanceDocument, state: NodeState): Demand {
  const { vcpus, memoryMiB, ephemeralGiB, swapMiB, numa, rescue }: InstanceSpec = document.spec
  const ownBytes = rootBytes(document, state) + ephemeralGiB * GIB + swapMiB * MIB
  const diskBytes = ownBytes + (rescue ? rescueBytes(rescue, state) : 0)
  return { uid: document.uid, vcpus, memoryMiB, diskBytes, numa }
}

export interface NodeSays {
  reserved: Reserved
  isEmulated: boolean
  readCells: () => Promise<readonly HostCell[]>
}

/** Of this host, at present. */
export async function readCapacity(
  paths: ComputePaths,
  { reserved, isEmulated, readCells }: NodeSays,
  uids: readonly string[],
): Promise<Capacity> {
  const { totalMiB, hugepagesMiB, availableMiB } = await readMemory()
  const written = await Promise.all(uids.map(async (uid) => [uid, await readWritten(instanceDir(paths, uid))] as const))
  const cells = await readCells()
  const dedicated = cells.reduce((total, cell) => total + cell.dedicatedCpus.length, 0)
  const has = {
    cpus: availableParallelism(),
    dedicatedCpus: dedicated,
    memoryMiB: totalMiB,
    hugepagesMiB,
    diskGiB: 0,
    imageCacheGiB: 0,
  }
  return {
    room: roomForMachines(has, reserved),
    reserved,
    isEmulated,
    availableMemoryMiB: availableMiB,
    freeDiskBytes: await freeBytes(instancesDir(paths)),
    writtenBytes: new Map(written),
    cells,
  }
}

/** Of all files that one machine was promised, which a copy of its disk is not; 0 when there are none yet. */
async function readWritten(dir: string): Promise<number> {
  const files = await unlessMissing(() => readdir(dir, { withFileTypes: true }), [])
  let bytes = 0
  for (const file of files) {
    if (!file.isFile() || file.name.startsWith(CAPTURE_PREFIX)) continue
    bytes += await unlessMissing(async () => (await lstat(join(dir, file.name))).blocks * 512, 0)
  }
  return bytes
}

/** Of the file system that holds the disks; asks the nearest parent folder that exists. */
async function freeBytes(dir: string): Promise<number> {
  const found = await unlessMissing(() => statfs(dir), undefined)
  if (found) return found.bavail * found.bsize
  return freeBytes(dirname(dir))
}
