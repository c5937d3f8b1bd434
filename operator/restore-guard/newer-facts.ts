// SPDX-License-Identifier: Apache-2.0
// Which facts on the bus are newer than the resources (invariant 6, docs/decisions/0012). Pure.
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance, LoadBalancer, Port } from '../../lib/api/types.ts'
import { DOCUMENTS, type DocumentKind, type ObservedDocument } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import type { DesiredEntry } from '../bus/bus.ts'
import type { Caches } from '../kind/row.ts'
import type { WriterVersions } from '../placed/document-header.ts'
import { ownerInstanceOf, ownerOfPort } from '../placed/port-owner.ts'

/** The versions that the store has of a document's object. */
export interface StoredVersions {
  generation: number
  /** Undefined: by its resource, the object was never placed. */
  epoch: number | undefined
}

/** Reads from the store itself, not from a cache. */
export type StoreReader = (kind: ResourceKind, ref: ObjectRef) => Promise<KubeObject | undefined>

/** How long a suspicion must stand: longer than a stale leader needs to notice that it is stale, so one that still leads then is not. */
export const PROOF_MS = 10_000

/** What in a document is newer than the store. */
export type NewerFact = 'incarnation' | 'term' | 'generation' | 'epoch' | 'existence'

/**
 * An operator publishes a document only after the write that decided it was acknowledged, and replaces it by a tombstone before it lets the
 * resource go. So for a document in the bucket `desired`:
 *
 * | document      | resource       | newer in it           |                                                                      |
 * |---------------|----------------|-----------------------|----------------------------------------------------------------------|
 * | any           | any            | incarnation, term     | the Cloud or the Lease went back                                     |
 * | any           | there          | generation            | the resource went back                                               |
 * | any           | there, placed  | epoch                 | its placement went back                                              |
 * | any           | there, unplaced| epoch                 | nothing: it may have lost its status alone. It is held by itself (OwnershipUnclear) |
 * | present, of what a node has once | none | its node says it holds it | the resource was made after what the store holds   |
 * | present, of an image or a node | none | nothing: a cache's copy is nobody's loss, and nodes come and go with Kubernetes'         |
 * | present       | none           | its node denies it, or says nothing | nothing: NATS may have lost the tombstone              |
 * | tombstone     | none           |                       | nothing: a release that is not answered, or answered late            |
 * | an older incarnation's | any   |                       | nothing: an administrator has decided what is right since            |
 *
 * A node's report without a document is never enough here (see RegressionGuard.check), and an orphan is no evidence at all.
 * @param report what the document's node says of the object
 */
export function findNewerFact(
  entry: Pick<DesiredEntry, 'kind' | 'versions' | 'tombstone'>,
  stored: StoredVersions | undefined,
  report: Pick<ObservedDocument, 'state' | 'versions'> | undefined,
  ours: WriterVersions,
): NewerFact | undefined {
  const { incarnation, term, generation, epoch } = entry.versions
  if (incarnation !== ours.incarnation) return incarnation > ours.incarnation ? 'incarnation' : undefined
  if (term > ours.term) return 'term'
  if (!stored)
    return !entry.tombstone && DOCUMENTS[entry.kind].holds === 'original' && isHeldBy(report, ours)
      ? 'existence'
      : undefined
  if (generation > stored.generation) return 'generation'
  return stored.epoch !== undefined && epoch > stored.epoch ? 'epoch' : undefined
}

function isHeldBy(report: Pick<ObservedDocument, 'state' | 'versions'> | undefined, ours: WriterVersions): boolean {
  if (!report || report.versions.incarnation !== ours.incarnation) return false
  return report.state !== 'gone' && report.state !== 'refused'
}

/** Is a node's report newer than our object? Terms are not compared: the bus and the Lease take care of them. */
export function isNewerReport(theirs: Versions, ours: Versions): boolean {
  if (theirs.incarnation !== ours.incarnation) return theirs.incarnation > ours.incarnation
  return theirs.epoch > ours.epoch || (theirs.epoch === ours.epoch && theirs.generation > ours.generation)
}

/** @param object of this kind, as the store has it */
export function storedVersions(kind: DocumentKind, object: KubeObject, caches: Caches): StoredVersions {
  if (kind !== 'port' || ownerOfPort(object as Port) === undefined) return versionsOf(object, object)
  return versionsOf(object, ownerInstanceOf(object as Port, { caches }))
}

/** The same, with a port's owner read from the store too. @param object just read */
export async function readVersions(kind: DocumentKind, object: KubeObject, read: StoreReader): Promise<StoredVersions> {
  const owner = kind === 'port' ? ownerOfPort(object as Port) : undefined
  if (!owner) return versionsOf(object, object)
  const { namespace } = object.metadata
  const instance = await read(INSTANCE, { ...(namespace === undefined ? {} : { namespace }), name: owner.name })
  return versionsOf(object, instance?.metadata.uid === owner.uid ? instance : undefined)
}

/**
 * An automatic port follows its machine's placement, under the machine's epoch, but never under a lower one than it had.
 * @param placed the object whose placement counts; undefined: it is gone
 */
function versionsOf(object: KubeObject, placed: KubeObject | undefined): StoredVersions {
  const { generation = 0 } = object.metadata
  const epoch = epochOf(placed)
  return { generation, epoch: epoch === undefined ? undefined : Math.max(epoch, epochOf(object) ?? 0) }
}

function epochOf(object: KubeObject | undefined): number | undefined {
  const status = object?.status as Instance['status'] & LoadBalancer['status']
  return status?.epoch ?? status?.proxyEpoch
}

export function refOf({ metadata }: KubeObject): ObjectRef {
  const { namespace, name } = metadata
  return namespace === undefined ? { name } : { namespace, name }
}

interface FactContext {
  /** `namespace/name`, or the UID where nobody knows the name. */
  name: string
  stored: StoredVersions | undefined
  ours: WriterVersions
}

/** For people: what is newer, where, and than what. */
export function describeFact(
  fact: NewerFact,
  { kind, uid, node, versions }: Pick<DesiredEntry, 'kind' | 'uid' | 'node' | 'versions'>,
  { name, stored, ours }: FactContext,
): string {
  const { incarnation, term, generation, epoch } = versions
  switch (fact) {
    case 'incarnation':
      return `the document of ${kind} ${name} for node ${node} is of incarnation ${incarnation}, the Cloud of ${ours.incarnation}`
    case 'term':
      return `the document of ${kind} ${name} for node ${node} is of term ${term}, this leader of ${ours.term}`
    case 'generation':
      return `node ${node} was given generation ${generation} of ${kind} ${name}, the resource is of ${stored?.generation ?? 0}`
    case 'epoch':
      return `node ${node} was given epoch ${epoch} of ${kind} ${name}, the resource is of ${stored?.epoch ?? 0}`
    case 'existence':
      return `node ${node} has ${kind} ${name} (${uid}), of which there is no resource`
    default:
      return fact satisfies never
  }
}
