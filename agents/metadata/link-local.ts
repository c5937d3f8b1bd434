// SPDX-License-Identifier: Apache-2.0
import ipaddr from 'ipaddr.js'

/**
 * The link-local address that a MAC makes (RFC 4291, appendix A), as the kernel writes it. It is the only one that OVN's port security lets a
 * port with IPv6 addresses send from besides these, and so tells the port.
 */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((part) => Number.parseInt(part, 16))
  return new ipaddr.IPv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]).toString()
}
