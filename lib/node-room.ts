// SPDX-License-Identifier: Apache-2.0
// What a node can promise to machines, and what a machine takes of it: the scheduler and the node's own check count alike. Pure.

/** What the node's kernel says. */
export interface NodeHas {
  cpus: number
  /** All of it, hugepages included. */
  memoryMiB: number
  /** Set aside by the kernel for who asks for hugepages, as a switch on DPDK does; machines do not. */
  hugepagesMiB: number
  /** Of the file system that machines' disks are on. */
  diskGiB: number
  /** Images on the same file system. */
  imageCacheGiB: number
}

/** Kept for the host: kernel, agent, hypervisor, switch, kubelet and what else runs there. */
export interface Reserved {
  cpus: number
  memoryMiB: number
  diskGiB: number
}

/**
 * As the Cloud's schema has it in spec.reserved (a test holds both together); for operators that do not say. Nova's
 * reserved_host_memory_mb is 512, which leaves out kubelet, its pods and the agent.
 */
export const DEFAULT_RESERVED: Reserved = { cpus: 0, memoryMiB: 1024, diskGiB: 0 }

export interface Room {
  vcpus: number
  memoryMiB: number
  diskGiB: number
}

/** Before allocation ratios. */
export function roomForMachines(has: NodeHas, reserved: Reserved): Room {
  return {
    vcpus: Math.max(0, has.cpus - reserved.cpus),
    memoryMiB: Math.max(0, has.memoryMiB - has.hugepagesMiB - reserved.memoryMiB),
    diskGiB: Math.max(0, has.diskGiB - has.imageCacheGiB - reserved.diskGiB),
  }
}

/** The code that emulation makes of a guest's, in MiB: QEMU is told to keep no more of it. */
export const EMULATED_CODE_MIB = 256

/** KubeVirt's GetMemoryOverhead has 30 for QEMU, 8 for its I/O thread and 25 for virtlogd, with libvirt's daemon apart; vhost and pipes here. */
const PROCESS_MIB = 64
const VCPU_MIB = 8
/** Page tables of the process and of the guest's second stage: 8 bytes a page of 4 KiB. */
const MEMORY_PER_PAGE_TABLES = 512

/** What a machine takes beside its guest's memory. */
export function guestOverheadMiB(guest: { vcpus: number; memoryMiB: number }, isEmulated = false): number {
  const always = PROCESS_MIB + VCPU_MIB * guest.vcpus + Math.ceil(guest.memoryMiB / MEMORY_PER_PAGE_TABLES)
  return always + (isEmulated ? EMULATED_CODE_MIB : 0)
}
