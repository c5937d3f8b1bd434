// SPDX-License-Identifier: Apache-2.0
import type { ObservedDocument } from '../../lib/contract/documents.ts'

/** Which nodes' reports on machines name a volume among their disks, however old the list. */
export class VolumeWords {
  readonly #byVolume = new Map<string, Set<ObservedDocument>>()

  replace(old: ObservedDocument | undefined, word: ObservedDocument | undefined): void {
    for (const volume of disksOf(old)) {
      const words = this.#byVolume.get(volume)
      if (old) words?.delete(old)
      if (words?.size === 0) this.#byVolume.delete(volume)
    }
    for (const volume of disksOf(word)) {
      const words = this.#byVolume.get(volume) ?? new Set<ObservedDocument>()
      if (word) this.#byVolume.set(volume, words.add(word))
    }
  }

  list(volume: string): readonly ObservedDocument[] {
    return [...(this.#byVolume.get(volume) ?? [])]
  }
}

function disksOf(word: ObservedDocument | undefined): readonly string[] {
  return word?.kind === 'instance' && word.state !== 'gone' ? (word.facts.volumesAttached ?? []) : []
}
