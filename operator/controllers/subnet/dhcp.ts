// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import type { LogicalSubnet } from '../../network/network-driver.ts'
import { familyOf } from '../../network/ovn/addresses.ts'

/** Whether the network answers guests of the subnet by DHCP. */
export function hasDhcp(subnet: Subnet): boolean {
  if (subnet.spec.dhcp?.enabled === false) return false
  return familyOf(subnet.spec.cidr) === 'IPv4' || ipv6ServiceOf(subnet) !== undefined
}

/**
 * How guests of an IPv6 subnet come by their addresses; undefined: they set them by hand, as network_data.json says. Without a gateway
 * that is so unless something else is asked for: whoever announces a prefix announces a router.
 */
export function ipv6ServiceOf({ spec }: Subnet): LogicalSubnet['ipv6'] {
  const { ipv6, cidr, dhcp, disableGateway } = spec
  if (familyOf(cidr) === 'IPv4' || dhcp?.enabled === false || (disableGateway === true && !ipv6)) return undefined
  return {
    addressMode: ipv6?.addressMode ?? 'dhcpv6-stateful',
    routerAdvertisements: ipv6?.routerAdvertisements ?? true,
  }
}

/** Guests make their address of the prefix and the MAC themselves: no other one reaches them. */
export function isAddressDerived(subnet: Subnet): boolean {
  const mode = ipv6ServiceOf(subnet)?.addressMode
  return mode === 'slaac' || mode === 'dhcpv6-stateless'
}
