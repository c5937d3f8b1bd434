// SPDX-License-Identifier: Apache-2.0
import type { Network, Port, Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import { missing, type Found } from '../../kind/found.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { NamedRef } from '../../kind/row.ts'
import { keyOf } from '../../kind/references.ts'
import { resolve, resolveOnly } from '../../kind/resolve.ts'
import type { RoutedSubnet } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { refuseOnExternal } from '../common/sdn-controller.ts'
import { isRealised } from '../common/realised-network.ts'
import { addressKey } from '../port/address-keys.ts'
import { network as networkOfSubnet } from '../subnet/kind.ts'
import { logicalSubnet } from '../subnet/logical-subnet.ts'
import { hasLeg, port as portOfRouter, subnet as subnetOfRouter } from './kind.ts'
import { findPortLeg, type PortLeg } from './port-legs.ts'
import { cidrOf, planOf } from '../subnet/range.ts'
import { listRanges, type Range } from './ranges.ts'
import { findForeign } from './scopes.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export interface Interfaces {
  interfaces: readonly RoutedSubnet[]
  ports: readonly PortLeg[]
  /** Why the other interfaces of the spec are missing. */
  lacks: readonly Outcome[]
  /** Why an existing interface cannot be resolved at the moment: nothing may be changed meanwhile. */
  unknown?: Outcome
}

/** The interfaces that the router gets, Subnets and Ports each in the spec's order. Pure. */
export function resolveInterfaces(router: Router, { caches }: Pick<OperatorDeps, 'caches'>): Interfaces {
  const legs = [
    ...subnetOfRouter.refs(router).map((named) => ({ named, ...findLeg(router, named, caches) })),
    ...portOfRouter.refs(router).map((named) => ({ named, ...findPort(router, named, caches) })),
  ]
  const given = new Map<NamedRef, JoinedLeg>()
  const lacks = new Map<NamedRef, Outcome>()
  // What carries traffic keeps it, whatever else comes up before it in the list.
  for (const { named, leg } of [...legs.filter(({ isThere }) => isThere), ...legs.filter(({ isThere }) => !isThere)]) {
    const others = [...given.values()]
    const refused = leg.ok
      ? (findOverlap(leg, others, named) ?? findForeign(rangesOf(leg), named, others.flatMap(rangesOf), caches))
      : leg.outcome
    if (refused) lacks.set(named, refused)
    else if (leg.ok) given.set(named, leg)
  }
  const unknown = legs.flatMap(({ isThere, leg }) => (isThere && !leg.ok && leg.isUnknown ? [leg.outcome] : []))[0]
  const joined = legs.flatMap(({ named }) => given.get(named) ?? [])
  return {
    interfaces: joined.flatMap(({ subnet }) => subnet ?? []),
    ports: joined.flatMap(({ port }) => port ?? []),
    lacks: legs.flatMap(({ named }) => lacks.get(named) ?? []),
    ...(unknown ? { unknown } : {}),
  }
}

/** Either a Subnet or a Port. */
type JoinedLeg = { ok: true; subnet?: RoutedSubnet; port?: PortLeg }
type Leg = JoinedLeg | { ok: false; outcome: Outcome; isUnknown?: boolean }
type FoundLeg = { leg: Leg; isThere: boolean }

function findLeg(router: Router, named: NamedRef, caches: OperatorDeps['caches']): FoundLeg {
  const found = findSubnet(router, named, caches)
  if (!found.ok) return { leg: found, isThere: false }
  return { leg: toLeg(router, found.object, named, caches), isThere: hasLeg(router, found.object.metadata.uid) }
}

function findPort(router: Router, named: NamedRef, caches: OperatorDeps['caches']): FoundLeg {
  const leg = findPortLeg(router, named, caches)
  const isThere = (router.status?.ports ?? []).some(({ name }) => name === named.ref.name)
  return { leg: leg.ok ? { ok: true, port: leg.leg } : leg, isThere }
}

/** Subnets are shared by their Networks. */
function findSubnet(router: Router, named: NamedRef, caches: OperatorDeps['caches']): Found<Subnet> {
  const from = router.metadata.namespace ?? ''
  const subnet = caches.subnets.findByKey(keyOf(named.ref, from))
  const network = subnet && caches.networks.findByKey(networkKeyOf(subnet))
  const isShared = network !== undefined && mayHaveGateway(from, network)
  const isForeign = named.ref.namespace !== undefined && named.ref.namespace !== from
  if (isForeign && !isShared && !(subnet && hasLeg(router, subnet.metadata.uid))) {
    const message = `Subnet ${keyOf(named.ref, from)} in ${named.field} does not exist, or its Network is not shared with namespace ${from} by its name (spec.sharedWith of the Network): have it shared, or join it by a Port of yours (portRef), and this goes on by itself`
    return missing('SubnetNotFound', message)
  }
  return resolve({ ...subnetOfRouter, isGranted: () => true }, router, named, caches)
}

