// SPDX-License-Identifier: Apache-2.0
// Virtual functions of network cards, as machines claim them of a node.
import { combineByNetwork, isWithinByNetwork } from './by-network.ts'

/** Functions of each kind that Ports ask for. */
export interface PciClaim {
  direct: number
  macvtap: number
}

/** `count`: all that there are. `direct`, `macvtap`: how many of these serve for Ports of this kind; one may serve for both. */
export interface PciSupply extends PciClaim {
  count: number
}

/** By physical network; absent: none. */
export type PciClaims = Readonly<Record<string, PciClaim>>
export type PciSupplies = Readonly<Record<string, PciSupply>>

/** The kinds, as `spec.vnicType` of a Port has them. */
export const PCI_KINDS = ['direct', 'macvtap'] as const

/** So many or more are all the same: who has that many is not short of them. As Nova's MAX_DEVS. */
const MANY = 100

/** How short a node is of virtual functions: from 100, of one that has none free, to 1. */
export function pciScarcityOf(all: PciSupplies | undefined, used: PciClaims | undefined): number {
  let free = 0
  for (const network in all) {
    const claimed = used?.[network]
    free += (all[network]?.count ?? 0) - (claimed ? claimed.direct + claimed.macvtap : 0)
  }
  return MANY - Math.min(Math.max(free, 0), MANY - 1)
}

/** Whether there are any, free or not. */
export function hasPciDevices(all: PciSupplies | undefined): boolean {
  return Object.values(all ?? {}).some(({ count }) => count > 0)
}

export function addPciDevices(a: PciClaims | undefined, b: PciClaims | undefined): PciClaims | undefined {
  return combineByNetwork(PCI_KINDS, a, b, (x, y) => x + y)
}

export function subtractPciDevices(a: PciClaims | undefined, b: PciClaims | undefined): PciClaims | undefined {
  return combineByNetwork(PCI_KINDS, a, b, (x, y) => x - y)
}

export function largerPciDevices(a: PciClaims | undefined, b: PciClaims | undefined): PciClaims | undefined {
  return combineByNetwork(PCI_KINDS, a, b, Math.max)
}

/** Whether `a` is no more than `b`. */
export function hasNoMoreDevices(a: PciClaims | undefined, b: PciClaims | undefined): boolean {
  return isWithinByNetwork(PCI_KINDS, a, b)
}
