// SPDX-License-Identifier: Apache-2.0
import type { Port, Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import { planSubnet } from '../../ipam/subnet-plan.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { NamedRef } from '../../kind/row.ts'
import { keyOf } from '../../kind/references.ts'
import { resolve, resolveOnly } from '../../kind/resolve.ts'
import type { RoutedSubnet } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isRealised } from '../common/realised-network.ts'
import { addressKey } from '../port/address-keys.ts'
import { network as networkOfSubnet } from '../subnet/kind.ts'
import { logicalSubnet } from '../subnet/logical-subnet.ts'
import { hasLeg, subnet as subnetOfRouter } from './kind.ts'

export interface Interfaces {
  interfaces: readonly RoutedSubnet[]
  /** Why the other interfaces of the spec are missing. */
  lacks: readonly Outcome[]
  /** Why an existing interface cannot be resolved at the moment: nothing may be changed meanwhile. */
  unknown?: Outcome
}

/** The interfaces that the router gets, in the spec's order. Pure. */
export function resolveInterfaces(router: Router, { caches }: Pick<OperatorDeps, 'caches'>): Interfaces {
  const legs = subnetOfRouter.refs(router).map((named) => ({ named, ...findLeg(router, named, caches) }))
  const given: { leg: RoutedSubnet; named: NamedRef }[] = []
  const lacks = new Map<NamedRef, Outcome>()
  // What carries traffic keeps it, whatever else comes up before it in the list.
  for (const { named, leg } of [...legs.filter(({ isThere }) => isThere), ...legs.filter(({ isThere }) => !isThere)]) {
    if (!leg.ok) lacks.set(named, leg.outcome)
    else {
      const other = given.find((one) => areOverlapping(one.leg.cidr, leg.subnet.cidr))
      if (other) lacks.set(named, overlap(leg.subnet, other.leg, named))
      else given.push({ leg: leg.subnet, named })
    }
  }
  const unknown = legs.flatMap(({ isThere, leg }) => (isThere && !leg.ok && leg.isUnknown ? [leg.outcome] : []))[0]
  return {
    interfaces: legs.flatMap(({ named }) => given.find((one) => one.named === named)?.leg ?? []),
    lacks: legs.flatMap(({ named }) => lacks.get(named) ?? []),
    ...(unknown ? { unknown } : {}),
  }
}

function findLeg(router: Router, named: NamedRef, caches: OperatorDeps['caches']): { leg: Leg; isThere: boolean } {
  const found = resolve(subnetOfRouter, router, named, caches)
  if (!found.ok) return { leg: found, isThere: false }
  return { leg: toLeg(router, found.object, named, caches), isThere: hasLeg(router, found.object.metadata.uid) }
}

type Leg = { ok: true; subnet: RoutedSubnet } | { ok: false; outcome: Outcome; isUnknown?: boolean }

function toLeg(router: Router, subnet: Subnet, { field }: NamedRef, caches: OperatorDeps['caches']): Leg {
  const name = `Subnet ${keyOfObject(subnet)} in ${field}`
  const isThere = hasLeg(router, subnet.metadata.uid)
  const { gatewayIP } = planSubnet(subnet.spec)
  if (gatewayIP === undefined) {
    const message = `${name} has no gateway address, which would be the Router's: make a Subnet without disableGateway`
    return { ok: false, outcome: waitFor('SubnetWithoutGateway', message) }
  }
  const rival = findRival(router, subnet, caches)
  if (rival) {
    const message = `${name} is joined by Router ${keyOfObject(rival)} already, which has its gateway address: take it out of one of the two`
    return { ok: false, outcome: waitFor('SubnetInUse', message) }
  }
  const taken = isThere ? undefined : findPortAt(gatewayIP, subnet, caches)
  if (taken) {
    const message = `the gateway address of ${name} is Port ${keyOfObject(taken)}'s: delete that Port, or make a Subnet with another gatewayIP`
    return { ok: false, outcome: waitFor('AddressInUse', message) }
  }
  if (subnet.status?.state !== 'ACTIVE' && !isThere)
    return { ok: false, outcome: waitFor('SubnetNotReady', `waiting for ${name}`) }
  const network = resolveOnly(networkOfSubnet, subnet, caches)
  if (network.ok && !isThere && network.object.spec.external === true && network.object.spec.provider) {
    const message = `${name} is of an external Network, whose gateway is outside: write the Network in spec.externalGateway instead`
    return { ok: false, outcome: waitFor('SubnetExternal', message) }
  }
  // An existing interface stays, even while its network is being deleted.
  const object = network.ok
    ? network.object
    : caches.networks.find(subnet.metadata.namespace, subnet.spec.networkRef.name)
  if (!object || !isRealised(object))
    return { ok: false, isUnknown: true, outcome: waitFor('NetworkNotReady', `waiting for the Network of ${name}`) }
  return { ok: true, subnet: { ...logicalSubnet(subnet, object, caches.clouds), gatewayIP } }
}

function findPortAt(address: string, { spec, metadata }: Subnet, { ports }: OperatorDeps['caches']): Port | undefined {
  const known = ports.listBy('address', addressKey(keyOf(spec.networkRef, metadata.namespace), address))
  return known.find(({ status }) => status?.fixedIPs?.some(({ ipAddress }) => ipAddress === address))
}

/** Of several routers that name a subnet, one that has joined it keeps it; if two have (after a restore) or none, the oldest gets it. */
function findRival(router: Router, { metadata }: Subnet, caches: OperatorDeps['caches']): Router | undefined {
  const isOther = (other: Router) => other.metadata.uid !== router.metadata.uid
  const isBefore = (other: Router) => isOther(other) && isOlder(other, router)
  const there = caches.routers.listBy('legUID', metadata.uid)
  if (hasLeg(router, metadata.uid)) return there.find(isBefore)
  const naming = caches.routers.listBy('subnet', keyOfObject({ metadata }))
  return there.find(isOther) ?? naming.find((other) => !isGoing(other) && isBefore(other))
}

function isGoing({ metadata }: Router): boolean {
  return metadata.deletionTimestamp !== undefined
}

function overlap(subnet: RoutedSubnet, other: RoutedSubnet, { field }: NamedRef): Outcome {
  return waitFor(
    'CIDROverlap',
    `Subnet ${subnet.name} in ${field} (${subnet.cidr}) overlaps Subnet ${other.name} (${other.cidr}) of the same Router: a packet could go to either; take one of them out`,
  )
}
