// SPDX-License-Identifier: Apache-2.0
// Made from crds/floatingips.yaml by `npm run generate`. Do not edit.

export interface FloatingIPSchema {
  spec?: FloatingIPSpec
  status?: FloatingIPStatus
}
/**
 * Which address, and where it leads. *live*
 */
export interface FloatingIPSpec {
  /**
   * The external Network. *immutable*
   */
  networkRef: {
    /**
     * Name of the Network. *immutable*
     */
    name: string
    /**
     * Namespace of the Network; absent: the same. Another one works only where the Network allows it by spec.sharedWith. *immutable*
     */
    namespace?: string
  }
  /**
   * Subnet of that Network that the address comes from; absent: the first by name that has room. *immutable*
   */
  subnetRef?: {
    /**
     * Name of the Subnet. *immutable*
     */
    name: string
  }
  /**
   * The IPv4 address; absent: one is chosen. *immutable*
   */
  ipAddress?: string
  /**
   * The Instance that it leads to, of the same namespace: to its first interface that a Router connects to the Network. Without instanceRef and portRef it leads nowhere yet. *live*
   */
  instanceRef?: {
    /**
     * Name of the Instance. *live*
     */
    name: string
  }
  /**
   * The LoadBalancer that it leads to, of the same namespace, with an IPv4 address; instead of an Instance or Port. *live*
   */
  loadBalancerRef?: {
    /**
     * Name of the LoadBalancer. *live*
     */
    name: string
  }
  /**
   * The Port that it leads to, of the same namespace, instead of an Instance. *live*
   */
  portRef?: {
    /**
     * Name of the Port. *live*
     */
    name: string
  }
  /**
   * Which of its addresses there; absent: the first of IPv4. *live*
   */
  fixedIPAddress?: string
  /**
   * Instead of instanceRef and portRef: single ports of the address, each of which leads to a port of a machine; several machines share the address so. The rest of it leads nowhere, and no machine sends under it. Together at most 1024 ports. *live*
   *
   * @maxItems 32
   *
   * Items: One port of the address, or several in a row, and where they lead. *live*
   */
  portForwardings?: {
    /**
     * The protocol of the ports. *live*
     */
    protocol: 'tcp' | 'udp' | 'sctp'
    /**
     * The port of the address; with externalEndPort the first one. *live*
     */
    externalPort: number
    /**
     * The last port of a range; absent: one port. *live*
     */
    externalEndPort?: number
    /**
     * The port of the machine; of a range the first one, and the others follow in order. Absent: as externalPort. *live*
     */
    internalPort?: number
    /**
     * The Instance that it leads to, of the same namespace: to its first interface that a Router connects to the Network. *live*
     */
    instanceRef?: {
      /**
       * Name of the Instance. *live*
       */
      name: string
    }
    /**
     * The Port that it leads to, of the same namespace, instead of an Instance. *live*
     */
    portRef?: {
      /**
       * Name of the Port. *live*
       */
      name: string
    }
    /**
     * Which of its addresses there; absent: the first of IPv4. *live*
     */
    fixedIPAddress?: string
  }[]
  /**
   * What becomes of it when the Instance in instanceRef, or the Port in portRef, is deleted: with Retain it keeps its address and leads nowhere until it names another one; with Delete it is deleted with that, and its address is free. *live*
   */
  reclaimPolicy?: 'Retain' | 'Delete'
  /**
   * Name of the address outside, for an ExternalDNS that reads FloatingIPs (docs/network.md says how): nothing of the cloud itself makes the record. *live*
   */
  dnsName?: string
  /**
   * Limits and marks of the traffic of the address; absent: none of its own. *live*
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
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface FloatingIPStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'DOWN' | 'ACTIVE' | 'ERROR' | 'DELETING'
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
   * The address. It stays as long as this object.
   */
  ipAddress?: string
  /**
   * Name of the Subnet that it is of.
   */
  subnet?: string
  /**
   * UID of the external Network.
   */
  networkUID?: string
  /**
   * Where it leads.
   */
  fixedIPAddress?: string
  /**
   * Name of the Port that it leads to.
   */
  port?: string
  /**
   * UID of the Port that it leads to.
   */
  portUID?: string
  /**
   * UID of the Instance that it leads to by instanceRef.
   */
  instanceUID?: string
  /**
   * UID of the LoadBalancer that it leads to.
   */
  loadBalancerUID?: string
  /**
   * The Router that translates, as namespace/name.
   */
  router?: string
  /**
   * UID of the Router.
   */
  routerUID?: string
  /**
   * The QoSPolicy in effect, NAMESPACE/NAME.
   */
  qosPolicy?: string
  /**
   * Its UID.
   */
  qosPolicyUID?: string
  /**
   * Whether the node of the machine translates itself; otherwise the gateway of the Router does.
   */
  distributed?: boolean
  /**
   * Where each of spec.portForwardings leads, or why not.
   *
   * @maxItems 32
   *
   * Items: One of them.
   */
  portForwardings?: {
    /**
     * As in spec.portForwardings.
     */
    protocol: 'tcp' | 'udp' | 'sctp'
    /**
     * As in spec.portForwardings.
     */
    externalPort: number
    /**
     * Where it leads; absent: nowhere at the moment.
     */
    fixedIPAddress?: string
    /**
     * Name of the Port that it leads to.
     */
    port?: string
    /**
     * UID of the Port that it leads to.
     */
    portUID?: string
    /**
     * Why it leads nowhere, in one word of docs/troubleshooting.md.
     */
    reason?: string
  }[]
}
