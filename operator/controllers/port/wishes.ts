// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'

export type AddressPair = NonNullable<Port['spec']['allowedAddressPairs']>[number]

/**
 * Whether the port asks for something that it was not given. Judged by its spec and what it was given, never by its conditions: these are
 * written only after the obstacle is found, and if that went in between, the port would never be woken. Pure.
 */
export function wishesMore({ spec, status }: Port): boolean {
  if (spec.portSecurityEnabled === false && status?.portSecurityEnabled !== false) return true
  return (spec.allowedAddressPairs ?? []).some((pair) => !hasPair(status?.allowedAddressPairs, pair))
}

export function hasPair(given: readonly AddressPair[] = [], { ipAddress, macAddress }: AddressPair): boolean {
  return given.some((had) => had.ipAddress === ipAddress && had.macAddress === macAddress)
}
