// SPDX-License-Identifier: Apache-2.0
// Objects of ours on this node that have no document, place by place: an unmounted pool, or libvirt being down, does not affect what is
// known of other places, and what was seen in such a place before still counts.
import type { DocumentKind, Orphan, Unlisted } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { Clock } from '../../lib/time/clock.ts'
import { keyOf, type DocumentRef, type KindReconciler, type OwnedPlace } from './reconciler.ts'

export interface OrphanListing {
  orphans: Orphan[]
  /** Places that could not be listed; their orphans are those of the last listing. */
  unlisted: Unlisted[]
}

/** A listing that takes longer, such as a cache that is reread, reports when it is done: the node's own document does not wait for it. */
const LIST_WITHIN_MS = 15_000
/** The reason for a place that has never been listed and takes long. */
export const STILL_LISTING = 'StillListing'
const ALL: OwnedPlace = { id: '', name: '' }

interface Seen {
  kind: DocumentKind
  found: readonly Orphan[]
  asOf: string
}

export interface OrphanListOptions {
  /** The agent's own signal: a listing outlives the run that asked for it. */
  signal: AbortSignal
  clock: Clock
  log: Logger
  isKnown: (key: DocumentRef) => boolean
}

export class OrphanList {
  readonly #options: OrphanListOptions
  readonly #seen = new Map<string, Seen>()
  readonly #failures = new Map<string, unknown>()
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(options: OrphanListOptions) {
    this.#options = options
  }

  /** @param changed called when a place that was not waited for has been listed, or has failed */
  async list(reconcilers: Iterable<KindReconciler>, changed: () => void): Promise<OrphanListing> {
    const parts = await Promise.all([...reconcilers].map((reconciler) => this.#listKind(reconciler, changed)))
    const orphans = parts.flatMap((part) => part.orphans).filter((orphan) => !this.#options.isKnown(orphan))
    const unlisted = parts.flatMap((part) => part.unlisted)
    return {
      orphans: orphans.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
      unlisted: unlisted.sort((a, b) => (a.kind + a.what < b.kind + b.what ? -1 : 1)),
    }
  }

  async #listKind(reconciler: KindReconciler, changed: () => void): Promise<OrphanListing> {
    const { kind } = reconciler
    let places: readonly OwnedPlace[]
    try {
      places = (await reconciler.places?.()) ?? [ALL]
    } catch (error) {
      const seen = [...this.#seen.values()].filter((last) => last.kind === kind)
      return { orphans: seen.flatMap(asOfThen), unlisted: [this.#unlisted(kind, ALL, error)] }
    }
    const parts = await Promise.all(places.map((place) => this.#listPlace(reconciler, place, changed)))
    return { orphans: parts.flatMap((part) => part.orphans), unlisted: parts.flatMap((part) => part.unlisted) }
  }

  async #listPlace(reconciler: KindReconciler, place: OwnedPlace, changed: () => void): Promise<OrphanListing> {
    const { kind } = reconciler
    const key = `${kind} ${place.id}`
    const isInTime = await this.#inTime(this.#underWay.get(key) ?? this.#begin(reconciler, place, key), changed)
    const seen = this.#seen.get(key)
    if (isInTime && seen && !this.#failures.has(key)) return { orphans: [...seen.found], unlisted: [] }
    const error =
      this.#failures.get(key) ?? new TransientError(STILL_LISTING, 'it takes long; reported when it is done')
    return { orphans: seen ? asOfThen(seen) : [], unlisted: [this.#unlisted(kind, place, error)] }
  }

  /** Never starts a second listing of a place while one is in progress: it may hang. Never rejects. */
  #begin(reconciler: KindReconciler, place: OwnedPlace, key: string): Promise<void> {
    const { signal, clock } = this.#options
    const { kind } = reconciler
    const looking = reconciler.listOwned(signal, ...(place === ALL ? [] : [place.id])).then(
      (found) => {
        this.#seen.set(key, { kind, found, asOf: clock.now().toISOString() })
        this.#failures.delete(key)
      },
      (error: unknown) => void this.#failures.set(key, error),
    )
    const work = looking.finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, work)
    return work
  }

  #inTime(work: Promise<void>, changed: () => void): Promise<boolean> {
    const { clock, signal } = this.#options
    return new Promise((resolve) => {
      let isOver = false
      const end = (isInTime: boolean): void => {
        isOver = true
        cancel()
        signal.removeEventListener('abort', giveUp)
        resolve(isInTime)
      }
      const giveUp = (): void => end(false)
      const cancel = clock.after(LIST_WITHIN_MS, giveUp)
      signal.addEventListener('abort', giveUp)
      void work.then(() => {
        if (!isOver) end(true)
        else if (!signal.aborted) changed()
      })
    })
  }

  #unlisted(kind: DocumentKind, { name }: OwnedPlace, error: unknown): Unlisted {
    const what = name === '' ? `everything of kind ${kind}` : name
    const isKnown = error instanceof TransientError || error instanceof TerminalError
    if (isKnown && error.reason === STILL_LISTING) return { kind, what, reason: STILL_LISTING, message: error.message }
    this.#options.log.warn({ err: error, kind, what }, 'cannot be listed')
    const { reason, message } = isKnown ? error : { reason: 'AgentError', message: "the agent's log says why" }
    return { kind, what, reason, message }
  }
}

function asOfThen({ found, asOf }: Seen): Orphan[] {
  return found.map((orphan) => ({ ...orphan, asOf }))
}
