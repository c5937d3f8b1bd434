// SPDX-License-Identifier: Apache-2.0
// Made from crds/addressscopes.yaml by `npm run generate`. Do not edit.

export interface AddressScopeSchema {
  spec?: AddressScopeSpec
  status?: AddressScopeStatus
}
/**
 * Which addresses, and who may have pools of them. *live*
 */
export interface AddressScopeSpec {
  /**
   * The family of its addresses: 4 or 6. *immutable*
   */
  ipVersion: 4 | 6
  /**
   * The namespaces whose SubnetPools may have addresses of it, any that no other pool has; `*` means all of them. *live*
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
export interface AddressScopeStatus {
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
  /**
   * Which SubnetPool has which addresses of it.
   *
   * @maxItems 512
   *
   * Items: One range.
   */
  allocations?: {
    /**
     * The range.
     */
    cidr: string
    /**
     * The SubnetPool that has it, as namespace/name.
     */
    holder: string
    /**
     * Its UID.
     */
    holderUID: string
  }[]
}
