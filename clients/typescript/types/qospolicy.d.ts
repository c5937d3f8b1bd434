// SPDX-License-Identifier: Apache-2.0
// Made from crds/qospolicies.yaml by `npm run generate`. Do not edit.

export interface QoSPolicySchema {
  spec?: QoSPolicySpec
  status?: QoSPolicyStatus
}
/**
 * The rules, with the names that Neutron gives them. *live*
 */
export interface QoSPolicySpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * What is sent beyond these is dropped, at most one for each direction. *live*
   *
   * @maxItems 2
   *
   * Items: The limit of one direction. *live*
   */
  bandwidthLimits?: {
    /**
     * egress: what the machine sends, or what leaves for the outside; ingress: what comes to it, or in. *live*
     */
    direction: 'egress' | 'ingress'
    /**
     * In kilobits a second, Ethernet headers included. *live*
     */
    maxKbps: number
    /**
     * How much may pass at once after a pause, in kilobits, as Neutron calls it; absent: what half a second brings, and at least 100. Much less than that slows TCP down. *live*
     */
    maxBurstKbps?: number
  }[]
  /**
   * DSCP field of the IP packets that are sent; absent: it stays as it is. *live*
   */
  dscpMark?: 0 | 8 | 10 | 12 | 14 | 16 | 18 | 20 | 22 | 24 | 26 | 28 | 30 | 32 | 34 | 36 | 38 | 40 | 46 | 48 | 56
  /**
   * For Ports on a provider network: what the scheduler sets aside of the bandwidth that the node has there, at most one for each direction. Nothing polices it. *live*
   *
   * @maxItems 2
   *
   * Items: What one direction needs. *live*
   */
  minimumBandwidths?: {
    /**
     * egress: what the machine sends; ingress: what comes to it. *live*
     */
    direction: 'egress' | 'ingress'
    /**
     * In kilobits a second. *live*
     */
    minKbps: number
  }[]
  /**
   * How many packets Ports may send and get, and Ports of Networks; what is beyond is dropped. At most one for each direction. Gateways and FloatingIPs have none. *live*
   *
   * @maxItems 2
   *
   * Items: The limit of one direction. *live*
   */
  packetRateLimits?: {
    /**
     * egress: what the machine sends; ingress: what comes to it. *live*
     */
    direction: 'egress' | 'ingress'
    /**
     * In thousands of packets a second, of whatever size. *live*
     */
    maxKpps: number
    /**
     * How many may pass at once after a pause, in thousands, as Neutron calls it; absent: what half a second brings. *live*
     */
    maxBurstKpps?: number
  }[]
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
}
/**
 * What was observed. Written by the operator alone.
 */
export interface QoSPolicyStatus {
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
