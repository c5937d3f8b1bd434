// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../lib/api/types.ts'
import type { DocumentKind, ObservedDocument } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { findResource } from '../kind/document-kinds.ts'
import type { PlacedDeps } from './placed-deps.ts'
import { ownerInstanceOf } from './port-owner.ts'
import { placementsOf } from './placement.ts'

/**
 * Withdraws answered tombstones. Controllers read a `gone` as evidence, so it may go only when no resource can ask for it any more; that is
 * decided only here. A leftover costs a few bytes and is considered again at the next start.
 */
export class TombstoneCollector {
  readonly #deps: CollectorDeps
  readonly #log: Logger

  constructor(deps: CollectorDeps, log: Logger) {
    this.#deps = deps
    this.#log = log
  }

  /** Once after a start. */
  considerAll(): void {
    for (const { kind, uid } of this.#deps.bus.desired.list()) this.consider(kind, uid)
  }

  /** Call it whenever the object changed or went. Cheap when there is nothing to do. */
  consider(kind: DocumentKind, uid: string): void {
    this.#considerReports(kind, uid, this.#deps.bus.observed.findAll(kind, uid))
  }

  /** Call it whenever a node reported on the object: of an image, thousands may. */
  considerReport({ kind, uid, node }: DocumentKey): void {
    const report = this.#deps.bus.observed.find(kind, uid, node)
    if (report) this.#considerReports(kind, uid, [report])
  }

  #considerReports(kind: DocumentKind, uid: string, reports: readonly ObservedDocument[]): void {
    const { bus } = this.#deps
    for (const { node, state } of reports) {
      if (state !== 'gone' || bus.desired.find(node, kind, uid)?.tombstone !== true || this.#isNeeded(kind, uid, node))
        continue
      bus.desired.withdraw(node, kind, uid).catch((error: unknown) => {
        this.#log.debug({ err: error, node, kind, uid }, 'tombstone not withdrawn')
      })
    }
  }

  /** May a resource still ask whether this node has released it? */
  #isNeeded(kind: DocumentKind, uid: string, node: string): boolean {
    const { caches } = this.#deps
    const releases = caches.computeNodes.find(undefined, node)?.status?.releases ?? []
    if (releases.some((r) => r.kind === kind && r.uid === uid)) return true
    const mayAsk = MAY_ASK[kind]
    return mayAsk ? mayAsk(uid, node, this.#deps) : findResource(kind, uid, caches) !== undefined
  }
}

type CollectorDeps = Pick<PlacedDeps, 'bus' | 'caches'>

/** For kinds whose resource asks only about some nodes. For other kinds, an existing resource may ask about any node. */
const MAY_ASK: Partial<Record<DocumentKind, (uid: string, node: string, deps: CollectorDeps) => boolean>> = {
  instance(uid, node, deps) {
    const instance = deps.caches.instances.findByUid(uid)
    return instance !== undefined && (isPlacedOn(instance, node) || keepsUserData(instance, deps))
  },
  port(uid, node, deps) {
    const port = deps.caches.ports.findByUid(uid)
    if (!port) return false
    if (port.metadata.deletionTimestamp !== undefined || port.status?.node === node) return true
    const owner = ownerInstanceOf(port, deps)
    return owner !== undefined && isPlacedOn(owner, node)
  },
}

function isPlacedOn(instance: Instance, node: string): boolean {
  return placementsOf(instance).some((placement) => placement.node === node)
}

/** While a machine moves, its tombstone keeps the user data until the document for the new place has it. */
function keepsUserData({ metadata, spec, status }: Instance, { bus }: CollectorDeps): boolean {
  if (spec.userDataSecretRef === undefined || metadata.deletionTimestamp !== undefined) return false
  return status?.node === undefined || bus.desired.find(status.node, 'instance', metadata.uid)?.tombstone !== false
}
