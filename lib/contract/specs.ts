// SPDX-License-Identifier: Apache-2.0
// What the operator asks of a node, one schema per kind. Loose: fields that a newer operator added are kept.
import { cpuList, cpuNumber } from './fields.ts'
import { z } from 'zod'
import { controllerName, dnsLabel, interfaceName, mac, networkKey, sha256, uid } from './fields.ts'
import { ConsoleGrant, MOST_CONSOLES } from './console.ts'
import { MachineAction } from './machine-action.ts'
import { MachineImage } from './machine-image.ts'
import { MachineRescue } from './machine-rescue.ts'

const dnsServers = z.array(z.union([z.ipv4(), z.ipv6()])).max(3)
/** ProviderNetworks on one node: 64 physical networks, each flat and by VLAN. */
export const MOST_WITH_UPSTREAMS = 128
/** ProviderNetworks of the whole cloud. */
export const MOST_WITHOUT_UPSTREAMS = 1024

/** Roles and configuration of one node. */
export const NodeSpec = z.looseObject({
  roles: z.looseObject({
    compute: z.enum(['libvirt', 'kubevirt', 'fake']).optional(),
    gateway: z.boolean().optional(),
    storage: z.boolean().optional(),
    image: z.boolean().optional(),
  }),
  /** Issued by the cloud's authority for the request in this node's inventory: PEM, leaf first. */
  certificate: z.string().optional(),
  certificateAuthority: z.string().optional(),
  /** For volumes over NBD only, from an authority of their own (docs/decisions/0016); in answer to `nbdRequests`. PEM. */
  nbd: z.looseObject({ client: z.string(), server: z.string(), authority: z.string() }).optional(),
  /** OVN's southbound database, such as `ssl:10.0.0.1:6642`; several are joined by commas. */
  ovnRemote: z.string().optional(),
  /** Seconds between two heartbeats; absent: the agent's default. */
  heartbeatSeconds: z.int().min(1).optional(),
  pools: z
    .array(
      z.looseObject({
        name: z.string(),
        uid,
        driver: z.string(),
        path: z.string(),
        /** While no file system is mounted at the path, nothing is created or read there. */
        requireMount: z.boolean().optional(),
      }),
    )
    .optional(),
  /** ImageStores that it keeps files of. */
  imageStores: z
    .array(
      z.looseObject({
        name: z.string(),
        uid,
        driver: z.string(),
        path: z.string(),
        requireMount: z.boolean().optional(),
      }),
    )
    .optional(),
  /**
   * Physical networks that the node is connected to, by their names: the agent maps each to a bridge of the switch. Exactly one of
   * `interface`, for which the agent makes a bridge, and `bridge`, which the host has already. Absent: the host's mappings stay.
   */
  physicalNetworks: z
    .array(
      z.looseObject({
        name: dnsLabel,
        interface: interfaceName.optional(),
        bridge: interfaceName.optional(),
        /** The SDN controller whose bridge it is: nothing is mapped to it for OVN. */
        controller: controllerName.optional(),
        /** SR-IOV cards on it, by their interfaces: ports of vnicType direct and macvtap get virtual functions of them. */
        physicalFunctions: z.array(interfaceName).max(8).optional(),
      }),
    )
    .optional(),
  /** Name servers that the node's resolver asks, the Cloud's spec.dns.upstreams; absent: the node's own. */
  dnsUpstreams: dnsServers.optional(),
  /** In place of these, for guests on the Networks of a ProviderNetwork: its spec.dns.upstreams, by its name. */
  dnsUpstreamsOf: z
    .array(z.looseObject({ providerNetwork: z.string().max(253), upstreams: dnsServers }))
    .max(MOST_WITH_UPSTREAMS)
    .optional(),
  /**
   * ProviderNetworks that name none: guests on these ask dnsUpstreams. Guests on one that is in neither list ask nobody. Absent, from an older
   * operator: all that dnsUpstreamsOf leaves out.
   */
  withoutDnsUpstreams: z.array(z.string().max(253)).max(MOST_WITHOUT_UPSTREAMS).optional(),
  /** Reserved for the host: by spec.reserved of the ComputeNode, or else of the Cloud; absent: the agent's default. */
  reserved: z.looseObject({ cpus: z.int().min(0), memoryMiB: z.int().min(0), diskGiB: z.int().min(0) }).optional(),
  /** spec.dedicatedCPUs of the ComputeNode: CPUs that machines get for themselves. Absent: none. */
  dedicatedCpus: cpuList.optional(),
  /** spec.reservedHugepages of the ComputeNode: those of a cell that machines are not promised. Absent: none. */
  reservedHugepages: z
    .array(
      z.looseObject({
        cell: z.int().min(0).max(1023),
        sizeKiB: z.int().min(4).max(16_777_216),
        count: z.int().min(0).max(67_108_864),
      }),
    )
    .max(64)
    .optional(),
  /** The Cloud's spec.images; absent: the agent's defaults. */
  images: z
    .looseObject({
      allowedNetworks: z.array(z.union([z.cidrv4(), z.cidrv6()])).optional(),
      maxSizeGiB: z.int().min(1).optional(),
      maxCachePercent: z.int().min(1).max(100).optional(),
    })
    .optional(),
})
export type NodeSpec = z.infer<typeof NodeSpec>

