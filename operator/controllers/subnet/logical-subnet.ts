// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud, Subnet } from '../../../lib/api/types.ts'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6 } from '../../../lib/contract/metadata-port.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import type { LogicalSubnet } from '../../network/logical-kinds.ts'
import { dnsDomainOf } from '../common/dns-domain.ts'
import { ownerOf } from '../common/logical-owner.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { ipv6ServiceOf } from './dhcp.ts'
import { cidrOf, familyOfSubnet, planOf } from './range.ts'

/**
 * The subnet as the network backend is to have it; one of an external network is announced by its gateway, which is outside. Pure.
 * @throws TerminalError for a subnet that cannot be planned
 */
export function logicalSubnet(subnet: Subnet, network: RealisedNetwork, clouds: Cache<Cloud>): LogicalSubnet {
  const plan = planOf(subnet)
  const dhcp = subnet.spec.dhcp ?? {}
  const ipv6 = ipv6ServiceOf(subnet)
  return {
    kind: 'Subnet',
    ...ownerOf(subnet),
    networkUid: network.metadata.uid,
    ...(network.status.controller === undefined ? {} : { controller: network.status.controller }),
    cidr: cidrOf(subnet) ?? '',
    mtu: network.status.mtu,
    ...(plan.gatewayIP === undefined ? {} : { gatewayIP: plan.gatewayIP }),
    ...(ipv6 ? { ipv6: network.spec.external === true ? { ...ipv6, routerAdvertisements: false } : ipv6 } : {}),
    ...(dhcp.enabled === false
      ? {}
      : {
          dhcp: {
            leaseSeconds: dhcp.leaseSeconds ?? 43_200,
            dnsNameservers: nameserversOf(subnet, clouds),
            hostRoutes: dhcp.hostRoutes ?? [],
            domainName: dnsDomainOf(network, clouds),
          },
        }),
  }
}

/** The subnet's own name servers, or else the cloud's, or else the node's resolver, at the addresses of its metadata service. */
export function nameserversOf(subnet: Subnet, clouds: Cache<Cloud>): readonly string[] {
  return (
    subnet.spec.dhcp?.dnsNameservers ?? clouds.find(undefined, CLOUD_NAME)?.spec.dnsNameservers ?? resolverOf(subnet)
  )
}

function resolverOf(subnet: Subnet): readonly string[] {
  return [familyOfSubnet(subnet) === 'IPv6' ? METADATA_ADDRESS_V6 : METADATA_ADDRESS]
}
