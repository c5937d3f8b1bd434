// SPDX-License-Identifier: Apache-2.0
import type { PortDocument } from '../../lib/contract/documents.ts'

/** Which ports come by the interface of another one: a change of that interface is a change of theirs. */
export class Subports {
  readonly #parents = new Map<string, string>()
  readonly #byParent = new Map<string, Set<string>>()

  /** Forgets what it was before. */
  add({ uid, spec }: PortDocument): void {
    const parent = spec.parent?.portUid
    if (this.#parents.get(uid) === parent) return
    this.remove(uid)
    if (parent === undefined) return
    this.#parents.set(uid, parent)
    const siblings = this.#byParent.get(parent)
    if (siblings) siblings.add(uid)
    else this.#byParent.set(parent, new Set([uid]))
  }

  remove(uid: string): void {
    const parent = this.#parents.get(uid)
    if (parent === undefined) return
    this.#parents.delete(uid)
    const siblings = this.#byParent.get(parent)
    if (siblings?.delete(uid) && siblings.size === 0) this.#byParent.delete(parent)
  }

  of(parentUid: string): string[] {
    return [...(this.#byParent.get(parentUid) ?? [])]
  }
}