function toLeg(router: Router, subnet: Subnet, { field }: NamedRef, caches: OperatorDeps['caches']): Leg {
  const name = `Subnet ${keyOfObject(subnet)} in ${field}`
  // Who else has what stands in the way is for its own namespace and the Subnet's to know.
  const mayName = (other: KubeObject) =>
    [other.metadata.namespace, subnet.metadata.namespace].includes(router.metadata.namespace)
  const isThere = hasLeg(router, subnet.metadata.uid)
  const of = caches.networks.findByKey(networkKeyOf(subnet))
  const unsupported = of && refuseOnExternal(of, name, 'take it out of the Router')
  if (unsupported) return { ok: false, outcome: unsupported }
  if (cidrOf(subnet) === undefined) return { ok: false, outcome: waitFor('SubnetNotReady', `waiting for ${name}`) }
  const { gatewayIP } = planOf(subnet)
  if (gatewayIP === undefined) {
    const message = `${name} has no gateway address, which would be the Router's: make a Subnet without disableGateway`
    return { ok: false, outcome: waitFor('SubnetWithoutGateway', message) }
  }
  const rival = findRival(router, subnet, caches)
  if (rival) {
    const who = mayName(rival) ? `Router ${keyOfObject(rival)}` : 'a Router of another namespace'
    const message = `${name} is joined by ${who} already, which has its gateway address: take it out of one of the two, or join it by a Port (portRef)`
    return { ok: false, outcome: waitFor('SubnetInUse', message) }
  }
  const taken = isThere ? undefined : findPortAt(gatewayIP, subnet, caches)
  if (taken) {
    const who = mayName(taken) ? `Port ${keyOfObject(taken)}` : 'a Port of another namespace'
    const message = `the gateway address of ${name} is that of ${who}: delete that Port, name it in portRef, or make a Subnet with another gatewayIP`
    return { ok: false, outcome: waitFor('AddressInUse', message) }
  }
  if (subnet.status?.state !== 'ACTIVE' && !isThere)
    return { ok: false, outcome: waitFor('SubnetNotReady', `waiting for ${name}`) }
  const network = resolveOnly(networkOfSubnet, subnet, caches)
  const isForeign = subnet.metadata.namespace !== router.metadata.namespace
  if (network.ok && !isThere && isForeign && network.object.spec.provider) {
    const message = `${name} is of a physical network, where its gateway address is not another project's to take: join it by a Port (portRef)`
    return { ok: false, outcome: waitFor('SubnetExternal', message) }
  }
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

function findPortAt(address: string, subnet: Subnet, { ports }: OperatorDeps['caches']): Port | undefined {
  const known = ports.listBy('address', addressKey(networkKeyOf(subnet), address))
  return known.find(({ status }) => status?.fixedIPs?.some(({ ipAddress }) => ipAddress === address))
}

/**
 * Of several routers that name a subnet, one that has joined it keeps it; if two have (after a restore) or none, the oldest gets it. Those of
 * the subnet's own namespace come before all others: the gateway is theirs, and they get it back.
 */
function findRival(router: Router, subnet: Subnet, caches: OperatorDeps['caches']): Router | undefined {
  const isOwn = ({ metadata }: Router) => metadata.namespace === subnet.metadata.namespace
  const isOther = (other: Router) => other.metadata.uid !== router.metadata.uid
  const isBefore = (other: Router) =>
    isOther(other) && (isOwn(other) === isOwn(router) ? isOlder(other, router) : isOwn(other))
  const there = caches.routers.listBy('legUID', subnet.metadata.uid)
  const naming = caches.routers
    .listBy('subnet', keyOfObject(subnet))
    .filter((other) => !isGoing(other) && mayJoin(other, subnet, caches))
  if (hasLeg(router, subnet.metadata.uid))
    return there.find(isBefore) ?? (isOwn(router) ? undefined : naming.find((other) => isOther(other) && isOwn(other)))
  const keeping = there.filter((other) => isOwn(other) || !isOwn(router))
  return keeping.find(isOther) ?? naming.find(isBefore)
}

/** Whether it may have the gateway address, and so counts: naming somebody's Subnet is no claim. */
function mayJoin({ metadata }: Router, subnet: Subnet, caches: OperatorDeps['caches']): boolean {
  if (metadata.namespace === subnet.metadata.namespace) return true
  const network = caches.networks.findByKey(networkKeyOf(subnet))
  return (
    network !== undefined && network.spec.provider === undefined && mayHaveGateway(metadata.namespace ?? '', network)
  )
}

/** The gateway of a Subnet is given to a namespace by its name alone, not to everybody. */
function mayHaveGateway(namespace: string, { metadata, spec }: Network): boolean {
  return metadata.namespace === namespace || (spec.sharedWith ?? []).some((to) => to.namespace === namespace)
}

function isGoing({ metadata }: Router): boolean {
  return metadata.deletionTimestamp !== undefined
}

function findOverlap(leg: JoinedLeg, given: readonly JoinedLeg[], { field }: NamedRef): Outcome | undefined {
  for (const { name, cidr } of rangesOf(leg)) {
    const other = given.flatMap(rangesOf).find((one) => areOverlapping(one.cidr, cidr))
    if (!other) continue
    const message = `${name} in ${field} (${cidr}) overlaps ${other.name} (${other.cidr}) of the same Router: a packet could go to either; take one of them out`
    return waitFor('CIDROverlap', message)
  }
  return undefined
}

function rangesOf({ subnet, port }: JoinedLeg): Range[] {
  return listRanges(subnet ? [subnet] : [], port ? [port] : [])
}
