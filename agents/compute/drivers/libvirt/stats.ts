// SPDX-License-Identifier: Apache-2.0
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { MemoryStat } from '../../../../lib/libvirt/constants.ts'
import type { DomainRef } from '../../../../lib/libvirt/error.ts'
import type { InstanceStats } from '../../instance-driver.ts'

const KIB_PER_MIB = 1024n

export async function readStats(client: LibvirtCaller, domain: DomainRef, signal: AbortSignal): Promise<InstanceStats> {
  const [info, memory] = await Promise.all([
    client.call('getInfo', { domain }, signal),
    client.call('memoryStats', { domain, maxStats: 32, flags: 0 }, signal).catch(() => ({ stats: [] })),
  ])
  const resident = memory.stats.find((stat) => stat.tag === MemoryStat.rss)
  return {
    cpuTimeNs: info.cpuTimeNs,
    memoryMiB: Number(info.memoryKiB / KIB_PER_MIB),
    ...(resident ? { residentMiB: Number(resident.value / KIB_PER_MIB) } : {}),
  }
}

export async function readHypervisorVersion(client: LibvirtClient, signal: AbortSignal): Promise<string> {
  const [qemu, libvirt] = await Promise.all([
    client.call('getVersion', undefined, signal),
    client.call('getLibVersion', undefined, signal),
  ])
  return `${toVersion(qemu.version)} (libvirt ${toVersion(libvirt.version)})`
}

/** libvirt packs versions as major × 1,000,000 + minor × 1,000 + release. */
function toVersion(packed: bigint): string {
  return `${packed / 1_000_000n}.${(packed / 1_000n) % 1_000n}.${packed % 1_000n}`
}
