// SPDX-License-Identifier: Apache-2.0
import { toText, type Cidr } from './address.ts'

/**
 * The address that a host makes of a prefix of 64 bits and its MAC: RFC 4291 appendix A (modified EUI-64), which is what Neutron and
 * OVN's port security assume too. Guests that make up their interface identifier (RFC 7217) have to be told not to.
 * @param mac lower case, colons
 */
export function deriveAddress({ first }: Pick<Cidr, 'first'>, mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16))
  const identifier = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return toText(6, first | identifier)
}
