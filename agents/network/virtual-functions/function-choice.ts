// SPDX-License-Identifier: Apache-2.0
// What virtual functions serve for, which one a port gets, and how many there are. Pure.
import type { PciPool } from '../../../lib/contract/documents.ts'
import { hasGuestDriver, type VirtualFunction } from './pci-functions.ts'

export type FunctionKind = 'direct' | 'macvtap'

/** What a port was given; kept until the port is gone. */
export interface FunctionRecord {
  address: string
  physicalNetwork: string
  /** It had this interface before a guest had it. */
  interface?: string | undefined
}

type Abilities = Record<FunctionKind, boolean>

/** Devices of these names libvirt makes of the interface of a guest's function. */
const isOfGuest = (upper: string): boolean => /^macvtap\d+$/.test(upper)

/** The node has made it part of something of its own, such as a bond: none of ours may have it. */
export function isUsedByHost({ uppers }: VirtualFunction): boolean {
  return uppers.some((upper) => !isOfGuest(upper))
}

/** Somebody has taken its interface into another network namespace; for a moment also while it changes hands. */
export function isElsewhere(one: VirtualFunction): boolean {
  return one.interface === undefined && one.driver !== undefined && !hasGuestDriver(one)
}

/** A guest has it now. True also of one that the node always keeps for guests: it looks the same. */
export function isInGuest(one: VirtualFunction): boolean {
  return hasGuestDriver(one) || one.uppers.some(isOfGuest)
}

/** @param record of the port that has it */
export function abilitiesOf(one: VirtualFunction, record?: FunctionRecord): Abilities {
  const hasInterface = one.interface !== undefined || record?.interface !== undefined
  if (record && isUsedByHost(one)) return { direct: false, macvtap: false }
  if (record) return { direct: one.hasIommu, macvtap: hasInterface }
  // The node itself uses it.
  const isUsed = one.uppers.length > 0
  if (isUsed || isElsewhere(one)) return { direct: false, macvtap: false }
  return { direct: one.hasIommu, macvtap: hasInterface }
}

/**
 * The first that is free, by address: one on the cells given before others, and of these one that is good for nothing else, so that enough is left for the other
 * kind. Undefined: none is.
 * @param taken addresses that ports have @param numaCells of the port's machine
 */
export function chooseFunction(
  functions: readonly VirtualFunction[],
  kind: FunctionKind,
  taken: ReadonlySet<string>,
  numaCells: readonly number[] = [],
): VirtualFunction | undefined {
  const isFar = ({ numaCell }: VirtualFunction) => (numaCell !== undefined && numaCells.includes(numaCell) ? 0 : 1)
  const other = kind === 'direct' ? 'macvtap' : 'direct'
  const rank = (one: VirtualFunction) => (abilitiesOf(one)[other] ? 1 : 0)
  return functions
    .filter((one) => !taken.has(one.address) && abilitiesOf(one)[kind])
    .sort((a, b) => isFar(a) - isFar(b) || rank(a) - rank(b) || (a.address < b.address ? -1 : 1))[0]
}

/** As many as an inventory takes: lib/contract/inventory.ts. */
const MOST_KINDS = 32

/** What the node has on a physical network, alike ones together. @param records by address */
export function countFunctions(
  found: readonly { physicalNetwork: string; functions: readonly VirtualFunction[] }[],
  records: ReadonlyMap<string, FunctionRecord>,
): PciPool[] {
  const counts = new Map<string, PciPool>()
  for (const { physicalNetwork, functions } of found) {
    for (const one of functions) {
      const { direct, macvtap } = abilitiesOf(one, records.get(one.address))
      if (!direct && !macvtap) continue
      const { numaCell, vendorID, productID } = one
      const alike = { physicalNetwork, ...(numaCell === undefined ? {} : { numaCell }), vendorID, productID }
      const key = JSON.stringify(alike)
      const had = counts.get(key) ?? { ...alike, count: 0, direct: 0, macvtap: 0 }
      counts.set(key, {
        ...{ ...had, count: had.count + 1 },
        ...{ direct: had.direct + Number(direct), macvtap: had.macvtap + Number(macvtap) },
      })
    }
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MOST_KINDS)
    .map(([, count]) => count)
}
