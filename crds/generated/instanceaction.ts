// SPDX-License-Identifier: Apache-2.0
// Made from crds/instanceactions.yaml by `npm run generate`. Do not edit.

export interface InstanceActionSchema {
  spec?: InstanceActionSpec
  status?: InstanceActionStatus
}
/**
 * What is done, and to which machine. *immutable*
 */
export interface InstanceActionSpec {
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
   * Reboot: off and on again, with what waits for a restart; Reset: the reset button: the guest begins anew at once, in the same hardware, and loses what it has not written; CrashDump: a non-maskable interrupt, on which a guest that is set up for it dumps its memory; SetAdminPassword: the agent of the guest gives a user another password; ResetState, for administrators: what failed is forgotten, and tried again from the start. *immutable*
   */
  type: 'Reboot' | 'Reset' | 'CrashDump' | 'SetAdminPassword' | 'ResetState'
  /**
   * How it is rebooted; absent: softly. *immutable*
   */
  reboot?: {
    /**
     * Soft: the guest is asked to shut down, and cut off when it has not done so in time; Hard: it is cut off at once, which also helps where it hangs, and starts a machine that has ended by itself. *immutable*
     */
    type: 'Soft' | 'Hard'
    /**
     * How long the guest has to shut down; absent: 120. *immutable*
     */
    softTimeoutSeconds?: number
  }
  /**
   * Of type SetAdminPassword: which password. *immutable*
   */
  setAdminPassword?: {
    /**
     * Whose; absent: the image's os_admin_user, else Administrator where its os_type is windows, else root. *immutable*
     */
    userName?: string
    /**
     * The Secret, of the same namespace, with the password: 1 to 128 bytes of printable characters, without a line break. It has the label nephele.dev/admin-password=true, and may go once this is done. *immutable*
     */
    passwordSecretRef: {
      /**
       * Name of the Secret. *immutable*
       */
      name: string
      /**
       * Key in the Secret's data. *immutable*
       */
      key?: string
    }
  }
  /**
   * How long it may be Running before it is Failed with OutcomeUnknown, so that a node that is silent holds up no later one; its node does not begin with it any more. Absent: 600, and the time that a soft reboot gives the guest on top. *immutable*
   */
  activeDeadlineSeconds?: number
  /**
   * Whether it is given up. It has an effect as long as it is Pending: what has begun is ended. *live*
   */
  cancel?: boolean
  /**
   * The user who made it, by the name that the Kubernetes API knows. Filled in where the apiserver can (from 1.36 on); elsewhere write it, or leave it out: another name than one's own is refused. *immutable*
   */
  requestedBy?: string
  /**
   * How long it stays as history before it is deleted; a week unless another time is given. *live*
   */
  ttlSecondsAfterFinished?: number
}
/**
 * What was observed. Written by the operator alone.
 */
export interface InstanceActionStatus {
  /**
   * The metadata.generation that this status answers.
   */
  observedGeneration?: number
  /**
   * Pending: it waits, the condition says for what; Running: its node has to do it; Succeeded; Failed: the condition says why, and with reason OutcomeUnknown that it may have been done; Cancelled: it was never begun.
   */
  state?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Cancelled'
  /**
   * When it was given to the node.
   */
  startTime?: string
  /**
   * When its end was known.
   */
  completionTime?: string
  /**
   * The node that does it; absent of a ResetState whose machine has none, or one that is silent.
   */
  node?: string
  /**
   * Which placement of the machine it is for.
   */
  epoch?: number
  /**
   * The UID of the machine that it is done to.
   */
  instanceUID?: string
  /**
   * What was done, in order.
   *
   * @maxItems 16
   *
   * Items: One step.
   */
  steps?: {
    /**
     * ShutdownAsked: the guest was asked to shut down; ForcedOff: it had not in time, or was not to be asked; PoweredOff; Started; Reset; InterruptSent: the guest got its interrupt; PasswordSet; StateReset: the node has forgotten what failed.
     */
    name: string
    /**
     * When, by the clock of the node.
     */
    time: string
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
