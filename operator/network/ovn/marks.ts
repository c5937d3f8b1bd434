// SPDX-License-Identifier: Apache-2.0
import { mapOf, readMap, type OvsMap, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { OwnedRow } from '../network-driver.ts'
import { LOGICAL_KINDS } from '../logical-kinds.ts'

/** NB names are not unique and can be changed by anyone: only these keys of `external_ids` say what is ours. */
const KEYS = {
  kind: 'nephele_kind',
  uid: 'nephele_uid',
  namespace: 'nephele_namespace',
  name: 'nephele_name',
  generation: 'nephele_generation',
} as const

/**
 * Key of external_ids of a port, which northd copies to its binding: the chassis that could claim it before and has not released it yet.
 * The southbound role has the same word.
 */
export const FORMER = 'nephele_former'

/** Key of external_ids of a port: the name that it has in its network's row of names. */
export const DNS_NAME = 'nephele_dns_name'

/** The name that a port's row says it has. */
export function dnsNameOf(row: OvsRow): string | undefined {
  return readMap(row['external_ids'])[DNS_NAME]
}

export function markOf({ kind, uid, namespace, name, generation }: OwnedRow): OvsMap {
  return mapOf({
    [KEYS.kind]: kind,
    [KEYS.uid]: uid,
    [KEYS.namespace]: namespace,
    [KEYS.name]: name,
    [KEYS.generation]: String(generation),
  })
}

/**
 * The mark of rows that are parts of others of ours: a network's metadata port, its names and its way to the physical network, an IPv6 subnet's
 * announcer, a router's ports, routes, next hops, senders, gateway and translations, of the group of all guarded ports, the limits of a group's log, of the nodes that serve a host outside, of
 * a port's own DHCP options, and the link and routes of a VPN. Never listed as owned.
 */
export function partMark(
  part:
    | 'MetadataPort'
    | 'LocalnetPort'
    | 'Names'
    | 'GuardGroup'
    | 'Rule'
    | 'Announcer'
    | 'RouterPort'
    | 'Route'
    | 'NextHop'
    | 'Sender'
    | 'Gateway'
    | 'PortServers'
    | 'PortDHCP'
    | 'SNAT'
    | 'HealthMonitor'
    | 'Hairpins'
    | 'LogMeter'
    | 'VPNPort'
    | 'VPNRoute',
  uid: string,
): OvsMap {
  return mapOf({ [KEYS.kind]: part, [KEYS.uid]: uid })
}

/** Whether a row has the mark of a network's names. */
export function isNamesRow(row: OvsRow): boolean {
  return namedNetworkOf(row) !== undefined
}

/** UID of the network whose names a row holds, if it has the mark. */
export function namedNetworkOf(row: OvsRow): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === 'Names' ? ids[KEYS.uid] : undefined
}

/** UID of the VPN whose link or routes a row is of. */
export function vpnOf(row: OvsRow, part: 'VPNPort' | 'VPNRoute'): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === part ? ids[KEYS.uid] : undefined
}

/** UID of the subnet that a row announces, if it has an announcer's mark. */
export function announcedSubnetOf(row: OvsRow): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === 'Announcer' ? ids[KEYS.uid] : undefined
}

/** UID of the router whose port, or whose port's end on a switch, a row says it is. */
export function routerOfPort(row: OvsRow): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === 'RouterPort' ? ids[KEYS.uid] : undefined
}

/** UID of the router that a row of a next hop's BFD says it is of, if it has that mark. */
export function routerOfNextHop(row: OvsRow): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === 'NextHop' ? ids[KEYS.uid] : undefined
}

/** UID of the port whose own DHCP options a row holds, if it has the mark. */
export function dhcpPortOf(row: OvsRow): string | undefined {
  const ids = readMap(row['external_ids'])
  return ids[KEYS.kind] === 'PortDHCP' ? ids[KEYS.uid] : undefined
}

export function readMark(row: OvsRow): OwnedRow | undefined {
  const ids = readMap(row['external_ids'])
  const kind = LOGICAL_KINDS.find((known) => known === ids[KEYS.kind])
  const uid = ids[KEYS.uid]
  if (!kind || !uid) return undefined
  const generation = Number(ids[KEYS.generation] ?? 0)
  return { kind, uid, namespace: ids[KEYS.namespace] ?? '', name: ids[KEYS.name] ?? '', generation }
}
