// SPDX-License-Identifier: Apache-2.0
// Made from crds/keypairs.yaml by `npm run generate`. Do not edit.

export interface KeyPairSchema {
  spec?: KeyPairSpec
  status?: KeyPairStatus
}
/**
 * The key. *immutable*
 */
export interface KeyPairSpec {
  /**
   * The public key as it stands in a .pub file: type, base64 and an optional comment on one line. *immutable*
   */
  publicKey: string
}
/**
 * What was observed. Written by the operator alone.
 */
export interface KeyPairStatus {
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
  /**
   * SHA256:… as ssh-keygen -l prints it.
   */
  fingerprint?: string
  /**
   * The type of the key, such as ssh-ed25519.
   */
  keyType?: string
}
