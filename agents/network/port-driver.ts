// SPDX-License-Identifier: Apache-2.0
// The boundary to a node's switch. Plain data in and out; rows and columns stay inside.

interface SwitchPortBase {
  /** `port`: a guest's, uid of the Port. `metadata`: the node's own on a network, uid of the Network. */
  kind: 'port' | 'metadata'
  uid: string
  /** What the logical network knows it by. */
  logicalPort: string
  mac: string
}

/** An existing network device; `instance` tells two devices of one name apart, before and after it was made anew. */
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
  /** The switch drops longer frames towards the guest; a tap has its own. */
  mtu: number
  /** Which start of the switch it is plugged under. Empty: not known. */
  instance: string
}

export type SwitchPort = DevicePort | VhostUserPort

export interface PluggedPort {
  kind: 'port' | 'metadata'
  uid: string
  device: string
  /** Of the device that was plugged, or of the switch that a vhost-user port was plugged into. */
  instance?: string
  /** Of vhostuser alone, as is the largest MTU that it was asked to carry. */
  socketPath?: string
  mtu?: number
  logicalPort: string
  /** All flows of the port are in the switch. */
  installed: boolean
  /** vhostuser: the guest's driver is there. It says nothing of a tap, which is up before the guest is. */
  linkUp: boolean
  /** The switch could not open it. */
  error?: string
}

/** What a node's switch has to do. Every method may run twice with the same input. */
export interface PortDriver {
  readonly name: string
  find(kind: PluggedPort['kind'], uid: string): PluggedPort | undefined
  list(): PluggedPort[]
  /** Always anew: what was plugged for this uid or under this device's name goes first. Returns before `installed`. */
  plug(port: SwitchPort, signal: AbortSignal): Promise<void>
  /** Absent is success. */
  unplug(kind: PluggedPort['kind'], uid: string, signal: AbortSignal): Promise<void>
  /** Resolves with the port once `accept` holds of it (or the switch says that it cannot open it). */
  waitUntil(
    kind: PluggedPort['kind'],
    uid: string,
    accept: (port: PluggedPort) => boolean,
    signal: AbortSignal,
  ): Promise<PluggedPort>
  /** Called with whatever port changed, and with nothing when all may have (the switch's database was away). */
  onChange(listener: (port?: Pick<PluggedPort, 'kind' | 'uid'>) => void): () => void
}

/** Is that port plugged just so? A device that was made anew is another one, however healthy the old port looks. */
export function isPluggedAs(plugged: PluggedPort | undefined, want: SwitchPort): boolean {
  if (!plugged || plugged.device !== want.device || plugged.logicalPort !== want.logicalPort) return false
  if (want.type === 'device') return plugged.instance === want.instance
  return plugged.socketPath === want.socketPath && (plugged.mtu ?? 0) >= want.mtu
}

/**
 * May the switch's word that no guest takes part be wrong? One that starts again, and whose guest is back before its first word is in
 * the database, takes the answer of its last run there for its own newest one and never writes it: `link_state` stays down while packets
 * pass (ovs-vswitchd 3.5: ovsdb_idl_txn_write skips what the database seems to hold). A port made anew has no old answer.
 */
export function isDoubtful(port: PluggedPort, want: SwitchPort): boolean {
  return want.type === 'vhostuser' && want.instance !== '' && port.instance !== want.instance && !isPassing(port)
}

/** Do packets pass? The switch has the flows of a vhost-user port before, and without, a guest that takes part. */
export function isPassing(port: PluggedPort): boolean {
  return port.installed && (port.socketPath === undefined || port.linkUp)
}
