// SPDX-License-Identifier: Apache-2.0
// Made from crds/volumes.yaml by `npm run generate`. Do not edit.

export interface VolumeSchema {
  spec?: VolumeSpec
  status?: VolumeStatus
}
/**
 * The disk. *live*
 */
export interface VolumeSpec {
  /**
   * Size in GiB. It only grows; a growth that its pool has not granted (PoolFull) may be taken back. *live*
   */
  sizeGiB: number
  /**
   * The VolumeType; absent: the one with spec.default: true. *immutable*
   */
  volumeTypeRef?: {
    /**
     * Name of the VolumeType. *immutable*
     */
    name: string
  }
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface VolumeStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'creating' | 'available' | 'in-use' | 'extending' | 'deleting' | 'error'
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
   * The node that serves it.
   */
  node?: string
  /**
   * Name of its StoragePool.
   */
  pool?: string
  /**
   * The owner's epoch: it grows each time that the object moves to another node.
   */
  epoch?: number
  /**
   * The size that its pool has promised it; spec.sizeGiB is above it while the pool has no room.
   */
  grantedGiB?: number
  /**
   * The size that was reached.
   */
  sizeGiB?: number
  /**
   * The Instance that has it attached, or is about to.
   */
  attachedTo?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
    /**
     * Its node.
     */
    node?: string
  }
  /**
   * How hypervisors reach it, as the storage node reported; holds no secrets.
   */
  connection?: {
    /**
     * file: a path on the same node; nbd: over the network.
     */
    protocol: 'file' | 'nbd'
    /**
     * file: the path.
     */
    path?: string
    /**
     * file: the format.
     */
    format?: 'raw' | 'qcow2'
    /**
     * nbd: the address.
     */
    host?: string
    /**
     * nbd: the port.
     */
    port?: number
    /**
     * nbd: the name of the export.
     */
    exportName?: string
    /**
     * nbd: whether it speaks TLS.
     */
    tls?: boolean
    /**
     * nbd: the name in the server's certificate.
     */
    tlsHostname?: string
  }
}
