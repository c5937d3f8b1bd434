// SPDX-License-Identifier: Apache-2.0
// The network that tunnels run on. With the userspace datapath they leave through a bridge of the switch, which needs an interface of its
// own: each node gets one in a second network of the runtime. Pure.
import ipaddr from 'ipaddr.js'

export const TUNNEL_BRIDGE = 'br-phys'

export interface TunnelEnd {
  address: string
  prefixLength: number
}

/** @param inspected of `docker inspect --format '{{json .NetworkSettings.Networks}}' NODE`, as Docker and podman print it */
export function tunnelEnd(inspected: string, network: string): TunnelEnd | undefined {
  const networks = JSON.parse(inspected) as Record<string, { IPAddress?: string; IPPrefixLen?: number } | undefined>
  const { IPAddress: address = '', IPPrefixLen: prefixLength = 0 } = networks[network] ?? {}
  return address === '' ? undefined : { address, prefixLength }
}

/** The network that an end is in, as the chart's `agent.tunnelNetwork` has it. */
export function networkOf({ address, prefixLength }: TunnelEnd): string {
  return `${ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefixLength}`).toString()}/${prefixLength}`
}

/** @param listed of `ip -json address` */
export function interfaceOf(listed: string, address: string): string | undefined {
  const all = JSON.parse(listed) as { ifname: string; addr_info?: { local?: string }[] }[]
  return all.find((i) => i.addr_info?.some((a) => a.local === address))?.ifname
}

/** docs/install.md, "What a node needs": the interface goes into the bridge, and its address onto it. */
export function bridgeCommands(name: string, end: TunnelEnd): readonly (readonly string[])[] {
  const bridge = ['add-br', TUNNEL_BRIDGE, '--', 'set', 'bridge', TUNNEL_BRIDGE, 'datapath_type=netdev']
  return [
    ['ovs-vsctl', '--timeout=30', '--', '--may-exist', ...bridge, '--', '--may-exist', 'add-port', TUNNEL_BRIDGE, name],
    // The switch reads the interface through the kernel, which would leave checksums to a device.
    ['ethtool', '-K', name, 'tx', 'off'],
    ['ip', 'address', 'flush', 'dev', name],
    ['ip', 'link', 'set', TUNNEL_BRIDGE, 'up'],
    ['ip', 'address', 'replace', `${end.address}/${end.prefixLength}`, 'dev', TUNNEL_BRIDGE],
  ]
}
