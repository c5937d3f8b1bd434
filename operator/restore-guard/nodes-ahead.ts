// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { EvidenceDeps } from './document-suspicions.ts'
import type { WriterVersions } from '../placed/document-header.ts'
import { isConfirmedLost } from '../placed/lost-node.ts'
import { isNewerReport, PROOF_MS, refOf, readVersions, type StoreReader } from './newer-facts.ts'
import { resourceKindOfDocument, findResource } from '../kind/document-kinds.ts'

/**
 * Nodes that report having acted on something newer than both store and bus, as if both had been lost. A node can report anything, so one
 * node's report holds up only its object; it takes a second node's to be a proof.
 */
export class NodesAhead {
  readonly #deps: EvidenceDeps
  readonly #now: () => number
  readonly #ahead = new Map<string, DocumentKey & { sinceMs: number }>()

  constructor(deps: EvidenceDeps, now: () => number) {
    this.#deps = deps
    this.#now = now
  }

  /** Number of objects that a node is ahead of. */
  get size(): number {
    return this.#ahead.size
  }

  /** @returns how the node's report is newer than the object, for messages; undefined if it is not */
  consider(object: KubeObject, key: DocumentKey, ours: Versions): string | undefined {
    const { kind, uid, node } = key
    const id = `${kind}.${uid}`
    const report = this.#deps.bus.observed.find(kind, uid, node)
    // A lost node would never take back its last report, which would keep the object from being deleted or placed elsewhere.
    if (!report || !isNewerReport(report.versions, ours) || isConfirmedLost(node, this.#deps)) {
      this.#ahead.delete(id)
      return undefined
    }
    if (!this.#ahead.has(id)) this.#ahead.set(id, { kind, uid, node, sinceMs: this.#now() })
    const { epoch, generation } = report.versions
    return (
      `node ${node} has acted on epoch ${epoch}, generation ${generation} of ${kind} ${object.metadata.name}, ` +
      `the resource is of ${ours.epoch}, ${ours.generation}`
    )
  }

  forget(kind: DocumentKind, uid: string): void {
    this.#ahead.delete(`${kind}.${uid}`)
  }

  /** @returns the proof, if two nodes are ahead and the store itself was asked */
  async findProof(writer: WriterVersions, read: StoreReader): Promise<string | undefined> {
    const standing = [...this.#ahead.values()].filter(({ sinceMs }) => this.#now() - sinceMs >= PROOF_MS)
    if (new Set(standing.map(({ node }) => node)).size < 2) return undefined
    const witnesses = new Map<string, string>()
    for (const key of standing) {
      const name = witnesses.has(key.node) ? undefined : await this.#confirm(key, writer, read)
      if (name !== undefined) witnesses.set(key.node, `${key.kind} ${name} on node ${key.node}`)
    }
    return witnesses.size < 2
      ? undefined
      : `nodes know newer versions than the resources: ${[...witnesses.values()].join(', ')}`
  }

  /** @returns the object's name, if the store too is older than the report */
  async #confirm(
    { kind, uid, node }: DocumentKey,
    writer: WriterVersions,
    read: StoreReader,
  ): Promise<string | undefined> {
    const { bus, caches } = this.#deps
    const known = findResource(kind, uid, caches)
    const report = bus.observed.find(kind, uid, node)
    const fresh = known && (await read(resourceKindOfDocument(kind), refOf(known)))
    if (fresh?.metadata.uid !== uid || !report || isConfirmedLost(node, this.#deps)) return undefined
    const { generation, epoch = 0 } = await readVersions(kind, fresh, read)
    return isNewerReport(report.versions, { ...writer, generation, epoch }) ? fresh.metadata.name : undefined
  }
}
