// SPDX-License-Identifier: Apache-2.0
// Made from crds/subnetpools.yaml by `npm run generate`. Do not edit.

export interface SubnetPoolSchema {
  spec?: SubnetPoolSpec
  status?: SubnetPoolStatus
}
/**
 * Which ranges, and what Subnets may have of them. *live*
 */
export interface SubnetPoolSpec {
  /**
   * The ranges, all of one family. One that is taken out gives no more Subnets, and is let go once those that it gave are gone. *live*
   *
   * @minItems 1
   * @maxItems 32
   *
   * Items: A range, such as 10.0.0.0/8. *live*
   */
  prefixes: string[]
  /**
   * How large a Subnet is that says nothing of it; absent: 24 for IPv4 and 64 for IPv6, or the nearest that is allowed. *live*
   */
  defaultPrefixLength?: number
  /**
   * The largest Subnet that can be asked for; absent: 8 for IPv4, 64 for IPv6. *live*
   */
  minPrefixLength?: number
  /**
   * The smallest Subnet that can be asked for; absent: 30 for IPv4, 126 for IPv6. *live*
   */
  maxPrefixLength?: number
  /**
   * How much of it a namespace may have: addresses of IPv4, ranges of 64 bits of IPv6, as in Neutron; absent: no bound. *live*
   */
  defaultQuota?: number
  /**
   * The AddressScope, inside of which no other SubnetPool has any of its addresses; absent: they may be the same as anybody's. *immutable*
   */
  addressScopeRef?: {
    /**
     * Name of the AddressScope. *immutable*
     */
    name: string
    /**
     * Namespace of the AddressScope; absent: the same. Another one works only where the AddressScope allows it by spec.sharedWith. *immutable*
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
export interface SubnetPoolStatus {
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
   * The family of its addresses: 4 or 6.
   */
  ipVersion?: 4 | 6
  /**
   * The ranges that it has; Subnets get theirs from those that are also in the spec.
   *
   * @maxItems 64
   *
   * Items: A range.
   */
  prefixes?: string[]
  /**
   * How many Subnets have a range of it.
   */
  subnets?: number
  /**
   * Which Subnet has which range of it.
   *
   * @maxItems 2048
   *
   * Items: One range.
   */
  allocations?: {
    /**
     * The range.
     */
    cidr: string
    /**
     * The Subnet that has it, as namespace/name.
     */
    holder: string
    /**
     * Its UID.
     */
    holderUID: string
  }[]
}
