// SPDX-License-Identifier: Apache-2.0
// Made from crds/instances.yaml by `npm run generate`. Do not edit.

export interface InstanceSchema {
  spec?: InstanceSpec
  status?: InstanceStatus
}
/**
 * The machine that is wanted. *live*
 */
export interface InstanceSpec {
  /**
   * The Flavor. Another one resizes the machine at its next start, on its node: disks only grow. The condition ResizePending says what stands in the way. *restart*
   */
  flavorRef: {
    /**
     * Name of the Flavor. *restart*
     */
    name: string
  }
  /**
   * The Image that the root disk is made from. Another one is taken up by an InstanceAction of type Rebuild, which makes the disk anew, or at a new place without the old disk; the condition RebuildPending says so. *rebuild*
   */
  imageRef: {
    /**
     * Name of the Image. *rebuild*
     */
    name: string
    /**
     * Namespace of the Image; absent: the same. Another one works only where the Image is public, or shared and names this namespace in spec.sharedWith. *rebuild*
     */
    namespace?: string
  }
  /**
   * The network interfaces in their order in the guest; absent or empty: none. An added one is plugged into a running machine, in the first free place; one that is taken out is unplugged; a changed one is another. *live*
   *
   * @maxItems 16
   *
   * Items: One interface: networkRef for an automatic Port, or portRef for one of your own. *live*
   */
  networks?: {
    /**
     * The Network on which a Port is made. *live*
     */
    networkRef?: {
      /**
       * Name of the Network. *live*
       */
      name: string
      /**
       * Namespace of the Network; absent: the same. Another one works only where the Network allows it by spec.sharedWith. *live*
       */
      namespace?: string
    }
    /**
     * With networkRef: the Subnet, in the namespace of the Network; absent: the first with room. *live*
     */
    subnetRef?: {
      /**
       * Name of the Subnet. *live*
       */
      name: string
    }
    /**
     * With networkRef: the address; absent: one is chosen. Only for a Network of this namespace. *live*
     */
    ipAddress?: string
    /**
     * With networkRef: the MAC address; absent: one is generated. Only for a Network of this namespace. *live*
     */
    macAddress?: string
    /**
     * With networkRef: normal (default) or vhostuser. *live*
     */
    vnicType?: 'normal' | 'vhostuser'
    /**
     * A Port of the same namespace. *live*
     */
    portRef?: {
      /**
       * Name of the Port. *live*
       */
      name: string
    }
  }[]
  /**
   * Security groups of automatic Ports; absent: the namespace's `default`. *live*
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
   * The KeyPair whose public key the guest gets. *immutable*
   */
  keyPairRef?: {
    /**
     * Name of the KeyPair. *immutable*
     */
    name: string
  }
  /**
   * User data for cloud-init, in line, at most 16 KiB; readable by all who may read the Instance. *immutable*
   */
  userData?: string
  /**
   * User data from a Secret of the same namespace, at most 64 KiB. Whoever writes this must be allowed to get the Secret, which must have the label nephele.dev/user-data: "true"; its namespace lets the operator read it by binding the ClusterRole nephele-user-data. *immutable*
   */
  userDataSecretRef?: {
    /**
     * Name of the Secret. *immutable*
     */
    name: string
    /**
     * Key in its data. *immutable*
     */
    key?: string
  }
  /**
   * Volumes of the same namespace, in their order behind the root disk. *live*
   *
   * @maxItems 24
   *
   * Items: One disk. *live*
   */
  volumes?: {
    /**
     * The Volume. *live*
     */
    volumeRef: {
      /**
       * Name of the Volume. *live*
       */
      name: string
    }
  }[]
  /**
   * Whether the machine runs. Suspended keeps its memory on disk. *live*
   */
  runState?: 'Running' | 'Stopped' | 'Paused' | 'Suspended'
  /**
   * What follows an end that runState did not ask for. OnFailure: a crash or a reboot of the host starts it again, a guest that powers itself off stays off. *live*
   */
  restartPolicy?: 'Never' | 'OnFailure' | 'Always'
  /**
   * WhenFenced: moves to another node once its own is proven to be off; it then does not start by itself after a reboot of a node that is cut off. Set it before that: while its node has not heard of it, there is no status.evacuable. *live*
   */
  evacuation?: 'Never' | 'WhenFenced'
  /**
   * Only nodes of this zone (that of a HostAggregate, else the Node's topology.kubernetes.io/zone). *immutable*
   */
  availabilityZone?: string
  /**
   * The ServerGroup of the same namespace that the machine is a member of. *immutable*
   */
  serverGroupRef?: {
    /**
     * Name of the ServerGroup. *immutable*
     */
    name: string
  }
  /**
   * Where it shall go, beside what Flavor and ServerGroup ask for. They hold each time that the machine is placed. *immutable*
   */
  schedulerHints?: {
    /**
     * Only nodes that have one of these Instances of the same namespace; it waits until one has a place. *immutable*
     *
     * @minItems 1
     * @maxItems 16
     *
     * Items: Name of one. *immutable*
     */
    sameHost?: string[]
    /**
     * No node that has one of these Instances of the same namespace. *immutable*
     *
     * @minItems 1
     * @maxItems 16
     *
     * Items: Name of one. *immutable*
     */
    differentHost?: string[]
    /**
     * Only nodes whose address is in the same range as this one. *immutable*
     */
    buildNearHostIP?: string
    /**
     * How large that range is; absent: /24. *immutable*
     */
    cidr?: string
    /**
     * Only nodes for which this holds, in JSON as for Nova’s JsonFilter, such as [">=", "$free_ram_mb", 1024]. *immutable*
     */
    query?: string
    /**
     * Only this ComputeNode, if it passes all filters. For administrators of the cloud, who may create ComputeNodes. *immutable*
     */
    node?: string
  }
  /**
   * The name that the guest is told; absent: the name of the Instance. *restart*
   */
  hostname?: string
  /**
   * Gives the guest its metadata and user data on a small disk too, for images without network at first boot, and for machines that set their addresses by hand. *immutable*
   */
  configDrive?: boolean
  /**
   * Handed to the guest as meta in the metadata service. *live*
   */
  metadata?: {
    /**
     * The value. *live*
     */
    [k: string]: string
  }
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
  /**
   * While true, only administrators of the cloud change this, delete it, or have anything done to it but Snapshots: an InstanceAction needs spec.ignoreLock. *live*
   */
  locked?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface InstanceStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'BUILD' | 'ACTIVE' | 'SHUTOFF' | 'PAUSED' | 'SUSPENDED' | 'RESCUE' | 'ERROR' | 'DELETING'
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
   * The node that owns the machine.
   */
  node?: string
  /**
   * The owner's epoch: it grows each time that the object moves to another node.
   */
  epoch?: number
  /**
   * The size that the machine has, claimed on its node: the flavor of the last start.
   */
  flavor?: {
    /**
     * Name of the Flavor.
     */
    name?: string
    /**
     * The Flavor asks for KVM.
     */
    requireKVM?: boolean
    /**
     * Those of the Flavor's extraSpecs that the scheduler reads, for when the machine is placed again.
     */
    extraSpecs?: {
      /**
       * The value.
       */
      [k: string]: string
    }
    /**
     * Virtual CPUs.
     */
    vcpus: number
    /**
     * Memory.
     */
    memoryMiB: number
    /**
     * Root disk.
     */
    rootDiskGiB: number
    /**
     * Second disk.
     */
    ephemeralGiB?: number
    /**
     * Swap.
     */
    swapMiB?: number
  }
  /**
   * The Image that its root disk was made from; absent of a machine that was placed: its node has a disk that the operator knows nothing of.
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
   * Number of its root disk on its node: each Rebuild makes one with a higher number; absent: 0, the first. Counted anew at each place.
   */
  rootDisk?: number
  /**
   * There while it boots from a rescue disk, with its own root disk as another one; it stays so, also when it is stopped and started, until an InstanceAction of type Unrescue ends it.
   */
  rescue?: {
    /**
     * Number of the rescue disk on its node, of the same sequence as those of root disks.
     */
    disk: number
    /**
     * The Image that the rescue disk was made from, which is held; absent: it is not known any more (a restored store).
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
     * UID of the InstanceAction of type Rescue; absent where image is.
     */
    actionUID?: string
    /**
     * When its node was first heard to have it so.
     */
    since: string
  }
  /**
   * Root disks, and rescue disks, that it was given and that its node may have made; emptied once that is known.
   *
   * @maxItems 4
   *
   * Items: One disk.
   */
  rebuilds?: {
    /**
     * Its number.
     */
    rootDisk: number
    /**
     * It is a rescue disk.
     */
    isRescue?: boolean
    /**
     * UID of the InstanceAction.
     */
    actionUID: string
    /**
     * The Image that it is made from.
     */
    image: {
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
  }[]
  /**
   * The size that it gets at its next start, claimed on its node beside flavor; absent: the same.
   */
  nextFlavor?: {
    /**
     * Name of the Flavor.
     */
    name?: string
    /**
     * The Flavor asks for KVM.
     */
    requireKVM?: boolean
    /**
     * Those of the Flavor's extraSpecs that the scheduler reads, for when the machine is placed again.
     */
    extraSpecs?: {
      /**
       * The value.
       */
      [k: string]: string
    }
    /**
     * Virtual CPUs.
     */
    vcpus: number
    /**
     * Memory.
     */
    memoryMiB: number
    /**
     * Root disk.
     */
    rootDiskGiB: number
    /**
     * Second disk.
     */
    ephemeralGiB?: number
    /**
     * Swap.
     */
    swapMiB?: number
  }
  /**
   * What it was given for spec.networks: each keeps its place in the machine, and so its name in the guest, for life.
   *
   * @maxItems 16
   *
   * Items: One interface; also one that is leaving.
   */
  interfaces?: {
    /**
     * Its place in the machine.
     */
    slot: number
    /**
     * Name of its Port.
     */
    port: string
    /**
     * UID of its Port.
     */
    portUID?: string
    /**
     * Digest of the entry of spec.networks that the Port was made for; absent: portRef.
     */
    request?: string
  }[]
  /**
   * What is set aside for it of the physical networks of its node, by the QoSPolicies of its Ports.
   *
   * @maxItems 32
   *
   * Items: One physical network.
   */
  bandwidth?: {
    /**
     * Its name.
     */
    physicalNetwork: string
    /**
     * From the node, in kilobits a second.
     */
    egressKbps: number
    /**
     * To the node, in kilobits a second.
     */
    ingressKbps: number
  }[]
  /**
   * On which NUMA cells and CPUs of its node it is, where its Flavor asks for some: claimed with the placement. Absent: wherever the node puts it.
   */
  numaTopology?: {
    /**
     * Size of the hugepages that its memory is in; absent: ordinary pages.
     */
    pageSizeKiB?: number
    /**
     * The guest's cells, in their order.
     *
     * @maxItems 8
     *
     * Items: One cell.
     */
    cells: {
      /**
       * The cell of the node that it is on.
       */
      hostCell: number
      /**
       * Its virtual CPUs.
       */
      vcpus: string
      /**
       * Its memory.
       */
      memoryMiB: number
      /**
       * CPUs of the node for these alone, in the same order; absent: they share those of the cell.
       */
      cpus?: string
      /**
       * Other threads of the same cores, which no machine gets (hw:cpu_thread_policy isolate).
       */
      idleCPUs?: string
    }[]
  }
  /**
   * Virtual functions that it claims of its node, for its Ports of vnicType direct and macvtap.
   *
   * @maxItems 16
   *
   * Items: Of one physical network.
   */
  pciDevices?: {
    /**
     * Its name.
     */
    physicalNetwork: string
    /**
     * How many for vnicType direct.
     */
    direct: number
    /**
     * How many for vnicType macvtap.
     */
    macvtap: number
  }[]
  /**
   * Addresses of its Ports in one line, with commas between: the column of kubectl get. Programs read addresses.
   */
  addressList?: string
  /**
   * Addresses of its Ports.
   *
   * @maxItems 32
   *
   * Items: One address.
   */
  addresses?: {
    /**
     * Name of the Network.
     */
    network: string
    /**
     * The address.
     */
    ipAddress?: string
    /**
     * MAC address of the interface.
     */
    macAddress?: string
    /**
     * Name of the Port.
     */
    port: string
  }[]
  /**
   * Why it stands where it stands, or nowhere.
   */
  scheduling?: {
    /**
     * The node that was chosen.
     */
    node?: string
    /**
     * Nodes of the cloud.
     */
    total?: number
    /**
     * Nodes looked at.
     */
    evaluated?: number
    /**
     * The winner's weight in thousandths.
     */
    score?: number
    /**
     * The filters that refused nodes.
     *
     * @maxItems 16
     *
     * Items: One filter.
     */
    filters?: {
      /**
       * Its name, as in Nova.
       */
      name: string
      /**
       * How many nodes it refused.
       */
      refused: number
      /**
       * What it said of one of them.
       */
      example?: string
    }[]
  }
  /**
   * Fields of the spec that wait for a restart.
   *
   * @maxItems 16
   *
   * Items: Path of the field.
   */
  pendingChanges?: string[]
  /**
   * Former owners that have not yet confirmed that they let go.
   *
   * @maxItems 8
   *
   * Items: One former owner.
   */
  pendingReleases?: {
    /**
     * Its name.
     */
    node: string
    /**
     * The owner's epoch: it grows each time that the object moves to another node.
     */
    epoch: number
    /**
     * What status.evacuable was when it left.
     */
    evacuable?: {
      /**
       * The Cloud's, when that was known.
       */
      incarnation: number
    }
  }[]
  /**
   * There while the node is known to leave the machine off after a reboot of the host until it is told to start it. Only then is it built anew elsewhere when the node is lost; otherwise that has to be Wiped.
   */
  evacuable?: {
    /**
     * The Cloud's, when that was known; after a restore the node has to say it again.
     */
    incarnation: number
  }
  /**
   * Nodes whose agent refused the machine for lack of room; tried again 30 s after no other node was found. Emptied once it runs.
   *
   * @maxItems 16
   *
   * Items: Name of the node.
   */
  excludedNodes?: string[]
  /**
   * UID of the InstanceAction of type ResetState that was carried out last: for it, excludedNodes and refusals were emptied.
   */
  resetByUID?: string
  /**
   * What the last of excludedNodes said. Emptied with them.
   *
   * @maxItems 4
   *
   * Items: One of them.
   */
  refusals?: {
    /**
     * Name of the node.
     */
    node: string
    /**
     * Why it refused the machine.
     */
    message: string
  }[]
  /**
   * How often its node started it again, by spec.restartPolicy, after an end that nobody asked for; counted anew on another node.
   */
  restarts?: number
  /**
   * When the machine was last seen to start.
   */
  startedAt?: string
}
