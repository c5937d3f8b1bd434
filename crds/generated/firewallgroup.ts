// SPDX-License-Identifier: Apache-2.0
// Made from crds/firewallgroups.yaml by `npm run generate`. Do not edit.

export interface FirewallGroupSchema {
  spec?: FirewallGroupSpec
  status?: FirewallGroupStatus
}
/**
 * Where it stands, and what may pass. *live*
 */
export interface FirewallGroupSpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * Ports of Routers. One has at most one FirewallGroup. *live*
   *
   * @minItems 1
   * @maxItems 32
   *
   * Items: A port, or all of a Router that join Subnets. *live*
   */
  ports: {
    /**
     * The Router. *live*
     */
    routerRef: {
      /**
       * Name of the Router. *live*
       */
      name: string
    }
    /**
     * The Subnet behind the port; absent: all that the Router joins, now or later. *live*
     */
    subnetRef?: {
      /**
       * Name of the Subnet. *live*
       */
      name: string
      /**
       * Namespace of the Subnet; absent: the same. Another one works only where the Subnet allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }
  }[]
  /**
   * What passes from a Router to the Subnet behind its port; absent: everything passes. *live*
   */
  ingress?: {
    /**
     * The policies, in the order in which they are tried. What no rule of them allows is dropped. *live*
     *
     * @maxItems 8
     *
     * Items: One policy. *live*
     */
    policyRefs: {
      /**
       * Name of the FirewallPolicy. *live*
       */
      name: string
      /**
       * Namespace of the FirewallPolicy; absent: the same. Another one works only where the FirewallPolicy allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }[]
  }
  /**
   * What passes from the Subnet behind a port to the Router; absent: everything passes. *live*
   */
  egress?: {
    /**
     * The policies, in the order in which they are tried. What no rule of them allows is dropped. *live*
     *
     * @maxItems 8
     *
     * Items: One policy. *live*
     */
    policyRefs: {
      /**
       * Name of the FirewallPolicy. *live*
       */
      name: string
      /**
       * Namespace of the FirewallPolicy; absent: the same. Another one works only where the FirewallPolicy allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }[]
  }
}
/**
 * What was observed. Written by the operator alone.
 */
export interface FirewallGroupStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'INACTIVE' | 'ERROR' | 'DELETING'
  /**
   * The policies whose rules ingress has, in order; absent: everything passes.
   *
   * @maxItems 8
   *
   * Items: One policy.
   */
  ingressPolicies?: {
    /**
     * The FirewallPolicy, NAMESPACE/NAME.
     */
    policy: string
    /**
     * Its UID.
     */
    policyUID: string
  }[]
  /**
   * The policies whose rules egress has, in order; absent: everything passes.
   *
   * @maxItems 8
   *
   * Items: One policy.
   */
  egressPolicies?: {
    /**
     * The FirewallPolicy, NAMESPACE/NAME.
     */
    policy: string
    /**
     * Its UID.
     */
    policyUID: string
  }[]
  /**
   * It has the policies before the first that is missing, and never had all of them.
   */
  incomplete?: boolean
  /**
   * The ports where it stands.
   *
   * @maxItems 1024
   *
   * Items: One port.
   */
  ports?: {
    /**
     * Name of the Router.
     */
    router: string
    /**
     * metadata.uid of the Router.
     */
    routerUID: string
    /**
     * Name of the Subnet, where the Router has its gateway address.
     */
    subnet?: string
    /**
     * metadata.uid of the Subnet.
     */
    subnetUID?: string
    /**
     * Name of the Port, where the Router has the addresses of one.
     */
    port?: string
    /**
     * metadata.uid of the Port.
     */
    portUID?: string
  }[]
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
