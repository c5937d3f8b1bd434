// SPDX-License-Identifier: Apache-2.0
// Whether a VPNConnection can be what it asks for, the same for who tells the node of it and for who says why not.
import type { Router, Subnet, VPNConnection, VPNService } from '../../../lib/api/types.ts'
import { MOST_VPN_CERTIFICATES, MOST_VPN_CONNECTIONS, TRANSIT, TRANSIT_V6 } from '../../../lib/contract/vpn.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { areOverlapping, findCidr } from '../../ipam/address.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { Caches } from '../../kind/row.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { cidrOf } from '../subnet/range.ts'

type JudgeCaches = Pick<Caches, 'routers' | 'subnets' | 'vpnConnections'>

/** Ranges that the peer is to reach. Pure. */
export function judgeConnection(
  connection: VPNConnection,
  service: VPNService,
  caches: JudgeCaches,
): Found<readonly string[]> {
  const before = listConnections(service, caches).filter((other) => isOlder(other, connection))
  // Whatever else it may lack: nothing but the end of another one wakes it.
  if (before.length >= MOST_VPN_CONNECTIONS)
    return missing(
      'TooManyConnections',
      `VPNService ${keyOfObject(service)} has ${MOST_VPN_CONNECTIONS} VPNConnections already: delete one, or make another Router and VPNService`,
    )
  const router = caches.routers.findByUid(service.status?.routerUID ?? '')
  const { externalIP, externalIPv6, network = '' } = service.status ?? {}
  if (!router || (externalIP ?? externalIPv6) === undefined)
    return missing('VPNServiceNotReady', `VPNService ${keyOfObject(service)} is not ready: see its conditions`)
  if (ownAddressOf(connection, service) === undefined) {
    const family = familyOf(connection.spec.peerAddress)
    const message = `Network ${network}, which Router ${keyOfObject(router)} has its gateway on, has no ${family} Subnet, or no free address there, by which peer ${connection.spec.peerAddress} could be reached: create one, or write its address of the other family`
    return missing('NoSubnet', message)
  }
  const joined = listJoined(router, caches)
  const local = chooseLocal(connection, router, joined)
  if (!local.ok) return local
  return findOverlap(connection, router, joined, caches) ?? findRival(connection, service, before) ?? local
}

/** The address of the service that a peer is set to: of its family. */
export function ownAddressOf({ spec }: VPNConnection, { status }: VPNService): string | undefined {
  return familyOf(spec.peerAddress) === 'IPv6' ? status?.externalIPv6 : status?.externalIP
}

/** Subnets that the Router joins. */
export function listJoined({ status }: Router, { subnets }: Pick<Caches, 'subnets'>): Subnet[] {
  const uids = [
    ...(status?.interfaces ?? []).map(({ subnetUID }) => subnetUID),
    ...(status?.ports ?? []).flatMap(({ fixedIPs }) => fixedIPs.map(({ subnetUID }) => subnetUID)),
  ]
  return [...new Set(uids)].flatMap((uid) => subnets.findByUid(uid) ?? [])
}

/**
 * The connections of a service that count, the oldest first: those that were let in by their Quota and say that they are its, and as many as a node is
 * told of. One walk, since a project may have written any number of them.
 */
export function listConnections(
  service: VPNService,
  { vpnConnections }: Pick<Caches, 'vpnConnections'>,
): VPNConnection[] {
  const oldest: VPNConnection[] = []
  for (const one of vpnConnections.listBy('serviceUID', service.metadata.uid)) {
    if (one.metadata.deletionTimestamp !== undefined) continue
    const at = oldest.findLastIndex((other) => isOlder(other, one)) + 1
    if (at < MOST_VPN_CONNECTIONS) oldest.splice(at, 0, one)
    if (oldest.length > MOST_VPN_CONNECTIONS) oldest.pop()
  }
  return oldest
}

/** Of the families that the peer has. */
function chooseLocal({ spec }: VPNConnection, router: Router, joined: readonly Subnet[]): Found<readonly string[]> {
  const ranges = joined.flatMap((subnet) => cidrOf(subnet) ?? [])
  const families = new Set(spec.peerCIDRs.map(familyOf))
  for (const family of families)
    if (!ranges.some((range) => familyOf(range) === family))
      return missing(
        'NoSubnet',
        `Router ${keyOfObject(router)} joins no ${family} Subnet for the ${family} ranges of spec.peerCIDRs: name one in its spec.interfaces, or leave these ranges out`,
      )
  for (const [i, cidr] of (spec.localCIDRs ?? []).entries()) {
    if (ranges.some((range) => isWithin(cidr, range))) continue
    const message = `spec.localCIDRs[${i}] ${cidr} is in no Subnet that Router ${keyOfObject(router)} joins (${ranges.sort().join(', ')}): write a range of one of these, or leave localCIDRs out`
    return missing('LocalCIDRNotRouted', message)
  }
  const local = (spec.localCIDRs ?? ranges).filter((cidr) => families.has(familyOf(cidr)))
  for (const family of families)
    if (!local.some((cidr) => familyOf(cidr) === family))
      return missing(
        'LocalCIDRNotRouted',
        `spec.localCIDRs has no ${family} range for those of spec.peerCIDRs: write one of a Subnet that Router ${keyOfObject(router)} joins, or leave localCIDRs out`,
      )
  return found([...new Set(local)].sort())
}

