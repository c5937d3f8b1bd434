// SPDX-License-Identifier: Apache-2.0
// The documents that operator and agents exchange (docs/architecture.md section 5). Both sides validate on receipt; another major
// version `v` is refused. What the operator wrote is loose: fields that a newer one added are kept. What a node says is not: fields that
// are not named here are dropped, and all has bounds, since every operator keeps it in memory (decision 17).
import { z } from 'zod'
import { amount, firstOf, reason, smallAmount, text } from './bounds.ts'
import { Versions } from './versions.ts'

export const CONTRACT_VERSION = 1
export const MAX_DOCUMENT_BYTES = 256 * 1024

export const DOCUMENT_KINDS = ['node', 'image', 'volume', 'port', 'instance'] as const
export const DocumentKind = z.enum(DOCUMENT_KINDS)
export type DocumentKind = z.infer<typeof DocumentKind>

const uid = z.string().regex(/^[a-z0-9-]{1,63}$/)
const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** `namespace/name`. */
const networkKey = z.string().max(320)
const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .max(253)

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

const ImageSpec = z.looseObject({
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

const VolumeSpec = z.looseObject({
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

const header = {
  v: z.literal(CONTRACT_VERSION),
  uid,
  /** The Kubernetes node name, unescaped. */
  node: z.string(),
  /** Of the custom resource; a cluster-wide one has none. */
  namespace: z.string().optional(),
  name: z.string(),
  versions: Versions,
  /**
   * The boot of the node that the operator knew of when it decided this document (the inventory's `bootId`; docs/decisions/0004). An
   * agent starts a machine only under a grant for the boot it lives in, or with `offlineRestart`. A node that rebooted reports its new
   * boot id; the operator, if the machine still belongs there, publishes the document again with it. Needed for instances only.
   */
  grantedBootId: z.string().max(64).optional(),
}
const present = <K extends DocumentKind, S extends z.ZodType>(kind: K, spec: S) =>
  z.looseObject({ ...header, kind: z.literal(kind), tombstone: z.literal(false), spec })

/** Destroy what carries this uid. Has no time limit; it stays until the agent reports `gone` and the operator withdraws it. */
export const Tombstone = z.looseObject({
  ...header,
  kind: DocumentKind,
  tombstone: z.literal(true),
  /** Of a machine that moves: for the operator alone, whose next document needs what its Secret may no longer have. Agents drop it. */
  userDataBase64: z.string().optional(),
})
export type Tombstone = z.infer<typeof Tombstone>

export const NodeDocument = present('node', NodeSpec)
export const ImageDocument = present('image', ImageSpec)
export const VolumeDocument = present('volume', VolumeSpec)
export const PortDocument = present('port', PortSpec)
export const InstanceDocument = present('instance', InstanceSpec)
export type NodeDocument = z.infer<typeof NodeDocument>
export type ImageDocument = z.infer<typeof ImageDocument>
export type VolumeDocument = z.infer<typeof VolumeDocument>
export type PortDocument = z.infer<typeof PortDocument>
export type InstanceDocument = z.infer<typeof InstanceDocument>

export const PresentDocument = z.discriminatedUnion('kind', [
  NodeDocument,
  ImageDocument,
  VolumeDocument,
  PortDocument,
  InstanceDocument,
])
export type PresentDocument = z.infer<typeof PresentDocument>
export const DesiredDocument = z.union([Tombstone, PresentDocument])
export type DesiredDocument = z.infer<typeof DesiredDocument>

/** States an agent reports, by kind. `refused`: never without a changed document; `failed`: it goes on trying. */
export const OBSERVED_STATES = {
  node: ['ready', 'degraded', 'gone'],
  image: ['downloading', 'ready', 'failed', 'refused', 'gone'],
  volume: ['creating', 'available', 'failed', 'refused', 'gone'],
  port: ['plugging', 'active', 'failed', 'refused', 'gone'],
  instance: [
    'waiting',
    'building',
    'running',
    'stopped',
    'paused',
    'suspended',
    'crashed',
    'failed',
    'refused',
    'gone',
  ],
} as const satisfies Record<DocumentKind, readonly string[]>
export type ObservedState<K extends DocumentKind = DocumentKind> = (typeof OBSERVED_STATES)[K][number]

export const ObservedError = z.object({ reason: reason(), message: text(4096), terminal: z.boolean() })
export type ObservedError = z.infer<typeof ObservedError>

/** As many as an Instance and a Port have (crds/): each is looked for under its MAC and addresses. */
const MOST_NICS = 16
const MOST_ADDRESSES = 8

/**
 * An interface of a machine, as its node was told or as the machine is marked: no two machines may have its MAC, or one of its
 * addresses, on one network. Where an agent leaves something out it is not known, which is not the same as different.
 */
export const ObservedNic = z.object({
  mac,
  /** Of the Port. */
  portUid: uid.optional(),
  networkUid: uid.optional(),
  network: networkKey.optional(),
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(MOST_ADDRESSES)
    .optional(),
})
export type ObservedNic = z.infer<typeof ObservedNic>
const nics = z.array(ObservedNic).max(MOST_NICS)

export const Orphan = z.object({
  kind: DocumentKind,
  uid: z.string().max(63),
  what: text(253),
  /** Of a machine. */
  nics: nics.optional(),
  /** RFC 3339, the node's clock: it was seen then, and where it lies could not be listed since (see `Unlisted`). Absent: it is there. */
  asOf: z.iso.datetime().max(64).optional(),
})
export type Orphan = z.infer<typeof Orphan>

/** What an agent could not list, all of a kind or a part of it: what is not named there is not known, which is not the same as none. */
export const Unlisted = z.object({ kind: DocumentKind, what: text(253), reason: reason(), message: text(1024) })
export type Unlisted = z.infer<typeof Unlisted>

/** What the agent knows beyond the state; each field belongs to the kinds named. */
export const ObservedFacts = z.object({
  /** image */
  sha256: sha256.optional(),
  virtualSizeBytes: amount().optional(),
  sizeBytes: amount().optional(),
  /** volume */
  sizeGiB: smallAmount().optional(),
  connection: VolumeConnection.optional(),
  /** Nodes that the export is open to. */
  exportedTo: z.array(z.string().max(253)).max(256).optional(),
  /** port: the switch has installed its flows; link state of a vhost-user port */
  ovnInstalled: z.boolean().optional(),
  linkUp: z.boolean().optional(),
  /** instance: stages reached, and why a machine that is not running is not (GuestStopped, Crashed, HostRebooted …) */
  stages: z
    .array(z.enum(['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted']))
    .max(8)
    .optional(),
  stoppedBecause: reason().optional(),
  /** RFC 3339, the node's clock: the last start. `since` begins anew with the agent's process, this does not. */
  startedAt: z.iso.datetime().max(64).optional(),
  /** Since it was made on this node: how often it was started after an end that nobody asked for, and which was the last such end. */
  restarts: smallAmount().optional(),
  restartedAfter: reason().optional(),
  hypervisor: text(128).optional(),
  /** In every state but `gone`: what the machine has, or is to get. */
  nics: nics.optional(),
  /**
   * All volumes that the machine has now, or may get by a call that is still under way; docs/decisions/0014. Absent: not known.
   */
  volumesAttached: z.array(uid).max(64).optional(),
  /** Where the list is older than the report: the versions of the document that was worked on when it was made. */
  volumesListedFor: Versions.optional(),
  /** What the machine has now, or was defined with while it is off: a document's size counts from the next start on. */
  vcpus: smallAmount().optional(),
  memoryMiB: smallAmount().optional(),
  rootDiskGiB: smallAmount().optional(),
  /** Fields of the spec that take effect at the next start only. */
  pendingChanges: z.array(text(128)).max(32).optional(),
  /** node: what the agent found that carries our mark and no document asks for */
  orphans: firstOf(Orphan, 256).optional(),
  /** node: ordered by kind, and of few places, so that no kind is cut off. Absent, beside `orphans`: all was listed. */
  unlisted: firstOf(Unlisted, 64).optional(),
})
export type ObservedFacts = z.infer<typeof ObservedFacts>

/** The last word of a node on one object. Losing one, or getting two, changes nothing. */
export const ObservedDocument = z.object({
  v: z.literal(CONTRACT_VERSION),
  kind: DocumentKind,
  uid,
  node: z.string().max(253),
  /** Those of the document that this state answers. */
  versions: Versions,
  /** A later document that the agent did not accept: StaleLeader, StaleEpoch, StaleGeneration, DocumentInvalid. The old one stands. */
  refused: z.object({ reason: reason(), message: text(4096), versions: Versions.optional() }).optional(),
  state: z.string().max(32),
  error: ObservedError.optional(),
  /** Percent, of long work. */
  progress: z.int().min(0).max(100).optional(),
  facts: ObservedFacts,
  /** Names of the custom resource, so that a leftover can be told apart. */
  namespace: z.string().max(63).optional(),
  name: z.string().max(253),
  bootId: z.string().max(64),
  /** RFC 3339, the node's clock: when this state was reached. */
  since: z.string().max(40),
})
export type ObservedDocument = z.infer<typeof ObservedDocument>

export const NumaCell = z.object({
  id: z.int(),
  memoryMiB: z.int(),
  cpus: z
    .array(z.object({ id: z.int(), core: z.int(), socket: z.int(), siblings: z.array(z.int()).max(64) }))
    .max(4096),
  hugepages: z.array(z.object({ sizeKiB: z.int(), total: z.int(), free: z.int() })).max(16),
})

/** What a node has. Published on change only. */
export const Inventory = z.object({
  v: z.literal(CONTRACT_VERSION),
  node: z.string().max(253),
  agentVersion: text(64),
  bootId: z.string().max(64),
  /** Made anew with an empty document store: the operator then has the node's documents delivered again. */
  storeId: z.string().max(64).optional(),
  cpus: smallAmount(),
  memoryMiB: amount(),
  /** Of memoryMiB: no machine gets it. */
  hugepagesMiB: amount().optional(),
  diskGiB: amount(),
  numa: z.array(NumaCell).max(256),
  /** Where other nodes reach this one: management and tunnel addresses. */
  address: z.string().max(253),
  encapAddress: z.string().max(253).optional(),
  hypervisor: z
    .object({
      type: text(64),
      version: text(64),
      /** `kvm` only after a guest really ran with it; else `qemu` and why. */
      acceleration: z.enum(['kvm', 'qemu']),
      accelerationReason: text(1024).optional(),
    })
    .optional(),
  /** What the switch says of itself; `vhostUser`: it takes ports that guests share memory with. */
  dpdk: z
    .object({ initialized: z.boolean(), version: text(64).optional(), vhostUser: z.boolean().optional() })
    .optional(),
  ovs: z.object({ version: text(64), datapath: z.enum(['system', 'netdev']).optional() }).optional(),
  /** All of them, broken ones with their error. Absent: not known, as before the agent has its roles. */
  pools: z
    .array(
      z.object({
        name: z.string().max(253),
        driver: z.string().max(63),
        uid: uid.optional(),
        totalGiB: amount(),
        freeGiB: amount(),
        error: text(1024).optional(),
      }),
    )
    .max(256)
    .optional(),
  /** Images kept for machines, and the most that they may take (Cloud spec.images.maxCachePercent). */
  imageCache: z.object({ images: amount(), usedGiB: amount(), maxGiB: amount() }).optional(),
  /** PEM, PKCS #10: signed by the operator for exactly this node's name. */
  certificateRequest: z.string().max(16384).optional(),
  /** The same for volumes over NBD: what hypervisors open them with, and what serves them. */
  nbdRequests: z.object({ client: z.string().max(16384), server: z.string().max(16384) }).optional(),
})
export type Inventory = z.infer<typeof Inventory>

const count = z.int().min(0).max(1e9)
/** Objects of a node whose work waits for a slot of its agent, `urgent` ones apart, and those whose work is long (downloads). */
export const NodeLoad = z.object({ urgent: count, waiting: count, long: count, oldestSeconds: count })
export type NodeLoad = z.infer<typeof NodeLoad>

/** `beat.<node>`: at most 256 bytes, never stored. The subject says whose it is: a name can be 253 characters long. */
export const Heartbeat = z.object({
  v: z.literal(CONTRACT_VERSION),
  bootId: z.string().max(64),
  seq: z.int(),
  load: NodeLoad.optional(),
})
export const MAX_HEARTBEAT_BYTES = 256
export type Heartbeat = z.infer<typeof Heartbeat>

/** `events._cloud.<project>.<kind>` by the operator: who is told that the machine is up. */
export const Notification = z.looseObject({
  v: z.literal(CONTRACT_VERSION),
  /** Nova's names where there is one: `instance.create.start`, `instance.create.end`, `instance.create.error`, … */
  eventType: z.string(),
  time: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid,
  before: z.looseObject({ state: z.string() }).optional(),
  after: z.looseObject({ state: z.string() }).optional(),
  payload: z.record(z.string(), z.unknown()),
})
export type Notification = z.infer<typeof Notification>
