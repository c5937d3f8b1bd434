// SPDX-License-Identifier: Apache-2.0
// Made from crds/clouds.yaml by `npm run generate`. Do not edit.

export interface CloudSchema {
  spec?: CloudSpec
  status?: CloudStatus
}
/**
 * What the administrator sets for the whole cloud. *live*
 */
export interface CloudSpec {
  /**
   * Grows by one, by an administrator, after etcd was restored from a backup: desired documents of older incarnations are refused by every agent from then on. *live*
   */
  incarnation?: number
  /**
   * MTU of the network between the nodes; guests get what is left after the tunnel header. *restart*
   */
  underlayMTU?: number
  /**
   * Name servers that Subnets hand out by DHCP when they name none; absent: the resolver of each node, see dns. *live*
   *
   * @maxItems 8
   *
   * Items: Address of a name server. *live*
   */
  dnsNameservers?: string[]
  /**
   * How machines find each other, and the world, by name. *live*
   */
  dns?: {
    /**
     * The domain of Networks without spec.dnsDomain. *live*
     */
    domain?: string
    /**
     * Name servers that nodes ask for machines whose Subnet and Cloud name none (dnsNameservers), in this order; absent: those of each node's own /etc/resolv.conf. Machines on a ProviderNetwork that names its own are answered by those. They answer every other machine of the cloud: name none that knows what machines may not. *live*
     *
     * @maxItems 3
     *
     * Items: Address of a name server. *live*
     */
    upstreams?: string[]
  }
  /**
   * The rules that the group `default` of a namespace gets when it is made; groups that exist keep theirs. Absent: everything out, and in from its members alone. Without a rule of direction egress everything may be sent. *live*
   *
   * @maxItems 128
   *
   * Items: One allowance. *live*
   */
  defaultSecurityGroupRules?: {
    /**
     * ingress: to the Port; egress: from it. *live*
     */
    direction: 'ingress' | 'egress'
    /**
     * Family of the addresses; absent: IPv4. *live*
     */
    etherType?: 'IPv4' | 'IPv6'
    /**
     * The protocol, by its name or by its number in quotes (the IANA registry of protocol numbers); absent: any. Extension headers of IPv6 are no protocols: a number is that of what follows them. *live*
     */
    protocol?: string
    /**
     * First port of tcp, udp or sctp. *live*
     */
    portRangeMin?: number
    /**
     * Last port of tcp, udp or sctp. *live*
     */
    portRangeMax?: number
    /**
     * Type of icmp or icmpv6, such as 8 or 128, a ping; absent: all. *live*
     */
    icmpType?: number
    /**
     * Code of the icmpType; absent: all. *live*
     */
    icmpCode?: number
    /**
     * Only to or from this range; absent: any. *live*
     */
    remoteIPPrefix?: string
    /**
     * Whether only to or from members of the namespace’s group `default` itself. *live*
     */
    remoteMembers?: boolean
  }[]
  /**
   * The most that a namespace may have whose Quotas do not say otherwise, by key; what is not named is not bounded. instances, cores, ram, keyPairs, serverGroups, serverGroupMembers, volumes, gigabytes (GiB), volumes.TYPE and gigabytes.TYPE of one VolumeType, snapshots, backups, backupGigabytes, networks, subnets, subnetPools, addressScopes, ports, trunks, routers, floatingIPs, securityGroups, securityGroupRules, addressGroups, firewallGroups, firewallPolicies, loadBalancers, qosPolicies, vpnServices, vpnConnections, images, imageBytes; ram is in MiB. *live*
   */
  defaultQuota?: {
    /**
     * The most. *live*
     */
    [k: string]: number
  }
  /**
   * The first three bytes of generated MAC addresses. Existing Ports keep theirs. *live*
   */
  macPrefix?: string
  /**
   * How soon a silent node counts as down. *live*
   */
  heartbeat?: {
    /**
     * Seconds between two heartbeats of an agent. *live*
     */
    intervalSeconds?: number
    /**
     * Heartbeats missed in a row after which the node is down. *live*
     */
    missesBeforeDown?: number
  }
  /**
   * What each node keeps for itself and gives to no machine, unless its ComputeNode has another spec.reserved. Raised later, it moves no machine; it takes no new ones. *live*
   */
  reserved?: {
    /**
     * Logical CPUs that are not counted for machines, such as those that a switch on DPDK polls on. It pins nothing. *live*
     */
    cpus?: number
    /**
     * Memory of the kernel, the agent, libvirt, Open vSwitch, kubelet and other pods, in MiB. Hugepages are apart from it and never counted for machines. *live*
     */
    memoryMiB?: number
    /**
     * Of the file system that machines’ disks are on, in GiB. Images in the node’s cache are counted apart from it; what else grows there, such as a StoragePool on the same file system, belongs here. *live*
     */
    diskGiB?: number
  }
  /**
   * What nodes fetch for Images, and how much of it they keep. *live*
   */
  images?: {
    /**
     * Networks that image servers may be in although they are private or reserved (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7, addresses of the nodes themselves and others): without an entry here nodes read images from public addresses alone, since what they reach a tenant may not. Loopback and link-local addresses need an entry inside of their own range. *live*
     *
     * @maxItems 32
     *
     * Items: A network in CIDR form, such as 10.20.0.0/24. *live*
     */
    allowedNetworks?: string[]
    /**
     * The largest file that is fetched as an image, in GiB. *live*
     */
    maxSizeGiB?: number
    /**
     * How much of the file system that machines’ disks are on the images of a node may take, in percent. What no machine uses goes first, by last use; when that is not enough, an import waits with ImageCacheFull. *live*
     */
    maxCachePercent?: number
  }
}
/**
 * What was observed. Written by the operator alone.
 */
export interface CloudStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'OK' | 'ERROR'
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
   * The term of the operator that leads: the transitions of its Lease.
   */
  term?: number
  /**
   * The highest incarnation that any agent or document was seen to hold. Above spec.incarnation the operator stops (ControlPlaneRegressed).
   */
  highestIncarnationSeen?: number
  /**
   * The incarnation in which the store was found to have gone back in time. The operator writes nothing more until spec.incarnation is above it (ControlPlaneRegressed).
   */
  regressedIncarnation?: number
  /**
   * Since when the operator writes in the present incarnation. For a week from then on it takes for possible that nodes have machines that a restore forgot.
   */
  incarnationSince?: string
}
