// SPDX-License-Identifier: Apache-2.0
// The boundary to a node's switch. Plain data in and out; rows and columns stay inside.

/**
 * `port`: a guest's, with the uid of the Port. `metadata`: the node's own on a network, with the uid of the Network. `service`: of a service that the
 * cloud runs on the node, with that one's uid; `vpn` and `vpn-transit`: the two of a router's VPN.
 */
export const PLUGGED_KINDS = ['port', 'metadata', 'service', 'vpn', 'vpn-transit'] as const
export type PluggedKind = (typeof PLUGGED_KINDS)[number]

interface SwitchPortBase {
  kind: PluggedKind
  uid: string
  /** Its name in the logical network. */
  logicalPort: string
  mac: string
  /** Of a network that an SDN controller realises; absent: it is in the integration bridge, and OVN's. */
  controlled?: Controlled
}

/** What an SDN controller finds at an interface, and whose word it is that it has programmed it. */
export interface Controlled {
  /** Its name. */
  controller: string
  /** Of the switch, the controller's. */
  bridge: string
  networkUid: string
  instanceUid?: string
}

/** An existing network device; `instance` tells it apart from an earlier device of the same name. */
export interface DevicePort extends SwitchPortBase {
  type: 'device'
  device: string
  instance: string
}

/** QEMU listens at `socketPath`, the switch connects. Plugged before the machine starts: QEMU waits for it. */
export interface VhostUserPort extends SwitchPortBase {
  type: 'vhostuser'
  device: string
  socketPath: string
  /** The switch drops longer frames towards the guest; a tap has an MTU of its own. */
  mtu: number
  /** The start of the switch that it is plugged under. Empty: not known. */
  instance: string
}

export type SwitchPort = DevicePort | VhostUserPort

export interface PluggedPort {
  kind: PluggedKind
  uid: string
  device: string
  /** Of the device that was plugged, or of the switch's start that a vhost-user port was plugged under. */
  instance?: string
  /** vhostuser only, as is the largest MTU that was requested for it. */
  socketPath?: string
  mtu?: number
  logicalPort: string
  /** Its number in its bridge; absent: the switch has given it none. */
  ofport?: number
  /** Of a network that an SDN controller realises. */
  controlled?: Pick<Controlled, 'controller' | 'bridge'>
  /** What its SDN controller says against it. */
  refusal?: string
  /** The switch has all flows of the port: OVN says so, or its SDN controller. */
  installed: boolean
  /** vhostuser: the guest's driver is active. Meaningless for a tap, which is up before the guest is. */
  linkUp: boolean
  /** Why the switch could not open it. */
  error?: string
}

/** The operations of a node's switch. Every method may run twice with the same input. */
export interface PortDriver {
  readonly name: string
  find(kind: PluggedPort['kind'], uid: string): PluggedPort | undefined
  list(): PluggedPort[]
  /** Always plugs anew: removes what was plugged for this uid or under this device's name first. Returns before `installed`. */
  plug(port: SwitchPort, signal: AbortSignal): Promise<void>
  /** Absent is success. */
  unplug(kind: PluggedPort['kind'], uid: string, signal: AbortSignal): Promise<void>
  /** Resolves with the port once `accept` holds for it, or once the switch reports that it cannot open it. */
  waitUntil(
    kind: PluggedPort['kind'],
    uid: string,
    accept: (port: PluggedPort) => boolean,
    signal: AbortSignal,
  ): Promise<PluggedPort>
  /** Called with the port that changed, or with nothing when any may have changed (the switch's database was not reachable). */
  onChange(listener: (port?: Pick<PluggedPort, 'kind' | 'uid'>) => void): () => void
}

/** Whether the port is plugged exactly so. A recreated device counts as another one, however healthy the old port looks. */
export function isPluggedAs(plugged: PluggedPort | undefined, want: SwitchPort): boolean {
  if (!plugged || plugged.device !== want.device || plugged.logicalPort !== want.logicalPort) return false
  const [is, wanted] = [plugged.controlled, want.controlled]
  if (is?.controller !== wanted?.controller || is?.bridge !== wanted?.bridge) return false
  if (want.type === 'device') return plugged.instance === want.instance
  return plugged.socketPath === want.socketPath && (plugged.mtu ?? 0) >= want.mtu
}

/**
 * Whether the switch may be wrong in reporting that no guest is connected. When a restarted switch sees the guest reconnect before its
 * first status update, it takes the value of its previous run in the database for its own and never writes the new one: `link_state` stays
 * down while packets pass (ovs-vswitchd 3.5: ovsdb_idl_txn_write skips writes that do not seem to change anything). A recreated port has no
 * old value.
 */
export function isDoubtful(port: PluggedPort, want: SwitchPort): boolean {
  return want.type === 'vhostuser' && want.instance !== '' && port.instance !== want.instance && !isPassing(port)
}

/** Whether packets pass. The switch has a vhost-user port's flows before, and without, a connected guest. */
export function isPassing(port: PluggedPort): boolean {
  return port.installed && (port.socketPath === undefined || port.linkUp)
}
