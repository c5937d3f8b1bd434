// SPDX-License-Identifier: Apache-2.0
// What the operator asks of a node, by kind. Loose: fields that a newer operator added are kept.
import { z } from 'zod'
import { dnsLabel, mac, networkKey, sha256, uid } from './fields.ts'

/** Roles and configuration of one node. */
export const NodeSpec = z.looseObject({
  roles: z.looseObject({
    compute: z.enum(['libvirt', 'kubevirt', 'fake']).optional(),
    gateway: z.boolean().optional(),
    storage: z.boolean().optional(),
    image: z.boolean().optional(),
  }),
  /** Signed by the cloud's authority for the request that this node put into its inventory: PEM, leaf first. */
  certificate: z.string().optional(),
  certificateAuthority: z.string().optional(),
  /** For volumes over NBD alone, by an authority of its own (docs/decisions/0016); in answer to `nbdRequests`. PEM. */
  nbd: z.looseObject({ client: z.string(), server: z.string(), authority: z.string() }).optional(),
  /** OVN's southbound database, such as `ssl:10.0.0.1:6642`; several are joined by commas. */
  ovnRemote: z.string().optional(),
  /** Seconds between two heartbeats; absent: as the agent has it. */
  heartbeatSeconds: z.int().min(1).optional(),
  pools: z
    .array(
      z.looseObject({
        name: z.string(),
        uid,
        driver: z.string(),
        path: z.string(),
        /** Nothing is made or read there while no file system is mounted at the path. */
        requireMount: z.boolean().optional(),
      }),
    )
    .optional(),
  /** Kept for the host: as the ComputeNode's spec.reserved and the Cloud's have it; absent: as the agent has it. */
  reserved: z.looseObject({ cpus: z.int().min(0), memoryMiB: z.int().min(0), diskGiB: z.int().min(0) }).optional(),
  /** As the Cloud's spec.images has it; absent: as the agent has it. */
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
   * These bytes were read once from this Image's own source, by some node: a copy that is here may be used as it is. Without it a digest
   * alone does not open what others have here.
   */
  imported: z.boolean().optional(),
  format: z.enum(['raw', 'qcow2']),
})
export type ImageSpec = z.infer<typeof ImageSpec>

export const VolumeSpec = z.looseObject({
  pool: z.string(),
  driver: z.string(),
  sizeGiB: z.int().min(1),
  format: z.enum(['raw', 'qcow2']),
  /** The nodes that may connect, by node name; empty means that the export is closed. */
  exportTo: z.array(z.string()),
  /** By node of `exportTo`: the key that its machines open volumes with, as its certificate names it. Absent: not known yet. */
  exportKeys: z.record(z.string(), z.string().regex(/^[0-9a-f]{40}$/)).optional(),
})
export type VolumeSpec = z.infer<typeof VolumeSpec>

/**
 * How a hypervisor reaches a volume. What a node reports is a claim: the operator takes the port from it and makes the connection that
 * another node is told itself (operator/controllers/instance/volume-connection.ts).
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

export const PortSpec = z.looseObject({
  /** The logical switch port's name in OVN's northbound database: `external_ids:iface-id` of the interface. */
  logicalPort: z.string(),
  networkUid: uid,
  /** `namespace/name` of the Network, by which it is known again when it was made anew. */
  network: networkKey.optional(),
  mac,
  fixedIPs: z.array(
    z.looseObject({
      address: z.string(),
      prefixLength: z.int(),
      /** For guests that configure themselves from metadata: absent gateway, no default route; `dhcp` false, a static address. */
      gateway: z.string().optional(),
      dhcp: z.boolean().optional(),
      /** Of an IPv6 address with `dhcp`: how the guest comes by it. */
      ipv6AddressMode: z.enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless']).optional(),
      dnsNameservers: z.array(z.string()).optional(),
    }),
  ),
  mtu: z.int().min(576).max(9000),
  vnicType: z.enum(['normal', 'vhostuser']),
  instanceUid: uid.optional(),
})
export type PortSpec = z.infer<typeof PortSpec>

const RUN_STATES = ['Running', 'Stopped', 'Paused', 'Suspended'] as const
export const RunState = z.enum(RUN_STATES)
export type RunState = z.infer<typeof RunState>

export const InstanceSpec = z.looseObject({
  hostname: dnsLabel,
  project: z.string(),
  runState: RunState,
  restartPolicy: z.enum(['Never', 'OnFailure', 'Always']),
  /** May a host reboot start the machine again without a newer grant (invariant 5)? */
  offlineRestart: z.boolean(),
  vcpus: z.int().min(1),
  memoryMiB: z.int().min(64),
  rootDiskGiB: z.int().min(0),
  ephemeralGiB: z.int().min(0),
  swapMiB: z.int().min(0),
  requireKvm: z.boolean(),
  image: z.looseObject({ uid, sha256, format: z.enum(['raw', 'qcow2']), properties: z.record(z.string(), z.string()) }),
  /** In the order of the NICs in the guest; each has a port document of its own on the same node. */
  ports: z.array(z.looseObject({ uid, name: z.string(), networkName: z.string() })),
  /** In the order of the disks behind the root disk: /dev/vdb, … */
  volumes: z.array(
    z.looseObject({
      uid,
      name: z.string(),
      connection: VolumeConnection,
      /** What its node serves: a running machine is told when it is more than it knows. */
      sizeGiB: z.int().min(1).optional(),
    }),
  ),
  configDrive: z.boolean(),
  /** At most 64 KiB before base64. */
  userDataBase64: z.string().optional(),
  publicKeys: z.array(z.looseObject({ name: z.string(), key: z.string() })),
  metadata: z.record(z.string(), z.string()),
  availabilityZone: z.string().optional(),
})
export type InstanceSpec = z.infer<typeof InstanceSpec>
