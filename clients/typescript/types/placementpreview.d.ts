// SPDX-License-Identifier: Apache-2.0
// Made from crds/placementpreviews.yaml by `npm run generate`. Do not edit.

export interface PlacementPreviewSchema {
  spec?: PlacementPreviewSpec
  status?: PlacementPreviewStatus
}
/**
 * The question. Another one is another PlacementPreview. *immutable*
 */
export interface PlacementPreviewSpec {
  /**
   * An Instance, as if it were placed anew: with its hints, Ports and ServerGroup, and without the room that it has. *immutable*
   */
  instanceRef?: {
    /**
     * Name of the Instance. *immutable*
     */
    name: string
  }
  /**
   * A machine that there is none of yet, by the fields of an Instance that decide where it goes. *immutable*
   */
  template?: {
    /**
     * The Flavor. *immutable*
     */
    flavorRef: {
      /**
       * Name of the Flavor. *immutable*
       */
      name: string
    }
    /**
     * The Image. *immutable*
     */
    imageRef: {
      /**
       * Name of the Image. *immutable*
       */
      name: string
      /**
       * Namespace of the Image; absent: the same. Another one works as for an Instance. *immutable*
       */
      namespace?: string
    }
    /**
     * Its interfaces; absent or empty: none. *immutable*
     *
     * @maxItems 16
     *
     * Items: One interface. *immutable*
     */
    networks?: {
      /**
       * The Network on which a Port would be made. *immutable*
       */
      networkRef?: {
        /**
         * Name of the Network. *immutable*
         */
        name: string
        /**
         * Namespace of the Network; absent: the same. Another one works as for an Instance. *immutable*
         */
        namespace?: string
      }
      /**
       * With networkRef: normal (default) or vhostuser. *immutable*
       */
      vnicType?: 'normal' | 'vhostuser'
      /**
       * A Port of the same namespace. With a count each machine counts as if it had one like it. *immutable*
       */
      portRef?: {
        /**
         * Name of the Port. *immutable*
         */
        name: string
      }
    }[]
    /**
     * Only nodes of this zone. *immutable*
     */
    availabilityZone?: string
    /**
     * The ServerGroup of the same namespace that they would be members of. *immutable*
     */
    serverGroupRef?: {
      /**
       * Name of the ServerGroup. *immutable*
       */
      name: string
    }
    /**
     * Where it shall go, beside what Flavor and ServerGroup ask for. *immutable*
     */
    schedulerHints?: {
      /**
       * Only nodes that have one of these Instances of the same namespace. *immutable*
       *
       * @minItems 1
       * @maxItems 16
       *
       * Items: Name of one. *immutable*
       */
      sameHost?: string[]
      /**
       * No node that has one of these Instances of the same namespace. *immutable*
       *
       * @minItems 1
       * @maxItems 16
       *
       * Items: Name of one. *immutable*
       */
      differentHost?: string[]
      /**
       * Only nodes whose address is in the same range as this one. *immutable*
       */
      buildNearHostIP?: string
      /**
       * How large that range is; absent: /24. *immutable*
       */
      cidr?: string
      /**
       * Only nodes for which this holds, in JSON as for Nova’s JsonFilter, such as [">=", "$free_ram_mb", 1024]. *immutable*
       */
      query?: string
      /**
       * Only this ComputeNode, if it passes all filters. For administrators of the cloud, who may create ComputeNodes. *immutable*
       */
      node?: string
    }
  }
  /**
   * A ComputeNode: where its machines would go if it had to give them all up. For administrators of the cloud, who may create ComputeNodes. *immutable*
   */
  drainNode?: string
  /**
   * How many such machines; each takes its room before the next is judged. *immutable*
   */
  count?: number
  /**
   * The namespace that the machines would be in; absent: the one of the question. For administrators of the cloud, who may create ComputeNodes. *immutable*
   */
  namespace?: string
  /**
   * Whether the answer goes beyond what the Quota allows. For administrators of the cloud, who may create ComputeNodes. *immutable*
   */
  ignoreQuota?: boolean
  /**
   * Whether status.nodes says of each node how it is weighed, or what refuses it. For administrators of the cloud, who may create ComputeNodes. *immutable*
   */
  detailed?: boolean
  /**
   * How many entries the lists of the answer have at most. *immutable*
   */
  limit?: number
  /**
   * How long the answer stays before it is deleted. *immutable*
   */
  ttlSecondsAfterFinished?: number
}
/**
 * What was observed. Written by the operator alone.
 */
