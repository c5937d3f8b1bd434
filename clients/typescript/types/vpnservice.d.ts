// SPDX-License-Identifier: Apache-2.0
// Made from crds/vpnservices.yaml by `npm run generate`. Do not edit.

export interface VPNServiceSchema {
  spec?: VPNServiceSpec
  status?: VPNServiceStatus
}
/**
 * Whose networks it joins to others. *live*
 */
export interface VPNServiceSpec {
  /**
   * The Router, of the same namespace, whose Subnets others reach. It has an externalGateway. *immutable*
   */
  routerRef: {
    /**
     * Name of the Router. *immutable*
     */
    name: string
  }
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface VPNServiceStatus {
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
   * Its own IPv4 address on the external Network, which peers name. It stays as long as this object.
   */
  externalIP?: string
  /**
   * The same of IPv6, where the Network has such a Subnet.
   */
  externalIPv6?: string
  /**
   * The external Network, as namespace/name.
   */
  network?: string
  /**
   * Its UID.
   */
  networkUID?: string
  /**
   * Name of the Subnet that the address is of.
   */
  subnet?: string
  /**
   * Name of the Subnet that the IPv6 address is of.
   */
  subnetIPv6?: string
  /**
   * The Router, as namespace/name.
   */
  router?: string
  /**
   * Its UID.
   */
  routerUID?: string
  /**
   * The gateway node that has it: the one that carries the traffic of the Router.
   */
  node?: string
  /**
   * Which placement; it grows with each new node.
   */
  epoch?: number
  /**
   * Nodes that had it and have not confirmed yet that it is gone there.
   *
   * @maxItems 16
   *
   * Items: One of them.
   */
  pendingReleases?: {
    /**
     * Its name.
     */
    node: string
    /**
     * Which placement.
     */
    epoch: number
  }[]
}
