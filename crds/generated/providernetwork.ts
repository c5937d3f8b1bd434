// SPDX-License-Identifier: Apache-2.0
// Made from crds/providernetworks.yaml by `npm run generate`. Do not edit.

export interface ProviderNetworkSchema {
  spec?: ProviderNetworkSpec
  status?: ProviderNetworkStatus
}
/**
 * What it is and which nodes have it. *live*
 */
export interface ProviderNetworkSpec {
  /**
   * flat: one Network, without tags. vlan: one Network for each VLAN. external: any number of Networks, which an SDN controller realises instead of the cloud. *immutable*
   */
  type: 'flat' | 'vlan' | 'external'
  /**
   * Name of the physical network, by which nodes know it; absent: that of this object. One of type flat and one of type vlan may be the same physical network. *immutable*
   */
  physicalNetwork?: string
  /**
   * Of type external: the SDN controller that realises its Networks, at the bridges of spec.nodes. *live*
   */
  controller?: {
    /**
     * By which it says that it has programmed a Port, such as sdn.example.com/fabric. *immutable*
     */
    name: string
    /**
     * What it does beside forwarding: DHCP by what Subnets say; SecurityGroups, with that Ports send from nothing but their own addresses. What is not written here is refused on its Networks. *live*
     *
     * @maxItems 2
     *
     * Items: One feature. *live*
     */
    features?: ('DHCP' | 'SecurityGroups')[]
  }
  /**
   * VLANs that Networks without a segmentationID of their own get one of. *live*
   *
   * @maxItems 32
   *
   * Items: One range, both ends included. *live*
   */
  vlanRanges?: {
    /**
     * The first VLAN. *live*
     */
    minimum: number
    /**
     * The last VLAN. *live*
     */
    maximum: number
  }[]
  /**
   * What the physical network carries, in bytes of IP. *live*
   */
  mtu?: number
  /**
   * How machines with a Port on its Networks find the world by name. *live*
   */
  dns?: {
    /**
     * Name servers that nodes ask for them, in this order, from the node's own network, instead of those of the Cloud (spec.dns.upstreams of it) or of the node; absent: those; empty: nobody is asked. They answer every machine on its Networks: name none that knows what these may not. *live*
     *
     * @maxItems 3
     *
     * Items: Address of a name server. *live*
     */
    upstreams?: string[]
  }
  /**
   * Which nodes are connected to it, and by what; the first entry that matches a node counts. *live*
   *
   * @maxItems 32
   *
   * Items: Nodes that are connected in the same way. *live*
   */
  nodes?: {
    /**
     * Which nodes; absent: all of them. *live*
     */
    nodeSelector?: {
      /**
       * Labels that a node must have; kubernetes.io/hostname names one node. *live*
       */
      matchLabels?: {
        /**
         * The value. *live*
         */
        [k: string]: string
      }
    }
    /**
     * A network interface of the node that has no address of its own and carries nothing else: the agent makes a bridge with it. *live*
     */
    interface?: string
    /**
     * A bridge of Open vSwitch that the host has already and the agent leaves as it is. *live*
     */
    bridge?: string
    /**
     * Network interfaces of the node that are physical functions of SR-IOV cards on this physical network: Ports of vnicType direct and macvtap get virtual functions of them, as many as the host has made. It may be the interface above as well. *live*
     *
     * @minItems 1
     * @maxItems 8
     *
     * Items: Name of an interface. *live*
     */
    physicalFunctions?: string[]
    /**
     * What of their way there the scheduler may set aside for machines whose QoSPolicies have minimumBandwidths; absent: nothing. *live*
     */
    bandwidth?: {
      /**
       * From the node, in kilobits a second; absent: none. *live*
       */
      egressKbps?: number
      /**
       * To the node, in kilobits a second; absent: none. *live*
       */
      ingressKbps?: number
    }
  }[]
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ProviderNetworkStatus {
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
   * How many nodes spec.nodes matches.
   */
  nodeCount?: number
  /**
   * How many of them report that they are connected.
   */
  connectedCount?: number
  /**
   * What is wrong with nodes that are not connected, or what somebody should look at: each cause once, those of most nodes first.
   *
   * @maxItems 16
   *
   * Items: One cause.
   */
  troubles?: {
    /**
     * What is wrong, and what would help.
     */
    message: string
    /**
     * How many nodes say so.
     */
    nodeCount: number
    /**
     * Their names, the first ones.
     *
     * @minItems 1
     * @maxItems 3
     *
     * Items: Name of the node.
     */
    nodes: string[]
  }[]
}
