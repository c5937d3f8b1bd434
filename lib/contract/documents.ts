// SPDX-License-Identifier: Apache-2.0
// The documents that operator and agents exchange (docs/architecture.md section 5). Both sides validate on receipt; another major
// version `v` is refused. The operator's documents are loose: fields that a newer operator added are kept. Nodes' reports are strict:
// fields that are not named here are dropped, and everything is bounded, since every operator keeps it in memory (decision 17).
import { z } from 'zod'
import { CONTRACT_VERSION, DOCUMENT_KINDS, DocumentKind, DOCUMENTS } from './document-kinds.ts'
import { uid } from './fields.ts'
import { Versions } from './versions.ts'

export * from './balancer-probes.ts'
export * from './balancer-spec.ts'
export * from './balancer-tls.ts'
export * from './document-kinds.ts'
export * from './image-copy.ts'
export * from './inventory.ts'
export * from './console.ts'
export * from './machine-action.ts'
export * from './machine-image.ts'
export * from './machine-rescue.ts'
export * from './notification.ts'
export * from './observed.ts'
export * from './probe.ts'
export * from './specs.ts'
export * from './vpn.ts'

const header = {
  v: z.literal(CONTRACT_VERSION),
  uid,
  /** The Kubernetes node name, unescaped. */
  node: z.string(),
  /** Of the custom resource; absent for a cluster-scoped one. */
  namespace: z.string().optional(),
  name: z.string(),
  versions: Versions,
  /**
   * The boot of the node that the operator knew of when it decided this document (the inventory's `bootId`; docs/decisions/0004). An
   * agent starts a machine only under a grant for the present boot, or with `offlineRestart`. A node that rebooted reports its new boot
   * id; if the machine still belongs there, the operator publishes the document again with that one. Needed for instances only.
   */
  grantedBootId: z.string().max(64).optional(),
}
const present = <K extends DocumentKind, S extends (typeof DOCUMENTS)[K]['spec']>(kind: K, spec: S) =>
  z.looseObject({ ...header, kind: z.literal(kind), tombstone: z.literal(false), spec })

/** Destroy what carries this UID. Never expires: it stays until the agent reports `gone` and the operator withdraws it. */
export const Tombstone = z.looseObject({
  ...header,
  kind: DocumentKind,
  tombstone: z.literal(true),
  /** Of a machine that moves: kept for the document of its next place, since its Secret may be gone by then. Agents ignore it. */
  userDataBase64: z.string().optional(),
})
export type Tombstone = z.infer<typeof Tombstone>

type Presents = { [K in DocumentKind]: ReturnType<typeof present<K, (typeof DOCUMENTS)[K]['spec']>> }
const PRESENT = Object.fromEntries(
  DOCUMENT_KINDS.map((kind) => [kind, present(kind, DOCUMENTS[kind].spec)]),
) as Presents
type AnyPresent = Presents[DocumentKind]

export type NodeDocument = z.infer<Presents['node']>
export type ImageDocument = z.infer<Presents['image']>
export type ImageCopyDocument = z.infer<Presents['imagecopy']>
export type VolumeDocument = z.infer<Presents['volume']>
export type PortDocument = z.infer<Presents['port']>
export type BalancerDocument = z.infer<Presents['balancer']>
export type VpnDocument = z.infer<Presents['vpn']>
export type ProbeDocument = z.infer<Presents['probe']>
export type InstanceDocument = z.infer<Presents['instance']>

export const PresentDocument = z.discriminatedUnion('kind', Object.values(PRESENT) as [AnyPresent, ...AnyPresent[]])
export type PresentDocument = z.infer<typeof PresentDocument>
export const DesiredDocument = z.union([Tombstone, PresentDocument])
export type DesiredDocument = z.infer<typeof DesiredDocument>
