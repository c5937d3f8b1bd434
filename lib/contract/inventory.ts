// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { SEALING_KEY } from '../pki/sealed.ts'
import { amount, firstOf, smallAmount, text } from './bounds.ts'
import { CONTRACT_VERSION } from './document-kinds.ts'
import { cpuNumber, pciID, uid } from './fields.ts'

export const NumaCell = z.object({
  id: z.int(),
  memoryMiB: z.int(),
  cpus: z
    .array(z.object({ id: z.int(), core: z.int(), socket: z.int(), siblings: z.array(z.int()).max(64) }))
    .max(4096),
  hugepages: z.array(z.object({ sizeKiB: z.int(), total: z.int(), free: z.int() })).max(16),
})

const upstreamStates = firstOf(
  z.object({
    address: text(64),
    /** RFC 3339: when it was first found to answer, or not to. */
    since: text(32),
    /** Why it does not answer. */
    error: text(256).optional(),
  }),
  16,
)

/** The name servers that the node's resolver asks, and whether they answer. */
export const ResolverState = z.object({
  /** The Cloud's spec.dns.upstreams, or the node's own. */
  from: z.enum(['cloud', 'node']),
  upstreams: upstreamStates,
  /** RFC 3339: no resolver has run since; the rest is what the last one said. */
  awaySince: text(32).optional(),
  /** Of ProviderNetworks that a guest here is on and that name some of their own. */
  ofProviderNetworks: firstOf(z.object({ providerNetwork: text(253), upstreams: upstreamStates }), 16).optional(),
})
export type ResolverState = z.infer<typeof ResolverState>

const functions = z.int().min(0).max(65_536)
/** `direct`: how many of them a guest can be given; `macvtap`: how many have an interface on the node when no guest has them. */
export const PciPool = z.object({
  physicalNetwork: z.string().max(63),
  numaCell: z.int().min(0).max(1023).optional(),
  vendorID: pciID,
  productID: pciID,
  count: functions,
  direct: functions,
  macvtap: functions,
})
export type PciPool = z.infer<typeof PciPool>

const folders = z
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
  .optional()

/** What a node has. Published only when it changes. */
export const Inventory = z.object({
  v: z.literal(CONTRACT_VERSION),
  node: z.string().max(253),
  agentVersion: text(64),
  bootId: z.string().max(64),
  /** A new one with each empty document store: the operator then has the node's documents delivered again. */
  storeId: z.string().max(64).optional(),
  cpus: smallAmount(),
  memoryMiB: amount(),
  /** The part of memoryMiB that is reserved for huge pages: no machine gets it. */
  hugepagesMiB: amount().optional(),
  diskGiB: amount(),
  numa: z.array(NumaCell).max(256),
  /** CPUs that machines get for themselves, of those in the node's document that it has. Absent: it places no machines on cells, or not yet. */
  dedicatedCpus: z.array(cpuNumber).max(8192).optional(),
  /** Where other nodes reach this one: management and tunnel addresses. */
  address: z.string().max(253),
  encapAddress: z.string().max(253).optional(),
  hypervisor: z
    .object({
      type: text(64),
      version: text(64),
      /** `kvm` only once a guest has really run with it; otherwise `qemu`, and why. */
      acceleration: z.enum(['kvm', 'qemu']),
      accelerationReason: text(1024).optional(),
      /** `bios`, `uefi`, `secure-boot`: what machines can begin with. Absent: the agent is an older one, and all begin with a BIOS. */
      firmware: z.array(text(16)).max(8).optional(),
      /** Of TPMs that machines can have, such as `2.0`. Absent: the agent is an older one, and none has one. */
      tpmVersions: z.array(text(16)).max(8).optional(),
    })
    .optional(),
  /**
   * What the switch says of itself; `vhostUser`: it takes ports that share memory with the guest. `pmdCpus`: those that its threads poll on, where somebody
   * chose them.
   */
  dpdk: z
    .object({
      initialized: z.boolean(),
      version: text(64).optional(),
      vhostUser: z.boolean().optional(),
      pmdCpus: z.array(cpuNumber).max(8192).optional(),
    })
    .optional(),
  ovs: z.object({ version: text(64), datapath: z.enum(['system', 'netdev']).optional() }).optional(),
  /**
   * Those of the node's document. Without `error` it is connected; `warning`: it is, and somebody should look at it. Absent: not known, as
   * before the agent has its roles.
   */
  physicalNetworks: z
    .array(z.object({ name: z.string().max(63), error: text(512).optional(), warning: text(512).optional() }))
    .max(64)
    .optional(),
  /** Absent: not known, as where no resolver has run yet. */
  resolver: ResolverState.optional(),
  /** Virtual functions on physical networks, those in use included; alike ones together. Absent: not known, as before the agent has its roles. */
  pciDevices: z.array(PciPool).max(32).optional(),
  /** All of them, broken ones with their error. Absent: not known, as before the agent has its roles. */
  pools: folders,
  /** The same of ImageStores. */
  imageStores: folders,
  /** Images kept for machines, and the most that they may take (Cloud spec.images.maxCachePercent). */
  imageCache: z.object({ images: amount(), usedGiB: amount(), maxGiB: amount() }).optional(),
  /** PEM, PKCS #10: the operator signs it for exactly this node's name. */
  certificateRequest: z.string().max(16384).optional(),
  /** The same for volumes over NBD: one for the hypervisors, which open them, and one for the server. */
  nbdRequests: z.object({ client: z.string().max(16384), server: z.string().max(16384) }).optional(),
  /** What this node alone may read is sealed for it (lib/pki/sealed.ts); an agent of before has none. */
  sealingKey: z.string().regex(SEALING_KEY).optional(),
})
export type Inventory = z.infer<typeof Inventory>

const count = z.int().min(0).max(1e9)
/** How many of a node's objects wait for a slot of its agent, urgent ones counted apart, and how many have long work (downloads). */
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
