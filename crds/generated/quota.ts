// SPDX-License-Identifier: Apache-2.0
// Made from crds/quotas.yaml by `npm run generate`. Do not edit.

export interface QuotaSchema {
  spec?: QuotaSpec
  status?: QuotaStatus
}
/**
 * What is wanted. *live*
 */
export interface QuotaSpec {
  /**
   * The most that the namespace may have, by key; what is not named is bounded by spec.defaultQuota of the Cloud, or not at all. instances, cores, ram, keyPairs, serverGroups, serverGroupMembers, volumes, gigabytes (GiB), volumes.TYPE and gigabytes.TYPE of one VolumeType, snapshots, backups, backupGigabytes, networks, subnets, subnetPools, addressScopes, ports, trunks, routers, floatingIPs, securityGroups, securityGroupRules, addressGroups, firewallGroups, firewallPolicies, loadBalancers, qosPolicies, vpnServices, vpnConnections, images, imageBytes; ram is in MiB, and serverGroupMembers are those of each ServerGroup. *live*
   */
  hard: {
    /**
     * The most. *live*
     */
    [k: string]: number
  }
}
/**
 * What was observed. Written by the operator alone.
 */
export interface QuotaStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE'
  /**
   * The amounts in force, by key; those of other Quotas in the namespace and of the Cloud included.
   */
  hard?: {
    /**
     * How many or how much.
     */
    [k: string]: number
  }
  /**
   * What the namespace has, by key.
   */
  used?: {
    /**
     * How many or how much.
     */
    [k: string]: number
  }
  /**
   * What was promised on top of that, to what is being made now.
   */
  reserved?: {
    /**
     * How many or how much.
     */
    [k: string]: number
  }
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
