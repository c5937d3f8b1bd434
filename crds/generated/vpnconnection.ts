// SPDX-License-Identifier: Apache-2.0
// Made from crds/vpnconnections.yaml by `npm run generate`. Do not edit.

export interface VPNConnectionSchema {
  spec?: VPNConnectionSpec
  status?: VPNConnectionStatus
}
/**
 * Who is joined to what, and how. *live*
 */
export interface VPNConnectionSpec {
  /**
   * The VPNService, of the same namespace. *immutable*
   */
  vpnServiceRef: {
    /**
     * Name of the VPNService. *immutable*
     */
    name: string
  }
  /**
   * Address of the peer's gateway, of a family that the external Network of the Router has. *live*
   */
  peerAddress: string
  /**
   * As whom the peer proves itself: of certificates an alternative name, or the subject; absent: its address. *live*
   */
  peerID?: string
  /**
   * As whom we prove ourselves; absent: the address of the VPNService that the peer is set to, of certificates the first name that it has. *live*
   */
  localID?: string
  /**
   * Ranges behind the peer, which machines behind the Router reach. *live*
   *
   * @minItems 1
   * @maxItems 16
   *
   * Items: One range. *live*
   */
  peerCIDRs: string[]
  /**
   * Ranges that the peer reaches, in Subnets that the Router joins; absent: all of its Subnets of the families that peerCIDRs has. *live*
   *
   * @minItems 1
   * @maxItems 16
   *
   * Items: One range. *live*
   */
  localCIDRs?: string[]
  /**
   * The Secret, of the same namespace, with the key that both sides know: 16 to 128 printable characters of ASCII without spaces. It has the label nephele.dev/vpn-key=true. *live*
   */
  preSharedKeySecretRef?: {
    /**
     * Name of the Secret. A change of the Secret is noticed within a minute. *live*
     */
    name: string
    /**
     * Key in the Secret's data. *live*
     */
    key?: string
  }
  /**
   * The Secret, of the same namespace and as type kubernetes.io/tls has it, with the certificates by which both sides prove themselves: tls.crt and tls.key are ours, and ca.crt has the authorities of which one issued the peer's. It has the label nephele.dev/vpn-key=true. *live*
   */
  certificateSecretRef?: {
    /**
     * Name of the Secret. A change of the Secret is noticed within a minute. *live*
     */
    name: string
  }
  /**
   * Who begins: bi-directional, either side; response-only, the peer alone. *live*
   */
  initiator?: 'bi-directional' | 'response-only'
  /**
   * Dead-peer detection. *live*
   */
  dpd?: {
    /**
     * After so long without a packet from the peer it is asked whether it is there; 16 s later without an answer the tunnel is DOWN. *live*
     */
    intervalSeconds?: number
  }
  /**
   * How both sides find each other and agree on keys (IKEv2). The peer has to be set to the same. *live*
   */
  ikePolicy?: {
    /**
     * How it is encrypted, by Neutron's names. *live*
     */
    encryptionAlgorithm?: 'aes-128' | 'aes-192' | 'aes-256' | 'aes-128-gcm-16' | 'aes-192-gcm-16' | 'aes-256-gcm-16'
    /**
     * Hash for integrity and keys. *live*
     */
    authAlgorithm?: 'sha256' | 'sha384' | 'sha512'
    /**
     * Diffie-Hellman group: 14 to 16 are of 2048, 3072 and 4096 bits, 19 to 21 NIST's curves of 256, 384 and 521 bits, 31 is Curve25519. *live*
     */
    pfs?: 'group14' | 'group15' | 'group16' | 'group19' | 'group20' | 'group21' | 'group31'
    /**
     * After how long it gets new keys. *live*
     */
    lifetimeSeconds?: number
  }
  /**
   * How packets travel (ESP in tunnel mode, in UDP). The peer has to be set to the same. *live*
   */
  ipsecPolicy?: {
    /**
     * How it is encrypted, by Neutron's names. *live*
     */
    encryptionAlgorithm?: 'aes-128' | 'aes-192' | 'aes-256' | 'aes-128-gcm-16' | 'aes-192-gcm-16' | 'aes-256-gcm-16'
    /**
     * Hash for integrity and keys. *live*
     */
    authAlgorithm?: 'sha256' | 'sha384' | 'sha512'
    /**
     * Diffie-Hellman group: 14 to 16 are of 2048, 3072 and 4096 bits, 19 to 21 NIST's curves of 256, 384 and 521 bits, 31 is Curve25519. *live*
     */
    pfs?: 'group14' | 'group15' | 'group16' | 'group19' | 'group20' | 'group21' | 'group31'
    /**
     * After how long it gets new keys. *live*
     */
    lifetimeSeconds?: number
  }
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface VPNConnectionStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'BUILD' | 'DOWN' | 'ACTIVE' | 'ERROR' | 'DELETING'
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
   * Since when it is ACTIVE, or not for the reason that its conditions say.
   */
  since?: string
  /**
   * UID of the VPNService.
   */
  vpnServiceUID?: string
  /**
   * Ranges that the peer reaches.
   *
   * @maxItems 64
   *
   * Items: One of them.
   */
  localCIDRs?: string[]
  /**
   * As whom we prove ourselves.
   */
  localID?: string
  /**
   * The certificate by which we prove ourselves.
   */
  certificate?: {
    /**
     * Of whom it is.
     */
    subject?: string
    /**
     * Who issued it.
     */
    issuer?: string
    /**
     * Until when it is valid.
     */
    notAfter?: string
  }
}
