// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { Multimap } from '../../../lib/multimap.ts'
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { isSameValue, readString, readUuids, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { OwnedRow } from '../network-driver.ts'
import type { LogicalKind } from '../logical-kinds.ts'
import { readTimers } from './failover-timers.ts'
import { announcedSubnetOf, dhcpPortOf, dnsNameOf, namedNetworkOf, readMark, routerOfNextHop, vpnOf } from './marks.ts'
import { BALANCER_PREFIX, FIREWALL_PREFIX, NORTHBOUND_TABLES, type NorthboundTable } from './northbound-tables.ts'

const NAMED = [
  'Logical_Switch_Port',
  'Port_Group',
  'Address_Set',
  'Logical_Router',
  'Logical_Router_Port',
  'Gateway_Chassis',
  'HA_Chassis_Group',
  'Meter',
] as const
type NamedTable = (typeof NAMED)[number]
/** Tables whose rows have ports. */
const HOLDERS = ['Logical_Switch', 'Port_Group', 'Logical_Router'] as const
/** Columns that name rows of their own. Those that are not reported by their members are few enough to be compared whole. */
const PARTS = [
  ['Logical_Router', 'nat'],
  ['Logical_Router', 'load_balancer'],
  ['Logical_Switch', 'load_balancer'],
  ['Logical_Switch', 'qos_rules'],
] as const
const NO_CHANGE = { added: [], removed: [] } as const
export type PartsHolder = (typeof PARTS)[number][0]

/** The table in which rows of each kind live: a row with the kind's mark in another table does not count. */
export type TableOfKind = Readonly<Record<LogicalKind, { readonly table: NorthboundTable }>>

export interface FoundRow {
  uuid: string
  row: OvsRow
}

/**
 * The northbound mirror with indexes, so that a planner's cost does not grow with the number of rows: by mark, by name, and the
 * switches and port groups of a port. Updates cost only what changed, since the group of all guarded ports may hold every port.
 */
export class Northbound {
  readonly #rows: (table: string) => ReadonlyMap<string, OvsRow>
  readonly #kinds: TableOfKind
  readonly #byMark = new Multimap()
  readonly #byName = new Map<string, string>()
  /** By table, then by the uuid of a port's row: the rows that have it among their ports. */
  readonly #holders = new Map<string, Multimap>(HOLDERS.map((table) => [table, new Multimap()]))

  /** By DNS name: the rows of ports that say that they have it. */
  readonly #claimers = new Multimap()
  /** Rows of BFD, by their port's name and by the router of their mark. */
  readonly #sessions = new Multimap()
  /** By table and the uuid of a part (a translation, a balancer): the rows that have it. */
  readonly #partHolders = new Multimap()
  /** The ports of such a group, by the uuid of its row. Of the others nobody asks, and they have many. */
  readonly #listed = new Multimap()

  constructor(rows: (table: string) => ReadonlyMap<string, OvsRow>, kinds: TableOfKind) {
    this.#rows = rows
    this.#kinds = kinds
    for (const table of Object.keys(NORTHBOUND_TABLES)) {
      this.update([...rows(table)].map(([uuid, after]) => ({ table, uuid, after, ...membersOf(after) })))
    }
  }

  update(changes: readonly RowChange[]): void {
    for (const change of changes) {
      this.#mark(change)
      this.#claim(change)
      this.#watchHop(change)
      this.#unname(change)
      this.#move(change)
    }
    // Changes come row by row, so two rows may briefly share a name: the mirror has the final word.
    for (const { table, uuid, after } of changes) {
      if (after && isNamed(table)) this.#byName.set(nameKey(table, after), uuid)
    }
  }

  /** The row of ours for a resource; of several (a foreign copy) the first that `all` gives. */
  find(kind: LogicalKind, uid: string): FoundRow | undefined {
    return this.all(kind, uid)[0]
  }

  /**
   * All rows that claim to be this resource's; more than one is drift. The one with our name comes first, since guests hang on it, then
   * by uuid, so that the order is stable.
   */
  all(kind: LogicalKind, uid: string): FoundRow[] {
    const uuids = this.#byMark.get(`${kind}/${uid}`).sort()
    const rows = uuids.flatMap((uuid) => this.get(this.#kinds[kind].table, uuid) ?? [])
    const isNamed = ({ row }: FoundRow) => readString(row['name']) === uid
    return [...rows.filter(isNamed), ...rows.filter((row) => !isNamed(row))]
  }

  /** Rows that claim to announce the subnet, whatever they are called. */
  announcers(subnetUid: string): FoundRow[] {
    const uuids = this.#byMark.get(`Announcer/${subnetUid}`).sort()
    return uuids.flatMap((uuid) => this.get('Logical_Router', uuid) ?? [])
  }

  /** Rows of BFD at a router's port, or with the router's mark. */
  sessions(port: string, routerUid: string): FoundRow[] {
    const uuids = [port, markedSession(routerUid)].flatMap((key) => this.#sessions.get(key))
    return [...new Set(uuids)].sort().flatMap((uuid) => this.get('BFD', uuid) ?? [])
  }

  /** Rows that claim to hold the names of a network. */
  names(networkUid: string): FoundRow[] {
    const uuids = this.#byMark.get(`Names/${networkUid}`).sort()
    return uuids.flatMap((uuid) => this.get('DNS', uuid) ?? [])
  }

  /** Rows that claim to be DHCP options of this port alone. */
  ownDhcp(portUid: string): FoundRow[] {
    const uuids = this.#byMark.get(`PortDHCP/${portUid}`).sort()
    return uuids.flatMap((uuid) => this.get('DHCP_Options', uuid) ?? [])
  }

  /** Ends of a VPN's link on its own switch: the router's, and the namespace's on whatever node. */
  vpnPorts(vpnUid: string): FoundRow[] {
    const uuids = this.#byMark.get(`VPNPort/${vpnUid}`).sort()
    return uuids.flatMap((uuid) => this.get('Logical_Switch_Port', uuid) ?? [])
  }

  findNamed(table: NamedTable, name: string): FoundRow | undefined {
    const uuid = this.#byName.get(`${table}/${name}`)
    return uuid === undefined ? undefined : this.get(table, uuid)
  }

  get(table: NorthboundTable, uuid: string): FoundRow | undefined {
    const row = this.#rows(table).get(uuid)
    return row && { uuid, row }
  }

  /** Ports whose rows say that they have a name, of whatever network. */
  portsNamed(name: string): FoundRow[] {
    return this.#claimers.get(name).flatMap((uuid) => this.get('Logical_Switch_Port', uuid) ?? [])
  }

  /** Port groups that hold a port, by the row uuids of both. */
  groupsOf(portUuid: string): FoundRow[] {
    const holders = this.#holders.get('Port_Group')?.get(portUuid) ?? []
    return [...holders].flatMap((uuid) => this.get('Port_Group', uuid) ?? [])
  }

  /** Rows of the ports of a firewall's or balancer's group, by the uuid of its row. */
  portsOfGroup(groupUuid: string): string[] {
    return this.#listed.get(groupUuid)
  }

  /** Whether a port's row is one of the switch's, by the uuids of both. */
  isOn(switchUuid: string, portUuid: string): boolean {
    return this.#holders.get('Logical_Switch')?.has(portUuid, switchUuid) ?? false
  }

  /** All of them, by uuid. */
  switchesOf(portUuid: string): string[] {
    return [...(this.#holders.get('Logical_Switch')?.get(portUuid) ?? [])]
  }

  /** Routers that have a router port, by its row's uuid: the database lets it be several. */
  routersOf(portUuid: string): string[] {
    return [...(this.#holders.get('Logical_Router')?.get(portUuid) ?? [])]
  }

  /** Rows of the table that have a translation or a balancer, by its row's uuid: the database lets it be several. */
  holdersOf(table: PartsHolder, partUuid: string): string[] {
    return this.#partHolders.get(`${table}/${partUuid}`)
  }

  /** Names of all switch ports, ours or not. */
  portNames(): string[] {
    return [...this.#rows('Logical_Switch_Port').values()].flatMap((row) => readString(row['name']) ?? [])
  }

  /** All router ports, ours or not. */
  routerPorts(): OvsRow[] {
    return [...this.#rows('Logical_Router_Port').values()]
  }

  global(): FoundRow | undefined {
    for (const [uuid, row] of this.#rows('NB_Global')) return { uuid, row }
    return undefined
  }

  /** One for each resource: some have several rows. */
  owned(): OwnedRow[] {
    const tables = new Set(Object.values(this.#kinds).map(({ table }) => table))
    const marks = [...tables].flatMap((table) =>
      [...this.#rows(table).values()].flatMap((row) => {
        const mark = readMark(row)
        return mark && this.#kinds[mark.kind].table === table ? mark : []
      }),
    )
    return [...new Map(marks.map((mark) => [`${mark.kind}/${mark.uid}`, mark])).values()]
  }

  // A key that stays is not deleted and reinserted: a Map keeps deleted entries in its chains until it is rehashed, so in a large one
  // each such change would take longer than the last.

  #mark({ table, uuid, before, after }: RowChange): void {
    const old = before && this.#markKey(table, before)
    const now = after && this.#markKey(table, after)
    if (old === now) return
    if (old !== undefined) this.#byMark.delete(old, uuid)
    if (now !== undefined) this.#byMark.add(now, uuid)
  }

  #claim({ table, uuid, before, after }: RowChange): void {
    if (table !== 'Logical_Switch_Port') return
    const [old, now] = [before, after].map((row) => row && dnsNameOf(row))
    if (old === now) return
    if (old !== undefined) this.#claimers.delete(old, uuid)
    if (now !== undefined) this.#claimers.add(now, uuid)
  }

  #watchHop({ table, uuid, before, after }: RowChange): void {
    if (table !== 'BFD') return
    for (const key of before ? sessionKeys(before) : []) this.#sessions.delete(key, uuid)
    for (const key of after ? sessionKeys(after) : []) this.#sessions.add(key, uuid)
  }

  /** Undefined when a mark stands in a table where its kind does not live. */
  #markKey(table: string, row: OvsRow): string | undefined {
    const named = table === 'DNS' ? namedNetworkOf(row) : undefined
    if (named !== undefined) return `Names/${named}`
    const announced = table === 'Logical_Router' ? announcedSubnetOf(row) : undefined
    if (announced !== undefined) return `Announcer/${announced}`
    const owner = table === 'DHCP_Options' ? dhcpPortOf(row) : undefined
    if (owner !== undefined) return `PortDHCP/${owner}`
    const vpn = table === 'Logical_Switch_Port' ? vpnOf(row, 'VPNPort') : undefined
    if (vpn !== undefined) return `VPNPort/${vpn}`
    const mark = readMark(row)
    return mark && this.#kinds[mark.kind].table === table ? `${mark.kind}/${mark.uid}` : undefined
  }

  #move({ table, uuid, before, after, members }: RowChange): void {
    const holders = this.#holders.get(table)
    // A router has few ports, which stand in its row; a change of those of the others comes as what came and went.
    const ports = table === 'Logical_Router' ? differenceOf('ports', before, after) : members?.['ports']
    for (const [holder, column] of PARTS) {
      if (holder !== table) continue
      const { added, removed } =
        column === 'qos_rules' ? (members?.[column] ?? NO_CHANGE) : differenceOf(column, before, after)
      for (const part of removed) this.#partHolders.delete(`${table}/${part}`, uuid)
      for (const part of added) this.#partHolders.add(`${table}/${part}`, uuid)
    }
    if (!holders || !ports) return
    for (const port of ports.removed) holders.delete(port, uuid)
    for (const port of ports.added) holders.add(port, uuid)
    if (table !== 'Port_Group' || !isListed(readString((after ?? before)?.['name']) ?? '')) return
    for (const port of ports.removed) this.#listed.delete(uuid, port)
    for (const port of ports.added) this.#listed.add(uuid, port)
  }

  #unname({ table, uuid, before, after }: RowChange): void {
    if (!before || !isNamed(table)) return
    const old = nameKey(table, before)
    if (after && nameKey(table, after) === old) return
    if (this.#byName.get(old) === uuid) this.#byName.delete(old)
  }
}

function isListed(group: string): boolean {
  return group.startsWith(FIREWALL_PREFIX) || group.startsWith(BALANCER_PREFIX)
}

/** Any change except one to NB_Global that leaves alone what we have there, such as northd's sign of life. */
export function isDisturbance({ table, before, after }: RowChange): boolean {
  if (table !== 'NB_Global' || !before || !after) return true
  if (!isDeepStrictEqual(readTimers(before), readTimers(after))) return true
  return !isSameValue(before['external_ids'] ?? setOf([]), after['external_ids'] ?? setOf([]))
}

/** Of a row that was given whole. */
function membersOf(row: OvsRow): Pick<RowChange, 'members'> {
  const there = ['ports', 'qos_rules'].filter((column) => row[column] !== undefined)
  const members = there.map((column) => [column, { added: readUuids(row[column]), removed: [] }] as const)
  return there.length === 0 ? {} : { members: Object.fromEntries(members) }
}

function differenceOf(
  column: 'ports' | (typeof PARTS)[number][1],
  before: OvsRow | undefined,
  after: OvsRow | undefined,
) {
  const [old, now] = [before, after].map((row) => new Set(row?.[column] === undefined ? [] : readUuids(row[column])))
  return {
    added: [...(now ?? [])].filter((uuid) => !old?.has(uuid)),
    removed: [...(old ?? [])].filter((uuid) => !now?.has(uuid)),
  }
}

function sessionKeys(row: OvsRow): string[] {
  const router = routerOfNextHop(row)
  return [readString(row['logical_port']) ?? '', ...(router === undefined ? [] : [markedSession(router)])]
}

/** No port has such a name. */
function markedSession(routerUid: string): string {
  return `mark/${routerUid}`
}

function isNamed(table: string): boolean {
  return (NAMED as readonly string[]).includes(table)
}

function nameKey(table: string, row: OvsRow): string {
  return `${table}/${readString(row['name']) ?? ''}`
}
