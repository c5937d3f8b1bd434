// SPDX-License-Identifier: Apache-2.0
import type { ResourceKind } from '../../lib/kube/object.ts'
import { Listeners } from '../bus/listeners.ts'

/**
 * Whether this process saw the store go back in time, across leaderships: the Lease is often lost while etcd is being restored. A list is a
 * consistent read, so a list older than what was seen before is certain proof.
 */
export class StoreHistory {
  readonly #incarnation: () => number
  readonly #listeners = new Listeners<undefined>()
  #wentBack: { what: string; incarnation: number } | undefined

  /** @param incarnation the Cloud's, as this process knows it; what was seen counts until that is raised, whoever leads */
  constructor(incarnation: () => number) {
    this.#incarnation = incarnation
  }

  /** Informers call it when a list is older than what they have seen. */
  readonly record = ({ plural }: Pick<ResourceKind, 'plural'>, seen: string, now: string): void => {
    const incarnation = this.#incarnation()
    if (this.#wentBack && this.#wentBack.incarnation >= incarnation) return
    this.#wentBack = { what: `the list of ${plural} was at version ${seen} and is now at ${now}`, incarnation }
    this.#listeners.emit(undefined)
  }

  /** @returns what was seen in this incarnation, or a later one */
  find(incarnation: number): string | undefined {
    return this.#wentBack && incarnation <= this.#wentBack.incarnation ? this.#wentBack.what : undefined
  }

  onRecord(listener: () => void): () => void {
    return this.#listeners.add(listener)
  }
}
