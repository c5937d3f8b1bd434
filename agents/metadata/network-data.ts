// SPDX-License-Identifier: Apache-2.0
import type { PortDocument } from '../../lib/contract/documents.ts'
import { METADATA_ADDRESS } from '../../lib/contract/metadata-port.ts'

/** network_data.json, https://docs.openstack.org/nova/latest/_downloads/9119ca7ac90aa2990e762c08baea3a36/network_data.json */
export function networkData(ports: readonly PortDocument[]): unknown {
  const services = new Set<string>()
  const networks = ports.flatMap(({ uid, spec }, index) =>
    spec.fixedIPs.map((ip, n) => {
      for (const server of ip.dnsNameservers ?? []) services.add(server)
      const base = { id: `network${index}-${n}`, link: linkId(uid), network_id: spec.networkUid }
      const isIPv6 = ip.address.includes(':')
      if (isIPv6 && ip.ipv6AddressMode !== undefined) return { ...base, type: `ipv6_${ip.ipv6AddressMode}` }
      // An operator of version 0.1.0 also sets dhcp for IPv6, where there was none.
      if (!isIPv6 && ip.dhcp !== false) return { ...base, type: 'ipv4_dhcp' }
      return {
        ...base,
        type: isIPv6 ? 'ipv6' : 'ipv4',
        ip_address: ip.address,
        netmask: isIPv6 ? `${ip.prefixLength}` : toNetmask(ip.prefixLength),
        routes: isIPv6 ? staticIPv6Routes(ip.gateway) : staticRoutes(ip.gateway, hasMetadata(spec)),
      }
    }),
  )
  return {
    links: ports.map(({ uid, spec }) => ({
      id: linkId(uid),
      vif_id: uid,
      mtu: spec.mtu,
      ...(spec.parent
        ? {
            type: 'vlan',
            vlan_link: linkId(spec.parent.portUid),
            vlan_id: spec.parent.vlan,
            vlan_mac_address: spec.mac,
          }
        : { type: LINK_TYPES[spec.vnicType], ethernet_mac_address: spec.mac }),
    })),
    networks,
    services: [...services].map((address) => ({ type: 'dns', address })),
  }
}

interface Route {
  network: string
  netmask: string
  gateway: string
}

/** Nova's names of virtual interfaces; a virtual function is of type hw_veb, given to the guest or behind macvtap. */
const LINK_TYPES = { normal: 'ovs', vhostuser: 'vhostuser', direct: 'hw_veb', macvtap: 'hw_veb' } as const

/** It is on the node's switch: not where an SDN controller is, and not where frames go past it. */
function hasMetadata({ controller, virtualFunction }: PortDocument['spec']): boolean {
  return controller === undefined && virtualFunction === undefined
}

/** The metadata service is on-link: 0.0.0.0 means no router, as in DHCP's option 121. */
function staticRoutes(gateway: string | undefined, isServed: boolean): Route[] {
  const metadata = { network: METADATA_ADDRESS, netmask: '255.255.255.255', gateway: '0.0.0.0' }
  const outward = gateway === undefined ? [] : [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway }]
  return isServed ? [...outward, metadata] : outward
}

function staticIPv6Routes(gateway: string | undefined): Route[] {
  return gateway === undefined ? [] : [{ network: '::', netmask: '::', gateway }]
}

function linkId(portUid: string): string {
  return `tap${portUid.slice(0, 11)}`
}

function toNetmask(prefixLength: number): string {
  const bits = prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}
