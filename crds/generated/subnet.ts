// SPDX-License-Identifier: Apache-2.0
// Made from crds/subnets.yaml by `npm run generate`. Do not edit.

export interface SubnetSchema {
  spec?: SubnetSpec
  status?: SubnetStatus
}
/**
 * The range and what DHCP says. *live*
 */
export interface SubnetSpec {
  /**
   * The Network that the range belongs to. *immutable*
   */
  networkRef: {
    /**
     * Name of the Network. *immutable*
     */
    name: string
  }
  /**
   * The range, such as 10.0.0.0/24; with a subnetPoolRef that very one, absent: one that the pool chooses. *immutable*
   */
  cidr?: string
  /**
   * The SubnetPool that gives the range. *immutable*
   */
  subnetPoolRef?: {
    /**
     * Name of the SubnetPool. *immutable*
     */
    name: string
    /**
     * Namespace of the SubnetPool; absent: the same. Another one works only where the SubnetPool allows it by spec.sharedWith. *immutable*
     */
    namespace?: string
  }
  /**
   * How large a range the SubnetPool gives; absent: its defaultPrefixLength. *immutable*
   */
  prefixLength?: number
  /**
   * Address of the gateway; absent: the first address of the range. *immutable*
   */
  gatewayIP?: string
  /**
   * Hand out no gateway. *immutable*
   */
  disableGateway?: boolean
  /**
   * What the DHCP service says to guests. *restart*
   */
  dhcp?: {
    /**
     * Whether it answers at all. *restart*
     */
    enabled?: boolean
    /**
     * Life of a lease; IPv4 alone, OVN's DHCPv6 has its own. *restart*
     */
    leaseSeconds?: number
    /**
     * Name servers of the range's family, others are not told; absent: those of the Cloud, or else the node's own resolver. *restart*
     *
     * @maxItems 8
     *
     * Items: Address of a name server. *restart*
     */
    dnsNameservers?: string[]
    /**
     * Further routes for guests; IPv4 alone. *restart*
     *
     * @maxItems 32
     *
     * Items: One route. *restart*
     */
    hostRoutes?: {
      /**
       * The range that it leads to. *restart*
       */
      destination: string
      /**
       * Address of the router that leads there. *restart*
       */
      nextHop: string
    }[]
  }
  /**
   * How guests of an IPv6 range come by their addresses; absent: as with its defaults, or, with disableGateway or without DHCP, by hand. *immutable*
   */
  ipv6?: {
    /**
     * As in OpenStack. dhcpv6-stateful: the address of the Port, by DHCPv6; slaac: one of the prefix and the MAC; dhcpv6-stateless: the same, and name servers by DHCPv6. *immutable*
     */
    addressMode?: 'dhcpv6-stateful' | 'dhcpv6-stateless' | 'slaac'
    /**
     * Whether the network announces the range to guests; false: a router of yours on the network does. *immutable*
     */
    routerAdvertisements?: boolean
  }
  /**
   * Parts of the range from which addresses are chosen; absent: all of it but the gateway. *immutable*
   *
   * @maxItems 16
   *
   * Items: From start to end, both included. *immutable*
   */
  allocationPools?: {
    /**
     * First address. *immutable*
     */
    start: string
    /**
     * Last address. *immutable*
     */
    end: string
  }[]
}
/**
 * What was observed. Written by the operator alone.
 */
export interface SubnetStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'BUILD' | 'ACTIVE' | 'ERROR' | 'DELETING'
  /**
   * What is true of this object now, as in the Kubernetes API conventions: Ready (usable now), Reconciling (we act or wait), Stalled (only a changed spec or a person can help), and stages.
   *
   * @maxItems 16
   *
   * Items: One condition.
   */
  conditions?: {
    /**
     * Its name in CamelCase.
     */
    type: string
    /**
     * Whether it holds.
     */
    status: 'True' | 'False' | 'Unknown'
    /**
     * A stable word in CamelCase for the last change; docs/troubleshooting.md lists them.
     */
    reason: string
    /**
     * A sentence for people: what happened and what would help.
     */
    message: string
    /**
     * The metadata.generation that this was found for.
     */
    observedGeneration?: number
    /**
     * When the status flipped last.
     */
    lastTransitionTime: string
  }[]
  /**
   * The gateway in effect.
   */
  gatewayIP?: string
  /**
   * The range, for life.
   */
  cidr?: string
  /**
   * The AddressScope that its addresses belong to, as namespace/name; absent when none is named.
   */
  addressScope?: string
}
