// SPDX-License-Identifier: Apache-2.0
// Which of the physical networks in a node's document it can be connected to, and what is wrong with the others. Pure.
import { readNumber, readString } from '../../../../lib/ovsdb/values.ts'
import type { NodeSpec } from '../../../../lib/contract/documents.ts'
import type { HostInterface } from '../../host-interfaces.ts'
import { chooseDatapath } from './datapath.ts'
import { ifindexOf, markOf, nameOf, ownBridgeName, portsOf, type PhysicalConnection } from './physical-bridges-plan.ts'
import { INTEGRATION_BRIDGE } from './plug-plan.ts'
import { findByName, holdersOf, type SwitchView } from './switch-database.ts'

export type PhysicalNetwork = NonNullable<NodeSpec['physicalNetworks']>[number]

export interface Verdict {
  name: string
  /** Absent: nothing is made for it, and what was made is removed. */
  connection?: PhysicalConnection
  /** Why no packet of it passes, and what helps. With a connection: it stays, since the cause is outside of the switch or passes by itself. */
  error?: string
  /** Packets pass, and somebody should look at it. */
  warning?: string
}

/** What is known of the host's interfaces. */
interface HostInterfaces {
  links: ReadonlyMap<string, HostInterface>
  /** Why the host needs an interface: interfaces-in-use.ts. */
  whyInUse: (device: string) => string | undefined
}

/** Does our bridge for the network have this interface? Then what the host says about it no longer counts. */
export function isHeld(view: SwitchView, { name, interface: device }: PhysicalNetwork): boolean {
  const own = ownBridgeName(name)
  const bridge = findByName(view, 'Bridge', own)
  return device !== own && bridge !== undefined && portsOf(view, bridge).some((port) => nameOf(port) === device)
}

