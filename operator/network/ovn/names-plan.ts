// SPDX-License-Identifier: Apache-2.0
// A network's names: one row of DNS a network, which ovn-controller answers guests' queries from, whatever server they ask. Each named port has
// its entries in it, which are written together with others' (pending-names.ts). ovn-nb(5), table DNS: a name to its addresses, and each reversed address to the name.
import ipaddr from 'ipaddr.js'
import { TransientError } from '../../../lib/errors.ts'
import { byUuid, type Mutation } from '../../../lib/ovsdb/operations.ts'
import { mapOf, readMap, readStrings, readUuids, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { normalAddress, normalDnsName } from './addresses.ts'
import { dnsNameOf, isNamesRow, partMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Records } from './pending-names.ts'
import type { Plan } from './plan.ts'

/** The network's row of names, and that its switch has it. @param held of the switch; undefined: this transaction makes it */
export function planNames(plan: Plan, networkUid: string, held: FoundRow | undefined, nb: Northbound): OvsRow {
  const [names, ...copies] = nb.names(networkUid)
  for (const copy of copies) plan.remove('DNS', copy)
  // Without `ovn-owned`: queries for other types than a name has go on to the server, which knows how to say so. OVN would refuse them.
  const row = plan.ensure('DNS', names, { options: mapOf({}), external_ids: partMark('Names', networkUid) })
  if (names) plan.rename({ row: names.uuid, had: staleOf(names, held, nb), want: {} })
  if (!held) return { dns_records: setOf([row]) }
  const there = readUuids(held.row['dns_records'])
  // Those of another network are not for these guests.
  const others = there.filter((uuid) => uuid !== names?.uuid && isNamesRow(nb.get('DNS', uuid)?.row ?? {}))
  const mutations: Mutation[] = []
  if (others.length > 0) mutations.push(['dns_records', 'delete', setOf(others.map(uuidOf))])
  if (!names || !there.includes(names.uuid)) mutations.push(['dns_records', 'insert', setOf([row])])
  if (mutations.length > 0) plan.push({ op: 'mutate', table: 'Logical_Switch', where: byUuid(held.uuid), mutations })
  return {}
}

/** DNS rows are roots: they do not go with their switch. */
export function planNamesRemoval(plan: Plan, networkUid: string, nb: Northbound): void {
  for (const names of nb.names(networkUid)) plan.remove('DNS', names)
}

/**
 * The port's entries, in place of those that it had.
 * @throws TransientError while the network has no row of names, as one from before there were names until it is ensured
 */
export function planPortNames(plan: Plan, want: LogicalPort, held: FoundRow | undefined, nb: Northbound): void {
  const [names] = nb.names(want.networkUid)
  if (names) plan.rename({ row: names.uuid, had: held ? recordsOf(held.row) : {}, want: wantedRecords(want) })
  else if (want.dnsName !== undefined)
    throw new TransientError('NetworkNotReady', `network ${want.networkUid} has no names in OVN yet`)
}

export function planPortNamesRemoval(plan: Plan, held: FoundRow, nb: Northbound): void {
  for (const uuid of nb.switchesOf(held.uuid)) {
    for (const row of readUuids(nb.get('Logical_Switch', uuid)?.row['dns_records'])) {
      const names = nb.get('DNS', row)
      if (names && isNamesRow(names.row)) plan.rename({ row, had: recordsOf(held.row), want: {} })
    }
  }
}

function wantedRecords({ dnsName, fixedIPs }: LogicalPort): Records {
  return dnsName === undefined
    ? {}
    : toRecords(
        normalDnsName(dnsName),
        fixedIPs.map(({ address }) => normalAddress(address)),
      )
}

/** What the row of a port says that it has. */
function recordsOf(row: OvsRow): Records {
  const name = dnsNameOf(row)
  const [, ...addresses] = readStrings(row['addresses'])[0]?.split(' ') ?? []
  return name === undefined ? {} : toRecords(name, addresses)
}

/** Pure. */
export function toRecords(name: string, addresses: readonly string[]): Records {
  const known = addresses.filter((address) => ipaddr.isValid(address))
  if (known.length === 0) return {}
  return { [name]: known.join(' '), ...Object.fromEntries(known.map((address) => [reverseName(address), name])) }
}

/** RFC 1035 section 3.5, RFC 3596 section 2.5. */
function reverseName(address: string): string {
  const parsed = ipaddr.parse(address)
  if (parsed.kind() === 'ipv4') return `${parsed.toByteArray().reverse().join('.')}.in-addr.arpa`
  const digits = parsed
    .toByteArray()
    .reverse()
    .flatMap((byte) => [byte & 15, byte >> 4])
  return `${digits.map((digit) => digit.toString(16)).join('.')}.ip6.arpa`
}

/** Entries that no port of the switch has, such as of a row that another hand removed. */
function staleOf(names: FoundRow, held: FoundRow | undefined, nb: Northbound): Records {
  const isKnown = ([key, value]: [string, string]): boolean =>
    nb
      .portsNamed(isReverse(key) ? value : key)
      .some((port) => held && nb.isOn(held.uuid, port.uuid) && recordsOf(port.row)[key] !== undefined)
  return Object.fromEntries(Object.entries(readMap(names.row['records'])).filter((entry) => !isKnown(entry)))
}

function isReverse(name: string): boolean {
  return name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')
}