export interface PlacementPreviewStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * Pending: it cannot be judged yet, the condition says why; Succeeded: there is an answer; Failed: there will be none.
   */
  state?: 'Pending' | 'Succeeded' | 'Failed'
  /**
   * When the answer was there.
   */
  completionTime?: string
  /**
   * How many of the machines would get a place.
   */
  fits?: number
  /**
   * How many machines were asked about.
   */
  instances?: number
  /**
   * What the Quota has too little of for one more than these; absent: that is not what is in the way.
   */
  overQuota?: string
  /**
   * How many were not judged, since one answer takes two seconds at most; absent: none.
   */
  unjudged?: number
  /**
   * Where they would go, the nodes with the most of them first, at most spec.limit.
   *
   * @maxItems 100
   *
   * Items: One node.
   */
  placements?: {
    /**
     * Its name.
     */
    node: string
    /**
     * How many of the machines.
     */
    instances: number
  }[]
  /**
   * As status.scheduling of an Instance: of the first machine that gets no place or, where all do, of the first.
   */
  scheduling?: {
    /**
     * The node that was chosen.
     */
    node?: string
    /**
     * Nodes of the cloud.
     */
    total?: number
    /**
     * Nodes looked at.
     */
    evaluated?: number
    /**
     * The winner's weight in thousandths.
     */
    score?: number
    /**
     * The filters that refused nodes.
     *
     * @maxItems 16
     *
     * Items: One filter.
     */
    filters?: {
      /**
       * Its name, as in Nova.
       */
      name: string
      /**
       * How many nodes it refused.
       */
      refused: number
      /**
       * What it said of one of them.
       */
      example?: string
    }[]
  }
  /**
   * With spec.drainNode, its machines, those that would get no place first; at most spec.limit.
   *
   * @maxItems 100
   *
   * Items: One machine.
   */
  machines?: {
    /**
     * Its namespace.
     */
    namespace: string
    /**
     * Name of the Instance.
     */
    name: string
    /**
     * Where it would go; absent: nowhere.
     */
    node?: string
    /**
     * Why nowhere.
     */
    message?: string
    /**
     * Whether it would be built anew there by itself once the node is confirmed lost (spec.evacuation of the Instance). All others stay, and are made again by hand.
     */
    evacuable: boolean
  }[]
  /**
   * With spec.detailed, the nodes as the machine of status.scheduling finds them: those that pass, the best first, then those that refuse it, the nearest misses first; at most spec.limit.
   *
   * @maxItems 100
   *
   * Items: One node.
   */
  nodes?: {
    /**
     * Its name.
     */
    name: string
    /**
     * How many of the machines would go there; absent: none.
     */
    instances?: number
    /**
     * Its weight in thousandths; absent: it refuses the machine.
     */
    score?: number
    /**
     * Of what that is the sum.
     *
     * @maxItems 64
     *
     * Items: One weigher.
     */
    weights?: {
      /**
       * Its name, as in Nova.
       */
      name: string
      /**
       * What it adds, in thousandths.
       */
      weight: number
    }[]
    /**
     * All filters that refuse the machine, in their order; absent: none does.
     *
     * @maxItems 16
     *
     * Items: One filter.
     */
    refusedBy?: {
      /**
       * Its name, as in Nova.
       */
      name: string
      /**
       * What lacks.
       */
      message: string
    }[]
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
