// SPDX-License-Identifier: Apache-2.0
// Made from crds/hostaggregates.yaml by `npm run generate`. Do not edit.

export interface HostAggregateSchema {
  spec?: HostAggregateSpec
  status?: HostAggregateStatus
}
/**
 * Which nodes, and what holds for them. *live*
 */
export interface HostAggregateSpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * Names of ComputeNodes. *live*
   *
   * @maxItems 4096
   *
   * Items: One of them. *live*
   */
  nodes?: string[]
  /**
   * Nodes with all of these labels, beside those in nodes; absent: no others. *live*
   */
  nodeSelector?: {
    /**
     * The value. *live*
     */
    [k: string]: string
  }
  /**
   * What holds for the nodes, by the names that filters and weighers read: whatever extraSpecs of Flavors ask for, filter_tenant_id, instance_type, properties of images, … A value may be several, with commas between them. *live*
   */
  metadata?: {
    /**
     * The value. *live*
     */
    [k: string]: string
  }
  /**
   * The availability zone of the nodes, in place of the label topology.kubernetes.io/zone of the Node. A node is in one zone: where two HostAggregates say so, the older one counts. Machines that are there stay. *live*
   */
  availabilityZone?: string
}
/**
 * What was observed. Written by the operator alone.
 */
export interface HostAggregateStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'DELETING'
  /**
   * How many nodes are in it.
   */
  nodeCount?: number
  /**
   * The first of them by name.
   *
   * @maxItems 64
   *
   * Items: Name of one.
   */
  nodes?: string[]
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
