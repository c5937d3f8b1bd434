// SPDX-License-Identifier: Apache-2.0
// What one node's bridge has to do: an Ethernet segment for each Network, joined to the other nodes by VXLAN. Pure.
import { createHash } from 'node:crypto'

/** A Network of ours. */
export interface Segment {
  uid: string
  created: string
}

/** A Port on one of them that has a place. */
export interface Station {
  uid: string
  networkUid: string
  mac: string
  node: string
  created: string
}

/** A node with the bridge, and where its tunnels end. */
export interface Peer {
  node: string
  address: string
}

/** An interface in this node's bridge that waits for our word. */
export interface LocalInterface {
  name: string
  ofport: number
  portUid: string
  networkUid: string
}

export interface Fabric {
  node: string
  /** The most Ports that a Network may have here. */
  mostPorts: number
  segments: readonly Segment[]
  stations: readonly Station[]
  peers: readonly Peer[]
  interfaces: readonly LocalInterface[]
  /** Number of the tunnel to each node, in this bridge. */
  tunnels: ReadonlyMap<string, number>
}

export interface Program {
  /** As `ovs-ofctl replace-flows` reads them. */
  flows: string[]
  /** By name of the interface: undefined, it is programmed; else why it is not. */
  words: Map<string, string | undefined>
}

/** Where a packet came from, in register 0: one from a tunnel never goes into another one. */
const FROM_HERE = 1
const FROM_TUNNEL = 2
const GROUP_MAC = '01:00:00:00:00:00/01:00:00:00:00:00'

export function planProgram(fabric: Fabric): Program {
  const { interfaces, tunnels } = fabric
  const numbers = numberSegments(fabric.segments)
  const admitted = admit(fabric)
  const words = new Map<string, string | undefined>()
  const flows: string[] = []
  const there = interfaces.filter((one) => {
    const why = whyNot(one, numbers, admitted)
    words.set(one.name, why)
    return why === undefined
  })
  for (const uid of new Set(there.map(({ networkUid }) => networkUid))) {
    const vni = numbers.get(uid) ?? 0
    const own = there.filter(({ networkUid }) => networkUid === uid)
    const remote = [...admitted.values()].filter(({ networkUid, node }) => networkUid === uid && tunnels.has(node))
    const ways = [...new Set(remote.map(({ node }) => tunnels.get(node)))].sort()
    const here = own.map(({ ofport }) => `output:${ofport}`)
    for (const { ofport } of own)
      flows.push(
        `table=0,priority=100,in_port=${ofport},actions=set_field:${vni}->tun_id,set_field:${FROM_HERE}->reg0,resubmit(,1)`,
      )
    for (const tunnel of tunnels.values())
      flows.push(
        `table=0,priority=100,in_port=${tunnel},tun_id=${vni},actions=set_field:${FROM_TUNNEL}->reg0,resubmit(,1)`,
      )
    for (const { portUid, ofport } of own)
      flows.push(`table=1,priority=100,tun_id=${vni},dl_dst=${admitted.get(portUid)?.mac},actions=output:${ofport}`)
    for (const { mac, node } of remote)
      flows.push(
        `table=1,priority=90,tun_id=${vni},reg0=${FROM_HERE},dl_dst=${mac},actions=output:${tunnels.get(node)}`,
      )
    const everywhere = [...here, ...ways.map((way) => `output:${way}`)].join(',')
    flows.push(`table=1,priority=50,tun_id=${vni},reg0=${FROM_HERE},dl_dst=${GROUP_MAC},actions=${everywhere}`)
    flows.push(`table=1,priority=50,tun_id=${vni},reg0=${FROM_TUNNEL},dl_dst=${GROUP_MAC},actions=${here.join(',')}`)
  }
  return { flows: flows.sort(), words }
}

/** Name of the port of the tunnel to a node: devices have at most 15 characters. */
export function tunnelName(node: string): string {
  return `vx-${createHash('sha256').update(node).digest('hex').slice(0, 10)}`
}

/** VXLAN's number of each Network: the same on every node, and of two Networks that would have the same one the older has it. */
function numberSegments(segments: readonly Segment[]): Map<string, number> {
  const numbers = new Map<string, number>()
  const taken = new Set<number>()
  for (const { uid } of [...segments].sort(byAge)) {
    const number = createHash('sha256').update(uid).digest().readUIntBE(0, 3)
    if (number === 0 || taken.has(number)) continue
    taken.add(number)
    numbers.set(uid, number)
  }
  return numbers
}

/** The Ports that have room, by UID: the oldest of each Network. */
function admit({ stations, mostPorts }: Fabric): Map<string, Station> {
  const counts = new Map<string, number>()
  const admitted = new Map<string, Station>()
  for (const station of [...stations].sort(byAge)) {
    const count = (counts.get(station.networkUid) ?? 0) + 1
    counts.set(station.networkUid, count)
    if (count <= mostPorts) admitted.set(station.uid, station)
  }
  return admitted
}

function whyNot(
  { portUid, networkUid }: LocalInterface,
  numbers: ReadonlyMap<string, number>,
  admitted: ReadonlyMap<string, Station>,
): string | undefined {
  if (!numbers.has(networkUid))
    return 'its Network is not one of this controller, or has the VXLAN number of an older one'
  return admitted.has(portUid) ? undefined : 'its Network has as many Ports as this fabric takes: delete one of them'
}

function byAge(a: { created: string; uid: string }, b: { created: string; uid: string }): number {
  return `${a.created} ${a.uid}` < `${b.created} ${b.uid}` ? -1 : 1
}