export const ImageSpec = z.looseObject({
  url: z.url({ protocol: /^https?$/ }),
  caBundle: z.string().optional(),
  /** Absent only for the first import of an image without a declared digest: the node then reports what it computed. */
  sha256: sha256.optional(),
  /**
   * Some node has read these bytes from this Image's own source: a cached copy with the digest may be used. Otherwise a digest alone must
   * not give access to an image that others have cached here.
   */
  imported: z.boolean().optional(),
  format: z.enum(['raw', 'qcow2']),
  /** The node that serves it at this address, which both show their certificates of volumes; absent: a web server. */
  peer: z.string().max(253).optional(),
})
export type ImageSpec = z.infer<typeof ImageSpec>

export const VolumeSpec = z.looseObject({
  pool: z.string(),
  driver: z.string(),
  sizeGiB: z.int().min(1),
  format: z.enum(['raw', 'qcow2']),
  /** Names of the nodes that may connect; empty: the export is closed. */
  exportTo: z.array(z.string()),
  /** By node of `exportTo`: the fingerprint of the key with which its hypervisors open volumes. Absent: not known yet. */
  exportKeys: z.record(z.string(), z.string().regex(/^[0-9a-f]{40}$/)).optional(),
})
export type VolumeSpec = z.infer<typeof VolumeSpec>

/**
 * How a hypervisor reaches a volume. What a node reports is only a claim: the operator takes just the port from it and makes the
 * connection that it tells another node itself (operator/controllers/instance/volume-connection.ts).
 */
export const VolumeConnection = z.discriminatedUnion('protocol', [
  z.object({ protocol: z.literal('file'), path: z.string().max(4096), format: z.enum(['raw', 'qcow2']) }),
  z.object({
    protocol: z.literal('nbd'),
    host: z.string().max(253),
    port: z.int().min(1).max(65535),
    exportName: z.string().max(253),
    tls: z.boolean(),
    /** The name in the server's certificate. */
    tlsHostname: z.string().max(253).optional(),
  }),
])
export type VolumeConnection = z.infer<typeof VolumeConnection>

const packetRate = z.looseObject({
  packetsPerSecond: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
  burstPackets: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
})

export const PortSpec = z.looseObject({
  /** The logical switch port's name in OVN's northbound database: `external_ids:iface-id` of the interface. */
  logicalPort: z.string(),
  networkUid: uid,
  /** `namespace/name` of the Network, which identifies it when it was recreated under another UID. */
  network: networkKey.optional(),
  mac,
  fixedIPs: z.array(
    z.looseObject({
      address: z.string(),
      prefixLength: z.int(),
      /** For guests that configure themselves from metadata: no gateway means no default route, `dhcp: false` a static address. */
      gateway: z.string().optional(),
      dhcp: z.boolean().optional(),
      /** Of an IPv6 address with `dhcp`: how the guest gets it. */
      ipv6AddressMode: z.enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless']).optional(),
      dnsNameservers: z.array(z.string()).optional(),
    }),
  ),
  mtu: z.int().min(576).max(9000),
  vnicType: z.enum(['normal', 'vhostuser', 'direct', 'macvtap']),
  /** Of the network: its names are known to OVN, and asked of nobody else. Absent from older operators. */
  dnsDomain: z.string().max(253).optional(),
  /** Name of the ProviderNetwork that its Network is on; absent: on none, or an older operator. */
  providerNetwork: z.string().max(253).optional(),
  instanceUid: uid.optional(),
  /** Of a subport, which has no device of its own: the Port of the interface by which it comes, and its VLAN tag there. */
  parent: z.looseObject({ portUid: uid, vlan: z.int().min(1).max(4094) }).optional(),
  /** What its guest may send (egress) and get; a direction that is absent is not limited. */
  packetRates: z.looseObject({ egress: packetRate.optional(), ingress: packetRate.optional() }).optional(),
  /** Of a network that an SDN controller realises: its name, by which it says that it has programmed the port, and where its bridge is. */
  controller: z.looseObject({ name: controllerName, physicalNetwork: dnsLabel }).optional(),
  /**
   * With vnicType direct and macvtap: where the function has to be, and the tag that the card puts on its frames; absent: none. `numaCells`: those that its
   * machine is on; a function there is taken before others.
   */
  virtualFunction: z
    .looseObject({
      physicalNetwork: dnsLabel,
      vlan: z.int().min(1).max(4094).optional(),
      numaCells: z.array(z.int().min(0).max(1023)).max(8).optional(),
    })
    .optional(),
})
export type PortSpec = z.infer<typeof PortSpec>

