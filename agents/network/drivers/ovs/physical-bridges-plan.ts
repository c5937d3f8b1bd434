// SPDX-License-Identifier: Apache-2.0
// The bridges by which the node is connected to physical networks, and what ovn-controller is told of them.
import { createHash } from 'node:crypto'
import { byUuid, type Operation } from '../../../../lib/ovsdb/operations.ts'
import {
  EMPTY_SET,
  isSameValue,
  mapOf,
  namedUuid,
  readMap,
  readNumber,
  readString,
  readUuids,
  setOf,
  uuidOf,
} from '../../../../lib/ovsdb/values.ts'
import type { Datapath } from './datapath.ts'
import { findByName, rootRow, type SwitchRow, type SwitchView } from './switch-database.ts'

/** Our mark on bridges and ports: the physical network that they are for. What has no mark is the host's. */
const MARK = 'nephele_physical_network'
/** Of the device that the port was made for. */
const IFINDEX = 'nephele_ifindex'
/** ovn-controller(8). */
const MAPPINGS = 'ovn-bridge-mappings'
const MACS = 'ovn-chassis-mac-mappings'

/** A physical network that the node can be connected to. */
export interface PhysicalConnection {
  name: string
  bridge: string
  /** The port of a bridge that we make and own; absent: the bridge is the host's, and only mapped. */
  interface?: string
  /** The bridge is an SDN controller's, and none of OVN's. */
  isControlled?: true
  /** Of the interface, for a port that is to be made. */
  ifindex?: number | undefined
}

export interface PhysicalBridges {
  node: string
  datapath: Datapath
  connections: readonly PhysicalConnection[]
}

/** Of the bridge that we make: names of physical networks are longer than Linux lets devices be. */
export function ownBridgeName(physicalNetwork: string): string {
  return `nx-${createHash('sha256').update(physicalNetwork).digest('hex').slice(0, 8)}`
}

/** The physical network that a bridge or port was made for; undefined for those of the host. */
export function markOf({ row }: SwitchRow): string | undefined {
  return readMap(row['external_ids'])[MARK]
}

/**
 * By which a distributed router's packets leave this node on a VLAN: with the router's own, the physical network would see one MAC at
 * several places. The same at each start, locally administered.
 */
export function chassisMac(node: string, physicalNetwork: string): string {
  const bytes = createHash('sha256').update(`${node}/${physicalNetwork}`).digest().subarray(0, 6)
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** The operations that make bridges and mappings as wanted; none when they are. Bridges without our mark are never changed. */
export function planPhysicalBridges(view: SwitchView, want: PhysicalBridges): Operation[] {
  return [...planRemoval(view, want), ...want.connections.flatMap(planBridge(view, want)), ...planMappings(view, want)]
}

/** The same a step at a time, for when the switch refuses the whole: what is no longer wanted, each physical network, the mappings. */
interface PhysicalBridgesSteps {
  removal: Operation[]
  each: { name: string; operations: Operation[] }[]
  /** To be planned once the others are done. */
  mappings: (view: SwitchView) => Operation[]
}

export function planStepwise(view: SwitchView, want: PhysicalBridges): PhysicalBridgesSteps {
  const plan = planBridge(view, want)
  const isThere = (now: SwitchView) => (c: PhysicalConnection) => findByName(now, 'Bridge', c.bridge) !== undefined
  return {
    removal: planRemoval(view, want),
    each: want.connections.map((c, index) => ({ name: c.name, operations: plan(c, index) })),
    mappings: (now) => planMappings(now, { ...want, connections: want.connections.filter(isThere(now)) }),
  }
}

/** Interfaces in bridges of ours, which we gave them. */
export function listOwnInterfaces(view: SwitchView): string[] {
  const own = listRows(view, 'Bridge').filter((bridge) => markOf(bridge) !== undefined)
  return own.flatMap((bridge) =>
    portsOf(view, bridge).flatMap((port) =>
      markOf(port) === undefined || nameOf(port) === nameOf(bridge) ? [] : [nameOf(port)],
    ),
  )
}

function planRemoval(view: SwitchView, { connections }: PhysicalBridges): Operation[] {
  const kept = new Set(connections.flatMap((c) => (c.interface === undefined ? [] : c.bridge)))
  const extra = listRows(view, 'Bridge').filter((b) => markOf(b) !== undefined && !kept.has(nameOf(b)))
  if (extra.length === 0) return []
  const mutations = [['bridges', 'delete', setOf(extra.map(({ uuid }) => uuidOf(uuid)))]] as const
  return [{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations }]
}

/** Without a fail_mode it switches by itself (NORMAL), until a controller says more: nobody is one of it. */
function planBridge(view: SwitchView, { datapath }: PhysicalBridges) {
  return (connection: PhysicalConnection, index: number): Operation[] => {
    if (connection.interface === undefined) return []
    const { name, bridge } = connection
    const row = { datapath_type: datapath, fail_mode: EMPTY_SET }
    const held = findByName(view, 'Bridge', bridge)
    if (!held) {
      const own = insertPort(`own${index}`, bridge, { [MARK]: name }, { type: 'internal' })
      const outer = insertPort(`outer${index}`, connection.interface, marksOf(connection))
      const ports = setOf([own.port, outer.port])
      const made = namedUuid(`bridge${index}`)
      return [
        ...own.operations,
        ...outer.operations,
        {
          ...{ op: 'insert', table: 'Bridge', 'uuid-name': made[1] },
          row: { name: bridge, ...row, external_ids: mapOf({ [MARK]: name }), ports },
        },
        { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['bridges', 'insert', setOf([made])]] },
      ]
    }
    const isSame = isSameValue(held.row['datapath_type'] ?? '', datapath) && isEmpty(held.row['fail_mode'])
    return [
      ...(isSame ? [] : [{ op: 'update', table: 'Bridge', where: byUuid(held.uuid), row } as const]),
      ...(markOf(held) === name ? [] : [setKeys('Bridge', byUuid(held.uuid), { [MARK]: name })]),
      ...planOuterPort(view, held, connection, `outer${index}`),
    ]
  }
}

