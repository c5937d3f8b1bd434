// SPDX-License-Identifier: Apache-2.0
// Made from crds/ipclaims.yaml by `npm run generate`. Do not edit.

export interface IPClaimSchema {
  spec?: IPClaimSpec
}
/**
 * What is claimed, and for whom. *live*
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
   * The 16 addresses that this IPClaim decides on, some of which may lie outside of the Subnet. *immutable*
   */
  block: string
  /**
   * The addresses that are taken. With the last one the IPClaim goes. *live*
   *
   * @minItems 1
   * @maxItems 16
   *
   * Items: One address. *live*
   */
  claims: {
    /**
     * The address. *live*
     */
    address: string
    /**
     * The Port that has it, or that is about to be made with it. *live*
     */
    portRef?: {
      /**
       * Namespace of the Port. *live*
       */
      namespace: string
      /**
       * Name of the Port. *live*
       */
      name: string
      /**
       * UID of the Port; absent where it was claimed before the Port was made. *live*
       */
      uid?: string
    }
    /**
     * UID of the Instance that the Port is made for, with an automatic Port. *live*
     */
    instanceUid?: string
    /**
     * What has it, if that is no Port. *live*
     */
    ownerRef?: {
      /**
       * Its kind. HealthMonitor, ProxyAddress, FirstProxy to FourthProxy: a LoadBalancer, for its probes and its proxies. *live*
       */
      kind:
        | 'Router'
        | 'FloatingIP'
        | 'LoadBalancer'
        | 'HealthMonitor'
        | 'ProxyAddress'
        | 'FirstProxy'
        | 'SecondProxy'
        | 'ThirdProxy'
        | 'FourthProxy'
        | 'VPNService'
      /**
       * Its namespace. *live*
       */
      namespace: string
      /**
       * Its name. *live*
       */
      name: string
      /**
       * Its UID. *live*
       */
      uid: string
    }
  }[]
}
