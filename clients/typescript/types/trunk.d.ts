// SPDX-License-Identifier: Apache-2.0
// Made from crds/trunks.yaml by `npm run generate`. Do not edit.

export interface TrunkSchema {
  spec?: TrunkSpec
  status?: TrunkStatus
}
/**
 * The interface, and the Ports on it. *live*
 */
export interface TrunkSpec {
  /**
   * The parent: a Port that a machine has, or will have, as an interface. What the guest sends there without a tag is its own. *immutable*
   */
  portRef: {
    /**
     * Name of the Port, in the same namespace. *immutable*
     */
    name: string
  }
  /**
   * The Ports on it. They come and go while the guest runs; what the guest does with their tags is its own affair. *live*
   *
   * @maxItems 32
   *
   * Items: One Port. *live*
   */
  subports?: {
    /**
     * A Port that no machine has. *live*
     */
    portRef: {
      /**
       * Name of the Port, in the same namespace. *live*
       */
      name: string
    }
    /**
     * The VLAN tag by which the guest speaks through it; one of the guest's own, not that of a VLAN outside. *live*
     */
    segmentationID: number
    /**
     * What segmentationID is; absent: vlan, an IEEE 802.1Q tag. *live*
     */
    segmentationType?: 'vlan'
  }[]
}
/**
 * What was observed. Written by the operator alone.
 */
export interface TrunkStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'DOWN' | 'BUILD' | 'ACTIVE' | 'DEGRADED' | 'ERROR' | 'DELETING'
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
   * UID of the parent, once it is this Trunk's.
   */
  parentUID?: string
  /**
   * The node where the parent is plugged in.
   */
  node?: string
  /**
   * The Ports that are on it.
   *
   * @maxItems 32
   *
   * Items: One Port.
   */
  subports?: {
    /**
     * Name of the Port.
     */
    port: string
    /**
     * Its UID.
     */
    portUID: string
    /**
     * Its VLAN tag.
     */
    segmentationID: number
  }[]
}
