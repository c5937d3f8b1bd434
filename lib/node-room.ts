// SPDX-License-Identifier: Apache-2.0
// What a node can promise to machines, and what a machine takes of it: the scheduler and the node's own check use the same figures. Pure.

/** As the node's kernel reports it. */
export interface NodeHas {
  cpus: number
  /** Of these, CPUs for machines that share them with nobody; absent: none. */
  dedicatedCpus?: number
  /** All of it, hugepages included. */
  memoryMiB: number
  /** Set aside by the kernel for what asks for hugepages: a DPDK switch, and machines whose Flavor does. */
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
 * The default in the Cloud's schema, spec.reserved (a test keeps both in step), for operators that do not send one. Nova's
 * reserved_host_memory_mb is 512, which does not cover kubelet, its pods and the agent.
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
    vcpus: Math.max(0, has.cpus - (has.dedicatedCpus ?? 0) - reserved.cpus),
    memoryMiB: Math.max(0, has.memoryMiB - has.hugepagesMiB - reserved.memoryMiB),
    diskGiB: Math.max(0, has.diskGiB - has.imageCacheGiB - reserved.diskGiB),
  }
}

/** The most memory, in MiB, that QEMU may use for the code it generates when it emulates a guest. */
export const EMULATED_CODE_MIB = 256

/**
 * KubeVirt's GetMemoryOverhead has 30 for QEMU, 8 for its I/O thread and 25 for a virtlogd of each machine, with libvirt's daemon apart. Here one serves
 * all: vhost, pipes, and the 16 of a VGA card, which few guests touch, are in its place.
 */
const PROCESS_MIB = 64
const VCPU_MIB = 8
/** Page tables of the process and of the guest's second stage: 8 bytes a page of 4 KiB. */
const MEMORY_PER_PAGE_TABLES = 512

/** The memory that a machine takes besides its guest's. */
export function guestOverheadMiB(guest: { vcpus: number; memoryMiB: number }, isEmulated = false): number {
  const always = PROCESS_MIB + VCPU_MIB * guest.vcpus + Math.ceil(guest.memoryMiB / MEMORY_PER_PAGE_TABLES)
  return always + (isEmulated ? EMULATED_CODE_MIB : 0)
}
