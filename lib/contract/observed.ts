// SPDX-License-Identifier: Apache-2.0
// What a node reports. Strict: fields that are not named here are dropped, and everything is bounded, since every operator keeps it in memory.
import { z } from 'zod'
import { BalancerProbes } from './balancer-probes.ts'
import { amount, firstOf, reason, smallAmount, text } from './bounds.ts'
import { CONTRACT_VERSION, DocumentKind } from './document-kinds.ts'
import { interfaceName, mac, networkKey, pciAddress, sha256, uid } from './fields.ts'
import { MOST_CONSOLES, ObservedConsole } from './console.ts'
import { ObservedAction } from './machine-action.ts'
import { ProbeAnswer } from './probe.ts'
import { VolumeConnection } from './specs.ts'
import { Versions } from './versions.ts'
import { MOST_VPN_CONNECTIONS } from './vpn.ts'

export const ObservedError = z.object({ reason: reason(), message: text(4096), terminal: z.boolean() })
export type ObservedError = z.infer<typeof ObservedError>

/** As many as an Instance and a Port may have (crds/): each is indexed by its MAC and addresses. */
const MOST_NICS = 16
const MOST_ADDRESSES = 8

/**
 * An interface of a machine, as its node was told or as the mark on the machine says: no two machines may have its MAC, or one of its
 * addresses, on one network. What an agent leaves out is unknown, which is not the same as different.
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

/** `reason` and `message`: why it is not up, or up by what was before. */
export const ObservedTunnel = z.object({
  /** Of the VPNConnection. */
  uid,
  up: z.boolean(),
  reason: reason().optional(),
  message: text(1024).optional(),
})
export type ObservedTunnel = z.infer<typeof ObservedTunnel>

export const Orphan = z.object({
  kind: DocumentKind,
  uid: z.string().max(63),
  what: text(253),
  /** Of a machine. */
  nics: nics.optional(),
  /** RFC 3339, the node's clock: when it was last seen; the place has not been listable since (see `Unlisted`). Absent: it is there now. */
  asOf: z.iso.datetime().max(64).optional(),
})
export type Orphan = z.infer<typeof Orphan>

/** What an agent could not list, all or a part of a kind: anything may be there, so that what is not reported is unknown rather than absent. */
export const Unlisted = z.object({ kind: DocumentKind, what: text(253), reason: reason(), message: text(1024) })
export type Unlisted = z.infer<typeof Unlisted>

/** What the agent knows beyond the state; `image`, `volume` and so on name the kind of the fields below them. */
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
  /** port of vnicType direct or macvtap: the function that it has, whether its machine is on or not; `interface`: its name on the node */
  virtualFunction: z.object({ address: pciAddress, interface: interfaceName.optional() }).optional(),
  /** instance: ImageCached once the image is on the node. Agents of 0.1.0 also report the other stages, which no operator reads. */
  stages: z
    .array(z.enum(['ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted']))
    .max(8)
    .optional(),
  /** Why a machine that is not running is not (GuestStopped, Crashed, HostRebooted …). */
  stoppedBecause: reason().optional(),
  /** RFC 3339, the node's clock: the last start. Unlike `since`, it survives a restart of the agent. */
  startedAt: z.iso.datetime().max(64).optional(),
  /** Since it was created on this node: how often it was restarted after an end that nobody asked for, and the last such end. */
  restarts: smallAmount().optional(),
  restartedAfter: reason().optional(),
  hypervisor: text(128).optional(),
  /** In every state but `gone`: what the machine has or is about to get. */
  nics: nics.optional(),
  /**
   * All volumes that the machine has now, or may get by a call that is still under way (docs/decisions/0014). Absent: unknown.
   */
  volumesAttached: z.array(uid).max(64).optional(),
  /** Where the list is older than the report: the versions of the document that the agent worked on when it made the list. */
  volumesListedFor: Versions.optional(),
  /** UIDs of the ports whose interfaces the machine has now or, while it is off, is defined with. Absent: unknown. */
  portsAttached: z.array(uid).max(64).optional(),
  /** What the machine has now or, while it is off, is defined with: the size in a document takes effect at the next start. */
  vcpus: smallAmount().optional(),
  memoryMiB: smallAmount().optional(),
  rootDiskGiB: smallAmount().optional(),
  /** Fields of the spec that take effect at the next start only. */
  pendingChanges: z.array(text(128)).max(32).optional(),
  /** instance: how far the action of its document has come; absent: it has not begun, or there is none */
  action: ObservedAction.optional(),
  /** instance: the number of the root disk that it has, and up to which number it is settled which of them were made */
  rootDisk: smallAmount().optional(),
  rootDisksSettled: smallAmount().optional(),
  /** instance: the number of the rescue disk that it boots from; absent beside `rootDisk`: none */
  rescueDisk: smallAmount().optional(),
  /** instance: each access of its document */
  consoles: firstOf(ObservedConsole, MOST_CONSOLES).optional(),
  /** balancer: whether this node serves, and what its probes found; absent: not of every member yet */
  serving: z.boolean().optional(),
  probes: BalancerProbes.optional(),
  /** vpn: of each connection of the document */
  tunnels: z.array(ObservedTunnel).max(MOST_VPN_CONNECTIONS).optional(),
  /** probe: what came back */
  probeAnswer: ProbeAnswer.optional(),
  /** node: what the agent found that carries our mark and no document asks for */
  orphans: firstOf(Orphan, 256).optional(),
  /** node: ordered by kind, with few places of each, so that no kind is cut off. Absent beside `orphans`: everything was listed. */
  unlisted: firstOf(Unlisted, 64).optional(),
})
export type ObservedFacts = z.infer<typeof ObservedFacts>

/** A node's latest report on one object. Losing one, or getting one twice, changes nothing. */
export const ObservedDocument = z.object({
  v: z.literal(CONTRACT_VERSION),
  kind: DocumentKind,
  uid,
  node: z.string().max(253),
  /** Those of the document that this state answers. */
  versions: Versions,
  /** A later document that the agent did not accept: StaleLeader, StaleEpoch, StaleGeneration, DocumentInvalid. The earlier one stands. */
  refused: z.object({ reason: reason(), message: text(4096), versions: Versions.optional() }).optional(),
  state: z.string().max(32),
  error: ObservedError.optional(),
  /** Of long work, in percent. */
  progress: z.int().min(0).max(100).optional(),
  facts: ObservedFacts,
  /** Names of the custom resource, so that people can tell what a leftover was. */
  namespace: z.string().max(63).optional(),
  name: z.string().max(253),
  bootId: z.string().max(64),
  /** RFC 3339, the node's clock: when this state was reached. */
  since: z.string().max(40),
})
export type ObservedDocument = z.infer<typeof ObservedDocument>
