// SPDX-License-Identifier: Apache-2.0
import type { DocumentOf, KindReconciler, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import type { Orphan, Tombstone } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { ImageCache } from './image-cache.ts'

const FIRST_RETRY_MS = 2_000
const LAST_RETRY_MS = 600_000
const SWEEP_MS = 600_000

/** Doubles from two seconds to ten minutes, plus up to a fifth at random so that nodes do not retry in step. Pure. */
export function retryDelayMs(failures: number, random: number): number {
  const full = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20))
  return Math.round(full * (0.8 + 0.2 * random))
}

interface Failures {
  generation: number
  count: number
}

/** Keeps the images of this node's documents in its cache. The first import of an image is the same work as caching it. */
export class ImageReconciler implements KindReconciler<'image'> {
  readonly kind = 'image'
  readonly #cache: ImageCache
  readonly #failures = new Map<string, Failures>()
  #wake: Wake | undefined
  readonly #log: Logger

  constructor(cache: ImageCache, log: Logger) {
    this.#cache = cache
    this.#log = log
  }

  async reconcile(document: DocumentOf<'image'>, context: RunContext): Promise<Observation<'image'>> {
    const { uid, spec } = document
    let moved = false
    try {
      const image = await this.#cache.ensure(
        {
          uid,
          url: spec.url,
          format: spec.format,
          imported: spec.imported === true,
          ...(spec.peer === undefined ? {} : { peer: spec.peer }),
          ...(spec.caBundle === undefined ? {} : { caBundle: spec.caBundle }),
          ...(spec.sha256 === undefined ? {} : { sha256: spec.sha256 }),
        },
        {
          signal: context.signal,
          owner: document.namespace ?? '',
          onWait: () => context.leaveSlot(),
          onProgress: (progress) => {
            moved ||= progress > 0
            context.report({ state: 'downloading', progress })
          },
        },
      )
      this.#failures.delete(uid)
      const { sha256, virtualSizeBytes, sizeBytes } = image
      return { state: 'ready', facts: { sha256, virtualSizeBytes, sizeBytes } }
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      context.log.debug({ err: error }, 'image not available yet')
      // An attempt that made good progress resets the back-off; one that only trickled does not.
      const isAlive = moved && error.reason !== 'DownloadTooSlow'
      const retryAfterMs = retryDelayMs(this.#countFailure(document, isAlive), Math.random())
      return { state: 'failed', error: { reason: error.reason, message: error.message, terminal: false }, retryAfterMs }
    }
  }

  async remove(tombstone: Tombstone, context: RunContext): Promise<Observation<'image'>> {
    this.#failures.delete(tombstone.uid)
    // With `keepInCache` the Image still exists but this node does not need it now: the file is left to eviction by last use.
    await this.#cache.forget(tombstone.uid, tombstone['keepInCache'] === true, context.signal)
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    const held = await this.#cache.list(signal)
    return held.map(({ uid, sha256 }) => ({ kind: 'image', uid, what: `cached image sha256:${sha256}` }))
  }

  /** The rules for sources and sizes changed: images that were refused may be accepted now. */
  settingsChanged(): void {
    this.#wake?.all()
  }

  async start(wake: Wake, signal: AbortSignal): Promise<void> {
    this.#wake = wake
    // For images whose last disk was removed after their document.
    const timer = setInterval(
      () => void this.#cache.sweep(signal).catch((err: unknown) => this.#log.warn({ err }, 'image cache sweep failed')),
      SWEEP_MS,
    )
    timer.unref()
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  /** A changed document, or an attempt that made progress, starts the back-off anew. */
  #countFailure({ uid, versions }: DocumentOf<'image'>, moved: boolean): number {
    const last = this.#failures.get(uid)
    const count = !moved && last?.generation === versions.generation ? last.count + 1 : 1
    this.#failures.set(uid, { generation: versions.generation, count })
    return count
  }
}
