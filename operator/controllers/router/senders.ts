// SPDX-License-Identifier: Apache-2.0
// What a Router may send into a Network of another namespace, by a Port there: nothing under an address of that Network, or of nobody that it
// joins. Neutron trusts all ports of routers; what of a tenant's own ranges is meant, its AddressScopes say, and so do ours (scopes.ts).
import type { Router } from '../../../lib/api/types.ts'
import { areOverlapping } from '../../ipam/address.ts'
import type { Caches } from '../../kind/row.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import type { RoutedSubnet } from '../../network/logical-kinds.ts'
import { cidrOf } from '../subnet/range.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { PortLeg } from './port-legs.ts'
import { listRanges } from './ranges.ts'

/** The legs, each with who may send by it: those on foreign Networks alone are held to it. @param outside the Router's own addresses there. Pure. */
export function withSenders(
  router: Router,
  { interfaces, ports }: { interfaces: readonly RoutedSubnet[]; ports: readonly PortLeg[] },
  outside: readonly string[],
  { networks, subnets }: Pick<Caches, 'networks' | 'subnets'>,
): PortLeg[] {
  const ranges = listRanges(interfaces, ports)
  return ports.map((leg) => {
    const network = networks.findByUid(leg.logical.networkUid)
    if (network && network.metadata.namespace === router.metadata.namespace) return leg
    const there = network ? subnets.listBy('network', keyOfObject(network)).flatMap((one) => cidrOf(one) ?? []) : []
    const joined = ranges.filter(({ legUid, cidr }) => {
      const isTheirs = there.some((one) => areOverlapping(one, cidr))
      return legUid !== leg.logical.uid && !isTheirs
    })
    const own = [...leg.logical.addresses.map(({ address }) => address), ...outside].map(alone)
    return { ...leg, logical: { ...leg.logical, senders: [...joined.map(({ cidr }) => cidr), ...own] } }
  })
}

function alone(address: string): string {
  return `${address}/${familyOf(address) === 'IPv4' ? 32 : 128}`
}
