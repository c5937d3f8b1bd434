// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../lib/errors.ts'
import { contains, findAddress, findCidr, overlaps, toText, type AddressRange, type Cidr } from './address.ts'

export interface SubnetInput {
  cidr: string
  gatewayIP?: string | undefined
  disableGateway?: boolean | undefined
  allocationPools?: readonly { start: string; end: string }[] | undefined
}

/** Which addresses of a subnet may be handed out. */
export interface SubnetPlan {
  cidr: Cidr
  /** Canonical text; undefined when the subnet has no router. */
  gatewayIP: string | undefined
  /** Disjoint, ascending. */
  pools: AddressRange[]
  /** Never chosen automatically, even if a pool covers them: network, broadcast and gateway addresses. */
  reserved: ReadonlySet<bigint>
  /** Refused even when asked for: network and broadcast addresses. */
  unusable: ReadonlySet<bigint>
}

/**
 * Works out gateway, pools and reserved addresses. Pure.
 * @throws TerminalError naming the field that is wrong
 */
export function planSubnet(input: SubnetInput): SubnetPlan {
  const cidr = findCidr(input.cidr)
  if (!cidr) {
    throw new TerminalError(
      'InvalidCIDR',
      `spec.cidr ${input.cidr} is not a network: write it like 10.0.0.0/24, without host bits`,
    )
  }
  const isPointToPoint = cidr.last - cidr.first <= 1n // RFC 3021 and RFC 6164: no network or broadcast address
  const unusable = new Set<bigint>()
  if (!isPointToPoint) {
    unusable.add(cidr.first) // network; the subnet-router anycast address in version 6 (RFC 4291 2.6.1)
    if (cidr.version === 4) unusable.add(cidr.last)
  }
  const gateway = input.disableGateway === true ? undefined : gatewayOf(input, cidr, isPointToPoint)
  return {
    cidr,
    gatewayIP: gateway === undefined ? undefined : toText(cidr.version, gateway),
    pools: poolsOf(input, cidr),
    reserved: gateway === undefined ? unusable : new Set([...unusable, gateway]),
    unusable,
  }
}

function gatewayOf(input: SubnetInput, cidr: Cidr, isPointToPoint: boolean): bigint {
  if (input.gatewayIP === undefined) return isPointToPoint ? cidr.first : cidr.first + 1n
  return addressIn(cidr, input.gatewayIP, 'spec.gatewayIP', input.cidr)
}

function poolsOf(input: SubnetInput, cidr: Cidr): AddressRange[] {
  const pools = (input.allocationPools ?? []).map(({ start, end }, i) => {
    const first = addressIn(cidr, start, `spec.allocationPools[${i}].start`, input.cidr)
    const last = addressIn(cidr, end, `spec.allocationPools[${i}].end`, input.cidr)
    if (first > last) {
      throw new TerminalError(
        'InvalidAllocationPool',
        `spec.allocationPools[${i}]: start ${start} is behind end ${end}`,
      )
    }
    return { first, last }
  })
  if (pools.length === 0) return [{ first: cidr.first, last: cidr.last }]
  pools.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  for (const [i, pool] of pools.entries()) {
    const before = pools[i - 1]
    if (before && before.last >= pool.first) {
      throw new TerminalError(
        'InvalidAllocationPool',
        'spec.allocationPools overlap: write ranges that share no address',
      )
    }
  }
  return pools
}

function addressIn(cidr: Cidr, text: string, field: string, cidrText: string): bigint {
  const address = findAddress(text)
  if (address?.version !== cidr.version || !contains(cidr, address.value)) {
    throw new TerminalError('AddressOutsideSubnet', `${field} ${text} is not an address in ${cidrText}`)
  }
  return address.value
}

/**
 * Checks an address that a user asks for: any free one in the subnet will do, inside the pools or not, as in Neutron. That includes
 * the gateway address: a port that explicitly asks for it is meant to be the router.
 * @returns its canonical text
 * @throws TerminalError when it lies outside the subnet or is unusable
 */
export function checkRequested(plan: SubnetPlan, text: string, field: string, cidrText: string): string {
  const value = addressIn(plan.cidr, text, field, cidrText)
  if (plan.unusable.has(value)) {
    throw new TerminalError('AddressReserved', `${field} ${text} is the network or broadcast address of ${cidrText}`)
  }
  return toText(plan.cidr.version, value)
}

export interface SubnetRank {
  name: string
  uid: string
  cidr: string
  creationTimestamp: string
  /** Addresses may already have been handed out from it, so it takes precedence over any subnet that is not active. */
  isActive?: boolean
}

/** An overlapping subnet of the same network that takes precedence over this one (active first, then older), if any. Pure. */
export function findOverlap(subnet: SubnetRank, others: readonly SubnetRank[]): SubnetRank | undefined {
  const mine = findCidr(subnet.cidr)
  if (!mine) return undefined
  return others.find((other) => {
    if (other.uid === subnet.uid || !isOlder(other, subnet)) return false
    const theirs = findCidr(other.cidr)
    return theirs !== undefined && overlaps(mine, theirs)
  })
}

function isOlder(a: SubnetRank, b: SubnetRank): boolean {
  if ((a.isActive ?? false) !== (b.isActive ?? false)) return a.isActive === true
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp
  return a.uid < b.uid
}
