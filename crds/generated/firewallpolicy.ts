// SPDX-License-Identifier: Apache-2.0
// Made from crds/firewallpolicies.yaml by `npm run generate`. Do not edit.

export interface FirewallPolicySchema {
  spec?: FirewallPolicySpec
  status?: FirewallPolicyStatus
}
/**
 * The rules. *live*
 */
export interface FirewallPolicySpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * In the order in which they are tried. *live*
   *
   * @maxItems 128
   *
   * Items: One rule. *live*
   */
  rules?: {
    /**
     * What it is for, for people. *live*
     */
    description?: string
    /**
     * allow: it passes, and so do its answers; deny: it is dropped; reject: it is dropped, and its sender told. *live*
     */
    action: 'allow' | 'deny' | 'reject'
    /**
     * False: the rule is passed over; absent: true. *live*
     */
    enabled?: boolean
    /**
     * Family of the addresses; absent: that of the prefixes or of the protocol, or else both. *live*
     */
    etherType?: 'IPv4' | 'IPv6'
    /**
     * The protocol; absent: any. *live*
     */
    protocol?: 'any' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6'
    /**
     * Only packets from this range; absent: any. *live*
     */
    sourceIPPrefix?: string
    /**
     * Only packets to this range; absent: any. *live*
     */
    destinationIPPrefix?: string
    /**
     * Only packets from these ports of tcp, udp or sctp; absent: any. *live*
     */
    sourcePorts?: {
      /**
       * The first one. *live*
       */
      minimum: number
      /**
       * The last one; absent: the first is the only one. *live*
       */
      maximum?: number
    }
    /**
     * Only packets to these ports of tcp, udp or sctp; absent: any. *live*
     */
    destinationPorts?: {
      /**
       * The first one. *live*
       */
      minimum: number
      /**
       * The last one; absent: the first is the only one. *live*
       */
      maximum?: number
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
export interface FirewallPolicyStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
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
