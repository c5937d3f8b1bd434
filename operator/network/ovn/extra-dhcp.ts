// SPDX-License-Identifier: Apache-2.0
// Options that a port's owner chose, as values of ovn-nb(5), DHCP_Options, of OVN 25.03. northd pastes them into an action of its own
// language: only what was parsed or quoted here may stand in one.
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalDhcpOption } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalDnsName, type AddressFamily } from './addresses.ts'

type Render = (value: string) => string
/** OVN's name, and how it has the value. */
type Known = Readonly<Record<string, readonly [key: string, render: Render]>>

const IPV4: Known = {
  'arp-timeout': ['arp_cache_timeout', numberUpTo(4_294_967_295)],
  'bootfile-name': ['bootfile_name', quoted],
  'bootfile-name-alt': ['bootfile_name_alt', quoted],
  'default-ttl': ['default_ttl', numberUpTo(255)],
  'dns-server': ['dns_server', addressesOf('IPv4')],
  'domain-name': ['domain_name', (value) => quoted(normalDnsName(value))],
  'domain-search': ['domain_search_list', domains],
  'ethernet-encap': ['ethernet_encap', yesOrNo],
  'ip-forward-enable': ['ip_forward_enable', yesOrNo],
  'log-server': ['log_server', addressesOf('IPv4')],
  'lpr-server': ['lpr_server', addressesOf('IPv4')],
  'netbios-name-server': ['netbios_name_server', addressesOf('IPv4')],
  'netbios-node-type': ['netbios_node_type', numberUpTo(255)],
  'nis-server': ['nis_server', addressesOf('IPv4')],
  'ntp-server': ['ntp_server', addressesOf('IPv4')],
  'path-prefix': ['path_prefix', quoted],
  'policy-filter': ['policy_filter', addressesOf('IPv4')],
  'router-discovery': ['router_discovery', yesOrNo],
  'router-solicitation': ['router_solicitation', address],
  'server-ip-address': ['next_server', address],
  'swap-server': ['swap_server', address],
  'tcp-keepalive': ['tcp_keepalive_interval', numberUpTo(4_294_967_295)],
  'tcp-ttl': ['tcp_ttl', numberUpTo(255)],
  // OVN would send a bare address as four bytes; RFC 2132 has text in option 66.
  'tftp-server': ['tftp_server', quoted],
  'tftp-server-address': ['tftp_server_address', addressesOf('IPv4')],
  wpad: ['wpad', quoted],
}
/** Not `domain_search`: OVN sends it as plain text, where RFC 3646 has encoded names. */
const IPV6: Known = {
  'bootfile-name': ['bootfile_name', quoted],
  'dns-server': ['dns_server', addressesOf('IPv6')],
}

/** @throws TerminalError `InvalidDHCPOption` for what OVN does not know, or a value that is none of the option's */
export function extraDhcpOptions(options: readonly LogicalDhcpOption[], family: AddressFamily): Record<string, string> {
  const known = family === 'IPv4' ? IPV4 : IPV6
  return Object.fromEntries(
    options.map(({ name, value }) => {
      const option = Object.hasOwn(known, name) ? known[name] : undefined
      if (!option) throw invalid(`there is no option ${JSON.stringify(name)} of ${family}`)
      return [option[0], option[1](value)]
    }),
  )
}

/** A string of OVN's language, which has the escapes of JSON. */
function quoted(value: string): string {
  if (!/^[ !#-~]{1,255}$/.test(value))
    throw invalid(`${JSON.stringify(value)} has other than printable ASCII characters`)
  return `"${value.replaceAll('\\', '\\\\')}"`
}

function address(value: string): string {
  const normal = normalAddress(value)
  if (familyOf(normal) !== 'IPv4') throw invalid(`${normal} is no IPv4 address`)
  return normal
}

function addressesOf(family: AddressFamily): Render {
  return (value) => {
    const all = value.split(',').map(normalAddress)
    if (all.some((one) => familyOf(one) !== family)) throw invalid(`${all.join()} has other addresses than ${family}`)
    return `{${all.join(', ')}}`
  }
}

/**
 * Each with a dot at its end: where two names have ends that differ in their last character alone, such as a.io and b.in, OVN's
 * compression would take one for the other (lib/actions.c, encode_put_dhcpv4_option).
 */
function domains(value: string): string {
  return quoted(
    value
      .split(',')
      .map((name) => `${normalDnsName(name)}.`)
      .join(','),
  )
}

function yesOrNo(value: string): string {
  if (value !== 'true' && value !== 'false') throw invalid(`${JSON.stringify(value)} is neither true nor false`)
  return value === 'true' ? '1' : '0'
}

function numberUpTo(most: number): Render {
  return (value) => {
    if (!/^(0|[1-9][0-9]{0,9})$/.test(value) || Number(value) > most)
      throw invalid(`${JSON.stringify(value)} is no number from 0 to ${most}`)
    return value
  }
}

function invalid(what: string): TerminalError {
  return new TerminalError('InvalidDHCPOption', `spec.extraDHCPOptions: ${what}`)
}
