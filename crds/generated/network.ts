// SPDX-License-Identifier: Apache-2.0
// Made from crds/networks.yaml by `npm run generate`. Do not edit.

export interface NetworkSchema {
  spec?: NetworkSpec
  status?: NetworkStatus
}
/**
 * How the network behaves. *live*
 */
export interface NetworkSpec {
  /**
   * MTU of the guests' interfaces; absent: the underlay's less the tunnel header. *restart*
   */
  mtu?: number
  /**
   * The default of its Ports: only their own MAC and addresses may send, and security groups apply. Ports of other namespaces keep what it said when they were made, and while there are any it cannot become false. *live*
   */
  portSecurityEnabled?: boolean
  /**
   * Domain of the names by which its machines find each other, HOSTNAME.DOMAIN, which DHCP hands to guests; absent: the one of the Cloud. Two Networks may have the same: names are known on their own Network alone. *live*
   */
  dnsDomain?: string
  /**
   * Whether Routers may have their gateway on it and FloatingIPs their addresses. For administrators of the cloud. *live*
   */
  external?: boolean
  /**
   * The physical network that it is; absent: a virtual one, by tunnels between the nodes. For administrators of the cloud. *immutable*
   */
  provider?: {
    /**
     * The ProviderNetwork. *immutable*
     */
    providerNetworkRef: {
      /**
       * Name of the ProviderNetwork. *immutable*
       */
      name: string
    }
    /**
     * The VLAN; absent: the next free one of the ProviderNetwork's vlanRanges. *immutable*
     */
    segmentationID?: number
  }
  /**
   * Limits and marks of each of its Ports that names none of its own; absent: none. *live*
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
  /**
   * The namespaces whose objects may refer to this one; `*` means all of them. *live*
   *
   * @maxItems 64
   *
   * Items: One namespace. *live*
   */
  sharedWith?: {
    /**
     * Name of the namespace, or `*` for all. *live*
     */
    namespace: string
  }[]
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface NetworkStatus {
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
   * Who realises it: ovn, the cloud itself; external, an SDN controller.
   */
  driver?: 'ovn' | 'external'
  /**
   * With driver external: the SDN controller, as its ProviderNetwork names it.
   */
  controller?: string
  /**
   * With driver external: who does what there, Nephele, the controller by its name, or nobody.
   */
  doneBy?: {
    /**
     * Who forwards packets between its Ports.
     */
    forwarding?: string
    /**
     * Who plugs interfaces of machines into the bridge of their node.
     */
    plugging?: string
    /**
     * Who gives Ports their MAC and IP addresses.
     */
    addresses?: string
    /**
     * Who does DHCP and router advertisements.
     */
    dhcp?: string
    /**
     * Who does SecurityGroups, and that Ports send from nothing but their own addresses.
     */
    securityGroups?: string
    /**
     * Who answers at the gateway address of its Subnets.
     */
    gateway?: string
    /**
     * Who hands guests their user data and keys.
     */
    metadata?: string
    /**
     * Who answers for the names by which its machines find each other.
     */
    names?: string
    /**
     * Who does Routers, FloatingIPs, LoadBalancers, FirewallGroups, QoSPolicies and Trunks.
     */
    routers?: string
  }
  /**
   * What is in effect of spec.portSecurityEnabled.
   */
  portSecurityEnabled?: boolean
  /**
   * The MTU in effect.
   */
  mtu?: number
  /**
   * The domain in effect.
   */
  dnsDomain?: string
  /**
   * The QoSPolicy of its Ports, NAMESPACE/NAME.
   */
  qosPolicy?: string
  /**
   * Its UID.
   */
  qosPolicyUID?: string
  /**
   * Name of the logical switch in OVN's northbound database; with driver external the UID of the Network, and none is there.
   */
  logicalSwitch?: string
  /**
   * Name of the physical network that it is.
   */
  physicalNetwork?: string
  /**
   * Its VLAN on the physical network.
   */
  segmentationID?: number
}
