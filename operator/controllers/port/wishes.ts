// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'

export type AddressPair = NonNullable<Port['spec']['allowedAddressPairs']>[number]

/**
 * Whether it asks for what it was not given: what stands against that may go. Seen from its spec and from what it was given, never from
 * what was said of it, which is written later than it is found: what ends in between would wake nobody. Pure.
 */
export function wishesMore({ spec, status }: Port): boolean {
  if (spec.portSecurityEnabled === false && status?.portSecurityEnabled !== false) return true
  return (spec.allowedAddressPairs ?? []).some((pair) => !hasPair(status?.allowedAddressPairs, pair))
}

export function hasPair(given: readonly AddressPair[] = [], { ipAddress, macAddress }: AddressPair): boolean {
  return given.some((had) => had.ipAddress === ipAddress && had.macAddress === macAddress)
}
