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
   * Reboot: off and on again, with what waits for a restart; Reset: the reset button: the guest begins anew at once, in the same hardware, and loses what it has not written; CrashDump: a non-maskable interrupt, on which a guest that is set up for it dumps its memory; SetAdminPassword: the agent of the guest gives a user another password; Rebuild: the root disk is made anew from the Image that spec.imageRef of the machine names, and what was on it is lost; Rescue: it boots from another Image, with its own root disk as the second one, until an Unrescue has it boot from that again, which takes the other one away; Snapshot: an Image is made of the root disk, while the machine goes on; ResetState, for administrators: what failed is forgotten, and tried again from the start. *immutable*
   */
  type:
    | 'Reboot'
    | 'Reset'
    | 'CrashDump'
    | 'SetAdminPassword'
    | 'ResetState'
    | 'Rebuild'
    | 'Rescue'
    | 'Unrescue'
    | 'Snapshot'
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
   * How it is rebuilt; absent: its ephemeral disk is made anew, too. *immutable*
   */
  rebuild?: {
    /**
     * Whether the ephemeral disk stays as it is. *immutable*
     */
    preserveEphemeral?: boolean
  }
  /**
   * What it boots from; absent: the Image that its root disk was made from. *immutable*
   */
  rescue?: {
    /**
     * The Image of the rescue system. *immutable*
     */
    imageRef: {
      /**
       * Name of the Image. *immutable*
       */
      name: string
      /**
       * Namespace of the Image; absent: the same. Another one works only where the Image is public, or shared and names this namespace in spec.sharedWith. *immutable*
       */
      namespace?: string
    }
  }
  /**
   * Of type Snapshot: which Image is made, and how; absent: one with the name of the InstanceAction, in the default ImageStore. *immutable*
   */
  snapshot?: {
    /**
     * Name of the Image, in the same namespace; absent: that of the InstanceAction. *immutable*
     */
    imageName?: string
    /**
     * Where its bytes are kept; absent: the ImageStore with default: true. *immutable*
     */
    imageStoreRef?: {
      /**
       * Name of the ImageStore. *immutable*
       */
      name: string
    }
    /**
     * Whether the agent of the guest freezes its file systems for the moment: IfPossible, Required (which an image property os_require_quiesce=yes makes of IfPossible), or Never. Without it the disk is as after a power cut. *immutable*
     */
    quiesce?: 'IfPossible' | 'Required' | 'Never'
    /**
     * A backup, of which the last ones are kept, as Nova's createBackup. *immutable*
     */
    backup?: {
      /**
       * Of which kind, such as daily or weekly: backups of each kind are counted by themselves. *immutable*
       */
      type: string
      /**
       * How many Images of this machine and kind there may be, this one included; then the oldest are deleted. *immutable*
       */
      keep: number
    }
  }
  /**
   * How long it may be Running before it is Failed with OutcomeUnknown, so that a node that is silent holds up no later one; its node does not begin with it any more. Absent: 600, and the time that a soft reboot gives the guest on top; of a Snapshot 21600. *immutable*
   */
  activeDeadlineSeconds?: number
  /**
   * Whether it is done to a machine that is locked, too; for administrators of the cloud. *immutable*
   */
  ignoreLock?: boolean
  /**
   * Whether it is given up. It has an effect as long as it is Pending; a Snapshot is given up until it has succeeded. *live*
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
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
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
   * Of a Rebuild: the Image that spec.imageRef of the machine named when it began; of a Rescue: that of its disk.
   */
  image?: {
    /**
     * Its namespace.
     */
    namespace: string
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
    /**
     * Digest of its bytes.
     */
    sha256: string
  }
  /**
   * Of a Rebuild: number of the root disk that it makes; of a Rescue: of the rescue disk; of an Unrescue: of the one that it takes away.
   */
  rootDisk?: number
  /**
   * Of a Snapshot: the Image that it makes.
   */
  snapshot?: {
    /**
     * Its name.
     */
    imageName: string
    /**
     * Its UID.
     */
    imageUID: string
    /**
     * Name of the ImageStore.
     */
    imageStore: string
    /**
     * Digest of the copy of the disk, once it was taken.
     */
    sha256?: string
    /**
     * Size of that file.
     */
    sizeBytes?: number
    /**
     * Size of the disk in it.
     */
    virtualSizeBytes?: number
  }
  /**
   * Of a Snapshot: how far it has come.
   */
  progressPercent?: number
  /**
   * Of a Snapshot: how much of the disk is still to be read, as last reported.
   */
  bytesLeft?: number
  /**
   * What was done, in order.
   *
   * @maxItems 16
   *
   * Items: One step.
   */
  steps?: {
    /**
     * ShutdownAsked: the guest was asked to shut down; ForcedOff: it had not in time, or was not to be asked; PoweredOff; Started; Reset; InterruptSent: the guest got its interrupt; PasswordSet; DiskMade: the next disks; Frozen, Thawed: the guest has frozen its file systems, and goes on; DiskRead: the root disk was copied; StateReset: the node has forgotten what failed.
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
