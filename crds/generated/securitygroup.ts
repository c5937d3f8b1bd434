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
   * Whether answers to what a rule lets pass do so as well. False: each packet is judged by itself, and nothing is remembered of it, so that answers and ICMP errors need rules of their own; DHCP, metadata, the resolver and neighbour discovery need none. The groups of a Port are all stateful or all stateless. *immutable*
   */
  stateful?: boolean
  /**
   * Whether nothing may be sent without a rule of direction egress. False: as long as there is no such rule, everything may. Answers (of stateful groups), DHCP, metadata and neighbour discovery always pass. *live*
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
     * The protocol, by its name or by its number in quotes (the IANA registry of protocol numbers); absent: any. Extension headers of IPv6 are no protocols: a number is that of what follows them. *live*
     */
    protocol?: string
    /**
     * First port of tcp, udp or sctp. *live*
     */
    portRangeMin?: number
    /**
     * Last port of tcp, udp or sctp. *live*
     */
    portRangeMax?: number
    /**
     * Type of icmp or icmpv6, such as 8 or 128, a ping; absent: all. *live*
     */
    icmpType?: number
    /**
     * Code of the icmpType; absent: all. *live*
     */
    icmpCode?: number
    /**
     * Only to or from this range; absent: any. *live*
     */
    remoteIPPrefix?: string
    /**
     * Only to or from the Ports of this group. *live*
     */
    remoteGroupRef?: {
      /**
       * Namespace of the SecurityGroup, which has to share it (its spec.sharedWith); absent: this one. *live*
       */
      namespace?: string
      /**
       * Name of the SecurityGroup. *live*
       */
      name: string
    }
    /**
     * Only to or from the addresses of this group that are of the etherType. *live*
     */
    remoteAddressGroupRef?: {
      /**
       * Namespace of the AddressGroup, which has to share it (its spec.sharedWith); absent: this one. *live*
       */
      namespace?: string
      /**
       * Name of the AddressGroup. *live*
       */
      name: string
    }
  }[]
  /**
   * Which packets the cloud tells of, in Events of the group and in notifications (docs/network.md); absent: none. A packet that no group of its Port lets pass is told of by each of them that logs those. *live*
   */
  logging?: {
    /**
     * ACCEPT: the first packet of each connection that a rule lets pass (stateless groups: each packet). DROP: what no rule lets pass, but for what is sent to all. ALL: both. *live*
     */
    event: 'ALL' | 'ACCEPT' | 'DROP'
    /**
     * How many of each verdict a node logs of this group at the most; the others are not counted. *live*
     */
    packetsPerSecond?: number
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
}
/**
 * What was observed. Written by the operator alone.
 */
export interface SecurityGroupStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'ERROR' | 'DELETING'
  /**
   * How many of spec.rules are in force, from the first on, where the Quota of the namespace has no room for all; else absent.
   */
  rulesInForce?: number
  /**
   * UIDs of the SecurityGroups and AddressGroups that rules in force name.
   *
   * @maxItems 128
   *
   * Items: UID of a SecurityGroup or an AddressGroup.
   */
  remoteUIDs?: string[]
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
