// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { PortDocument } from '../../../lib/contract/documents.ts'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6 } from '../../../lib/contract/metadata-port.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { hasDhcp, ipv6ServiceOf } from '../subnet/dhcp.ts'
import type { ResolvedAddress } from './claim-address.ts'
import type { Binding } from './binding.ts'

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
  controller?: PortDocument['spec']['controller']
}

/** What the node needs to plug the port. The logical port's name is the Port's UID. */
export function portDocument(port: Port, facts: PortFacts, writer: WriterVersions): PortDocument {
  const { binding, mac, addresses, networkUid, network, mtu, dnsDomain, providerNetwork, controller } = facts
  return {
    ...headerOf(port, binding.node, binding.epoch, writer),
    kind: 'port',
    tombstone: false,
    spec: {
      logicalPort: port.metadata.uid,
      networkUid,
      network,
      mac,
      fixedIPs: addresses.map((one) => toFixedIP(one, controller !== undefined)),
      mtu,
      dnsDomain,
      ...(providerNetwork === undefined ? {} : { providerNetwork }),
      vnicType: port.spec.vnicType === 'vhostuser' ? 'vhostuser' : 'normal',
      instanceUid: binding.instance.metadata.uid,
      ...(controller ? { controller } : {}),
      ...(binding.parent ? { parent: binding.parent } : {}),
    },
  }
}

function toFixedIP(
  { subnet, address, prefixLength, dnsNameservers }: ResolvedAddress,
  hasController: boolean,
): PortDocument['spec']['fixedIPs'][number] {
  const gateway = subnet.status?.gatewayIP
  const ipv6 = ipv6ServiceOf(subnet)
  return {
    address,
    prefixLength,
    ...(gateway === undefined ? {} : { gateway }),
    dhcp: hasDhcp(subnet),
    ...(ipv6 ? { ipv6AddressMode: ipv6.addressMode } : {}),
    // The resolver of the node is on no network of an SDN controller.
    dnsNameservers: dnsNameservers.filter((server) => !hasController || !isOfNode(server)),
  }
}

function isOfNode(server: string): boolean {
  return server === METADATA_ADDRESS || server === METADATA_ADDRESS_V6
}
