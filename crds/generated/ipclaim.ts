// SPDX-License-Identifier: Apache-2.0
// Made from crds/ipclaims.yaml by `npm run generate`. Do not edit.

export interface IPClaimSchema {
  spec?: IPClaimSpec
}
/**
 * What is claimed, and for whom. *immutable*
 */
export interface IPClaimSpec {
  /**
   * The Subnet, in the same namespace. *immutable*
   */
  subnetRef: {
    /**
     * Name of the Subnet. *immutable*
     */
    name: string
    /**
     * UID of the Subnet. *immutable*
     */
    uid: string
  }
  /**
   * The address. *immutable*
   */
  address: string
  /**
   * The Port that holds it; absent: the cloud itself does, for the network's metadata service. *immutable*
   */
  portRef?: {
    /**
     * Namespace of the Port. *immutable*
     */
    namespace: string
    /**
     * Name of the Port. *immutable*
     */
    name: string
    /**
     * UID of the Port, where it was known. *immutable*
     */
    uid?: string
  }
}
