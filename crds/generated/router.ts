// SPDX-License-Identifier: Apache-2.0
// Made from crds/routers.yaml by `npm run generate`. Do not edit.

export interface RouterSchema {
  spec?: RouterSpec
  status?: RouterStatus
}
/**
 * Which Subnets it joins, and where else it leads. *live*
 */
export interface RouterSpec {
  /**
   * Its legs. It has the gateway address of each Subnet, or the addresses of a Port, and answers there for the others. *live*
   *
   * @maxItems 32
   *
   * Items: One leg: a Subnet, or a Port. *live*
   */
  interfaces?: {
    /**
     * A Subnet that has a gateway address, which is the Router's then. *live*
     */
    subnetRef?: {
      /**
       * Name of the Subnet. *live*
       */
      name: string
      /**
       * Namespace of the Subnet; absent: the same. Another one works only where the Subnet's Network allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }
    /**
     * A Port of the same namespace whose addresses and MAC address are to be the Router's; no machine can have it then. For a Subnet that another Router joins already, or an address of its own choice. *live*
     */
    portRef?: {
      /**
       * Name of the Port. *live*
       */
      name: string
    }
  }[]
  /**
   * Its way to the outside; absent: it has none. *live*
   */
  externalGateway?: {
    /**
     * An external Network. *live*
     */
    networkRef: {
      /**
       * Name of the Network. *live*
       */
      name: string
      /**
       * Namespace of the Network; absent: the same. Another one works only where the Network allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }
    /**
     * Its addresses there; absent: one of each family, of the first Subnet by name that has room. *live*
     *
     * @minItems 1
     * @maxItems 4
     *
     * Items: One address. *live*
     */
    fixedIPs?: {
      /**
       * Subnet of that Network. *live*
       */
      subnetRef: {
        /**
         * Name of the Subnet. *live*
         */
        name: string
      }
      /**
       * The address; absent: one is chosen. *live*
       */
      ipAddress?: string
    }[]
    /**
     * Whether machines without a FloatingIP reach the outside under the Router's IPv4 address. *live*
     */
    enableSNAT?: boolean
    /**
     * Limits and marks of what passes the gateway; absent: none. *live*
     */
    qosPolicyRef?: {
      /**
       * Name of the QoSPolicy. *live*
       */
      name: string
      /**
       * Namespace of the QoSPolicy; absent: the same. Another one works only where the QoSPolicy allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }
  }
  /**
   * Ways beyond the Subnets of interfaces. Several ones to the same destination share its traffic. *live*
   *
   * @maxItems 64
   *
   * Items: One route. *live*
   */
  routes?: {
    /**
     * The range that it leads to. *live*
     */
    destination: string
    /**
     * Address of who leads there, in one of the Subnets. *live*
     */
    nextHop: string
    /**
     * Whether the route is out while the nextHop does not answer BFD (RFC 5880, UDP port 3784), which that has to speak. For a nextHop in a Subnet of externalGateway alone; absent: the route is always there. *live*
     */
    bfd?: boolean
  }[]
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface RouterStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'BUILD' | 'ACTIVE' | 'ERROR' | 'DELETING'
  /**
   * The legs at gateway addresses that are there.
   *
   * @maxItems 32
   *
   * Items: One leg.
   */
  interfaces?: {
    /**
     * Name of the Subnet.
     */
    subnet: string
    /**
     * Of the Subnet; absent: the Router's.
     */
    namespace?: string
    /**
     * UID of the Subnet.
     */
    subnetUID: string
    /**
     * The Router's address there.
     */
    ipAddress: string
    /**
     * Of the Subnet's range.
     */
    prefixLength: number
  }[]
  /**
   * The Ports that are legs of it, those that are about to be or to leave it included.
   *
   * @maxItems 64
   *
   * Items: One Port.
   */
  ports?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
    /**
     * Its addresses.
     *
     * @maxItems 8
     *
     * Items: One address.
     */
    fixedIPs: {
      /**
       * UID of the Subnet.
       */
      subnetUID: string
      /**
       * The address.
       */
      ipAddress: string
    }[]
  }[]
  /**
   * Its way to the outside.
   */
  externalGateway?: {
    /**
     * The external Network, as namespace/name.
     */
    network: string
    /**
     * UID of the Network.
     */
    networkUID: string
    /**
     * Its addresses there.
     *
     * @maxItems 4
     *
     * Items: One address.
     */
    fixedIPs?: {
      /**
       * Name of the Subnet.
       */
      subnet: string
      /**
       * UID of the Subnet.
       */
      subnetUID: string
      /**
       * The address.
       */
      ipAddress: string
      /**
       * Of the Subnet's range.
       */
      prefixLength: number
    }[]
    /**
     * Its addresses in one line, with commas between: the column of kubectl get. Programs read fixedIPs.
     */
    addressList?: string
    /**
     * Whether it translates for machines without a FloatingIP.
     */
    snat?: boolean
  }
  /**
   * The QoSPolicy in effect at its gateway, NAMESPACE/NAME.
   */
  qosPolicy?: string
  /**
   * Its UID.
   */
  qosPolicyUID?: string
  /**
   * The next hops of routes with bfd, and whether they answer.
   *
   * @maxItems 64
   *
   * Items: One next hop.
   */
  nextHops?: {
    /**
     * Its address.
     */
    ipAddress: string
    /**
     * UP: its routes are there. DOWN: they are out.
     */
    state: 'UP' | 'DOWN'
    /**
     * When it became so.
     */
    since: string
  }[]
  /**
   * The nodes that may carry the traffic to the outside, the preferred one first; the next takes over within two seconds.
   *
   * @maxItems 3
   *
   * Items: Name of a node.
   */
  gateways?: string[]
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
}
