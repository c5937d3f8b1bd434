// SPDX-License-Identifier: Apache-2.0
// OVN takes addresses as text inside larger texts (matches, option lists). All user input is parsed and reformatted here, so that
// nothing else can be injected.
import ipaddr from 'ipaddr.js'
import { TerminalError } from '../../../lib/errors.ts'

export type AddressFamily = 'IPv4' | 'IPv6'

export function familyOf(address: string): AddressFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

export function normalAddress(text: string): string {
  // IPv4.isValid also takes octal, hex and short forms, which users hardly mean: they are refused.
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) return ipaddr.parse(text).toString()
  throw new TerminalError('InvalidAddress', `${JSON.stringify(text)} is not an IP address`)
}

/** The network's own address with its prefix length: 10.1.2.3/8 becomes 10.0.0.0/8. A bare address is one host. */
export function normalPrefix(text: string): string {
  const [address = '', length, more] = text.split('/')
  const parsed = ipaddr.parse(normalAddress(address))
  const most = parsed.kind() === 'ipv4' ? 32 : 128
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : NaN
  if (more !== undefined || !(bits <= most)) {
    throw new TerminalError('InvalidAddress', `${JSON.stringify(text)} is not an address with a prefix length`)
  }
  const network =
    parsed.kind() === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed.toString()}/${bits}`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${bits}`)
  return `${network.toString()}/${bits}`
}

/** `24` of 10.0.0.0/24. */
export function prefixLengthOf(cidr: string): string {
  return normalPrefix(cidr).split('/')[1] ?? ''
}

export function normalMac(text: string): string {
  const mac = text.toLowerCase()
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) return mac
  throw new TerminalError('InvalidAddress', `${JSON.stringify(text)} is not a MAC address such as fa:16:3e:00:00:01`)
}

export function normalDnsName(text: string): string {
  if (text.length <= 253 && /^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/.test(text)) return text
  throw new TerminalError('InvalidName', `${JSON.stringify(text)} is not a DNS name`)
}
