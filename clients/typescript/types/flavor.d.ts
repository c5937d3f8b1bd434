// SPDX-License-Identifier: Apache-2.0
// Made from crds/flavors.yaml by `npm run generate`. Do not edit.

export interface FlavorSchema {
  spec?: FlavorSpec
  status?: FlavorStatus
}
/**
 * The size. *immutable*
 */
export interface FlavorSpec {
  /**
   * Virtual CPUs. *immutable*
   */
  vcpus: number
  /**
   * Memory in MiB. *immutable*
   */
  memoryMiB: number
  /**
   * Size of the root disk in GiB; 0 means the image's own size, rounded up to a whole GiB, as disks are counted in. *immutable*
   */
  rootDiskGiB?: number
  /**
   * Size of an empty second disk that lives as long as the Instance, in GiB; 0 means none. *immutable*
   */
  ephemeralGiB?: number
  /**
   * Size of a swap disk in MiB; 0 means none. *immutable*
   */
  swapMiB?: number
  /**
   * Further wishes to scheduler and hypervisor by their Nova names. Read today: hw:require_kvm ("true": only nodes with KVM); keys without a colon, or that begin with aggregate_instance_extra_specs:, which a HostAggregate of the node has to have in its metadata, with Nova’s operators; capabilities:…, which the node has to have, with the same operators; nephele:scheduler_profile, the SchedulerProfile to place by; hw:cpu_policy, hw:cpu_thread_policy, hw:mem_page_size, hw:numa_nodes, hw:numa_cpus.N, hw:numa_mem.N and hw:pci_numa_affinity_policy, the NUMA topology; hw:tpm_version, hw:tpm_model, os:secure_boot, hw:watchdog_action and hw:vif_multiqueue_enabled, as properties of the Image; others are kept and have no effect. *immutable*
   */
  extraSpecs?: {
    /**
     * The value. *immutable*
     */
    [k: string]: string
  }
  /**
   * Usable from every namespace; false: only from those in sharedWith. *immutable*
   */
  public?: boolean
  /**
   * With public: false, the namespaces that may use this flavor. *immutable*
   *
   * @maxItems 64
   *
   * Items: One namespace. *immutable*
   */
  sharedWith?: {
    /**
     * Name of the namespace, or `*` for all. *immutable*
     */
    namespace: string
  }[]
}
/**
 * What was observed. Written by the operator alone.
 */
export interface FlavorStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'DELETING'
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
