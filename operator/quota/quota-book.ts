// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../lib/kube/object.ts'
import type { Amounts } from './amounts.ts'
import { ProjectBook, type Asker, type Limit, type Shortage } from './project-book.ts'

const NO_LIMITS: ReadonlyMap<string, Limit> = new Map()

/**
 * What each project has, and who waits for it to have less. Lasts for one leadership; built from the caches, which have all but the promises
 * of the last moments.
 */
export class QuotaBook {
  readonly #projects = new Map<string, ProjectBook>()
  readonly #namespaceOf = new Map<string, string>()
  /** Of projects without a limit of their own. */
  #defaults = NO_LIMITS
  readonly #own = new Map<string, ReadonlyMap<string, Limit>>()
  readonly #wakers = new Map<string, (key: ObjectKey) => void>()
  #changed: (namespace: string) => void = () => undefined

  /** Called with the key of an object of that kind when it may ask again. @returns a function that unsubscribes */
  onWake(kind: string, wake: (key: ObjectKey) => void): () => void {
    this.#wakers.set(kind, wake)
    return () => this.#wakers.delete(kind)
  }

  /** Called when a project has more or less, or was promised something. @returns a function that unsubscribes */
  onChange(changed: (namespace: string) => void): () => void {
    this.#changed = changed
    return () => (this.#changed = () => undefined)
  }

  /** What projects may have whose own limits do not say otherwise. */
  limitAll(defaults: ReadonlyMap<string, Limit>): void {
    this.#defaults = defaults
    for (const [namespace, project] of this.#projects) project.limit(this.#limitsOf(namespace))
    for (const namespace of this.#projects.keys()) this.#changed(namespace)
  }

  /** The project's own limits; empty: none. */
  limit(namespace: string, own: ReadonlyMap<string, Limit>): void {
    if (own.size === 0) this.#own.delete(namespace)
    else this.#own.set(namespace, own)
    this.#projectOf(namespace).limit(this.#limitsOf(namespace))
    this.#changed(namespace)
    this.#tidy(namespace)
  }

  store(namespace: string, uid: string, has: Amounts): void {
    this.#namespaceOf.set(uid, namespace)
    if (this.#projectOf(namespace).store(uid, has)) this.#changed(namespace)
  }

  forget(uid: string): void {
    const namespace = this.#namespaceOf.get(uid)
    if (namespace === undefined) return
    this.#namespaceOf.delete(uid)
    this.#projects.get(namespace)?.forget(uid)
    this.#changed(namespace)
    this.#tidy(namespace)
  }

  /** See ProjectBook.ended. */
  ended(uid: string): void {
    const namespace = this.#namespaceOf.get(uid)
    if (namespace !== undefined) this.#projects.get(namespace)?.ended(uid)
  }

  /** See ProjectBook.claim. */
  claim(namespace: string, asker: Asker, asked: Amounts): Shortage | undefined {
    this.#namespaceOf.set(asker.uid, namespace)
    const shortage = this.#projectOf(namespace).claim(asker, asked)
    this.#changed(namespace)
    return shortage
  }

  /** See ProjectBook.restore. */
  restore(namespace: string, uid: string, promised: Amounts): void {
    this.#namespaceOf.set(uid, namespace)
    this.#projectOf(namespace).restore(uid, promised)
    this.#changed(namespace)
  }

  /** See ProjectBook.queue. */
  queue(namespace: string, asker: Asker, asked: Amounts): void {
    this.#namespaceOf.set(asker.uid, namespace)
    this.#projectOf(namespace).queue(asker, asked)
  }

  /** Read alone. */
  project(namespace: string): Pick<ProjectBook, 'limits' | 'used' | 'reserved' | 'has' | 'own' | 'lacks'> {
    return this.#projectOf(namespace)
  }

  #projectOf(namespace: string): ProjectBook {
    const known = this.#projects.get(namespace)
    if (known) return known
    const made = new ProjectBook(({ kind, key }) => this.#wakers.get(kind)?.(key))
    made.limit(this.#limitsOf(namespace))
    this.#projects.set(namespace, made)
    return made
  }

  #limitsOf(namespace: string): ReadonlyMap<string, Limit> {
    const own = this.#own.get(namespace)
    return own ? new Map([...this.#defaults, ...own]) : this.#defaults
  }

  /** Namespaces come and go. */
  #tidy(namespace: string): void {
    if (!this.#own.has(namespace) && this.#projects.get(namespace)?.isUnused === true) this.#projects.delete(namespace)
  }
}
