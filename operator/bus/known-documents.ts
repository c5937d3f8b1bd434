// SPDX-License-Identifier: Apache-2.0
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { parseDocumentKey, type DocumentKey } from '../../lib/contract/subjects.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { DesiredEntry, Unsubscribe } from './bus.ts'
import { Listeners } from './listeners.ts'
import { nicOf } from './nic-in-document.ts'
import { VolumesInDocuments, volumesOf } from './volumes-in-documents.ts'

export interface KnownDocument extends DesiredEntry {
  /** Of a machine's document: the volumes that it gives the machine. */
  volumes: readonly string[] | undefined
  digest: string
  /** A node refuses this document as a stale leader's: write it again under our term. */
  renew: boolean
  /** When this process wrote or read it, on a monotonic clock. */
  sinceMs: number
}

/** What this process has written to the bucket of desired documents, or read there. The documents themselves are not kept. */
export class KnownDocuments {
  readonly #known = new Map<string, KnownDocument>()
  readonly #volumes = new VolumesInDocuments()
  readonly #volumesChanged = new Listeners<DocumentKey>()

  find(key: string): KnownDocument | undefined {
    return this.#known.get(key)
  }

  list(): readonly KnownDocument[] {
    return [...this.#known.values()]
  }

  /** With the keys under which they lie: what lies there may name another. */
  entries(): readonly (readonly [key: string, document: KnownDocument])[] {
    return [...this.#known]
  }

  /** Of the machines whose documents give them this volume, those that may still arrive counted. */
  listWithVolume(uid: string): readonly DocumentKey[] {
    return this.#volumes.list(uid).flatMap((key) => parseDocumentKey(key) ?? [])
  }

  /** Called when another list of volumes lies in a machine's document, or none. */
  onVolumes(listener: (machine: DocumentKey) => void): Unsubscribe {
    return this.#volumesChanged.add(listener)
  }

  /** Called at once before a document is sent. @param after the revision that it follows */
  sending(key: string, document: DesiredDocument, after: number): void {
    this.#volumes.begin(key, document, after)
  }

  /** It was refused: nothing of it can arrive any more. */
  refused(key: string, after: number): void {
    this.#volumes.refused(key, after)
  }

  /** The last that was sent lies there. */
  stored(key: string, document: KnownDocument): void {
    const known = this.#known.get(key)
    if (!known || known.revision < document.revision) this.set(key, document)
    // It went the same way as all that was sent before it.
    this.#volumes.arrived(key)
  }

  /** This lies there, as the bucket says. */
  set(key: string, document: KnownDocument): void {
    this.#known.set(key, document)
    const { node, kind, uid, volumes, revision } = document
    if (this.#volumes.stands(key, volumes, revision)) this.#volumesChanged.emit({ node, kind, uid })
  }

  /** What was sent and not answered may still arrive. */
  forget(key: string): void {
    const known = this.#known.get(key)
    this.#known.delete(key)
    if (!known) return
    const { node, kind, uid } = known
    if (this.#volumes.stands(key, undefined, 0)) this.#volumesChanged.emit({ node, kind, uid })
  }
}

export interface Finding {
  digest: string
  revision: number
  sinceMs: number
  /** What was known of the same key: a tombstone keeps its interface. */
  before: KnownDocument | undefined
}

export function toKnown(document: DesiredDocument, { digest, revision, sinceMs, before }: Finding): KnownDocument {
  const { node, kind, uid, versions, tombstone } = document
  const nic = nicOf(document, before?.nic)
  return {
    ...{ node, kind, uid, versions, tombstone, revision, sinceMs },
    volumes: volumesOf(document),
    ...(nic ? { nic } : {}),
    digest,
    renew: false,
  }
}

const NO_VERSIONS: Versions = { incarnation: 1, term: 0, epoch: 0, generation: 0 }

/** What is no document stands at this revision: the next publish overwrites it. */
export function noDocument({ node, kind, uid }: DocumentKey, revision: number): KnownDocument {
  return {
    ...{ node, kind, uid, versions: NO_VERSIONS, tombstone: false, revision, sinceMs: 0 },
    volumes: undefined,
    digest: '',
    renew: false,
  }
}
