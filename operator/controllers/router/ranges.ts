// SPDX-License-Identifier: Apache-2.0
import type { RoutedSubnet } from '../../network/logical-kinds.ts'
import type { PortLeg } from './port-legs.ts'

/** A range of addresses that a leg of a router joins. */
export interface Range {
  /** Of the leg, for messages: `Subnet lan`, `Port gw`. */
  name: string
  cidr: string
  /** The router's address there. */
  own: string
  /** UID of the Subnet or the Port. */
  legUid: string
  subnetUid: string
}

export function listRanges(interfaces: readonly RoutedSubnet[], ports: readonly PortLeg[]): Range[] {
  return [
    ...interfaces.map(({ uid, name, cidr, gatewayIP }) => ({
      ...{ name: `Subnet ${name}`, cidr, own: gatewayIP, legUid: uid, subnetUid: uid },
    })),
    ...ports.flatMap(({ port: { metadata }, logical, fixedIPs }) => {
      // Two addresses may be of one Subnet.
      const byRange = new Map(
        logical.addresses.map(({ cidr, address }, i) => [cidr, { own: address, of: fixedIPs[i] }]),
      )
      return [...byRange].map(([cidr, { own, of }]) => ({
        ...{ name: `Port ${metadata.name}`, cidr, own, legUid: metadata.uid, subnetUid: of?.subnetUID ?? '' },
      }))
    }),
  ]
}
