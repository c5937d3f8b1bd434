// SPDX-License-Identifier: Apache-2.0
// Made from crds/imagestores.yaml by `npm run generate`. Do not edit.

export interface ImageStoreSchema {
  spec?: ImageStoreSpec
  status?: ImageStoreStatus
}
/**
 * The place. *live*
 */
export interface ImageStoreSpec {
  /**
   * How the bytes are kept: file, in files on a file system of nodes. *immutable*
   */
  driver: 'file'
  /**
   * Settings of driver file. *immutable*
   */
  file?: {
    /**
     * The folder on the node; absent: /var/lib/nephele/image-stores/<name of the store>. *immutable*
     */
    path?: string
    /**
     * Whether a file system must be mounted at the path on each node: until it is, and when it no longer is, nothing is made there and the store says StoreUnavailable. Without it a store is known by the mark that it gets with its first file. *immutable*
     */
    requireMount?: boolean
  }
  /**
   * On how many nodes each file is kept: more than one outlive the loss of a node. A higher number gives more copies to what there is, too; a lower one takes none away. *live*
   */
  copies?: number
  /**
   * Whether snapshots that name no store go here; of several the oldest counts. *live*
   */
  default?: boolean
  /**
   * Which nodes with the storage role serve it; absent: all of them. *live*
   */
  nodeSelector?: {
    /**
     * Labels that a node must have. *live*
     */
    matchLabels?: {
      /**
       * The value. *live*
       */
      [k: string]: string
    }
  }
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ImageStoreStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'up' | 'down' | 'error'
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
   * The nodes that serve it.
   *
   * @maxItems 64
   *
   * Items: One node.
   */
  nodes?: {
    /**
     * Its name.
     */
    node: string
    /**
     * Size of the file system.
     */
    totalGiB: number
    /**
     * What is free of it.
     */
    freeGiB: number
    /**
     * Why the node cannot serve it.
     */
    error?: string
  }[]
}
