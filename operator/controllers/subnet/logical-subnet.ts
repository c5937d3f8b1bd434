// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud, Subnet } from '../../../lib/api/types.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { planSubnet } from '../../ipam/subnet-plan.ts'
import type { LogicalSubnet } from '../../network/network-driver.ts'
import { dnsDomainOf } from '../common/dns-domain.ts'
import { ownerOf } from '../common/logical-owner.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { ipv6ServiceOf } from './dhcp.ts'

/**
 * The subnet as the network backend is to have it; one of an external network is announced by its gateway, which is outside. Pure.
 * @throws TerminalError for a subnet that cannot be planned
 */
export function logicalSubnet(subnet: Subnet, network: RealisedNetwork, clouds: Cache<Cloud>): LogicalSubnet {
  const plan = planSubnet(subnet.spec)
  const dhcp = subnet.spec.dhcp ?? {}
  const ipv6 = ipv6ServiceOf(subnet)
  return {
    kind: 'Subnet',
    ...ownerOf(subnet),
    networkUid: network.metadata.uid,
    cidr: subnet.spec.cidr,
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

/** The subnet's own name servers, or else the cloud's. */
export function nameserversOf(subnet: Subnet, clouds: Cache<Cloud>): readonly string[] {
  return subnet.spec.dhcp?.dnsNameservers ?? clouds.find(undefined, CLOUD_NAME)?.spec.dnsNameservers ?? []
}
