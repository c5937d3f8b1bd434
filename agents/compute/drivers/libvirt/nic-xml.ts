// SPDX-License-Identifier: Apache-2.0
// A machine's interfaces as libvirt's XML: https://libvirt.org/formatdomain.html#network-interfaces
import { TransientError } from '../../../../lib/errors.ts'
import { queuesOf } from '../../../../lib/image-properties.ts'
import type { InstanceWant, NicWant } from '../../instance-driver.ts'
import { tapName, vhostUserSocket, type ComputePaths } from '../../paths.ts'
import { addressOnBus, FIRST_NIC_BUS } from './pci-ports.ts'
import { writeXml, type XmlTree } from './xml-tree.ts'

const PORT_ALIAS = 'ua-nic-'

/** The interface's device alias in libvirt and QEMU, in the domain XML and in events. */
export const nicAlias = (portUid: string): string => `${PORT_ALIAS}${portUid}`
export const portOfAlias = (alias: string): string | undefined =>
  alias.startsWith(PORT_ALIAS) ? alias.slice(PORT_ALIAS.length) : undefined

export interface NicContext {
  paths: ComputePaths
  /** Of the switch that the taps are attached to; absent: not known, treated like userspace. */
  datapath?: 'system' | 'netdev' | undefined
  guest: Pick<InstanceWant, 'properties' | 'vcpus'>
}

/** The bus of the PCIe port of this place: by it the guest names the interface. */
export const nicBus = (slot: number): number => FIRST_NIC_BUS + slot

export function toInterface(nic: NicWant, { paths, datapath, guest }: NicContext): XmlTree {
  const { hw_vif_model: model = 'virtio' } = guest.properties
  const count = model === 'virtio' ? queuesOf(guest.properties, guest.vcpus) : 1
  const queues = count > 1 ? { '@queues': String(count) } : {}
  const driver = (more: XmlTree): XmlTree => {
    const tree = { ...more, ...queues }
    return Object.keys(tree).length > 0 ? { driver: tree } : {}
  }
  const common = {
    mac: { '@address': nic.mac },
    // A function that the guest is given is the device itself.
    ...(nic.vnicType === 'direct' ? {} : { model: { '@type': model } }),
    alias: { '@name': nicAlias(nic.portUid) },
    address: addressOnBus(nicBus(nic.slot)),
  }
  if (nic.vnicType === 'vhostuser') {
    // libvirt sets the MTU on a host device, which vhost-user has none of: the guest learns it by DHCP.
    return {
      '@type': 'vhostuser',
      source: { '@type': 'unix', '@path': vhostUserSocket(paths, nic.portUid), '@mode': 'server' },
      ...common,
      ...driver({}),
    }
  }
  if (nic.vnicType === 'direct' || nic.vnicType === 'macvtap') return { ...functionTree(nic), ...common }
  return {
    '@type': 'ethernet',
    target: { '@dev': tapName(nic.portUid), '@managed': 'yes' },
    ...common,
    // The userspace datapath does not complete checksums: with offloads on, TCP and metadata time out while ping passes. The kernel's
    // datapath handles offloads and vhost-net, which libvirt picks where available.
    ...driver(datapath === 'system' ? {} : { '@name': 'qemu', host: { '@csum': 'off' } }),
    mtu: { '@size': String(nic.mtu) },
  }
}

/**
 * A virtual function: libvirt gives it to the guest, and back to its driver (`managed`), or makes a macvtap device of its interface that nobody
 * shares; it sets MAC and VLAN in the card. None of these takes an MTU. @throws TransientError `PortNotReady`
 */
function functionTree({ vnicType, virtualFunction }: NicWant): XmlTree {
  const { address, interface: device, vlan } = virtualFunction ?? {}
  const tagged = vlan === undefined ? {} : { vlan: { tag: { '@id': String(vlan) } } }
  if (vnicType === 'macvtap') {
    if (device === undefined) throw notGiven('has no interface on the node: no network driver has it')
    return { '@type': 'direct', source: { '@dev': device, '@mode': 'passthrough' }, ...tagged }
  }
  const [, domain, bus, slot, fn] = PCI_ADDRESS.exec(address ?? '') ?? []
  if (fn === undefined) throw notGiven('is not known at the moment')
  const at = {
    '@type': 'pci',
    '@domain': `0x${domain}`,
    '@bus': `0x${bus}`,
    '@slot': `0x${slot}`,
    '@function': `0x${fn}`,
  }
  return { '@type': 'hostdev', '@managed': 'yes', source: { address: at }, ...tagged }
}

const PCI_ADDRESS = /^([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/

function notGiven(what: string): TransientError {
  return new TransientError('PortNotReady', `the virtual function of a port ${what}`)
}

/** One interface, as attach takes it. */
export function toNicXml(nic: NicWant, context: NicContext): string {
  return writeXml({ interface: toInterface(nic, context) })
}

/** The minimum by which libvirt finds the interface to detach. */
export function toNicDetachXml({ mac, portUid }: { mac: string; portUid?: string }): string {
  const alias = portUid === undefined ? {} : { alias: { '@name': nicAlias(portUid) } }
  return writeXml({ interface: { '@type': 'ethernet', mac: { '@address': mac }, ...alias } })
}
