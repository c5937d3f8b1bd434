// SPDX-License-Identifier: Apache-2.0
import type { ResourceKind } from '../lib/kube/object.ts'
import { Listeners } from './bus/listeners.ts'

/**
 * What this process saw of the store going back in time, across leaderships: the Lease is often lost while etcd is being restored. A
 * list is a consistent read, so one that is older than what was seen before is certain.
 */
export class StoreHistory {
  readonly #listeners = new Listeners<undefined>()
  #wentBack: { what: string; incarnation?: number } | undefined

  /** For informers. */
  readonly record = ({ plural }: Pick<ResourceKind, 'plural'>, seen: string, now: string): void => {
    this.#wentBack = { what: `the list of ${plural} was at version ${seen} and is now at ${now}` }
    this.#listeners.emit(undefined)
  }

  /** @returns what was seen, until the incarnation is raised above the one that it was first asked for in */
  find(incarnation: number): string | undefined {
    if (!this.#wentBack) return undefined
    this.#wentBack.incarnation ??= incarnation
    return incarnation <= this.#wentBack.incarnation ? this.#wentBack.what : undefined
  }

  onRecord(listener: () => void): () => void {
    return this.#listeners.add(listener)
  }
}
