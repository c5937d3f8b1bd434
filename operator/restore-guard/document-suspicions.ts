// SPDX-License-Identifier: Apache-2.0
import { CLOUD, CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { Cloud } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Bus, DesiredEntry } from '../bus/bus.ts'
import type { WriterVersions } from '../placed/document-header.ts'
import { isConfirmedLost } from '../placed/lost-node.ts'
import {
  describeFact,
  findNewerFact,
  readVersions,
  PROOF_MS,
  refOf,
  storedVersions,
  type NewerFact,
  type StoreReader,
} from './newer-facts.ts'
import { isReleaseOnRecord } from '../placed/release-desk.ts'
import { resourceKindOfDocument, findResource } from '../kind/document-kinds.ts'
import type { Caches } from '../kind/row.ts'

/** One proof is enough, so no more open suspicions than this are kept. */
const MOST_SUSPICIONS = 64
const MOST_RELEASED = 10_000

export interface EvidenceDeps {
  bus: Pick<Bus, 'desired' | 'observed'>
  caches: Caches
}

interface Suspicion extends DocumentKey {
  sinceMs: number
  /** The store itself was read and disagrees: our cache is behind for this object, and only this object is held up. */
  isDenied: boolean
}

/** Documents on the bus that seem newer than the store. Most often a cache is just behind for a moment. */
export class DocumentSuspicions {
  readonly #deps: EvidenceDeps
  readonly #now: () => number
  /** By kind and uid. */
  readonly #suspicions = new Map<string, Suspicion>()
  /** What this leadership released: NATS may lose the tombstone and bring back the document. */
  readonly #released = new Set<string>()
  #highestIncarnation = 0

  constructor(deps: EvidenceDeps, now: () => number) {
    this.#deps = deps
    this.#now = now
  }

  /** How many suspicions the store itself has not denied. */
  get openSize(): number {
    let open = 0
    for (const { isDenied } of this.#suspicions.values()) if (!isDenied) open++
    return open
  }

  get size(): number {
    return this.#suspicions.size
  }

  /** The highest incarnation seen in any document. */
  get highestIncarnation(): number {
    return this.#highestIncarnation
  }

  has(kind: DocumentKind, uid: string): boolean {
    return this.#suspicions.has(`${kind}.${uid}`)
  }

  /** Walks all documents. */
  lookAtAll(writer: WriterVersions): void {
    const before = new Map(this.#suspicions)
    this.#suspicions.clear()
    for (const entry of this.#deps.bus.desired.list()) {
      this.#highestIncarnation = Math.max(this.#highestIncarnation, entry.versions.incarnation)
      const id = `${entry.kind}.${entry.uid}`
      if (this.openSize >= MOST_SUSPICIONS || !this.#judge(entry, writer)) continue
      this.#suspicions.set(id, before.get(id) ?? this.#begin(entry))
    }
  }

  /** Checks one object's documents for the nodes that report on it. @param object if already at hand */
  consider(kind: DocumentKind, uid: string, writer: WriterVersions, object?: KubeObject): void {
    const id = `${kind}.${uid}`
    const held = this.#suspicions.get(id)
    const { desired, observed } = this.#deps.bus
    const nodes = new Set(observed.findAll(kind, uid).map((report) => report.node))
    if (held) nodes.add(held.node)
    for (const node of nodes) {
      const entry = desired.find(node, kind, uid)
      if (!entry || !this.#judge(entry, writer, object)) continue
      if (!held) this.#suspicions.set(id, this.#begin(entry))
      return
    }
    // There may have been more suspicions than were kept.
    if (this.#suspicions.delete(id) && this.#suspicions.size === 0) this.lookAtAll(writer)
  }

  /** The object was released in the regular way. */
  forget(kind: DocumentKind, uid: string): void {
    this.#released.add(`${kind}.${uid}`)
    if (this.#released.size <= MOST_RELEASED) return
    for (const oldest of this.#released) {
      this.#released.delete(oldest)
      return
    }
  }

  /** Checks all suspicions again and reads the store itself. @returns what is newer, once that is certain */
  async findProof(writer: WriterVersions, read: StoreReader): Promise<string | undefined> {
    for (const { kind, uid } of [...this.#suspicions.values()]) this.consider(kind, uid, writer)
    for (const suspicion of [...this.#suspicions.values()]) {
      const { kind, uid, node, sinceMs } = suspicion
      if (this.#now() - sinceMs < PROOF_MS) continue
      const entry = this.#deps.bus.desired.find(node, kind, uid)
      const fact = entry && this.#judge(entry, writer)
      if (!entry || !fact) continue
      if (await this.#isConfirmed(entry, fact, writer, read)) return this.#describe(entry, fact, writer)
      suspicion.isDenied = fact !== 'incarnation'
    }
    return undefined
  }

  #begin({ node, kind, uid }: DocumentKey): Suspicion {
    return { node, kind, uid, sinceMs: this.#now(), isDenied: false }
  }

  #judge(entry: DesiredEntry, writer: WriterVersions, known?: KubeObject): NewerFact | undefined {
    const { kind, uid, node } = entry
    const { caches, bus } = this.#deps
    const object = known ?? findResource(kind, uid, caches)
    const stored = object && storedVersions(kind, object, caches)
    const fact = findNewerFact(entry, stored, bus.observed.find(kind, uid, node), writer)
    return fact === 'existence' && this.#isReleased(entry) ? undefined : fact
  }

  /** Was it released, though NATS may have lost the tombstone? By our memory or the ComputeNode's releases, or because the node is lost. */
  #isReleased({ kind, uid, node, versions }: DesiredEntry): boolean {
    if (this.#released.has(`${kind}.${uid}`) || isConfirmedLost(node, this.#deps)) return true
    const computeNode = this.#deps.caches.computeNodes.find(undefined, node)
    return isReleaseOnRecord(computeNode, { kind, uid, epoch: versions.epoch })
  }

  /** Reads the store, as a cache may lag for longer than PROOF_MS: a hanging watch is noticed only after 45 s. */
  async #isConfirmed(
    entry: DesiredEntry,
    fact: NewerFact,
    writer: WriterVersions,
    read: StoreReader,
  ): Promise<boolean> {
    const { caches, bus } = this.#deps
    const { kind, uid, node, versions } = entry
    if (fact === 'term') return true
    if (fact === 'incarnation') {
      const cloud = (await read(CLOUD, { name: CLOUD_NAME })) as Cloud | undefined
      return (cloud?.spec.incarnation ?? 1) < versions.incarnation
    }
    const report = bus.observed.find(kind, uid, node)
    const known = findResource(kind, uid, caches)
    const ref = known ? refOf(known) : report && { namespace: report.namespace, name: report.name }
    const fresh = ref && (await read(resourceKindOfDocument(kind), ref))
    const stored = fresh?.metadata.uid === uid ? await readVersions(kind, fresh, read) : undefined
    // Cached but not in the store: the cache has not yet seen the deletion.
    if (!ref || (known && !stored)) return false
    const confirmed = findNewerFact(entry, stored, report, writer)
    return confirmed !== undefined && !(confirmed === 'existence' && this.#isReleased(entry))
  }

  #describe(entry: DesiredEntry, fact: NewerFact, ours: WriterVersions): string {
    const { kind, uid, node } = entry
    const { caches, bus } = this.#deps
    const object = findResource(kind, uid, caches)
    const { namespace, name } = object?.metadata ?? bus.observed.find(kind, uid, node) ?? { name: uid }
    const stored = object && storedVersions(kind, object, caches)
    return describeFact(fact, entry, { name: namespace ? `${namespace}/${name}` : name, stored, ours })
  }
}