function isWithin(inner: string, outer: string): boolean {
  const [a, b] = [findCidr(inner), findCidr(outer)]
  return a !== undefined && b !== undefined && a.prefixLength >= b.prefixLength && areOverlapping(inner, outer)
}

/**
 * Ranges that the Router is to send to the service: of all its connections that count, with a tunnel or without, since what has none is refused there, and
 * would leave in clear anywhere else. Without those that are somebody else's, too. Pure.
 */
export function listRouted(service: VPNService, router: Router, caches: JudgeCaches): string[] {
  const joined = listJoined(router, caches)
  const ranges = new Set(listConnections(service, caches).flatMap(({ spec }) => spec.peerCIDRs))
  return [...ranges].filter((cidr) => describeOverlap(cidr, router, joined, caches) === undefined).sort()
}

function findOverlap(
  { spec }: VPNConnection,
  router: Router,
  joined: readonly Subnet[],
  caches: Pick<Caches, 'subnets'>,
): ReturnType<typeof missing> | undefined {
  for (const [i, cidr] of spec.peerCIDRs.entries()) {
    const overlap = describeOverlap(cidr, router, joined, caches)
    if (overlap !== undefined) return missing('CIDROverlap', `spec.peerCIDRs[${i}] ${cidr} ${overlap}`)
  }
  return undefined
}

/** What a packet for the range could be for as well. */
function describeOverlap(
  cidr: string,
  router: Router,
  joined: readonly Subnet[],
  { subnets }: Pick<Caches, 'subnets'>,
): string | undefined {
  const outside = subnets.listBy('network', router.status?.externalGateway?.network ?? '')
  const subnet = [...joined, ...outside].find((one) => areOverlapping(cidr, cidrOf(one) ?? ''))
  if (subnet) {
    const what = joined.includes(subnet) ? 'that its Router joins' : 'of the external Network'
    return `overlaps Subnet ${keyOfObject(subnet)} (${cidrOf(subnet) ?? ''}) ${what}: a packet could go to either; write the peer's own ranges, and give one side other addresses if both have the same`
  }
  const own = [TRANSIT, TRANSIT_V6].find((transit) => areOverlapping(cidr, transit.cidr))
  if (own) return `overlaps ${own.cidr}, which the VPN itself uses: write other ranges`
  if (router.spec.routes?.some(({ destination }) => destination === cidr))
    return `is a destination in spec.routes of Router ${keyOfObject(router)}, too: take it out there, or here`
  return undefined
}

/** Of two connections that want the same the older one has it. */
function findRival(
  connection: VPNConnection,
  service: VPNService,
  before: readonly VPNConnection[],
): ReturnType<typeof missing> | undefined {
  const secrets = new Set(before.flatMap(({ spec }) => spec.certificateSecretRef?.name ?? []))
  const own = connection.spec.certificateSecretRef?.name
  if (own !== undefined && !secrets.has(own) && secrets.size >= MOST_VPN_CERTIFICATES)
    return missing(
      'TooManyConnections',
      `VPNConnections of VPNService ${keyOfObject(service)} name ${MOST_VPN_CERTIFICATES} Secrets with certificates already: name one of these (${[...secrets].sort().join(', ')})`,
    )
  for (const other of before) {
    const name = keyOfObject(other)
    if (peerOf(other) === peerOf(connection))
      return missing(
        'PeerInUse',
        `VPNConnection ${name} is to the same peer (${peerOf(other)}): write all ranges behind it into one, or give one of the two another peerID`,
      )
    const same = describeSameIDs(connection, other, service)
    if (same !== undefined) return missing('PeerIDInUse', `VPNConnection ${name} ${same}`)
    for (const [i, cidr] of connection.spec.peerCIDRs.entries()) {
      const taken = other.spec.peerCIDRs.find((range) => areOverlapping(range, cidr))
      if (taken !== undefined)
        return missing(
          'CIDROverlap',
          `spec.peerCIDRs[${i}] ${cidr} overlaps ${taken} of VPNConnection ${name}: a packet could go to either; write it in one of them`,
        )
    }
  }
  return undefined
}

function peerOf({ spec }: VPNConnection): string {
  return `${spec.peerAddress}, ${peerIDOf(spec)}`
}

/** In one case: charon tells none apart by it. */
function peerIDOf({ peerID, peerAddress }: VPNConnection['spec']): string {
  return (peerID ?? peerAddress).toLowerCase()
}

/** Of both sides' names, whichever is whose, charon has one key: of two that are not the same it would take either for either peer. */
function describeSameIDs(connection: VPNConnection, other: VPNConnection, service: VPNService): string | undefined {
  const [own, others] = [connection, other].map(({ spec: { preSharedKeySecretRef: ref } }) =>
    ref ? `${ref.name}, key ${ref.key ?? 'psk'}` : undefined,
  )
  if (own === undefined || others === undefined || own === others) return undefined
  const [ids, theirs] = [connection, other].map((one) => {
    const localID = (one.spec.localID ?? ownAddressOf(one, service) ?? '').toLowerCase()
    return [localID, peerIDOf(one.spec)].sort().join(' and ')
  })
  if (ids === undefined || ids !== theirs) return undefined
  return `has the same localID and peerID (${ids}) with another pre-shared key (Secret ${others}), and the IKE daemon tells keys by these alone: give one of the two peers another peerID, or us another localID there, or name the same Secret and key in both`
}
