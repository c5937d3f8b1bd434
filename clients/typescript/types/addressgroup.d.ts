// SPDX-License-Identifier: Apache-2.0
// Made from crds/addressgroups.yaml by `npm run generate`. Do not edit.

export interface AddressGroupSchema {
  spec?: AddressGroupSpec
  status?: AddressGroupStatus
}
/**
 * The ranges. *live*
 */
export interface AddressGroupSpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * The ranges, of either family, in no order. Each change of one costs as much as the change, however many there are. *live*
   *
   * @maxItems 4096
   *
   * Items: One range. *live*
   */
  addresses?: string[]
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
export interface AddressGroupStatus {
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
