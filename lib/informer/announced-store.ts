// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import type { ChangeHandler, InformerOptions } from './informer.ts'
import type { Interner } from './intern.ts'
import { ObjectStore, type Change } from './store.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Objects as small as they can be kept, and who is told of each change of them. */
export class AnnouncedStore<T extends KubeObject> {
  readonly store: ObjectStore<T>
  readonly #interner: Interner
  readonly #handlers = new Set<ChangeHandler<T>>()
  #project: ((object: T) => T) | undefined

  constructor({ indexes, project }: Pick<InformerOptions<T>, 'indexes' | 'project'>, interner: Interner) {
    this.store = new ObjectStore<T>(indexes)
    this.#project = project
    this.#interner = interner
  }

  /** What is there already is announced at once. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.store.list()) handler({ old: undefined, object })
    return () => this.#handlers.delete(handler)
  }

  get isProjected(): boolean {
    return this.#project !== undefined
  }

  /** Only before anything is put. */
  setProject(project: (object: T) => T): void {
    this.#project = project
  }

  /** @param force whatever its version is, as in ObjectStore */
  put(object: T, force = false): void {
    const annotations = object.metadata.annotations
    if (annotations && LAST_APPLIED in annotations) {
      const kept = Object.entries(annotations).filter(([name]) => name !== LAST_APPLIED)
      object.metadata.annotations = Object.fromEntries(kept)
    }
    const kept = this.#project ? this.#project(object) : object
    this.#announce(this.store.put(this.#interner.intern(this.#interner.shareSpec(kept)), force))
  }

  remove(key: ObjectKey, uid: string): void {
    this.#announce(this.store.remove(key, uid))
  }

  #announce(change: Change<T> | undefined): void {
    if (!change) return
    for (const handler of this.#handlers) handler(change)
  }
}
