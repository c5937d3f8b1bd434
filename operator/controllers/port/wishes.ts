// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'

export type AddressPair = NonNullable<Port['spec']['allowedAddressPairs']>[number]

/**
 * Whether it asks for something that it was not given: the obstacle may go. Told from its spec and from what it was given, never from its
 * conditions, which are written after the obstacle is found: if that went in between, nobody would be woken. Pure.
 */
export function wishesMore({ spec, status }: Port): boolean {
  if (spec.portSecurityEnabled === false && status?.portSecurityEnabled !== false) return true
  return (spec.allowedAddressPairs ?? []).some((pair) => !hasPair(status?.allowedAddressPairs, pair))
}

export function hasPair(given: readonly AddressPair[] = [], { ipAddress, macAddress }: AddressPair): boolean {
  return given.some((had) => had.ipAddress === ipAddress && had.macAddress === macAddress)
}
