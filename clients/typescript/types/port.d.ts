// SPDX-License-Identifier: Apache-2.0
// Made from crds/ports.yaml by `npm run generate`. Do not edit.

export interface PortSchema {
  spec?: PortSpec
  status?: PortStatus
}
/**
 * The place. *live*
 */
export interface PortSpec {
  /**
   * The Network. *immutable*
   */
  networkRef: {
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
   * The MAC address; absent: one is generated and stands in the status. Chosen only in the namespace of the Network. *immutable*
   */
  macAddress?: string
  /**
   * Addresses; absent: one of each family of which the Network has a Subnet, from the first by name with room. *immutable*
   *
   * @maxItems 8
   *
   * Items: One address. *immutable*
   */
  fixedIPs?: {
    /**
     * The Subnet, in the namespace of the Network. *immutable*
     */
    subnetRef: {
      /**
       * Name of the Subnet. *immutable*
       */
      name: string
    }
    /**
     * The address; absent: one is chosen from the Subnet. Chosen only in the namespace of the Network. *immutable*
     */
    ipAddress?: string
  }[]
  /**
   * Security groups; absent: the namespace's `default`; empty: none, so that nothing passes. *live*
   *
   * @maxItems 16
   *
   * Items: One security group. *live*
   */
  securityGroupRefs?: {
    /**
     * Name of the SecurityGroup. *live*
     */
    name: string
    /**
     * Namespace of the SecurityGroup; absent: the same. Another one works only where the SecurityGroup allows it by spec.sharedWith. *live*
     */
    namespace?: string
  }[]
  /**
   * Whether anti-spoofing and security groups apply; absent: as the Network says, on one of another namespace as it said when the Port was made. *live*
   */
  portSecurityEnabled?: boolean
  /**
   * Further addresses that may send through this port, such as a shared virtual address. *live*
   *
   * @maxItems 16
   *
   * Items: One pair. *live*
   */
  allowedAddressPairs?: {
    /**
     * An address or a range. *live*
     */
    ipAddress: string
    /**
     * The MAC address; absent: the port's own. *live*
     */
    macAddress?: string
  }[]
  /**
   * What DHCP tells its guest beside, or instead of, what its Subnets say: Neutron's extra_dhcp_opts. Guests hear of a change at their next renewal. *live*
   *
   * @maxItems 16
   *
   * Items: One option. *live*
   */
  extraDHCPOptions?: {
    /**
     * What it is called in Neutron; docs/network.md has the numbers. What keeps the guest on its network, gateway, MTU, lease, routes and hostname, is said by Network, Subnet and Instance. *live*
     */
    name:
      | 'arp-timeout'
      | 'bootfile-name'
      | 'bootfile-name-alt'
      | 'default-ttl'
      | 'dns-server'
      | 'domain-name'
      | 'domain-search'
      | 'ethernet-encap'
      | 'ip-forward-enable'
      | 'log-server'
      | 'lpr-server'
      | 'netbios-name-server'
      | 'netbios-node-type'
      | 'nis-server'
      | 'ntp-server'
      | 'path-prefix'
      | 'policy-filter'
      | 'router-discovery'
      | 'router-solicitation'
      | 'server-ip-address'
      | 'swap-server'
      | 'tcp-keepalive'
      | 'tcp-ttl'
      | 'tftp-server'
      | 'tftp-server-address'
      | 'wpad'
    /**
     * What it says: addresses and domains with commas between, a number, true or false, or text, as its name asks. *live*
     */
    value: string
    /**
     * IPv4 for DHCP, IPv6 for DHCPv6. *live*
     */
    ipFamily: 'IPv4' | 'IPv6'
  }[]
  /**
   * Limits and marks of its traffic; absent: those of the Network, if it has any. *live*
   */
  qosPolicyRef?: {
    /**
     * Name of the QoSPolicy. *live*
     */
    name: string
    /**
     * Namespace of the QoSPolicy; absent: the same. Another one works only where the QoSPolicy allows it by spec.sharedWith. *live*
     */
    namespace?: string
  }
  /**
   * normal: a tap device; vhostuser: memory shared with a DPDK switch; direct: a virtual function of a network card (SR-IOV), given to the guest; macvtap: the same, behind a virtio device; external: a host that is no machine of this cloud. The last three are on a physical network, and served by gateway nodes. *immutable*
   */
  vnicType?: 'normal' | 'vhostuser' | 'direct' | 'macvtap' | 'external'
}
/**
 * What was observed. Written by the operator alone.
 */
export interface PortStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'DOWN' | 'BUILD' | 'ACTIVE' | 'ERROR' | 'DELETING'
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
   * The MAC address in use.
   */
  macAddress?: string
  /**
   * The addresses in use in one line, with commas between: the column of kubectl get. Programs read fixedIPs.
   */
  addressList?: string
  /**
   * The addresses in use.
   *
   * @maxItems 8
   *
   * Items: One address.
   */
  fixedIPs?: {
    /**
     * Name of its Subnet.
     */
    subnet: string
    /**
     * The address.
     */
    ipAddress: string
    /**
     * Prefix length of the Subnet.
     */
    prefixLength: number
  }[]
  /**
   * Hostname of its machine and domain of its Network; the condition Named says whether the Port has the name.
   */
  dnsName?: string
  /**
   * UID of the Network.
   */
  networkUID?: string
  /**
   * The node where it is plugged in.
   */
  node?: string
  /**
   * With vnicType direct and macvtap: the virtual function of its node that it has, by its PCI address.
   */
  pciAddress?: string
  /**
   * With vnicType direct, macvtap and external: the nodes that serve it, the preferred one first.
   *
   * @maxItems 3
   *
   * Items: Name of a ComputeNode.
   */
  gateways?: string[]
  /**
   * The Instance that uses it.
   */
  instance?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
  }
  /**
   * The Trunk that it is a subport of: its node and its Instance are those of the parent.
   */
  trunk?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
    /**
     * The VLAN tag by which the guest speaks through it.
     */
    segmentationID: number
  }
  /**
   * The Router that names it in spec.interfaces and has it: no Instance can.
   */
  router?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
  }
  /**
   * The owner's epoch: it grows each time that the object moves to another node.
   */
  epoch?: number
  /**
   * Whether anti-spoofing and security groups apply. What the Network says is asked when the Port is made.
   */
  portSecurityEnabled?: boolean
  /**
   * The further addresses that were allowed to it.
   *
   * @maxItems 16
   *
   * Items: One pair.
   */
  allowedAddressPairs?: {
    /**
     * An address or a range.
     */
    ipAddress: string
    /**
     * The MAC address, where it is another than the port's.
     */
    macAddress?: string
  }[]
  /**
   * Of a Port of no machine whose address other Ports name in spec.allowedAddressPairs: one of them has it at a time, the last that sent ARP or neighbour discovery from it.
   */
  virtual?: {
    /**
     * The address.
     */
    ipAddress: string
    /**
     * Names of the Ports that may have it and are on a node.
     *
     * @maxItems 32
     *
     * Items: Name of a Port.
     */
    parents: string[]
    /**
     * Which one has it now.
     */
    holder?: {
      /**
       * Name of the Port.
       */
      port: string
      /**
       * The node of its machine.
       */
      node: string
    }
  }
  /**
   * UIDs of the groups that it is a member of.
   *
   * @maxItems 16
   *
   * Items: UID of a SecurityGroup.
   */
  securityGroupUIDs?: string[]
  /**
   * The QoSPolicy in effect, NAMESPACE/NAME.
   */
  qosPolicy?: string
  /**
   * Its UID.
   */
  qosPolicyUID?: string
  /**
   * Who made it: Instance, the one in `owner`, which it lives and is deleted with; or User. Decided once, when it was first looked at, whatever its ownerReferences say later.
   */
  origin?: 'User' | 'Instance'
  /**
   * The Instance that it was made for.
   */
  owner?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its UID.
     */
    uid: string
  }
}
