// SPDX-License-Identifier: Apache-2.0
// Which addresses an image may be downloaded from. A tenant writes the URL and the node fetches it, and the node reaches places that the
// tenant must not. So private and reserved networks and the node's own addresses are refused, unless the Cloud's
// spec.images.allowedNetworks contains them.
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = [Address, number]

const networks = (list: readonly string[]): Network[] => list.map((cidr) => ipaddr.parseCIDR(cidr))

/**
 * Allowed only by an entry that lies within one of these: `0.0.0.0/0` must not open the node's own services or the metadata service of the
 * cloud that it runs in.
 */
const NARROW = networks([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/8',
  'fe80::/10',
  'ff00::/8',
  // The IPv6 address of AWS's metadata service.
  'fd00:ec2::/32',
])

/** The rest of IANA's special-purpose registries (RFC 6890): private networks, carrier-grade NAT, benchmarking, translation. */
const RESERVED = networks([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '240.0.0.0/4',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  'fc00::/7',
  'fec0::/10',
])

/** Prefixes that embed an IPv4 address, which is what a connection reaches in the end. RFC 6052 (NAT64), RFC 3056 (6to4). */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96')
const SIX_TO_FOUR = ipaddr.parseCIDR('2002::/16')

export interface AddressPolicy {
  /** CIDRs. */
  allowedNetworks: readonly string[]
  /** The node's own addresses at present. */
  ownAddresses: () => readonly string[]
}

/** `public`: anybody may download there; `allowed`: by an entry of the Cloud, so that users are told nothing about what is there. */
export type AddressVerdict = 'public' | 'allowed' | 'refused'

/** Pure except for the node's addresses. Anything that is not an address is refused. */
export function judgeAddress(text: string, { allowedNetworks, ownAddresses }: AddressPolicy): AddressVerdict {
  if (!ipaddr.isValid(text)) return 'refused'
  const address = embedded(ipaddr.process(text.split('%')[0] ?? ''))
  const isOwn = ownAddresses().some(
    (own) => ipaddr.isValid(own) && embedded(ipaddr.process(own)).toString() === address.toString(),
  )
  const narrow = NARROW.find((network) => isIn(address, network))
  if (!narrow && !isOwn && !RESERVED.some((network) => isIn(address, network))) return 'public'
  const isAllowed = networks(allowedNetworks).some(
    (network) => isIn(address, network) && (!narrow || network[1] >= narrow[1]),
  )
  return isAllowed ? 'allowed' : 'refused'
}

function isIn(address: Address, [base, bits]: Network): boolean {
  return address.kind() === base.kind() && address.match(base, bits)
}

function embedded(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address
  const bytes = address.toByteArray()
  if (isIn(address, NAT64)) return ipaddr.fromByteArray(bytes.slice(12))
  if (isIn(address, SIX_TO_FOUR)) return ipaddr.fromByteArray(bytes.slice(2, 6))
  return address
}
