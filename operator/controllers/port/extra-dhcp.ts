// SPDX-License-Identifier: Apache-2.0
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { LogicalPort } from '../../network/logical-kinds.ts'
import { isRealised } from '../common/realised-network.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { hasDhcp } from '../subnet/dhcp.ts'
import { logicalSubnet } from '../subnet/logical-subnet.ts'
import { familyOfSubnet } from '../subnet/range.ts'

const FAMILIES = ['IPv4', 'IPv6'] as const
type Addresses = readonly { subnet?: Subnet }[]

/** What DHCP tells the guest beyond its subnets, with the subnet of each family that serves it. Pure. */
export function extraDhcpOf(
  port: Port,
  network: Network,
  addresses: Addresses,
  { caches }: { caches: Pick<OperatorDeps['caches'], 'clouds'> },
): Pick<LogicalPort, 'extraDhcp'> {
  if (!isRealised(network)) return {}
  const extraDhcp = FAMILIES.flatMap((family) => {
    const options = optionsOf(port, family)
    const subnet = findServing(addresses, family)
    return options.length > 0 && subnet ? [{ subnet: logicalSubnet(subnet, network, caches.clouds), options }] : []
  })
  return extraDhcp.length > 0 ? { extraDhcp } : {}
}

/** Why options that were asked for are told by nobody; undefined: all are. Pure. */
export function whyNotTold(port: Port, addresses: Addresses): Outcome | undefined {
  const family = FAMILIES.find((one) => optionsOf(port, one).length > 0 && !findServing(addresses, one))
  if (!family) return undefined
  const message = `spec.extraDHCPOptions has options of ${family}, and none of its addresses is of an ${family} Subnet with DHCP: leave them out, or make a Port on a Subnet that has it`
  return waitFor('NoDHCP', message)
}

function optionsOf({ spec }: Port, family: (typeof FAMILIES)[number]) {
  return (spec.extraDHCPOptions ?? [])
    .filter(({ ipFamily }) => ipFamily === family)
    .map(({ name, value }) => ({ name, value }))
}

/** The first, as its row in the backend has it. */
function findServing(addresses: Addresses, family: (typeof FAMILIES)[number]): Subnet | undefined {
  return addresses.flatMap(({ subnet }) => subnet ?? []).find((one) => familyOfSubnet(one) === family && hasDhcp(one))
}
