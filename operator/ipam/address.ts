// SPDX-License-Identifier: Apache-2.0
import ipaddr from 'ipaddr.js'

/** An IP address or network as a number, so that ranges are arithmetic. 4 bytes or 16. */
export interface Cidr {
  version: 4 | 6
  first: bigint
  last: bigint
  prefixLength: number
}

export interface AddressRange {
  first: bigint
  last: bigint
}

/** @returns undefined unless `text` is an address in its usual, four-part or RFC 4291 form */
export function findAddress(text: string): { version: 4 | 6; value: bigint } | undefined {
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(text)
  if (!isV4 && !(ipaddr.IPv6.isValid(text) && !text.includes('%'))) return undefined
  const bytes = ipaddr.parse(text).toByteArray()
  return { version: isV4 ? 4 : 6, value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) }
}

/** Canonical text: dotted for version 4, RFC 5952 for version 6. */
export function toText(version: 4 | 6, value: bigint): string {
  const length = version === 4 ? 4 : 16
  const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn))
  return ipaddr.fromByteArray(bytes).toString()
}

/** @returns undefined unless `text` is a network in CIDR form without host bits */
export function findCidr(text: string): Cidr | undefined {
  const [, addressText = '', lengthText] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = findAddress(addressText)
  const prefixLength = Number(lengthText)
  const bits = address?.version === 6 ? 128 : 32
  if (!address || prefixLength > bits) return undefined
  const hostMask = (1n << BigInt(bits - prefixLength)) - 1n
  if ((address.value & hostMask) !== 0n) return undefined
  return { version: address.version, first: address.value, last: address.value | hostMask, prefixLength }
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.version === b.version && a.first <= b.last && b.first <= a.last
}

export function contains(range: AddressRange, value: bigint): boolean {
  return range.first <= value && value <= range.last
}

/** By texts: whether the address lies in the range. What is neither lies nowhere. */
export function isIn(address: string, cidr: string): boolean {
  const [one, range] = [findAddress(address), findCidr(cidr)]
  return one !== undefined && range !== undefined && one.version === range.version && contains(range, one.value)
}

/** By texts: whether two ranges have an address in common. */
export function areOverlapping(one: string, other: string): boolean {
  const [a, b] = [findCidr(one), findCidr(other)]
  return a !== undefined && b !== undefined && overlaps(a, b)
}
