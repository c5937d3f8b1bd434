// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import type { LogicalSubnet } from '../../network/logical-kinds.ts'
import { familyOfSubnet } from './range.ts'

/** Whether guests of the subnet are served by DHCP. */
export function hasDhcp(subnet: Subnet): boolean {
  if (subnet.spec.dhcp?.enabled === false) return false
  return familyOfSubnet(subnet) === 'IPv4' || ipv6ServiceOf(subnet) !== undefined
}

/**
 * How guests of an IPv6 subnet get their addresses; undefined: they set them statically from network_data.json. Without a gateway, static
 * is the default: announcing a prefix would announce a router too.
 */
export function ipv6ServiceOf(subnet: Subnet): LogicalSubnet['ipv6'] {
  const { ipv6, dhcp, disableGateway } = subnet.spec
  if (familyOfSubnet(subnet) !== 'IPv6' || dhcp?.enabled === false || (disableGateway === true && !ipv6))
    return undefined
  return {
    addressMode: ipv6?.addressMode ?? 'dhcpv6-stateful',
    routerAdvertisements: ipv6?.routerAdvertisements ?? true,
  }
}

/** Whether guests derive their address from the prefix and their MAC, so that they can have no other. */
export function isAddressDerived(subnet: Subnet): boolean {
  const mode = ipv6ServiceOf(subnet)?.addressMode
  return mode === 'slaac' || mode === 'dhcpv6-stateless'
}
