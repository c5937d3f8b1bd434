// SPDX-License-Identifier: Apache-2.0
import type { Instance, Network, Port } from '../../../lib/api/types.ts'
import type { PortDocument } from '../../../lib/contract/documents.ts'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6 } from '../../../lib/contract/metadata-port.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { hasDhcp, ipv6ServiceOf } from '../subnet/dhcp.ts'
import type { ResolvedAddress } from './claim-address.ts'
import type { Binding } from './binding.ts'
import { functionKindOf } from './off-switch.ts'

export interface PortFacts {
  binding: Binding
  mac: string
  addresses: readonly ResolvedAddress[]
  networkUid: string
  /** `namespace/name` */
  network: string
  mtu: number
  dnsDomain: string
  providerNetwork?: string | undefined
  packetRates?: PortDocument['spec']['packetRates']
  controller?: PortDocument['spec']['controller']
  virtualFunction?: PortDocument['spec']['virtualFunction']
}

/** What the node needs to plug the port. The logical port's name is the Port's UID. */
export function portDocument(port: Port, facts: PortFacts, writer: WriterVersions): PortDocument {
  const { binding, mac, addresses, networkUid, network, mtu, dnsDomain, providerNetwork } = facts
  const { packetRates, controller, virtualFunction } = facts
  return {
    ...headerOf(port, binding.node, binding.epoch, writer),
    kind: 'port',
    tombstone: false,
    spec: {
      logicalPort: port.metadata.uid,
      networkUid,
      network,
      mac,
      fixedIPs: addresses.map((one) => toFixedIP(one, controller === undefined && !virtualFunction)),
      mtu,
      dnsDomain,
      ...(providerNetwork === undefined ? {} : { providerNetwork }),
      vnicType: vnicTypeForNode(port),
      instanceUid: binding.instance.metadata.uid,
      ...(packetRates ? { packetRates } : {}),
      ...(controller ? { controller } : {}),
      ...(virtualFunction ? { virtualFunction } : {}),
      ...(binding.parent ? { parent: binding.parent } : {}),
    },
  }
}

function vnicTypeForNode(port: Port): PortDocument['spec']['vnicType'] {
  return functionKindOf(port) ?? (port.spec.vnicType === 'vhostuser' ? 'vhostuser' : 'normal')
}

/** Of its document: what it is a virtual function on. Undefined for any other port. */
export function functionForNode(
  port: Port,
  { status }: Network,
  machine: Pick<Instance, 'status'>,
): PortDocument['spec']['virtualFunction'] {
  const { physicalNetwork, segmentationID = 0 } = status ?? {}
  if (functionKindOf(port) === undefined || physicalNetwork === undefined) return undefined
  const numaCells = (machine.status?.numaTopology?.cells ?? []).map(({ hostCell }) => hostCell)
  return {
    physicalNetwork,
    ...(segmentationID > 0 ? { vlan: segmentationID } : {}),
    ...(numaCells.length > 0 ? { numaCells } : {}),
  }
}

function toFixedIP(
  { subnet, address, prefixLength, dnsNameservers }: ResolvedAddress,
  hasResolver: boolean,
): PortDocument['spec']['fixedIPs'][number] {
  const gateway = subnet.status?.gatewayIP
  const ipv6 = ipv6ServiceOf(subnet)
  return {
    address,
    prefixLength,
    ...(gateway === undefined ? {} : { gateway }),
    dhcp: hasDhcp(subnet),
    ...(ipv6 ? { ipv6AddressMode: ipv6.addressMode } : {}),
    // The resolver of the node is on no network of an SDN controller, and not where frames go past the switch.
    dnsNameservers: dnsNameservers.filter((server) => hasResolver || !isOfNode(server)),
  }
}

function isOfNode(server: string): boolean {
  return server === METADATA_ADDRESS || server === METADATA_ADDRESS_V6
}
