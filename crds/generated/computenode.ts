// SPDX-License-Identifier: Apache-2.0
// Made from crds/computenodes.yaml by `npm run generate`. Do not edit.

export interface ComputeNodeSchema {
  spec?: ComputeNodeSpec
  status?: ComputeNodeStatus
}
/**
 * What people decide about the node. *live*
 */
export interface ComputeNodeSpec {
  /**
   * Places no new work here. What runs goes on. *live*
   */
  unschedulable?: boolean
  /**
   * Why, for people. *live*
   */
  unschedulableReason?: string
  /**
   * What this node keeps for itself and gives to no machine, where it differs from the Cloud’s spec.reserved, field by field. *live*
   */
  reserved?: {
    /**
     * Logical CPUs that are not counted for machines, such as those that a switch on DPDK polls on. It pins nothing. *live*
     */
    cpus?: number
    /**
     * Memory of the kernel, the agent, libvirt, Open vSwitch, kubelet and other pods, in MiB. Hugepages are apart from it, for machines whose Flavor asks for them. *live*
     */
    memoryMiB?: number
    /**
     * Of the file system that machines’ disks are on, in GiB. Images in the node’s cache are counted apart from it; what else grows there, such as a StoragePool on the same file system, belongs here. *live*
     */
    diskGiB?: number
  }
  /**
   * CPUs that machines get for themselves, as a list such as 2-7,10: those whose Flavor has hw:cpu_policy dedicated. No other machine that starts from now on runs on them. Leave out those that a switch on DPDK polls on, and some for the host. What status.inventory.cells shows of it counts. *live*
   */
  dedicatedCPUs?: string
  /**
   * Hugepages that machines do not get, such as those of a switch on DPDK, by NUMA cell and size. *live*
   *
   * @maxItems 64
   *
   * Items: Those of one size on one cell. *live*
   */
  reservedHugepages?: {
    /**
     * Number of the NUMA cell. *live*
     */
    cell: number
    /**
     * Size of a page in KiB, such as 2048. *live*
     */
    sizeKiB: number
    /**
     * How many. *live*
     */
    count: number
  }[]
  /**
   * Confirmed: the node is off and is asked no more: what it holds counts as released, and machines that it leaves off after a reboot are built anew elsewhere where their spec.evacuation says so. Write it only when you know: a machine that still runs would run twice. Wiped: its disks were wiped or destroyed as well, so that nothing of it can start when it gets power: machines that it might start by itself may be built anew elsewhere, too. Remove it when the node is to be used again. *live*
   */
  lost?: 'Confirmed' | 'Wiped'
}
/**
 * What was observed. Written by the operator alone.
 */
