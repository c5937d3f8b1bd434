// SPDX-License-Identifier: Apache-2.0
// Made from crds/servergroups.yaml by `npm run generate`. Do not edit.

export interface ServerGroupSchema {
  spec?: ServerGroupSpec
  status?: ServerGroupStatus
}
/**
 * How members share nodes. *live*
 */
export interface ServerGroupSpec {
  /**
   * affinity: all on one node. anti-affinity: at most maxServersPerHost on each. A machine for which no node is left waits. soft-affinity and soft-anti-affinity: the same where it can be had. *immutable*
   */
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'
  /**
   * With policy anti-affinity: how many members a node may have; absent: 1. Members that are there when it is lowered stay. *live*
   */
  maxServersPerHost?: number
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ServerGroupStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'ACTIVE' | 'DELETING'
  /**
   * How many machines are in it, a second ago.
   */
  memberCount?: number
  /**
   * The first of them by name.
   *
   * @maxItems 64
   *
   * Items: One machine.
   */
  members?: {
    /**
     * Name of the Instance.
     */
    name: string
    /**
     * The node that it is on; absent: it has none.
     */
    node?: string
  }[]
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
