// SPDX-License-Identifier: Apache-2.0
// Made from crds/schedulerprofiles.yaml by `npm run generate`. Do not edit.

export interface SchedulerProfileSchema {
  spec?: SchedulerProfileSpec
  status?: SchedulerProfileStatus
}
/**
 * Filters, weighers, and what they go by. *live*
 */
export interface SchedulerProfileSpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * Filters in the order in which they judge, beside those without which no machine would run (Compute, Retry, RequestedNode, Dpdk, ProviderNetwork, Bandwidth, PciPassthrough, NUMATopology) and behind them those that hold what an Instance asks for (AvailabilityZone, SameHost, DifferentHost, ServerGroupAffinity, ServerGroupAntiAffinity, SimpleCIDRAffinity, Json), where they are not named; absent: those of the built-in default. *live*
   *
   * @maxItems 32
   *
   * Items: Name of one. *live*
   */
  filters?: (
    | 'AggregateCoreFilter'
    | 'AggregateDiskFilter'
    | 'AggregateImagePropertiesIsolation'
    | 'AggregateInstanceExtraSpecsFilter'
    | 'AggregateIoOpsFilter'
    | 'AggregateMultiTenancyIsolation'
    | 'AggregateNumInstancesFilter'
    | 'AggregateRamFilter'
    | 'AggregateTypeAffinityFilter'
    | 'AvailabilityZoneFilter'
    | 'ComputeCapabilitiesFilter'
    | 'CoreFilter'
    | 'DifferentHostFilter'
    | 'DiskFilter'
    | 'ImagePropertiesFilter'
    | 'IoOpsFilter'
    | 'IsolatedHostsFilter'
    | 'JsonFilter'
    | 'NumInstancesFilter'
    | 'RamFilter'
    | 'SameHostFilter'
    | 'ServerGroupAffinityFilter'
    | 'ServerGroupAntiAffinityFilter'
    | 'SimpleCIDRAffinityFilter'
  )[]
  /**
   * Weighers, beside those of soft ServerGroups; absent: those of the built-in default; an empty list: nodes that pass are chosen from at random. *live*
   *
   * @maxItems 16
   *
   * Items: One of them. *live*
   */
  weighers?: {
    /**
     * Its name. *live*
     */
    name:
      | 'AggregateMetadataWeigher'
      | 'BuildFailureWeigher'
      | 'CPUWeigher'
      | 'DiskWeigher'
      | 'ImageLocalityWeigher'
      | 'IoOpsWeigher'
      | 'NumInstancesWeigher'
      | 'PCIWeigher'
      | 'RAMWeigher'
      | 'ServerGroupSoftAffinityWeigher'
      | 'ServerGroupSoftAntiAffinityWeigher'
    /**
     * How much it counts, a number such as 1 or -0.5, as text; absent: its own. *live*
     */
    multiplier?: string
  }[]
  /**
   * Filters of your own, behind the others. *live*
   *
   * @maxItems 8
   *
   * Items: One of them. *live*
   */
  customFilters?: {
    /**
     * How explanations name it. *live*
     */
    name: string
    /**
     * In CEL, of instance, flavor, image, node and aggregate (docs/scheduling.md); it gives true where the node may have the machine. *live*
     */
    expression: string
  }[]
  /**
   * Weighers of your own, beside the others. *live*
   *
   * @maxItems 8
   *
   * Items: One of them. *live*
   */
  customWeighers?: {
    /**
     * How explanations name it. *live*
     */
    name: string
    /**
     * In CEL, of instance, flavor, image, node and aggregate (docs/scheduling.md); it gives a number, the larger the better. *live*
     */
    expression: string
    /**
     * How much it counts, a number such as 1 or -0.5, as text; absent: 1. *live*
     */
    multiplier?: string
  }[]
  /**
   * For NumInstancesFilter, and AggregateNumInstancesFilter where aggregates say nothing: without one of them in filters it bounds nothing. *live*
   */
  maxInstancesPerHost?: number
  /**
   * How many machines a node may be building at a time, for IoOpsFilter, and AggregateIoOpsFilter where aggregates say nothing: without one of them in filters it bounds nothing. *live*
   */
  maxIoOpsPerHost?: number
  /**
   * Nodes for these images alone, and these images for the nodes alone: IsolatedHostsFilter, which then counts whether filters names it or not. *live*
   */
  isolation?: {
    /**
     * Names of ComputeNodes. *live*
     *
     * @maxItems 256
     *
     * Items: One of them. *live*
     */
    nodes: string[]
    /**
     * Images. *live*
     *
     * @maxItems 64
     *
     * Items: One of them. *live*
     */
    images: {
      /**
       * Its namespace. *live*
       */
      namespace: string
      /**
       * Its name. *live*
       */
      name: string
    }[]
    /**
     * Whether the nodes take no other images. *live*
     */
    restrict?: boolean
  }
}
/**
 * What was observed. Written by the operator alone.
 */
export interface SchedulerProfileStatus {
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