/** In the order of their names. @param host may know nothing when all interfaces are held */
export function judgePhysicalNetworks(
  view: SwitchView,
  networks: readonly PhysicalNetwork[],
  host: HostInterfaces,
): Verdict[] {
  // Who holds an interface keeps it, whatever the names are.
  const rank = (n: PhysicalNetwork) => (isHeld(view, n) ? 0 : 1)
  const ranked = [...networks].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
  const takenBy = new Map<string, string>()
  const verdicts = new Map<string, Verdict>()
  for (const network of ranked) {
    const { name, interface: device } = network
    if (verdicts.has(name)) continue
    const other = device === undefined ? undefined : takenBy.get(device)
    if (device !== undefined && other === undefined) takenBy.set(device, name)
    verdicts.set(name, other === undefined ? judge(view, network, host) : isTaken(network, other))
  }
  return [...verdicts.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function isTaken({ name, interface: device }: PhysicalNetwork, other: string): Verdict {
  const error = `interface ${device} is already connected to physical network ${other}: write another interface, or one physicalNetwork for both`
  return { name, error }
}

function judge(view: SwitchView, network: PhysicalNetwork, host: HostInterfaces): Verdict {
  const { name, interface: device, bridge } = network
  if (device === undefined && bridge === undefined) {
    return { name, error: 'neither an interface nor a bridge is written for it: write one of them' }
  }
  if (device === undefined) return judgeBridge(view, network, bridge ?? '')
  const connection = { name, bridge: ownBridgeName(name), interface: device, ifindex: host.links.get(device)?.ifindex }
  const error = isHeld(view, network) ? troubleOf(view, device) : refusal(view, device, host)
  if (error !== undefined) return isHeld(view, network) ? { name, connection, error } : { name, error }
  if (!isHeld(view, network)) return { name, connection, error: waiting(device) }
  const warning = warningOf(device, host)
  return { name, connection, ...(warning === undefined ? {} : { warning }) }
}

function judgeBridge(view: SwitchView, { name, controller }: PhysicalNetwork, bridge: string): Verdict {
  const held = findByName(view, 'Bridge', bridge)
  if (!held && controller !== undefined) {
    return {
      name,
      error: `the switch has no bridge ${bridge}: SDN controller ${controller} makes it, see that it runs on this node`,
    }
  }
  if (!held) {
    const help = `make it (ovs-vsctl add-br ${bridge}), or write an interface, whose bridge the agent makes`
    return { name, error: `the switch has no bridge ${bridge}: ${help}` }
  }
  if (bridge === INTEGRATION_BRIDGE) {
    return { name, error: `bridge ${bridge} is the guests' own: write one that has the physical network's interface` }
  }
  const owner = markOf(held)
  if (owner !== undefined) {
    const error = `bridge ${bridge} was made by the agent for physical network ${owner}: write the interface instead`
    return { name, error }
  }
  const [has, needs] = [readString(held.row['datapath_type']) || 'system', chooseDatapath(view)]
  if (has !== needs) {
    const help = `ovs-vsctl set bridge ${bridge} datapath_type=${needs}`
    return { name, error: `bridge ${bridge} has datapath ${has} and the guests' switch ${needs}: ${help}` }
  }
  return { name, connection: { name, bridge, ...(controller === undefined ? {} : { isControlled: true as const }) } }
}

/** Why an interface that is not in our hands yet is not taken. */
function refusal(view: SwitchView, device: string, host: HostInterfaces): string | undefined {
  if (findByName(view, 'Bridge', device)) {
    return `${device} is a bridge of the switch: write an interface, or one of the host's bridges as bridge`
  }
  // A port of several interfaces, a bond, has a name of its own.
  const taken = findByName(view, 'Interface', device)
  const { port, bridge: holder } = taken ? holdersOf(view, taken.uuid) : {}
  if (holder && (markOf(holder) === undefined || (port && markOf(port) === undefined))) {
    const bridge = nameOf(holder)
    const what = port && nameOf(port) !== device ? `in bond ${nameOf(port)}, a port` : 'a port'
    const help = markOf(holder) === undefined ? 'take it out, or write the bridge instead' : 'take it out'
    return `interface ${device} is ${what} of the switch's bridge ${bridge}: ${help}`
  }
  const link = host.links.get(device)
  if (!link) return missing(device)
  const use = host.whyInUse(device)
  if (use !== undefined) return `interface ${device} ${use}`
  // One that moves from a bridge of ours to another has the kernel's datapath as its master.
  if (link.master !== undefined && !holder) {
    return `interface ${device} is a part of ${link.master}: take it out, or write ${link.master} instead`
  }
  return undefined
}

/** What an interface in our bridge lacks. */
function troubleOf(view: SwitchView, device: string): string | undefined {
  const row = findByName(view, 'Interface', device)?.row
  const port = readNumber(row?.['ofport'])
  const error = readString(row?.['error']) || (port === -1 ? 'it could not be opened' : '')
  if (error) return `the switch cannot use interface ${device} (${error}): see that the node has it`
  if (port === undefined) return waiting(device)
  if (ifindexOf(view, device) === 0) return missing(device)
  if (isDown(view, device)) return `interface ${device} is down: the agent brings it up`
  if (readString(row?.['link_state']) === 'down') {
    return `interface ${device} has no link: check its cable and what is at the other end`
  }
  return undefined
}

/** Guests go on; what the host does with the address does not. */
function warningOf(device: string, { links }: HostInterfaces): string | undefined {
  const [address] = links.get(device)?.addresses ?? []
  if (address === undefined) return undefined
  return `interface ${device} has got the address ${address}, and the switch has the interface: take the address away, and let nothing configure the interface`
}

/** Of interfaces in our bridges. */
export function isDown(view: SwitchView, device: string): boolean {
  const isThere = ifindexOf(view, device) !== 0
  return isThere && readString(findByName(view, 'Interface', device)?.row['admin_state']) === 'down'
}

function missing(device: string): string {
  return `the node has no interface ${device}: add it, or write its name as "ip link" shows it`
}

function waiting(device: string): string {
  return `the switch has not taken interface ${device} yet: if this stays, see that ovs-vswitchd runs`
}
