// SPDX-License-Identifier: Apache-2.0
// The node's own check before a machine is built: the scheduler counts claims, this counts what is really there.
import { statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { InstanceDocument, InstanceSpec } from '../../lib/contract/documents.ts'
import { isMissing, readIfThere } from '../../lib/durable-files.ts'
import { TerminalError } from '../../lib/errors.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { rootBytes } from './want.ts'

export interface Capacity {
  cpus: number
  memoryMiB: number
  availableMemoryMiB: number
  freeDiskBytes: number
}

export type Demand = Pick<InstanceSpec, 'vcpus' | 'memoryMiB' | 'ephemeralGiB' | 'swapMiB'> & { rootBytes: number }

/** The most that any profile of the scheduler may promise of a CPU. */
const VCPUS_PER_CPU = 16
const GIB = 2 ** 30
const MIB = 2 ** 20

/** Why the machine does not fit beside the others of this node; undefined when it does. Pure. */
export function findShortage(
  want: Demand,
  others: readonly Pick<Demand, 'vcpus' | 'memoryMiB'>[],
  has: Capacity,
): string | undefined {
  const vcpus = others.reduce((sum, other) => sum + other.vcpus, want.vcpus)
  if (vcpus > has.cpus * VCPUS_PER_CPU)
    return `${vcpus} vCPUs are more than ${VCPUS_PER_CPU} for each of ${has.cpus} CPUs`
  const memoryMiB = others.reduce((sum, other) => sum + other.memoryMiB, want.memoryMiB)
  if (memoryMiB > has.memoryMiB)
    return `${memoryMiB} MiB of memory in all are more than the node's ${has.memoryMiB} MiB`
  if (want.memoryMiB > has.availableMemoryMiB) {
    return `${want.memoryMiB} MiB of memory are more than the ${has.availableMemoryMiB} MiB that are free now`
  }
  const diskBytes = want.rootBytes + want.ephemeralGiB * GIB + want.swapMiB * MIB
  if (diskBytes > has.freeDiskBytes) {
    return `disks of ${Math.ceil(diskBytes / GIB)} GiB are more than the ${Math.floor(has.freeDiskBytes / GIB)} GiB that are free`
  }
  return undefined
}

/** Before anything of a new machine is made. @throws TerminalError `InsufficientResources` */
export async function checkCapacity(
  document: InstanceDocument,
  { state, node }: Pick<RunContext, 'state' | 'node'>,
  read: () => Promise<Capacity | undefined>,
): Promise<void> {
  const capacity = await read()
  if (!capacity) return
  const others = state
    .list('instance')
    .flatMap((other) => (other.tombstone || other.uid === document.uid ? [] : [other.spec]))
  const shortage = findShortage({ ...document.spec, rootBytes: rootBytes(document, state) }, others, capacity)
  if (shortage !== undefined) throw new TerminalError('InsufficientResources', `node ${node} has no room: ${shortage}`)
}

/** @param dir whose file system carries the disks; the nearest folder above it that exists is asked */
export async function readCapacity(dir: string): Promise<Capacity> {
  const meminfo = (await readIfThere('/proc/meminfo')) ?? ''
  const mib = (name: string): number =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) / 1024)
  return {
    cpus: availableParallelism(),
    memoryMiB: mib('MemTotal'),
    availableMemoryMiB: mib('MemAvailable'),
    freeDiskBytes: await freeBytes(dir),
  }
}

async function freeBytes(dir: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize
  } catch (error) {
    if (!isMissing(error) || dir === '/') throw error
    return freeBytes(dir.slice(0, dir.lastIndexOf('/')) || '/')
  }
}
