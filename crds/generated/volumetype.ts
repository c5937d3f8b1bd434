// SPDX-License-Identifier: Apache-2.0
// Made from crds/volumetypes.yaml by `npm run generate`. Do not edit.

export interface VolumeTypeSchema {
  spec?: VolumeTypeSpec
  status?: VolumeTypeStatus
}
/**
 * The sort. *live*
 */
export interface VolumeTypeSpec {
  /**
   * The StoragePool that new Volumes are put on. *live*
   */
  storagePoolRef: {
    /**
     * Name of the StoragePool. *live*
     */
    name: string
  }
  /**
   * For people. *live*
   */
  description?: string
  /**
   * Volumes that name no type get this one. Of several the oldest wins. *live*
   */
  default?: boolean
  /**
   * New Volumes of every namespace may use it; false: only of those in sharedWith. *live*
   */
  public?: boolean
  /**
   * With public: false, the namespaces that may use it. *live*
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
export interface VolumeTypeStatus {
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
