// SPDX-License-Identifier: Apache-2.0
import type { DesiredDocument } from '../../lib/contract/documents.ts'

interface Underway {
  volumes: readonly string[]
  /** The revision that it was to follow. */
  after: number
}

/**
 * Which machines' documents name a volume: those in the bucket, those on their way there, and those of which nobody knows whether they
 * arrived. The last two count, since a node may act on them before we hear that they were stored.
 */
export class VolumesInDocuments {
  /** By the document's key. */
  readonly #standing = new Map<string, readonly string[]>()
  readonly #underway = new Map<string, Underway[]>()
  readonly #byVolume = new Map<string, Set<string>>()
  /** What #byVolume has of each document. */
  readonly #indexed = new Map<string, ReadonlySet<string>>()

  /** Called at once before a document is sent. @param after the revision that it follows */
  begin(key: string, document: DesiredDocument, after: number): void {
    const volumes = volumesOf(document)
    if (volumes === undefined) return
    this.#underway.set(key, [...(this.#underway.get(key) ?? []), { volumes, after }])
    this.#index(key)
  }

  /** The last that was sent lies there. */
  arrived(key: string): void {
    this.#replaceUnderway(key, [])
  }

  /** It was refused: nothing of it can arrive any more. */
  refused(key: string, after: number): void {
    const rest = (this.#underway.get(key) ?? []).filter((sent) => sent.after !== after)
    this.#replaceUnderway(key, rest)
  }

  /** The bucket holds this at `revision`: whatever was to follow an older revision can no longer arrive. @returns whether the list changed */
  stands(key: string, volumes: readonly string[] | undefined, revision: number): boolean {
    const before = this.#standing.get(key)
    if (volumes === undefined) this.#standing.delete(key)
    else this.#standing.set(key, volumes)
    this.#replaceUnderway(
      key,
      (this.#underway.get(key) ?? []).filter((sent) => sent.after >= revision),
    )
    return String(before) !== String(volumes)
  }

  /** Keys of the documents that have it. */
  list(volume: string): readonly string[] {
    return [...(this.#byVolume.get(volume) ?? [])]
  }

  #replaceUnderway(key: string, rest: Underway[]): void {
    if (rest.length === 0) this.#underway.delete(key)
    else this.#underway.set(key, rest)
    this.#index(key)
  }

  #index(key: string): void {
    const sent = (this.#underway.get(key) ?? []).flatMap(({ volumes }) => volumes)
    const now = new Set([...(this.#standing.get(key) ?? []), ...sent])
    const before = this.#indexed.get(key) ?? new Set<string>()
    for (const volume of before) if (!now.has(volume)) this.#drop(volume, key)
    for (const volume of now) {
      const keys = this.#byVolume.get(volume) ?? new Set<string>()
      this.#byVolume.set(volume, keys.add(key))
    }
    if (now.size === 0) this.#indexed.delete(key)
    else this.#indexed.set(key, now)
  }

  #drop(volume: string, key: string): void {
    const keys = this.#byVolume.get(volume)
    keys?.delete(key)
    if (keys?.size === 0) this.#byVolume.delete(volume)
  }
}

/** The volumes that a machine's document gives it; undefined of documents of other kinds. */
export function volumesOf(document: DesiredDocument): readonly string[] | undefined {
  if (document.kind !== 'instance') return undefined
  return document.tombstone ? [] : document.spec.volumes.map(({ uid }) => uid)
}
