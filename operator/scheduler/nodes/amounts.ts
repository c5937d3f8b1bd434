// SPDX-License-Identifier: Apache-2.0
import { guestOverheadMiB } from '../../../lib/node-room.ts'
import { isWithin, largerBandwidth, type Bandwidth } from './bandwidth.ts'
import { hasNoMoreDevices, largerPciDevices, type PciClaims } from './pci-devices.ts'

/** What a machine's Ports take from a node, of its physical networks. */
export interface PortAmounts {
  bandwidth?: Bandwidth
  /** Virtual functions. */
  pciDevices?: PciClaims
}

/** What a machine takes from a node. */
export interface Amounts extends PortAmounts {
  vcpus: number
  /** Including QEMU's own overhead. */
  memoryMiB: number
  diskGiB: number
}

export interface FlavorSize {
  vcpus: number
  memoryMiB: number
  rootDiskGiB: number
  ephemeralGiB: number
  swapMiB: number
}

/** What a machine has of its node's NUMA cells in place of the room that all share. */
export interface OnCells {
  dedicatedCpus: boolean
  hugepages: boolean
}

/** @param flavor the machine's effective flavor: where the Flavor sets no root disk, it has the one its image requires */
export function amountsOf(flavor: FlavorSize, onCells?: OnCells): Amounts {
  return {
    vcpus: onCells?.dedicatedCpus === true ? 0 : flavor.vcpus,
    memoryMiB: (onCells?.hugepages === true ? 0 : flavor.memoryMiB) + guestOverheadMiB(flavor),
    diskGiB: flavor.rootDiskGiB + flavor.ephemeralGiB + Math.ceil(flavor.swapMiB / 1024),
  }
}

export function largerAmounts(a: Amounts, b: Amounts): Amounts {
  return {
    vcpus: Math.max(a.vcpus, b.vcpus),
    memoryMiB: Math.max(a.memoryMiB, b.memoryMiB),
    diskGiB: Math.max(a.diskGiB, b.diskGiB),
    ...toPortAmounts(largerBandwidth(a.bandwidth, b.bandwidth), largerPciDevices(a.pciDevices, b.pciDevices)),
  }
}

/** A size with its defaults filled in and any other fields dropped, as status stores it. */
export function sizeWithDefaults(
  flavor: Pick<FlavorSize, 'vcpus' | 'memoryMiB' | 'rootDiskGiB'> & { ephemeralGiB?: number; swapMiB?: number },
): FlavorSize {
  const { vcpus, memoryMiB, rootDiskGiB, ephemeralGiB = 0, swapMiB = 0 } = flavor
  return { vcpus, memoryMiB, rootDiskGiB, ephemeralGiB, swapMiB }
}

export function fitsIn(a: Amounts, b: Amounts): boolean {
  const isSmaller = a.vcpus <= b.vcpus && a.memoryMiB <= b.memoryMiB && a.diskGiB <= b.diskGiB
  return isSmaller && isWithin(a.bandwidth, b.bandwidth) && hasNoMoreDevices(a.pciDevices, b.pciDevices)
}

/** For a spread. */
export function toPortAmounts(bandwidth: Bandwidth | undefined, pciDevices: PciClaims | undefined): PortAmounts {
  return { ...(bandwidth ? { bandwidth } : {}), ...(pciDevices ? { pciDevices } : {}) }
}
