// SPDX-License-Identifier: Apache-2.0
// Made from crds/reachabilities.yaml by `npm run generate`. Do not edit.

export interface ReachabilitySchema {
  spec?: ReachabilitySpec
  status?: ReachabilityStatus
}
/**
 * The question. Another one is another Reachability. *immutable*
 */
export interface ReachabilitySpec {
  /**
   * Who sends. *immutable*
   */
  source: {
    /**
     * A machine of the same namespace, by its first interface of the right family. *immutable*
     */
    instanceRef?: {
      /**
       * Name of the Instance. *immutable*
       */
      name: string
    }
    /**
     * A Port of the same namespace. *immutable*
     */
    portRef?: {
      /**
       * Name of the Port. *immutable*
       */
      name: string
    }
    /**
     * The outside: an external Network. *immutable*
     */
    networkRef?: {
      /**
       * Name of the Network. *immutable*
       */
      name: string
      /**
       * Namespace of the Network; absent: the same. Another one works only where the Network allows it by spec.sharedWith. *immutable*
       */
      namespace?: string
    }
    /**
     * With networkRef: address of the sender; absent: the gateway of the Network's first Subnet. *immutable*
     */
    ipAddress?: string
  }
  /**
   * Who is to be reached. *immutable*
   */
  destination: {
    /**
     * A machine of the same namespace. From outside it is asked for at its FloatingIP. *immutable*
     */
    instanceRef?: {
      /**
       * Name of the Instance. *immutable*
       */
      name: string
    }
    /**
     * A Port of the same namespace. From outside it is asked for at its FloatingIP. *immutable*
     */
    portRef?: {
      /**
       * Name of the Port. *immutable*
       */
      name: string
    }
    /**
     * Any address; from outside one of the same namespace's own, such as of a FloatingIP. *immutable*
     */
    ipAddress?: string
  }
  /**
   * icmp: an echo request (ping), in both families. *immutable*
   */
  protocol?: 'tcp' | 'udp' | 'sctp' | 'icmp'
  /**
   * The port that is asked for. *immutable*
   */
  port?: number
  /**
   * The port of the sender; absent: 49152. *immutable*
   */
  sourcePort?: number
  /**
   * The family; absent: that of the addresses in the question, or IPv4 where both ends have it. *immutable*
   */
  etherType?: 'IPv4' | 'IPv6'
  /**
   * Whether a real packet is sent, too, as if the sender had, once: a SYN, an empty datagram or an echo request. What comes back stands in status.probe, beside the answer. The guest sees nothing of it but echo replies and ICMP errors. *immutable*
   */
  verify?: boolean
  /**
   * How long the answer stays before it is deleted. *immutable*
   */
  ttlSecondsAfterFinished?: number
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ReachabilityStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * Pending: it cannot be asked yet, the condition says why; Succeeded: there is an answer; Failed: there will be none.
   */
  state?: 'Pending' | 'Succeeded' | 'Failed'
  /**
   * When the answer was there.
   */
  completionTime?: string
  /**
   * Whether the request gets there and its answer back.
   */
  reachable?: boolean
  /**
   * The address that asks.
   */
  sourceAddress?: string
  /**
   * The address that is asked for.
   */
  destinationAddress?: string
  /**
   * The first thing that stops it.
   */
  stoppedBy?: {
    /**
     * Whether it stops the request or its answer.
     */
    direction: 'request' | 'answer'
    /**
     * Kind of what stops it; absent: it is of another project.
     */
    kind?: string
    /**
     * Its namespace.
     */
    namespace?: string
    /**
     * Its name.
     */
    name?: string
    /**
     * A stable word in CamelCase; docs/troubleshooting.md lists them.
     */
    reason: string
    /**
     * A sentence for people: what stops it and what would help.
     */
    message: string
  }
  /**
   * The way of the request, as far as it came.
   *
   * @maxItems 64
   *
   * Items: One thing that it passed.
   */
  requestPath?: {
    /**
     * Its kind; absent: it is of another project.
     */
    kind?: string
    /**
     * Its namespace.
     */
    namespace?: string
    /**
     * Its name.
     */
    name?: string
    /**
     * What it did.
     */
    action: 'Sent' | 'Allowed' | 'Routed' | 'Translated' | 'Balanced' | 'Delivered' | 'Left' | 'Answered'
    /**
     * More of that, such as the address that it was given.
     */
    detail?: string
  }[]
  /**
   * The way of the answer, as far as it came.
   *
   * @maxItems 64
   *
   * Items: One thing that it passed.
   */
  answerPath?: {
    /**
     * Its kind; absent: it is of another project.
     */
    kind?: string
    /**
     * Its namespace.
     */
    namespace?: string
    /**
     * Its name.
     */
    name?: string
    /**
     * What it did.
     */
    action: 'Sent' | 'Allowed' | 'Routed' | 'Translated' | 'Balanced' | 'Delivered' | 'Left' | 'Answered'
    /**
     * More of that, such as the address that it was given.
     */
    detail?: string
  }[]
  /**
   * What came of the real packet that spec.verify asks for.
   */
  probe?: {
    /**
     * Answered: by who was asked for; Refused: there is a machine, which says no (a reset, or an ICMP error that says port unreachable or prohibited); Unreachable: an ICMP error says that nothing is there; Silent: nothing came back within four seconds; Unknown: it was not sent, or its node does not say.
     */
    result: 'Answered' | 'Refused' | 'Unreachable' | 'Silent' | 'Unknown'
    /**
     * A sentence for people: what came back, and what that means beside the answer.
     */
    message: string
    /**
     * The node that sent it.
     */
    node?: string
    /**
     * When it was sent first, by the clock of the node.
     */
    sentAt?: string
    /**
     * The port that it was sent from, or the identifier of the echo request.
     */
    sourcePort?: number
    /**
     * How long the answer took. The first packet to a machine takes longer.
     */
    roundTripMicroseconds?: number
    /**
     * The address that answered.
     */
    answeredBy?: string
  }
  /**
   * The node that sends the probe, as long as it has to do with it.
   */
  node?: string
  /**
   * Which placement: how often it was given to a node.
   */
  epoch?: number
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