const RUN_STATES = ['Running', 'Stopped', 'Paused', 'Suspended'] as const
export const RunState = z.enum(RUN_STATES)
export type RunState = z.infer<typeof RunState>

const cpuNumbers = z.array(cpuNumber).min(1).max(512)
/**
 * NUMA cells of the guest, in their order, each on a cell of its own of the node, where its memory has to be. `cpus`: a CPU for each of `vcpus`,
 * which no other machine uses; absent: they share those of the cell that are for all. `idleCpus`: threads beside them that nobody may use.
 * `pageSizeKiB`: of the hugepages that its memory is in.
 */
export const NumaTopology = z.looseObject({
  pageSizeKiB: z.int().min(4).max(16_777_216).optional(),
  cells: z
    .array(
      z.looseObject({
        hostCell: z.int().min(0).max(1023),
        vcpus: cpuNumbers,
        memoryMiB: z.int().min(1),
        cpus: cpuNumbers.optional(),
        idleCpus: z.array(cpuNumber).min(1).max(8192).optional(),
      }),
    )
    .min(1)
    .max(8),
})
export type NumaTopology = z.infer<typeof NumaTopology>

export const InstanceSpec = z.looseObject({
  hostname: dnsLabel,
  project: z.string(),
  runState: RunState,
  restartPolicy: z.enum(['Never', 'OnFailure', 'Always']),
  /** May the agent start the machine after a reboot of the host without a newer grant (invariant 5)? */
  offlineRestart: z.boolean(),
  vcpus: z.int().min(1),
  memoryMiB: z.int().min(64),
  rootDiskGiB: z.int().min(0),
  ephemeralGiB: z.int().min(0),
  swapMiB: z.int().min(0),
  requireKvm: z.boolean(),
  /** Absent: wherever the node's kernel puts it. */
  numa: NumaTopology.optional(),
  /** What the root disk was made from, as the operator knows; a node that has made another one since goes by its own record. */
  image: MachineImage,
  /** The highest number of a root disk that the machine was given here; absent: 0. One that no action asks for any more is not made. */
  rootDisksGiven: z.int().min(0).optional(),
  /** What it boots from in place of its root disk, as the operator knows; a node goes by its own record. Absent: it is not in rescue. */
  rescue: MachineRescue.optional(),
  /** In the order of the spec; each has a port document of its own on the same node. `slot`: its place in the machine; absent: its index. */
  ports: z.array(
    z.looseObject({ uid, name: z.string(), networkName: z.string(), slot: z.int().min(0).max(15).optional() }),
  ),
  /** In the order of the disks after the root disk: /dev/vdb, … */
  volumes: z.array(
    z.looseObject({
      uid,
      name: z.string(),
      connection: VolumeConnection,
      /** What the volume's node serves: a running guest is told when the disk has grown. */
      sizeGiB: z.int().min(1).optional(),
    }),
  ),
  configDrive: z.boolean(),
  /** At most 64 KiB before base64. */
  userDataBase64: z.string().optional(),
  publicKeys: z.array(z.looseObject({ name: z.string(), key: z.string() })),
  metadata: z.record(z.string(), z.string()),
  availabilityZone: z.string().optional(),
  /** What is to be done to it once; absent: nothing, or its end is known. */
  action: MachineAction.optional(),
  /** Who may open its console; absent: nobody. */
  consoles: z.array(ConsoleGrant).max(MOST_CONSOLES).optional(),
})
export type InstanceSpec = z.infer<typeof InstanceSpec>
