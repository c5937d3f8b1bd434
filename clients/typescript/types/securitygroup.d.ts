// SPDX-License-Identifier: Apache-2.0
// Made from crds/securitygroups.yaml by `npm run generate`. Do not edit.

export interface SecurityGroupSchema {
  spec?: SecurityGroupSpec
  status?: SecurityGroupStatus
}
/**
 * The rules. *live*
 */
export interface SecurityGroupSpec {
  /**
   * For people. *live*
   */
  description?: string
  /**
   * Whether nothing may be sent without a rule of direction egress. False: as long as there is no such rule, everything may. Answers, DHCP, metadata and neighbour discovery always pass. *live*
   */
  denyEgress?: boolean
  /**
   * What is allowed, in no order. To a Port passes what one rule of one of its groups lets in; from it, everything until a rule of direction egress is written, or denyEgress. *live*
   *
   * @maxItems 128
   *
   * Items: One allowance. *live*
   */
  rules?: {
    /**
     * ingress: to the Port; egress: from it. *live*
     */
    direction: 'ingress' | 'egress'
    /**
     * Family of the addresses; absent: IPv4. *live*
     */
    etherType?: 'IPv4' | 'IPv6'
    /**
     * The protocol; absent: any. *live*
     */
    protocol?: 'any' | 'tcp' | 'udp' | 'icmp' | 'icmpv6'
    /**
     * First port of tcp or udp. *live*
     */
    portRangeMin?: number
    /**
     * Last port of tcp or udp. *live*
     */
    portRangeMax?: number
    /**
     * Only to or from this range; absent: any. *live*
     */
    remoteIPPrefix?: string
    /**
     * Only to or from the Ports of this group of the same namespace. *live*
     */
    remoteGroupRef?: {
      /**
       * Name of the SecurityGroup. *live*
       */
      name: string
    }
  }[]
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
}
/**
 * What was observed. Written by the operator alone.
 */
export interface SecurityGroupStatus {
  /**
   * The metadata.generation that this status answers.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'ERROR' | 'DELETING'
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