export interface ComputeNodeStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'up' | 'down' | 'lost'
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
   * Roles by the node's labels.
   *
   * @maxItems 8
   *
   * Items: compute, network, gateway, storage or image.
   */
  roles?: string[]
  /**
   * The same in one word, for people.
   */
  roleNames?: string
  /**
   * Why no new machines come here, by spec.unschedulable, kubectl cordon or the state of the node; absent: they do.
   */
  closed?: string
  /**
   * What is left for machines, up to half a minute ago; people read it, placements count anew.
   */
  free?: {
    /**
     * vCPUs, of which four are promised for each logical CPU.
     */
    vcpus?: number
    /**
     * Memory; each machine takes a little more than its Flavor says.
     */
    memoryMiB?: number
    /**
     * Disk for root, ephemeral and swap disks.
     */
    diskGiB?: number
  }
  /**
   * The availability zone: that of its oldest HostAggregate with one, else the Node's topology.kubernetes.io/zone.
   */
  zone?: string
  /**
   * The HostAggregates that it is in, the first by name.
   *
   * @maxItems 32
   *
   * Items: Name of one.
   */
  aggregates?: string[]
  /**
   * The owner's epoch: it grows each time that the object moves to another node.
   */
  epoch?: number
  /**
   * The key that the node's hypervisor opens volumes with; volumes that its machines hold let in this key and no other.
   */
  volumeKey?: string
  /**
   * What this node alone may read, such as private keys of LoadBalancers, is sealed for this key (X25519, base64url).
   */
  sealingKey?: string
  /**
   * What the node has.
   */
  inventory?: {
    /**
     * Address for other nodes.
     */
    address?: string
    /**
     * Version of the agent.
     */
    agentVersion?: string
    /**
     * Changes with each boot of the node.
     */
    bootID?: string
    /**
     * Logical CPUs.
     */
    cpus?: number
    /**
     * Memory.
     */
    memoryMiB?: number
    /**
     * Of memoryMiB, what the kernel keeps as hugepages, for machines whose Flavor asks for them alone.
     */
    hugepagesMiB?: number
    /**
     * Of diskGiB, what cached images take.
     */
    imageCacheGiB?: number
    /**
     * Size of the file system for machines.
     */
    diskGiB?: number
    /**
     * Such as QEMU.
     */
    hypervisorType?: string
    /**
     * Its version.
     */
    hypervisorVersion?: string
    /**
     * kvm after a guest really ran with it, else qemu: emulation.
     */
    acceleration?: 'kvm' | 'qemu'
    /**
     * What machines can begin with: bios, uefi, secure-boot.
     *
     * @maxItems 8
     *
     * Items: One of them.
     */
    firmware?: string[]
    /**
     * Versions of the TPM that machines can have, such as 2.0.
     *
     * @maxItems 8
     *
     * Items: One of them.
     */
    tpmVersions?: string[]
    /**
     * Why there is no kvm.
     */
    accelerationReason?: string
    /**
     * Whether the switch runs on DPDK and takes vhost-user ports.
     */
    dpdk?: boolean
    /**
     * What the switch says of it, such as DPDK 24.11.8.
     */
    dpdkVersion?: string
    /**
     * The datapath of the guests' switch: system, the kernel's, or netdev, the switch's own.
     */
    datapath?: 'system' | 'netdev'
    /**
     * The address at which tunnels of other nodes reach it.
     */
    tunnelAddress?: string
    /**
     * Physical networks that it is connected to, by ProviderNetworks.
     *
     * @maxItems 64
     *
     * Items: Name of one.
     */
    physicalNetworks?: string[]
    /**
     * Virtual functions for Ports of vnicType direct and macvtap, by physical network, NUMA cell and model.
     *
     * @maxItems 32
     *
     * Items: Those that are alike.
     */
    pciDevices?: {
      /**
       * Name of the physical network.
       */
      physicalNetwork: string
      /**
       * The NUMA cell that the card is at; absent: not known.
       */
      numaCell?: number
      /**
       * Who made it, such as 8086.
       */
      vendorID: string
      /**
       * What it is, such as 154c.
       */
      productID: string
      /**
       * How many there are, those in use included.
       */
      count: number
      /**
       * How many of them can be given to a guest: none without an IOMMU.
       */
      direct: number
      /**
       * How many of them have an interface on the node.
       */
      macvtap: number
    }[]
    /**
     * NUMA cells.
     */
    numaCells?: number
    /**
     * What machines may have of each NUMA cell; absent: not known, or its agent places none on cells.
     *
     * @maxItems 64
     *
     * Items: One cell.
     */
    cells?: {
      /**
       * Its number on the node.
       */
      id: number
      /**
       * CPUs that machines share.
       */
      sharedCPUs: string
      /**
       * CPUs that machines get for themselves, threads of one core together: 2,34 3,35.
       */
      dedicatedCores?: string
      /**
       * CPUs that a switch on DPDK polls on (pmd-cpu-mask), which no machine gets.
       */
      pmdCPUs?: string
      /**
       * Memory that is not in hugepages.
       */
      memoryMiB: number
      /**
       * Hugepages, those that spec.reservedHugepages keeps included.
       *
       * @maxItems 16
       *
       * Items: Those of one size.
       */
      hugepages: {
        /**
         * Size of a page.
         */
        sizeKiB: number
        /**
         * How many there are, used ones included.
         */
        count: number
      }[]
    }[]
  }
  /**
   * What the node still has to release and has not acknowledged.
   *
   * @maxItems 64
   *
   * Items: One release.
   */
  releases?: {
    /**
     * Kind of its document.
     */
    kind: 'node' | 'image' | 'imagecopy' | 'volume' | 'port' | 'balancer' | 'vpn' | 'probe' | 'instance'
    /**
     * UID of the object.
     */
    uid: string
    /**
     * Namespace of the object.
     */
    namespace?: string
    /**
     * Name of the object.
     */
    name: string
    /**
     * The owner's epoch: it grows each time that the object moves to another node.
     */
    epoch: number
  }[]
  /**
   * What the node found that carries our mark and that no document asks for. Nothing of it is removed by itself. What lies where the node cannot look at the moment is as it was seen, and says so.
   *
   * @maxItems 32
   *
   * Items: One find.
   */
  orphans?: {
    /**
     * Kind of its document.
     */
    kind: 'node' | 'image' | 'imagecopy' | 'volume' | 'port' | 'balancer' | 'vpn' | 'probe' | 'instance'
    /**
     * UID that it carries.
     */
    uid: string
    /**
     * What was found.
     */
    what: string
  }[]
}
