// SPDX-License-Identifier: Apache-2.0
// Neutron's rule of AddressScopes: inside of one addresses are routed freely, between two only with translation. Subnets without one are of
// one scope together. https://docs.openstack.org/neutron/latest/contributor/internals/address_scopes.html
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { NamedRef } from '../../kind/row.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'
import { familyOfSubnet } from '../subnet/range.ts'
import type { Range } from './ranges.ts'

type Caches = Pick<OperatorDeps['caches'], 'subnets'>
/** The router's addresses outside, and whether IPv4 is translated to one of them. */
export interface Outside {
  addresses: readonly ResolvedAddress[]
  snat: boolean
}

/** The AddressScope of the subnet, as namespace/name; undefined: that of all that have none. */
function scopeOf({ subnetUid }: Range, caches: Caches): string | undefined {
  return caches.subnets.findByUid(subnetUid)?.status?.addressScope
}

/** Why a leg cannot be joined to those that are: one of its family is of another scope. */
export function findForeign(
  ranges: readonly Range[],
  { field }: NamedRef,
  given: readonly Range[],
  caches: Caches,
): Outcome | undefined {
  const isForeign = (leg: Range, one: Range) =>
    familyOf(one.cidr) === familyOf(leg.cidr) && scopeOf(one, caches) !== scopeOf(leg, caches)
  const leg = ranges.find((range) => given.some((one) => isForeign(range, one)))
  const other = leg && given.find((one) => isForeign(leg, one))
  if (!leg || !other) return undefined
  const message = `${leg.name} in ${field} is of ${named(scopeOf(leg, caches))}, and ${other.name} of the same Router is of ${named(scopeOf(other, caches))}: between them nothing is routed; take one of the two out`
  return waitFor('AddressScopeMismatch', message)
}

/** Why a leg cannot be joined while the router has this way outside: its addresses would be seen there, and are of another scope. */
export function findForeignOutside(leg: Range, outside: Outside, caches: Caches): Outcome | undefined {
  const family = familyOf(leg.cidr)
  if (family === 'IPv4' && outside.snat) return undefined
  const scope = scopeOf(leg, caches)
  const there = outside.addresses.find(
    ({ subnet }) => familyOfSubnet(subnet) === family && subnet.status?.addressScope !== scope,
  )?.subnet
  if (!there) return undefined
  const message = `${leg.name} is of ${named(scope)}, and Subnet ${keyOfObject(there)} of the external Network is of ${named(there.status?.addressScope)}: ${family} is not translated, and between them nothing is routed without; take it out, or write another Network in spec.externalGateway`
  return waitFor('AddressScopeMismatch', message)
}

/** The ranges whose addresses are good outside, being of a scope of there: they are not translated. */
export function listRouted(ranges: readonly Range[], { addresses }: Outside, caches: Caches): string[] {
  return ranges.flatMap((leg) => {
    const scope = scopeOf(leg, caches)
    const isOfThere = addresses.some(
      ({ subnet }) => familyOfSubnet(subnet) === familyOf(leg.cidr) && subnet.status?.addressScope === scope,
    )
    return scope !== undefined && isOfThere ? [leg.cidr] : []
  })
}

function named(scope: string | undefined): string {
  return scope === undefined ? 'no AddressScope' : `AddressScope ${scope}`
}