/** Ports without our mark stay: ovn-controller's patch ports are among them, and what somebody added to look at the traffic. */
function planOuterPort(
  view: SwitchView,
  bridge: SwitchRow,
  connection: PhysicalConnection,
  label: string,
): Operation[] {
  const device = connection.interface ?? ''
  const held = portsOf(view, bridge)
  const extra = held.filter((p) => markOf(p) && ![device, nameOf(bridge)].includes(nameOf(p)))
  const mutate = (mutator: 'insert' | 'delete', ports: Parameters<typeof setOf>[0]): Operation => ({
    ...{ op: 'mutate', table: 'Bridge', where: byUuid(bridge.uuid) },
    mutations: [['ports', mutator, setOf(ports)]],
  })
  const removal = extra.length > 0 ? [mutate('delete', extra.map(({ uuid }) => uuidOf(uuid)))] : [] // prettier-ignore
  if (held.some((p) => nameOf(p) === device)) return removal
  const { operations, port } = insertPort(label, device, marksOf(connection))
  return [...removal, ...operations, mutate('insert', [port])]
}

function planMappings(view: SwitchView, { node, connections }: PhysicalBridges): Operation[] {
  const held = readMap(rootRow(view)?.row['external_ids'])
  const sorted = connections.filter((c) => !c.isControlled).sort((a, b) => (a.name < b.name ? -1 : 1))
  const wanted = {
    [MAPPINGS]: sorted.map((c) => `${c.name}:${c.bridge}`).join(','),
    [MACS]: sorted.map((c) => `${c.name}:${chassisMac(node, c.name)}`).join(','),
  }
  const changed = Object.entries(wanted).filter(([key, value]) => (held[key] ?? '') !== value)
  return changed.length > 0 ? [setKeys('Open_vSwitch', [], Object.fromEntries(changed))] : []
}

/** An empty value removes the key. */
function setKeys(
  table: 'Bridge' | 'Open_vSwitch',
  where: ReturnType<typeof byUuid>,
  entries: Readonly<Record<string, string>>,
): Operation {
  const kept = Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== ''))
  return {
    ...{ op: 'mutate', table, where },
    mutations: [
      ['external_ids', 'delete', setOf(Object.keys(entries))],
      ['external_ids', 'insert', mapOf(kept)],
    ],
  }
}

function marksOf({ name, ifindex }: PhysicalConnection): Record<string, string | undefined> {
  return { [MARK]: name, [IFINDEX]: ifindex === undefined ? undefined : String(ifindex) }
}

function insertPort(
  label: string,
  name: string,
  marks: Readonly<Record<string, string | undefined>>,
  more: { type?: string } = {},
) {
  const [iface, port] = [namedUuid(`${label}iface`), namedUuid(`${label}port`)]
  const row = { name, interfaces: iface, external_ids: mapOf(marks) }
  const operations: Operation[] = [
    { op: 'insert', table: 'Interface', 'uuid-name': iface[1], row: { name, ...more } },
    { op: 'insert', table: 'Port', 'uuid-name': port[1], row },
  ]
  return { operations, port }
}

/**
 * Ports of ours whose interface is another device than the one that they were made for: in the switch's own datapath such a port is dead,
 * while the switch says that all is well. To be removed, and made again once the switch has noticed.
 */
export function planStalePorts(view: SwitchView): Operation[] {
  return listRows(view, 'Bridge').flatMap((bridge): Operation[] => {
    if (markOf(bridge) === undefined) return []
    const stale = portsOf(view, bridge).filter((port) => {
      const made = readMap(port.row['external_ids'])[IFINDEX]
      const now = ifindexOf(view, nameOf(port))
      return made !== undefined && now !== undefined && now !== 0 && String(now) !== made
    })
    if (stale.length === 0) return []
    const mutations = [['ports', 'delete', setOf(stale.map(({ uuid }) => uuidOf(uuid)))]] as const
    return [{ op: 'mutate', table: 'Bridge', where: byUuid(bridge.uuid), mutations }]
  })
}

/** Zero when the switch has the port and the node has no such device any more. */
export function ifindexOf(view: SwitchView, device: string): number | undefined {
  return readNumber(findByName(view, 'Interface', device)?.row['ifindex'])
}

export function listRows(view: SwitchView, table: 'Bridge' | 'Port'): SwitchRow[] {
  return [...view.rows(table)].map(([uuid, row]) => ({ uuid, row }))
}

export function portsOf(view: SwitchView, bridge: SwitchRow): SwitchRow[] {
  return readUuids(bridge.row['ports']).flatMap((uuid) => {
    const row = view.rows('Port').get(uuid)
    return row ? [{ uuid, row }] : []
  })
}

export function nameOf({ row }: SwitchRow): string {
  return readString(row['name']) ?? ''
}

function isEmpty(value: SwitchRow['row'][string] | undefined): boolean {
  return isSameValue(value ?? EMPTY_SET, EMPTY_SET)
}
