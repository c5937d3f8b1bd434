// SPDX-License-Identifier: Apache-2.0
// Made from crds/images.yaml by `npm run generate`. Do not edit.

export interface ImageSchema {
  spec?: ImageSpec
  status?: ImageStatus
}
/**
 * Where the image comes from and what it needs. *live*
 */
export interface ImageSpec {
  /**
   * Where to fetch it. A changed source must give the same bytes once the digest is known. *live*
   */
  source: {
    /**
     * From the root disk of a machine, by an InstanceAction of type Snapshot, which makes the Image. The bytes lie in the store under the Image's own UID: an Image that is written by hand has none. *immutable*
     */
    snapshot?: {
      /**
       * The InstanceAction, of the same namespace; it may be gone once the Image is active. *immutable*
       */
      instanceActionRef: {
        /**
         * Name of the InstanceAction. *immutable*
         */
        name: string
      }
      /**
       * Where the bytes are kept. *immutable*
       */
      imageStoreRef: {
        /**
         * Name of the ImageStore. *immutable*
         */
        name: string
      }
    }
    /**
     * From a web server. *live*
     */
    http?: {
      /**
       * Address of the file: http or https, without credentials. *live*
       */
      url: string
      /**
       * PEM certificates to trust for this source instead of the system ones. *live*
       */
      caBundle?: string
    }
  }
  /**
   * The SHA-256 digest of the file, 64 hexadecimal digits in lower case. Absent: computed at import and recorded in the status. It can be corrected until the image is imported; from then on only to what status.sha256 has. *immutable*
   */
  sha256?: string
  /**
   * The format of the file. It is never guessed: a file of another format is refused. *immutable*
   */
  format: 'raw' | 'qcow2'
  /**
   * Flavors with a smaller root disk cannot use this image; those with 0 take the size of the image, rounded up to a GiB. *live*
   */
  minDiskGiB?: number
  /**
   * Flavors with less memory cannot use this image. *live*
   */
  minMemoryMiB?: number
  /**
   * Processor architecture of the software in the image. Nodes run machines of x86_64 alone so far: another is refused. *immutable*
   */
  architecture?: 'x86_64' | 'aarch64'
  /**
   * Hints for the hypervisor by their Glance names. Read today: hw_disk_bus, hw_vif_model, hw_virt_type, hw_require_kvm, hw_vif_type (docs/images.md); others are kept and have no effect. *restart*
   */
  properties?: {
    /**
     * The value. *restart*
     */
    [k: string]: string
  }
  /**
   * Who may use the image: its own namespace, those in sharedWith, or everyone. *live*
   */
  visibility?: 'private' | 'shared' | 'public'
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
export interface ImageStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'queued' | 'importing' | 'active' | 'killed' | 'deleting'
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
   * The digest of the bytes in use.
   */
  sha256?: string
  /**
   * Size of the file.
   */
  sizeBytes?: number
  /**
   * Size of the disk that a guest sees.
   */
  virtualSizeBytes?: number
  /**
   * Percent of the import.
   */
  progress?: number
  /**
   * The node that fetches and checks the image.
   */
  importNode?: string
  /**
   * The owner's epoch: it grows each time that the object moves to another node.
   */
  epoch?: number
  /**
   * Of an Image whose bytes are kept in an ImageStore: the nodes that keep them, or are to.
   *
   * @maxItems 16
   *
   * Items: One node.
   */
  copies?: {
    /**
     * Its name.
     */
    node: string
    /**
     * Which placement of this copy.
     */
    epoch: number
    /**
     * Whether it is whole.
     */
    ready?: boolean
  }[]
}
