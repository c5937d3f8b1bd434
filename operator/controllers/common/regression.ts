// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../../lib/contract/documents.ts'
import type { Versions } from '../../../lib/contract/versions.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Bus } from '../../bus/bus.ts'
import type { WriterVersions } from './documents.ts'

const PROOF_MS = 10_000

/**
 * Notices that the bus or the nodes know newer facts than our resources hold: etcd was restored from a backup (invariant 6). Then
 * nothing may be written until an administrator has looked and raised Cloud.spec.incarnation.
 *
 * What stands in `desired` was written by an operator and is proof. What a single node says is not, or one compromised node could
 * stop the cloud: it holds up only the object it speaks of, until a second node says such a thing.
 */
export class RegressionGuard {
  readonly #bus: Pick<Bus, 'desired' | 'observed'>
  readonly #now: () => number
  readonly #witnesses = new Set<string>()
  /** Since when a suspicion stands: a cache that is behind by a moment must not stop the cloud. */
  readonly #suspicions = new Map<string, number>()
  #found: { incarnation: number; message: string } | undefined
  #onFound: () => void = () => undefined

  /** @param now monotonic, in milliseconds */
  constructor(bus: Pick<Bus, 'desired' | 'observed'>, now: () => number = () => performance.now()) {
    this.#bus = bus
    this.#now = now
  }

  /** Called once, when the cloud stops. */
  onFound(listener: () => void): void {
    this.#onFound = listener
  }

  /** Why nothing is written, in this incarnation. */
  findMessage(writer: WriterVersions): string | undefined {
    return this.#found?.incarnation === writer.incarnation ? this.#found.message : undefined
  }

  /** For the start and now and then: does the bus hold a newer leader's documents? @returns while a suspicion has to be proved */
  checkBus(writer: WriterVersions): boolean {
    const newer = this.#bus.desired.list().find(({ versions }) => isNewerWriter(versions, writer))
    if (!newer) {
      this.#suspicions.delete('bus')
      return false
    }
    const { incarnation, term } = newer.versions
    const what = `documents for node ${newer.node} are of incarnation ${incarnation}, term ${term}; ours are ${writer.incarnation}, ${writer.term}`
    if (this.#isProved('bus')) this.#stop(writer, what)
    return !this.#found
  }

  /** Before an object is acted on. @returns what to answer instead of acting */
  check(
    object: KubeObject,
    place: { kind: DocumentKind; node: string; epoch: number },
    writer: WriterVersions,
  ): Outcome | undefined {
    const { uid, name, generation = 0 } = object.metadata
    const { kind, node, epoch } = place
    const ours: Versions = { ...writer, epoch, generation }
    const desired = this.#bus.desired.find(node, kind, uid)
    const observed = this.#bus.observed.find(kind, uid, node)
    const isNewerDesired = desired !== undefined && isNewer(desired.versions, ours)
    const isNewerObserved = observed !== undefined && isNewer(observed.versions, ours)
    if (isNewerDesired || isNewerObserved) {
      const what = isNewerDesired
        ? `the document of ${kind} ${name} on node ${node} is newer than the resource`
        : `node ${node} has acted on a newer ${kind} ${name} than the resource says`
      if (this.#isProved(uid)) this.#witnesses.add(node)
      if (this.#witnesses.has(node) && (isNewerDesired || this.#witnesses.size > 1)) this.#stop(writer, what)
      return waitFor('ControlPlaneRegressed', what, PROOF_MS / 5)
    }
    this.#suspicions.delete(uid)
    const message = this.findMessage(writer)
    return message === undefined ? undefined : waitFor('ControlPlaneRegressed', message)
  }

  #isProved(what: string): boolean {
    const since = this.#suspicions.get(what) ?? this.#now()
    this.#suspicions.set(what, since)
    return this.#now() - since >= PROOF_MS
  }

  #stop(writer: WriterVersions, what: string): void {
    if (this.#found?.incarnation === writer.incarnation) return
    const message = `${what}: the store seems to have gone back in time. Compare with the nodes, then raise spec.incarnation of the Cloud`
    this.#found = { incarnation: writer.incarnation, message }
    this.#onFound()
  }
}

function isNewerWriter(theirs: Versions, ours: WriterVersions): boolean {
  return theirs.incarnation > ours.incarnation || (theirs.incarnation === ours.incarnation && theirs.term > ours.term)
}

/** Within one incarnation; a newer one starts anew on purpose. Terms are the bus's and the Lease's business. */
function isNewer(theirs: Versions, ours: Versions): boolean {
  if (theirs.incarnation !== ours.incarnation) return theirs.incarnation > ours.incarnation
  return theirs.epoch > ours.epoch || (theirs.epoch === ours.epoch && theirs.generation > ours.generation)
}
