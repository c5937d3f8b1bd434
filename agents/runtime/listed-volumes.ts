// SPDX-License-Identifier: Apache-2.0
import type { DesiredDocument, ObservedFacts } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { keyOf } from './reconciler.ts'

/**
 * The list of a machine's volumes in every report (docs/decisions/0014): the one of this run, or the last one of this boot with the
 * versions it was made under, so that it proves nothing newer. A machine whose disks have not been looked at since the agent started has
 * none: unknown.
 */
export class ListedVolumes {
  readonly #last = new Map<string, { volumes: readonly string[]; versions: Versions }>()

  /** Records what a run saw before its end; used in that run's reports until it has a list of its own. */
  note(document: Pick<DesiredDocument, 'kind' | 'uid' | 'versions'>, volumes: readonly string[]): void {
    this.#last.set(keyOf(document), { volumes: [...volumes], versions: document.versions })
  }

  /** @param facts of a state other than `gone` */
  complete(document: Pick<DesiredDocument, 'kind' | 'uid' | 'versions'>, facts: ObservedFacts): ObservedFacts {
    if (facts.volumesAttached) this.note(document, facts.volumesAttached)
    const last = this.#last.get(keyOf(document))
    if (!last) return facts
    const isOlder = (['incarnation', 'epoch', 'generation'] as const).some(
      (version) => last.versions[version] !== document.versions[version],
    )
    return { ...facts, volumesAttached: [...last.volumes], ...(isOlder ? { volumesListedFor: last.versions } : {}) }
  }

  forget(document: Pick<DesiredDocument, 'kind' | 'uid'>): void {
    this.#last.delete(keyOf(document))
  }
}
