// SPDX-License-Identifier: Apache-2.0
// Made from crds/consoleaccesses.yaml by `npm run generate`. Do not edit.

export interface ConsoleAccessSchema {
  spec?: ConsoleAccessSpec
  status?: ConsoleAccessStatus
}
/**
 * Which console, and for how long. *immutable*
 */
export interface ConsoleAccessSpec {
  /**
   * The machine, of the same namespace. *immutable*
   */
  instanceRef: {
    /**
     * Name of the Instance. *immutable*
     */
    name: string
  }
  /**
   * Serial: the first serial port; VNC: its screen, keyboard and mouse, for a browser or a viewer of VNC; Log: what the serial port has said, its last MiB, also of a machine that is off. *immutable*
   */
  type?: 'Serial' | 'VNC' | 'Log'
  /**
   * For how long it may be opened, from when it was made; what is open by then stays so. *immutable*
   */
  ttlSeconds?: number
  /**
   * Whether it takes the console over from whoever has it open; otherwise it is refused then. *immutable*
   */
  force?: boolean
  /**
   * The user who made it, by the name that the Kubernetes API knows. Filled in where the apiserver can (from 1.36 on); elsewhere write it, or leave it out: another name than one's own is refused. *immutable*
   */
  requestedBy?: string
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ConsoleAccessStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * Pending: it waits, the condition says for what; Ready: it may be opened; Open: it is; Closed: it was; Failed: it was not opened, the condition says why.
   */
  state?: 'Pending' | 'Ready' | 'Open' | 'Closed' | 'Failed'
  /**
   * Where it is opened: over a WebSocket, whose first message has the token; in a browser, with #token= and the token behind it.
   */
  url?: string
  /**
   * The Secret, of the same namespace, whose key token has the token.
   */
  tokenSecretRef?: {
    /**
     * Name of the Secret.
     */
    name: string
  }
  /**
   * By which its node knows the token.
   */
  tokenSHA256?: string
  /**
   * Until when it may be opened.
   */
  notAfter?: string
  /**
   * The node of the machine, which opens it.
   */
  node?: string
  /**
   * Which placement of the machine it is for.
   */
  epoch?: number
  /**
   * The UID of the machine.
   */
  instanceUID?: string
  /**
   * When the operator heard that it was opened.
   */
  openedAt?: string
  /**
   * When its end was known.
   */
  completionTime?: string
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
