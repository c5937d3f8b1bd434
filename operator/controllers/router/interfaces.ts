// SPDX-License-Identifier: Apache-2.0
import type { Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findCidr, overlaps } from '../../ipam/address.ts'
import { planSubnet } from '../../ipam/subnet-plan.ts'
import type { NamedRef } from '../../kind/row.ts'
import { resolve, resolveOnly } from '../../kind/resolve.ts'
import type { RoutedSubnet } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isRealised } from '../common/realised-network.ts'
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
  const interfaces: RoutedSubnet[] = []
  const lacks: Outcome[] = []
  let unknown: Outcome | undefined
  for (const named of subnetOfRouter.refs(router)) {
    const found = resolve(subnetOfRouter, router, named, caches)
    const subnet = found.ok ? found.object : undefined
    const leg = subnet ? toLeg(router, subnet, named, caches) : undefined
    if (!leg) {
      if (!found.ok) lacks.push(found.outcome)
    } else if (!leg.ok) {
      lacks.push(leg.outcome)
      if (leg.isUnknown && subnet && hasLeg(router, subnet.metadata.uid)) unknown ??= leg.outcome
    } else {
      const other = interfaces.find((one) => areOverlapping(one.cidr, leg.subnet.cidr))
      if (other) lacks.push(overlap(leg.subnet, other, named))
      else interfaces.push(leg.subnet)
    }
  }
  return { interfaces, lacks, ...(unknown ? { unknown } : {}) }
}

type Leg = { ok: true; subnet: RoutedSubnet } | { ok: false; outcome: Outcome; isUnknown?: boolean }

function toLeg(router: Router, subnet: Subnet, { field }: NamedRef, caches: OperatorDeps['caches']): Leg {
  const name = `Subnet ${keyOfObject(subnet)} in ${field}`
  if (subnet.spec.disableGateway === true) {
    const message = `${name} has no gateway address, which would be the Router's: make a Subnet without disableGateway`
    return { ok: false, outcome: waitFor('SubnetWithoutGateway', message) }
  }
  const rival = findRival(router, subnet, caches)
  if (rival) {
    const message = `${name} is joined by Router ${keyOfObject(rival)} already, which has its gateway address: take it out of one of the two`
    return { ok: false, outcome: waitFor('SubnetInUse', message) }
  }
  if (subnet.status?.state !== 'ACTIVE' && !hasLeg(router, subnet.metadata.uid))
    return { ok: false, outcome: waitFor('SubnetNotReady', `waiting for ${name}`) }
  const network = resolveOnly(networkOfSubnet, subnet, caches)
  // An existing interface stays, even while its network is being deleted.
  const object = network.ok
    ? network.object
    : caches.networks.find(subnet.metadata.namespace, subnet.spec.networkRef.name)
  if (!object || !isRealised(object))
    return { ok: false, isUnknown: true, outcome: waitFor('NetworkNotReady', `waiting for the Network of ${name}`) }
  const plan = planSubnet(subnet.spec)
  return { ok: true, subnet: { ...logicalSubnet(subnet, object, caches.clouds), gatewayIP: plan.gatewayIP ?? '' } }
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

function isOlder(a: Router, b: Router): boolean {
  const { creationTimestamp: ofA = '' } = a.metadata
  const { creationTimestamp: ofB = '' } = b.metadata
  return ofA === ofB ? a.metadata.uid < b.metadata.uid : ofA < ofB
}

function areOverlapping(one: string, other: string): boolean {
  const [a, b] = [findCidr(one), findCidr(other)]
  return a !== undefined && b !== undefined && overlaps(a, b)
}

function overlap(subnet: RoutedSubnet, other: RoutedSubnet, { field }: NamedRef): Outcome {
  return waitFor(
    'CIDROverlap',
    `Subnet ${subnet.name} in ${field} (${subnet.cidr}) overlaps Subnet ${other.name} (${other.cidr}) of the same Router: a packet could go to either; take one of them out`,
  )
}
